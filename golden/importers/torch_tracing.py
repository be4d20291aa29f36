"""What goes with exporting a PyTorch module: PyTorch's own remarks kept quiet, and a module that was still in training recognized."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch.export import ExportedProgram
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
    if layers:
        shown = ", ".join(dict.fromkeys(_layer(node) for node in layers))
        raise InputError(f"network {name!r} was exported in training mode ({shown}); export it again at inference: {_EXPORT}")


def _trains(node: Node) -> bool:
    """Whether an operator works as in training: dropout, or batch normalization that has statistics of its own and uses others."""
    arguments = _arguments(node)
    in_training = arguments.get("train") is True or arguments.get("training") is True
    return in_training and ("running_mean" not in arguments or arguments["running_mean"] is not None)


def _arguments(node: Node) -> dict[str, Any]:
    """An ATen operator's arguments by their names in its schema; nothing of anything else."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return {}
    schema = node.target._schema.arguments
    given = {argument.name: node.args[index] for index, argument in enumerate(schema) if index < len(node.args)}
    return {argument.name: argument.default_value for argument in schema if argument.has_default_value()} | given | dict(node.kwargs)


def _layer(node: Node) -> str:
    """The path of the innermost module that an operator belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    path = str(list(stack.values())[-1][0]) if stack else ""
    return path or node.name
