"""Compile a kernel together with the kernels it calls: every function is optimised once, inside the entry.

Numba makes a finished library of each callee, with machine code and with the code of everything below it, and then
links and optimises all of it again inside each caller: the deeper the house, the more often the ground floor is built.
Here a kernel that is compiled because another one calls it stays plain LLVM code of its own body. The entry, the kernel
that somebody calls from Python or by address, links all of those once and optimises them as one module.

Private parts of numba again, as in `kernel.cache`, and for the same minor version.
"""

from __future__ import annotations

import llvmlite.binding as ll
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import require_global_compiler_lock
from numba.core.dispatcher import _FunctionCompiler


class KernelLibrary(JITCodeLibrary):
    """A library whose functions are put in order once when they are written, all with one set of passes."""

    def _optimize_functions(self, ll_module) -> None:
        ll_module.data_layout = self._codegen._data_layout
        builder = self._codegen._pass_builder()
        passes = builder.getFunctionPassManager()
        for function in ll_module.functions:
            if not function.is_declaration:
                passes.run(function, builder)


class CalleeLibrary(KernelLibrary):
    """The body of one kernel, neither optimised nor turned into machine code."""

    def finalize(self) -> None:
        require_global_compiler_lock()
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True

    def own_module(self):
        """The body alone, for an entry that links each library below it by itself."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self):
        """The body and everything below it, for a caller that is not a kernel."""
        module = self.own_module().clone()
        for library in below(self):
            module.link_in(_module_of(library), preserve=True)
        return module


class EntryLibrary(KernelLibrary):
    """A kernel with all that it calls, as numba would make it."""

    closed = False
    """whether what it calls is its own alone"""

    def finalize(self) -> None:
        require_global_compiler_lock()
        self._raise_if_finalized()
        for library in below(self):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_module_of(library), preserve=True)
        if self.closed:
            self._close()
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()

    def _close(self) -> None:
        """Keep what was linked in to this module, which holds every call of it.

        Numba leaves it visible. LLVM then keeps every argument, and every test for an exception, of a function that
        somebody unknown might call, and does not move one into the only place that calls it. Such a function gets no
        symbol: numba's loader would take it for another module's visible one of that name, whose arguments are all
        there.
        """
        for function in self._final_module.functions:
            if function.linkage == ll.Linkage.linkonce_odr:
                function.linkage = "private"


def below(library: JITCodeLibrary) -> list[JITCodeLibrary]:
    """Every library that this one needs, each once; those of finished libraries are inside them already."""
    found: dict[JITCodeLibrary, None] = {}
    waiting = list(library._linking_libraries)
    while waiting:
        one = waiting.pop()
        if one not in found and one is not library:
            found[one] = None
            if isinstance(one, CalleeLibrary):
                waiting.extend(one._linking_libraries)
    return list(found)


def _module_of(library: JITCodeLibrary):
    return library.own_module() if isinstance(library, CalleeLibrary) else library._get_module_for_linking()


class KernelCompiler(_FunctionCompiler):
    """Compiles one Python function for one signature, as an entry or as a callee."""

    def __init__(self, *args, callee: bool, closed: bool = False) -> None:
        super().__init__(*args)
        self._callee = callee
        self._closed = closed

    def _compile_core(self, args, return_type):
        flags = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        context = self.targetdescr.target_context
        make = CalleeLibrary if self._callee else EntryLibrary
        library = make(context.codegen(), self.py_func.__qualname__)
        flags.nrt = False  # a kernel allocates nothing, so nothing counts references; one that tries is an error
        if self._callee:
            flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        else:
            library.enable_object_caching()
            library.closed = self._closed
        return compiler.compile_extra(
            self.targetdescr.typing_context,
            context,
            self.py_func,
            args=args,
            return_type=return_type,
            flags=flags,
            locals=self.locals,
            library=library,
            pipeline_class=self.pipeline_class,
        )
