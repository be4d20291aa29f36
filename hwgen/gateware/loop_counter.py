"""Loop counters that know ahead which step is the last."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value


def loop_counter(
    m: Module, name: str, *, given: Value, kept: Value, restart: Value, step: Value, ahead: bool, single: Value | None = None
) -> Value:
    """Whether a loop is at its last step, of as many as its limit says, at least 1; after the last it begins anew.

    given, kept: the limit at `restart`, and from the cycle after it on; with `ahead` that of the next round is due with the last step.
    restart:     a new limit; it overrules `step`.
    single:      with `ahead`, whether `kept` is 1, if it is not always as `given` was.
    ahead:       the answer is a register, which a comparison with the next count sets: short paths.  Else a comparison with the
                 count: fewer cells.
    """
    last = Signal(name=f"last_{name}")
    if not ahead:
        at = Signal(len(given), name=f"at_{name}")
        m.d.comb += last.eq(at == kept)  # counts from 1, so that the limit itself is the last
        with m.If(step):
            m.d.sync += at.eq(Mux(last, 1, at + 1))
        with m.If(restart):
            m.d.sync += at.eq(1)
        return last
    left = Signal(len(given), name=f"left_{name}", reset_less=True)
    if single is None:
        single = Signal(name=f"single_{name}", reset_less=True)
        with m.If(restart):
            m.d.sync += single.eq(given == 1)
    with m.If(step):
        m.d.sync += [left.eq(Mux(last, kept, left - 1)), last.eq(Mux(last, single, left == 2))]
    with m.If(restart):
        m.d.sync += [left.eq(given), last.eq(given == 1)]
    return last
