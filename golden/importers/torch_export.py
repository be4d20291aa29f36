"""Imports a PyTorch module or exported program as a float graph (SPEC section 9).

PyTorch's maps are NCHW; the float graph is NHWC, so weights are permuted, and never data.  Every operator
that cannot be represented is reported, all at once, with the path of the module that it belongs to.
"""

from __future__ import annotations

import operator
import warnings
from collections import Counter
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

from golden.errors import InputError
from golden.float_checker import check
from golden.float_graph import FloatGraph
from golden.importers.advice import advice
from golden.importers.torch_call import Call
from golden.importers.torch_operators import OPERATORS
from golden.importers.torch_tracing import quiet, refuse_training
from golden.importers.torch_values import Builder, Value
from golden.importers.values import UnsupportedError

#: Operators that compute no tensor: sizes, and assertions about them.
_SHAPE_ONLY = {"sym_size", "_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size"}


def import_module(module: torch.nn.Module, example: tuple[torch.Tensor, ...], name: str = "") -> FloatGraph:
    """Exports a module as it is at inference and imports it.

    example: one float tensor [N, C, H, W] or [N, F] per input, N at least 2; only shapes and types matter.
    Raises InputError where the module cannot be traced or has unsupported operators.  The module is left as it was.
    """
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        with quiet():
            program = torch.export.export(module, example)
    except Exception as error:  # tracing runs the user's own code, which can raise anything
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"torch.export cannot trace {type(module).__name__} with inputs of shape {[list(x.shape) for x in example]}: {first}; "
            "check that the module takes these shapes and that no branch depends on the values of a tensor"
        ) from error
    finally:
        for part, mode in modes.items():
            part.training = mode
    return import_program(program, name or type(module).__name__)


def import_program(program: ExportedProgram, name: str = "") -> FloatGraph:
    """Imports an exported program.

    Raises InputError with every unsupported operator, its module path, and what to do.
    """
    refuse_training(program, name or "network")
    with warnings.catch_warnings():
        # PyTorch's own code copies a class that PyTorch has deprecated; nothing here can avoid it
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        functional = program.run_decompositions({})  # no decomposition: only in-place operators become plain ones
    return _Importer(functional, name or "network").graph()


