"""Numba's front end, made quicker for a house of many small kernels.

Most of the time that compiling takes goes into Python code that asks the same few questions again for every line of
every kernel. `Pipeline` leaves out the stages that look for what no kernel contains: closures, comprehensions, `with`,
inlined overloads, array expressions, `literal_unroll`; and the lifetimes of variables, which numba works out anew after
every stage, for reference counts that a kernel has none of. While `remembering` lasts, what an operator gives for
numbers and where an attribute lives is looked up once, the variables of a statement are listed without asking what kind
of thing every part of it is, and calls into LLVM are not counted one by one.

Private parts of numba again, as in `kernel.cache`, and for the same minor version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite.binding import ffi
from numba.core import errors, event, ir, transforms, types
from numba.core.analysis import dead_branch_prune
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.ir_utils import build_definitions
from numba.core.rewrites import rewrite_registry
from numba.core.ssa import reconstruct_ssa
from numba.core.typed_passes import (
    AnnotateTypes,
    NoPythonBackend,
    NoPythonSupportedFeatureValidation,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.typeinfer import ConstraintNetwork
from numba.core.types.functions import BaseFunction
from numba.core.typing.context import BaseContext
from numba.core.untyped_passes import (
    FixupArgs,
    RewriteDynamicRaises,
    TranslateByteCode,
)

from qsl_envs.kernel.lowering import KernelLowering


class Pipeline(CompilerBase):
    """The stages that a kernel needs, in numba's order; all of numba's for what is debugged or is no plain function."""

    def define_pipelines(self) -> list:
        """See `numba.core.compiler.CompilerBase`."""
        state = self.state
        if state.flags.debuginfo or state.func_id.is_generator or state.bc.exception_entries:
            return [DefaultPassBuilder.define_nopython_pipeline(state)]
        return [_Stages("kernel")]


class _Stages(PassManager):
    """Runs the stages of a kernel one after the other, and nothing between them."""

    def run(self, state) -> None:
        """Compile `state`; see `numba.core.compiler_machinery.PassManager`."""
        for name, stage in _STAGES.items():
            try:
                stage(state)
            except errors.NumbaError as error:
                self._patch_error(f"Failed in {self.pipeline_name} mode pipeline (step: {name})", error)
                raise


def _canonicalize(state) -> None:
    state.func_ir.blocks = transforms.canonicalize_cfg(state.func_ir.blocks)


def _prune(state) -> None:
    dead_branch_prune(state.func_ir, state.args)
    _canonicalize(state)


def _rewrite(state) -> None:
    blocks = state.func_ir.blocks
    for kind in rewrite_registry.rewrites["before-inference"]:
        rewrite = kind(state)
        waiting = list(blocks.items())
        while waiting:
            key, block = waiting.pop()
            if rewrite.match(state.func_ir, block, state.typemap, state.calltypes):
                blocks[key] = rewrite.apply()
                waiting.append((key, blocks[key]))


def _assign_once(state) -> None:
    state.func_ir = reconstruct_ssa(state.func_ir)
    state.func_ir._definitions = build_definitions(state.func_ir.blocks)


def _drop_phis(state) -> None:
    state.func_ir = PreLowerStripPhis()._strip_phi_nodes(state.func_ir)


_STAGES = {
    "read the byte code": TranslateByteCode().run_pass,
    "name the arguments": FixupArgs().run_pass,
    "loops with one way back": _canonicalize,
    "drop dead branches": _prune,
    "rewrites": _rewrite,
    "errors with arguments": RewriteDynamicRaises().run_pass,
    "one assignment a variable": _assign_once,
    "nopython types": NopythonTypeInference().run_pass,
    "assignments for joins": _drop_phis,
    "supported features": NoPythonSupportedFeatureValidation().run_pass,
    "notes of types": AnnotateTypes().run_pass,
    "LLVM code": KernelLowering().run_pass,
    "result": NoPythonBackend().run_pass,
}


@contextmanager
def remembering() -> Iterator[None]:
    """Answer from memory what was asked before; numba's own ways are back in place afterwards.

    For holders of numba's compiler lock, so that nobody else compiles meanwhile; nested uses are none.
    """
    before = [getattr(owner, name) for owner, name in _REPLACED]
    listeners = ffi.lib._lock._cblist
    for (owner, name), way in zip(_REPLACED, (_list_vars, _remembered_call(before[1]), _remembered_attribute(before[2]),
                                              _propagate), strict=True):  # fmt: skip
        setattr(owner, name, way)
    if not event._registered.get("numba:llvm_lock"):
        ffi.lib._lock._cblist = []
    try:
        yield
    finally:
        ffi.lib._lock._cblist = listeners
        for (owner, name), way in zip(_REPLACED, before, strict=True):
            setattr(owner, name, way)


_REPLACED = (
    (ir.Inst, "_rec_list_vars"),
    (BaseFunction, "get_call_type"),
    (BaseContext, "find_matching_getattr_template"),
    (ConstraintNetwork, "propagate"),
)


def _propagate(self, typeinfer) -> list:
    """Apply the rules of a function's types, each once; return the errors, as `ConstraintNetwork.propagate`.

    Numba does this until nothing changes any more. A rule that has been applied, and none of whose variables has got
    another type since, has nothing to add.
    """
    settled: dict = self.__dict__.setdefault("settled", {})
    found: list[Exception] = []
    for constraint in self.constraints:
        known = settled.get(constraint)
        if known is not None and all(variable.type is kind for variable, kind in known):
            continue
        settled[constraint] = None
        try:
            constraint(typeinfer)
        except errors.ForceLiteralArg as error:
            found.append(error)
        except errors.TypingError as error:
            placed = errors.TypingError(str(error), loc=constraint.loc, highlighting=False)
            placed.__cause__ = error
            found.append(placed)
        else:
            named = _variables(vars(constraint).values(), typeinfer.typevars)
            settled[constraint] = [(variable, variable.type) for variable in named]
    return found


def _variables(parts, typevars) -> list:
    """The type variables that are named anywhere in the attributes of a rule."""
    found = []
    for part in parts:
        kind = type(part)
        if kind is str:
            if part in typevars:
                found.append(typevars[part])
        elif kind is ir.Var:
            if part.name in typevars:
                found.append(typevars[part.name])
        elif kind in (list, tuple):
            found += _variables(part, typevars)
        elif kind is dict:
            found += _variables(part.values(), typevars)
        elif kind.__module__ == ConstraintNetwork.__module__:  # a rule within a rule
            found += _variables(vars(part).values(), typevars)
    return found


_OPERATORS = ("_operator", "operator", "builtins")
_calls: dict[tuple, object] = {}
_attributes: dict[tuple, dict] = {}


def _remembered_call(ask):
    def get_call_type(self, context, args, kws):
        """The signature of a call; of an operator on numbers and the like it is always the same."""
        if kws or getattr(self.typing_key, "__module__", "") not in _OPERATORS or not all(map(_is_plain, args)):
            return ask(self, context, args, kws)
        key = (self, context, args)  # holds the function's type, with the implementations that it has chosen
        found = _calls.get(key)
        if found is None:
            found = _calls[key] = ask(self, context, args, kws)
        return found

    return get_call_type


def _remembered_attribute(ask):
    def find_matching_getattr_template(self, typ, attr):
        """What `typ.attr` is; of records and modules it is always the same."""
        if not isinstance(typ, (types.Record, types.Module)) and not hasattr(typ, "remembered"):
            return ask(self, typ, attr)
        key = (self, typ, attr)
        found = _attributes.get(key)
        if found is None:
            found = ask(self, typ, attr)
            if found is not None:
                _attributes[key] = found
        return found

    return find_matching_getattr_template


def _is_plain(kind: types.Type) -> bool:
    return isinstance(kind, (types.Number, types.Boolean)) or hasattr(kind, "remembered")


_LEAF, _VAR, _INST, _SEQUENCE, _DICT = range(5)


class _Parts(dict):
    """What a class means inside a statement."""

    def __missing__(self, cls: type) -> int:
        order = ((ir.Var, _VAR), (ir.Inst, _INST), ((list, tuple), _SEQUENCE), (dict, _DICT))
        self[cls] = next((part for known, part in order if issubclass(cls, known)), _LEAF)
        return self[cls]


_parts = _Parts()


def _list_vars(self, value) -> list:
    """The variables in a statement, or in a part of one, as `numba.core.ir.Inst._rec_list_vars`."""
    found: list = []
    _collect(value, found)
    return found


def _collect(value, found: list) -> None:
    part = _parts[type(value)]
    if part == _VAR:
        found.append(value)
    elif part == _INST:
        found += value.list_vars()
    elif part:
        for each in value.values() if part == _DICT else value:
            if _parts[type(each)]:
                _collect(each, found)
