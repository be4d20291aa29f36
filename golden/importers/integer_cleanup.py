"""What an importer leaves to be simplified in an integer graph; nothing here changes any result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from golden.graph import Concatenation, Conv2d, DepthwiseConv2d, Lookup, Op, Pad, Padding, Requantize, Reshape, Softmax, Tensor

#: Operators that do not clamp what they make.
_NO_CLAMP = (Reshape, Pad, Concatenation, Lookup, Softmax)


def clean(ops: Sequence[Op], outputs: Sequence[str], tensors: Mapping[str, Tensor]) -> tuple[list[Op], dict[str, str]]:
    """The operators that the outputs depend on, with clamps and padding in the operators that can do them; and renamed outputs."""
    fused, renamed = fuse_clamps(needed(ops, outputs), outputs, tensors)
    kept = tuple(renamed.get(name, name) for name in outputs)
    return needed(fold_padding(fused), kept), renamed


def needed(ops: Sequence[Op], outputs: Sequence[str]) -> list[Op]:
    """The operators that the outputs depend on."""
    read, kept = set(outputs), []
    for op in reversed(ops):
        if op.output in read:
            read.update(op.inputs)
            kept.append(op)
    return kept[::-1]


def fuse_clamps(ops: Sequence[Op], outputs: Sequence[str], tensors: Mapping[str, Tensor]) -> tuple[list[Op], dict[str, str]]:
    """Requantizations that only clamp go into the operator before, where nothing else reads what that makes."""
    reads = Counter(name for op in ops for name in op.inputs) + Counter(outputs)
    renamed: dict[str, str] = {}
    place: dict[str, int] = {}
    fused: list[Op] = []
    for op in ops:
        op = replace(op, inputs=tuple(renamed.get(name, name) for name in op.inputs)) if set(op.inputs) & renamed.keys() else op
        at = place.get(op.inputs[0])
        pure = isinstance(op, Requantize) and tensors[op.inputs[0]].affine == tensors[op.output].affine
        if pure and at is not None and reads[op.inputs[0]] == 1 and not isinstance(fused[at], _NO_CLAMP):
            before = fused[at]
            ends = [min(max(end, op.act_min), op.act_max) for end in (before.act_min, before.act_max)]
            fused[at] = replace(before, act_min=ends[0], act_max=ends[1])
            renamed[op.output] = before.output
            reads[before.output] = reads[op.output]
            continue
        place[op.output] = len(fused)
        fused.append(op)
    return fused, renamed


def fold_padding(ops: Sequence[Op]) -> list[Op]:
    """Convolutions pad for themselves, exactly: their padding is real zero too."""
    pads: dict[str, Pad] = {}
    folded: list[Op] = []
    for op in ops:
        before = pads.get(op.inputs[0])
        if before and isinstance(op, (Conv2d, DepthwiseConv2d)):
            op = replace(op, inputs=before.inputs, window=replace(op.window, padding=_sum(op.window.padding, before.padding)))
        elif before and isinstance(op, Pad) and op.channels == before.channels:
            op = replace(op, inputs=before.inputs, padding=_sum(op.padding, before.padding))
        if isinstance(op, Pad) and op.channels == (0, 0):
            pads[op.output] = op
        folded.append(op)
    return folded


def _sum(a: Padding, b: Padding) -> Padding:
    return Padding(a.top + b.top, a.bottom + b.bottom, a.left + b.left, a.right + b.right)
