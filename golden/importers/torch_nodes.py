"""What the nodes of an exported PyTorch program say: operator, arguments, module, shape."""

from __future__ import annotations

from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from golden.importers.values import UnsupportedError


def operator_name(node: Node) -> str:
    """The operator's name without namespace and overload; the function's own name where it is no operator of PyTorch's."""
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name.split("::")[-1])
    return getattr(target, "__name__", str(target))


def arguments(node: Node, values: dict[Node, Any]) -> dict[str, Any]:
    """Arguments by schema name, with nodes replaced by their values and defaults filled in."""
    assert isinstance(node.target, torch._ops.OpOverload)
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.get)
    found: dict[str, Any] = {}
    for index, argument in enumerate(node.target._schema.arguments):
        if index < len(args):
            found[argument.name] = args[index]
        elif argument.name in kwargs:
            found[argument.name] = kwargs[argument.name]
        elif argument.has_default_value():
            found[argument.name] = argument.default_value
    return found


def module(node: Node) -> tuple[str, str]:
    """Path and type of the innermost module that an operator belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return "", "module"
    path, kind = list(stack.values())[-1]
    return str(path), kind if isinstance(kind, str) else kind.__qualname__


def is_leaf(node: Node) -> bool:
    """Whether an operator belongs to one of PyTorch's own modules, such as Conv2d."""
    return module(node)[1].startswith("torch.nn.modules")


def fake(node: Node) -> Any:
    """The shape and type of an operator's (first) result, as tracing found it."""
    value = node.meta.get("val")
    return value[0] if isinstance(value, (tuple, list)) and value else value


def shape(tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape without the batch, in plain integers."""
    sizes = tuple(tensor.shape[1:])
    if not all(isinstance(size, int) for size in sizes):
        raise UnsupportedError(f"the shape {list(tensor.shape)} is not fixed; export with only the batch dynamic")
    return sizes


def is_quantized(program: ExportedProgram) -> bool:
    """Whether a program quantizes activations: by a quantizer of anything that depends on its inputs, or by an integer input."""
    inputs = {spec.arg.name for spec in program.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT}
    computed: set[Node] = set()
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in inputs:
            value = fake(node)
            if isinstance(value, torch.Tensor) and value.dtype in (torch.int8, torch.uint8):
                return True
            computed.add(node)
        elif computed.intersection(node.all_input_nodes):
            if operator_name(node).startswith("quantize_per_tensor"):
                return True
            computed.add(node)
    return False
