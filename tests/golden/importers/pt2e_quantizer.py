"""A quantizer for torchao's PT2E flow: static int8 or uint8, as ExecuTorch's XNNPACKQuantizer annotates programs, in a few lines."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import HistogramObserver, MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, QuantizationSpec, Quantizer, SharedQuantizationSpec

_WEIGHTED = {"conv1d", "conv2d", "linear"}
_SAME_STEPS = {"max_pool1d", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_avg_pool1d", "mean"}
_CLAMPS = {"relu", "relu_", "hardtanh", "hardtanh_", "relu6", "clamp"}
_OTHERS = {"add", "add_", "cat", "sigmoid", "tanh", "silu", "hardswish", "leaky_relu", "gelu", "mul", *_CLAMPS}


def _name(node: Node) -> str:
    return node.target._schema.name.split("::")[-1] if isinstance(node.target, torch._ops.OpOverload) else ""


class StaticQuantizer(Quantizer):  # type: ignore[misc]
    """Quantizes every operator of the sets above: its inputs and its output, but for what a clamp after it takes over."""

    def __init__(self, activations: torch.dtype = torch.int8, *, per_channel: bool = True) -> None:
        low, high = (-128, 127) if activations is torch.int8 else (0, 255)
        observer: Any = HistogramObserver.with_args(eps=2**-12)
        self.activation = QuantizationSpec(activations, observer, low, high, torch.per_tensor_affine)
        if per_channel:
            self.weight = QuantizationSpec(torch.int8, PerChannelMinMaxObserver, -127, 127, torch.per_channel_symmetric, 0)
        else:
            self.weight = QuantizationSpec(torch.int8, MinMaxObserver, -127, 127, torch.per_tensor_symmetric)

    def annotate(self, model: GraphModule) -> GraphModule:
        for node in model.graph.nodes:
            kind = _name(node)
            if kind in _WEIGHTED:
                data, weight = node.args[:2]
                fused = len(node.users) == 1 and _name(next(iter(node.users))) in _CLAMPS
                self._mark(node, {data: self.activation, weight: self.weight}, None if fused else self.activation)
            elif kind in _SAME_STEPS:
                self._mark(node, {node.args[0]: self.activation}, SharedQuantizationSpec((node.args[0], node)))
            elif kind == "softmax":
                self._mark(node, {node.args[0]: self.activation}, None)  # what comes after it is the host's
            elif kind in _OTHERS:
                data = [source for source in node.all_input_nodes if "val" in source.meta]
                before = node.args[0] if isinstance(node.args[0], Node) else None
                fused = before is not None and kind in _CLAMPS and _name(before) in _WEIGHTED
                self._mark(node, {} if fused else dict.fromkeys(data, self.activation), self.activation)
        return model

    @staticmethod
    def _mark(node: Node, inputs: dict[Node, Any], output: Any) -> None:
        node.meta["quantization_annotation"] = QuantizationAnnotation(inputs, output, _annotated=True)

    def validate(self, model: GraphModule) -> None:
        """Everything is valid."""


def quantized(module: nn.Module, images: torch.Tensor, quantizer: Quantizer | None = None) -> ExportedProgram:
    """A module through PT2E: exported for one image, observed on all `images`, converted, exported again."""
    one = (images[:1],)
    prepared = prepare_pt2e(torch.export.export(module.eval(), one).module(), quantizer or StaticQuantizer())
    for image in images:
        prepared(image[None])
    return torch.export.export(convert_pt2e(prepared), one)
