"""Counters of what one unit gives and another takes."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.hdl import Module, Mux, Signal, Value


class Credit:
    """A count between 0 and `most`: `gain` (one bit) adds one, `spend` takes `amount`, in the same cycle or not.

    Which of the two happens is known late in a cycle, `amount` early: the four counts that can follow are computed ahead and then chosen.
    """

    def __init__(self, m: Module, name: str, *, most: int, init: int, gain: Value, spend: Value, amount: Value | int = 1) -> None:
        self.m, self.name, self._gain, self._spend, self._amount = m, name, gain, spend, amount
        self.count = Signal(range(most + 1), name=name, init=init)
        self.next = self._late(lambda count: count)
        m.d.sync += self.count.eq(self.next)

    def _late(self, function: Callable[[Value], Value]) -> Value:
        before, after = self.count, self.count - self._amount
        with_gain = Mux(self._spend, function(after + 1), function(before + 1))
        return Mux(self._gain, with_gain, Mux(self._spend, function(after), function(before)))

    def flag(self, name: str, init: int, bits: int, function: Callable[[Value], Value]) -> Signal:
        """A register that holds a function of the count."""
        register = Signal(bits, name=f"{self.name}_{name}", init=init)
        self.m.d.sync += register.eq(self._late(function))
        return register
