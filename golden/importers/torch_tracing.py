"""What goes with exporting a PyTorch module: PyTorch's own remarks kept quiet, and a module that was still in training recognized."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind
from torch.fx import Node

from golden.errors import InputError

_EXPORT = "torch.export.save(torch.export.export(model.eval(), (example_input,)), 'network.pt2')"


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing from PyTorch on standard error: where tracing fails, it prints half a graph there, and the caller says what matters."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.split(".")[0] == "torch"]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def refuse_training(program: ExportedProgram, name: str) -> None:
    """Raises InputError, one for all, for a program that does what its module does in training."""
    layers = [node for node in program.graph.nodes if _trains(node)]
    changes = any(spec.kind is OutputKind.BUFFER_MUTATION for spec in program.graph_signature.output_specs)
    random = [node for node in layers if "dropout" in node.target._schema.name]
    if random or (layers and changes):
        shown = ", ".join(dict.fromkeys(_layer(node) for node in layers))
        raise InputError(f"network {name!r} was exported in training mode ({shown}); export it again at inference: {_EXPORT}")


def _trains(node: Node) -> bool:
    """Whether an operator (batch normalization, dropout) is told that it is in training."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    for index, argument in enumerate(node.target._schema.arguments):
        if argument.name in ("train", "training"):
            value = node.args[index] if index < len(node.args) else node.kwargs.get(argument.name, argument.default_value)
            return value is True
    return False


def _layer(node: Node) -> str:
    """The path of the innermost module that an operator belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    path = str(list(stack.values())[-1][0]) if stack else ""
    return path or node.name
