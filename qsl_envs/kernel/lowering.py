"""From typed statements to LLVM code, for functions that count no references and are not stepped through.

Numba's way keeps each variable ready for a debugger and for its reference count: it looks at the old value before every
store, empties every variable after its last use, writes each statement out as text and asks for the size of what it
stores. LLVM then takes all of that out again. A kernel has nothing to count (`kernel.linking`), so none of it is
written here. What is written beyond numba: which field a load or a store is of (`kernel.apart`).

Private parts of numba again, as in `kernel.cache`, and for the same minor version.
"""

from __future__ import annotations

from functools import partial

from numba.core import cgutils, ir, types
from numba.core.errors import LoweringError, new_error_context
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

from qsl_envs.kernel.apart import is_number, place_of, tell_apart


class KernelLower(Lower):
    """Lowers one kernel. Statements that kernels seldom have go numba's way."""

    def pre_block(self, block: ir.Block) -> None:
        """Nothing is prepared: a variable gets its place when it is first met, and no kernel has a `try`."""
        self._cur_ir_block = block

    def post_block(self, block: ir.Block) -> None:
        """Nothing is put away."""

    def lower_block(self, block: ir.Block) -> None:
        """Lower the statements of a block; an error says where it came from."""
        self.pre_block(block)
        for statement in block.body:
            self.loc = statement.loc
            try:
                self.lower_inst(statement)
            except Exception:
                place = partial(LoweringError, loc=self.loc)
                with new_error_context('lowering "{inst}" at {loc}', inst=statement, loc=self.loc, errcls_=place):
                    raise

    def lower_inst(self, inst: ir.Stmt) -> None:
        """Lower one statement."""
        kind = type(inst)
        if kind is ir.Assign:
            name = inst.target.name
            self.storevar(self.lower_assign(self.typeof(name), inst), name)
        elif kind is ir.Jump:
            self.builder.branch(self.blkmap[inst.target])
        elif kind is ir.Branch:
            name = inst.cond.name
            yes = self.context.cast(self.builder, self.loadvar(name), self.typeof(name), types.boolean)
            self.builder.cbranch(yes, self.blkmap[inst.truebr], self.blkmap[inst.falsebr])
        elif kind is ir.SetItem:
            self.lower_setitem(inst.target, inst.index, inst.value, self.fndesc.calltypes[inst])
        elif kind is ir.SetAttr:
            signature = self.fndesc.calltypes[inst]
            target, name = self.loadvar(inst.target.name), inst.value.name
            value = self.context.cast(self.builder, self.loadvar(name), self.typeof(name), signature.args[1])
            record = signature.args[0]
            if is_number(record, inst.attr):
                value = self.context.cast(self.builder, value, signature.args[1], record.typeof(inst.attr))
                store = self.builder.store(value, self.member(record, target, inst.attr))
                tell_apart(self.module, store, place_of(record, inst.attr))
            else:
                self.context.get_setattr(inst.attr, signature)(self.builder, (target, value))
        else:
            super().lower_inst(inst)

    def lower_expr(self, resty: types.Type, expr: ir.Expr):
        """The value of an expression."""
        if expr.op == "getattr":
            record = self.typeof(expr.value.name)
            if is_number(record, expr.attr):
                value = self.builder.load(self.member(record, self.loadvar(expr.value.name), expr.attr))
                tell_apart(self.module, value, place_of(record, expr.attr))
                return self.context.cast(self.builder, value, record.typeof(expr.attr), resty)
        return super().lower_expr(resty, expr)

    def member(self, record: types.Record, address, field: str):
        """Pointer to a number of the record at an address."""
        kind = self.context.get_data_type(record.typeof(field))
        return cgutils.get_record_member(self.builder, address, record.offset(field), kind)

    def loadvar(self, name: str):
        """The value of a variable now."""
        value = self._blk_local_varmap.get(name)
        return self.builder.load(self.getvar(name)) if value is None else value

    def storevar(self, value, name: str, argidx: int | None = None) -> None:
        """Give a variable a value; one that lives in its block alone needs no place in memory."""
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def alloca_lltype(self, name: str, lltype, datamodel=None):
        """A place in memory for a variable."""
        return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)


class KernelLowering(NativeLowering):
    """The stage that lowers a kernel."""

    _name = "kernel_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        """What lowers."""
        return KernelLower
