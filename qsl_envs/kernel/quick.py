"""Numba's front end, made quicker for a house of many small kernels.

Most of the time that compiling takes goes into Python code that asks the same few questions again for every line of
every kernel. `Pipeline` leaves out the stages that look for what no kernel contains: closures, comprehensions, `with`,
inlined overloads, array expressions, `literal_unroll`. While `remembering` lasts, what an operator gives for numbers
and where an attribute lives is looked up once, and the variables of a statement are listed without asking what kind
of thing every part of it is.

Private parts of numba again, as in `kernel.cache`, and for the same minor version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from numba.core import ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import NopythonTypeInference, PreLowerStripPhis
from numba.core.types.functions import BaseFunction
from numba.core.typing.context import BaseContext
from numba.core.untyped_passes import (
    DeadBranchPrune,
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    RewriteDynamicRaises,
    TranslateByteCode,
)


class Pipeline(CompilerBase):
    """The stages that a kernel needs, in numba's order."""

    def define_pipelines(self) -> list[PassManager]:
        """See `numba.core.compiler.CompilerBase`."""
        stages = PassManager("kernel")
        for stage in (TranslateByteCode, FixupArgs, IRProcessing, DeadBranchPrune, GenericRewrites,
                      RewriteDynamicRaises, ReconstructSSA, NopythonTypeInference, PreLowerStripPhis):  # fmt: skip
            stages.add_pass(stage, stage.__name__)
        stages.passes.extend(DefaultPassBuilder.define_nopython_lowering_pipeline(self.state).passes)
        stages.finalize()
        return [stages]


@contextmanager
def remembering() -> Iterator[None]:
    """Answer from memory what was asked before; numba's own ways are back in place afterwards.

    For holders of numba's compiler lock, so that nobody else compiles meanwhile; nested uses are none.
    """
    before = ir.Inst._rec_list_vars, BaseFunction.get_call_type, BaseContext.find_matching_getattr_template
    ir.Inst._rec_list_vars = _list_vars
    BaseFunction.get_call_type = _remembered_call(before[1])
    BaseContext.find_matching_getattr_template = _remembered_attribute(before[2])
    try:
        yield
    finally:
        ir.Inst._rec_list_vars, BaseFunction.get_call_type, BaseContext.find_matching_getattr_template = before


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