class _Importer:
    """Reads the nodes of one program in order."""

    def __init__(self, program: ExportedProgram, name: str) -> None:
        self.name = name
        self.program = program
        self.builder = Builder()
        self.values: dict[Node, Any] = {}  # Value, constant torch.Tensor, or None where something before it is unsupported
        self.problems: list[str] = []
        self.paths = Counter(_path(node) for node in program.graph.nodes if _operator_name(node) in OPERATORS)

    def graph(self) -> FloatGraph:
        """The float graph, checked."""
        self._placeholders()
        for node in self.program.graph.nodes:
            if node.op == "call_function":
                self._call(node)
        outputs = self._outputs()
        if self.problems:
            raise InputError(f"network {self.name!r} cannot be imported: {len(self.problems)} problem(s)", self.problems)
        used = {name for op in self.builder.ops for name in op.inputs} | set(outputs)
        builder = self.builder
        graph = FloatGraph(self.name, builder.tensors, tuple(builder.inputs), outputs, tuple(builder.ops))
        while dead := [op for op in graph.ops if op.output not in used]:  # results that the module throws away
            graph = graph.with_ops([op for op in graph.ops if op not in dead])
            used = {name for op in graph.ops for name in op.inputs} | set(outputs)
        check(graph, "import")
        return graph

    def _placeholders(self) -> None:
        """Network inputs become tensors; parameters, buffers and constants become constants."""
        nodes = {node.name: node for node in self.program.graph.nodes if node.op == "placeholder"}
        for spec in self.program.graph_signature.input_specs:
            node = nodes[spec.arg.name]
            if spec.kind is InputKind.USER_INPUT:
                self._input(node)
            elif spec.target in self.program.state_dict:
                self.values[node] = self.program.state_dict[spec.target]
            elif spec.target in self.program.constants:
                self.values[node] = self.program.constants[spec.target]

    def _input(self, node: Node) -> None:
        fake = node.meta.get("val")
        self.values[node] = None
        if not isinstance(fake, torch.Tensor) or not fake.dtype.is_floating_point or fake.ndim not in (2, 4):
            what = f"{fake.dtype} of shape {list(fake.shape)}" if isinstance(fake, torch.Tensor) else type(fake).__name__
            self.problems.append(f"input {node.name!r} is {what}; only float tensors [N, C, H, W] and [N, F] are supported")
            return
        if not node.users:
            self.problems.append(f"input {node.name!r} is never used; leave it out of the module's forward method")
            return
        try:
            self.values[node] = self.builder.declare(node.name, _shape(fake))
            self.builder.inputs.append(node.name)
        except UnsupportedError as reason:
            self.problems.append(f"input {node.name!r}: {reason}")

    def _call(self, node: Node) -> None:
        """One operator: skipped, evaluated as a constant, or added to the float graph."""
        kind = _operator_name(node)
        if kind in _SHAPE_ONLY or (not isinstance(_fake(node), torch.Tensor) and not node.users):
            return
        sources = [self.values.get(source) for source in node.all_input_nodes if isinstance(_fake(source), torch.Tensor)]
        if node.target is operator.getitem:
            self._item(node)
            return
        if all(isinstance(source, torch.Tensor) for source in sources) and self._constant(node):
            return
        self.values[node] = None
        if kind not in OPERATORS:
            if isinstance(_fake(node), torch.Tensor) or not isinstance(node.target, torch._ops.OpOverload):
                self._report(node, f"{kind} is not supported: {advice(kind)}")
            self.values[node] = self._stand_in(node)
        elif all(source is not None for source in sources):
            try:
                self.values[node] = OPERATORS[kind](Call(self.builder, self._name(node), self._arguments(node), _shape(_fake(node))))
            except UnsupportedError as reason:
                self._report(node, f"{kind}: {reason}")
                self.values[node] = self._stand_in(node)

    def _item(self, node: Node) -> None:
        """The first of an operator's results is its value; others (indices, saved statistics) are not supported."""
        source, index = node.args
        assert isinstance(source, Node)
        if index == 0:
            self.values[node] = self.values.get(source)
        elif node.users:
            self.values[node] = None
            self._report(
                source,
                f"{_operator_name(source)}: only its first result is supported, but result {index} is used; leave return_indices out",
            )

    def _constant(self, node: Node) -> bool:
        """Evaluates an operator of constants alone; False where its result is not determined by them."""
        target = node.target
        if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
            return False
        if torch.Tag.nondeterministic_seeded in target.tags or any(
            not isinstance(s, torch.Tensor) for s in map(self.values.get, node.all_input_nodes)
        ):
            return False
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), self.values.__getitem__)
        with torch.no_grad():
            self.values[node] = target(*args, **kwargs)
        return True

    def _arguments(self, node: Node) -> dict[str, Any]:
        """Arguments by schema name, with nodes replaced by their values and defaults filled in."""
        assert isinstance(node.target, torch._ops.OpOverload)
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), self.values.get)
        arguments: dict[str, Any] = {}
        for index, argument in enumerate(node.target._schema.arguments):
            if index < len(args):
                arguments[argument.name] = args[index]
            elif argument.name in kwargs:
                arguments[argument.name] = kwargs[argument.name]
            elif argument.has_default_value():
                arguments[argument.name] = argument.default_value
        return arguments

    def _stand_in(self, node: Node) -> Value | None:
        """A tensor in place of an unsupported operator's, so that what follows is still judged; None where there can be none."""
        fake = _fake(node)
        try:
            return self.builder.declare(self.builder.unique(node.name), _shape(fake)) if isinstance(fake, torch.Tensor) else None
        except UnsupportedError:
            return None

    def _outputs(self) -> tuple[str, ...]:
        """Names of the output tensors, each laid out for its shape and in PyTorch's order."""
        names = []
        (output,) = (node for node in self.program.graph.nodes if node.op == "output")
        returned = list(output.args[0])
        for node, spec in zip(returned, self.program.graph_signature.output_specs, strict=True):
            if spec.kind is not OutputKind.USER_OUTPUT:
                self.problems.append(
                    f"the module changes {spec.target!r} while it runs; call .eval() on it before exporting, or keep no state in it"
                )
                continue
            value = self.values.get(node) if isinstance(node, Node) else None
            if value is None:
                if not self.problems:
                    self.problems.append(f"output {node} is no tensor; return tensors alone")
                continue
            if not isinstance(value, Value):
                self.problems.append(f"output {node} does not depend on the network's input")
                continue
            try:
                value = self.builder.laid_out(value, "output")
            except UnsupportedError as reason:
                self.problems.append(f"output {node}: {reason}")
                continue
            if len(value.shape) == 1 and (value.order[1:] < value.order[:-1]).any():
                self.problems.append(
                    f"output {node} is a flattened feature map, whose order differs between NCHW and NHWC; return the map itself"
                )
            elif value.tensor in self.builder.inputs:
                self.problems.append(f"output {node} is a network input")
            elif value.tensor in names:
                self.problems.append(f"output {node} is returned twice")
            names.append(value.tensor)
        return tuple(names)

    def _name(self, node: Node) -> str:
        """The operator's name: the path of its module, with the operator's where the module has several."""
        path = _path(node)
        label = node.name.lstrip("_")
        wanted = path if path and self.paths[path] == 1 and _is_leaf(node) else f"{path}.{label}" if path else label
        return self.builder.unique(wanted)

    def _report(self, node: Node, message: str) -> None:
        path, kind = _module(node)
        self.problems.append(f"{path or 'the module itself'} ({kind.rsplit('.', 1)[-1]}): {message}")


def _operator_name(node: Node) -> str:
    """The ATen name without namespace and overload; the function's own name where it is no ATen operator."""
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name.split("::")[-1])
    return getattr(target, "__name__", str(target))


def _module(node: Node) -> tuple[str, str]:
    """Path and type of the innermost module that an operator belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return "", "module"
    path, kind = list(stack.values())[-1]
    return str(path), kind if isinstance(kind, str) else kind.__qualname__


def _path(node: Node) -> str:
    return _module(node)[0]


def _is_leaf(node: Node) -> bool:
    """Whether an operator belongs to one of PyTorch's own modules, such as Conv2d."""
    return _module(node)[1].startswith("torch.nn.modules")


def _fake(node: Node) -> Any:
    """The shape and type of an operator's (first) result, as tracing found it."""
    value = node.meta.get("val")
    return value[0] if isinstance(value, (tuple, list)) and value else value


def _shape(fake: torch.Tensor) -> tuple[int, ...]:
    """The shape without the batch, in plain integers."""
    sizes = tuple(fake.shape[1:])
    if not all(isinstance(size, int) for size in sizes):
        raise UnsupportedError(f"the shape {list(fake.shape)} is not fixed; export with only the batch dynamic")
    return sizes
