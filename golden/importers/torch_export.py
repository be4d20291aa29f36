"""Imports a PyTorch module or exported program: as an integer graph where it is quantized (PT2E), else as a float graph (SPEC section 9).

PyTorch's maps are NCHW, the graph's (H, W, C): weights are permuted, and never data.  Every operator that cannot be
represented is reported, all at once, with the path of the module that it belongs to.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch.ao.quantization.fx import _decomposed  # noqa: F401  # registers the quantizers that programs may hold
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

from golden import checker, float_checker
from golden.errors import InputError
from golden.float_graph import FloatGraph
from golden.graph import Graph
from golden.importers import torch_nodes as nodes
from golden.importers.advice import advice
from golden.importers.float_backend import FloatBackend
from golden.importers.integer_backend import IntegerBackend
from golden.importers.layout import MAX_AXIS, MAX_ELEMENTS, Layout, graph_shape, map_layout, vector_layout
from golden.importers.nchw import output_shape
from golden.importers.partial import Refusal
from golden.importers.torch_call import Call
from golden.importers.torch_operators import OPERATORS
from golden.importers.torch_quantizers import dequantize_constant
from golden.importers.torch_tracing import quiet, refuse_training
from golden.importers.values import Constant, UnsupportedError, Value
from golden.rescale import TFLITE, RescaleFormat

#: Operators that compute no tensor: sizes, and assertions about them.
_SHAPE_ONLY = {"sym_size", "_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size"}
_INTEGERS = {torch.int8: "int8", torch.uint8: "uint8"}


def import_module(module: torch.nn.Module, example: tuple[torch.Tensor, ...], name: str = "") -> FloatGraph:
    """Exports a module as it is at inference and imports it.

    example: one float tensor [N, C, H, W], [N, C, L] or [N, F] per input, N at least 2; only shapes and types matter.
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
            + ("; a single channel needs its own axis too" if any(x.ndim == 3 for x in example) else "")
        ) from error
    finally:
        for part, mode in modes.items():
            part.training = mode
    return import_float(program, name or type(module).__name__)


def import_float(program: ExportedProgram, name: str = "") -> FloatGraph:
    """Imports an exported program that is not quantized.  Raises InputError as `import_program` does, and for one that is."""
    graph = import_program(program, name)
    if isinstance(graph, Graph):
        raise InputError(f"network {graph.name!r} is quantized already; give it to check, analyze, verify, generate and predict as it is")
    return graph


def import_program(program: ExportedProgram, name: str = "", *, format: RescaleFormat = TFLITE) -> Graph | FloatGraph:
    """Imports an exported program.

    format: the rescale format of an integer graph; a float graph has none yet.

    Returns an integer graph where the program quantizes activations, as torchao's convert_pt2e makes it, else a float graph.
    Raises RefusedNetworkError with every unsupported operator, its module path, and what to do.
    """
    refuse_training(program, name or "network")
    with warnings.catch_warnings():
        # PyTorch's own code copies a class that PyTorch has deprecated; nothing here can avoid it
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        try:
            with quiet():
                functional = program.run_decompositions({})  # no decomposition: only in-place operators become plain ones
        except Exception as error:  # PyTorch runs every operator on tensors without data, and damaged ones raise anything
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"network {name!r}: PyTorch cannot read its operators ({first}); export it again") from error
    stored = [*functional.state_dict.values(), *functional.constants.values()]
    size = sum(value.numel() * value.element_size() for value in stored if isinstance(value, torch.Tensor))
    if nodes.is_quantized(functional):
        backend = IntegerBackend(name or "network", size, format)
        integer = backend.graph(_Importer(functional, backend).run())
        checker.check(integer, after="import")
        return integer
    builder = FloatBackend(name or "network", size)
    real = builder.graph(_Importer(functional, builder).run())
    float_checker.check(real, "import")
    return real


class _Importer:
    """Reads the nodes of one program in order."""

    def __init__(self, program: ExportedProgram, backend: FloatBackend | IntegerBackend) -> None:
        self.program = program
        self.backend = backend
        #: Value; a constant as torch.Tensor, or as Constant where it was quantized; None where something before it is unsupported.
        self.values: dict[Node, Any] = {}
        self.refusals: list[Refusal] = []
        self.paths = Counter(nodes.module(node)[0] for node in program.graph.nodes if nodes.operator_name(node) in OPERATORS)

    def run(self) -> tuple[str, ...]:
        """Imports every node; returns the tensors that are the network's outputs."""
        self._placeholders()
        with np.errstate(all="ignore"):  # of a damaged file's numbers; what is not finite in the end is refused
            for node in self.program.graph.nodes:
                if node.op == "call_function":
                    self._call(node)
        outputs = self._outputs()
        if not self.refusals:
            self._unread()
        if self.refusals:
            raise self.backend.refused(outputs, self.refusals)
        return outputs

    # --- inputs -------------------------------------------------------------------------------------

    def _placeholders(self) -> None:
        """Network inputs become tensors; parameters, buffers and constants become constants."""
        found = {node.name: node for node in self.program.graph.nodes if node.op == "placeholder"}
        for spec in self.program.graph_signature.input_specs:
            node = found[spec.arg.name]
            if spec.kind is InputKind.USER_INPUT:
                self._input(node)
            elif spec.target in self.program.state_dict:
                self.values[node] = self.program.state_dict[spec.target]
            elif spec.target in self.program.constants:
                self.values[node] = self.program.constants[spec.target]

    def _input(self, node: Node) -> None:
        tensor = nodes.fake(node)
        self.values[node] = None
        try:
            if not isinstance(tensor, torch.Tensor) or not (tensor.dtype.is_floating_point or tensor.dtype in _INTEGERS):
                what = f"{tensor.dtype} of shape {list(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
                raise UnsupportedError(f"is {what}; only float tensors [N, C, H, W], [N, C, L] and [N, F] are supported")
            if not node.users:
                raise UnsupportedError("is never used; leave it out of the module's forward method")
            layout = _natural(nodes.shape(tensor))
            name = self.backend.input(node.name, _graph_shape(layout))
            self.values[node] = Value(name, layout, _INTEGERS.get(tensor.dtype, ""))
        except UnsupportedError as reason:
            self._border("input", node.name, str(reason))

    def _unread(self) -> None:
        """Inputs that nothing quantizes."""
        if isinstance(self.backend, IntegerBackend):
            specs = [spec for spec in self.program.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT]
            for spec, tensor in zip(specs, self.backend.inputs.values(), strict=True):
                if not tensor:
                    self._border("input", spec.arg.name, "nothing quantizes it; leave it out, or quantize it")

    # --- operators ----------------------------------------------------------------------------------

    def _call(self, node: Node) -> None:
        """One operator: skipped, evaluated as a constant, or added to the graph."""
        kind, result = nodes.operator_name(node), nodes.fake(node)
        if kind in _SHAPE_ONLY or (not isinstance(result, torch.Tensor) and not node.users):
            return
        if node.target is operator.getitem:
            self._item(node)
            return
        sources = [self.values.get(source) for source in node.all_input_nodes if isinstance(nodes.fake(source), torch.Tensor)]
        self.values[node] = None
        try:
            if all(isinstance(source, (torch.Tensor, Constant)) for source in sources) and self._constant(node):
                return
            if kind not in OPERATORS:
                if isinstance(result, torch.Tensor) or not isinstance(node.target, torch._ops.OpOverload):
                    raise UnsupportedError(f"is not supported: {advice(kind)}")
            elif any(source is None for source in sources):
                raise UnsupportedError("")
            else:
                found = nodes.arguments(node, self.values)
                call = Call(self.backend, self._name(node), found, nodes.shape(result))
                self.values[node] = self._sound(OPERATORS[kind](call), call.shape)
        except (UnsupportedError, InputError) as reason:
            self._refuse(node, kind, str(reason))
            self.values[node] = self._stand_in(node)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:  # other arguments than expected
            damage = f"its arguments are not what the operator takes ({type(error).__name__}); the program is damaged"
            self._refuse(node, kind, damage)

    @staticmethod
    def _sound(value: Value, shape: tuple[int, ...]) -> Value:
        """The value, if it has the shape that tracing found."""
        if value.layout.shape[1:] != shape:
            raise UnsupportedError(f"makes {value.layout}, and not {list(shape)} for each image as tracing found; the program is damaged")
        return value

    def _item(self, node: Node) -> None:
        """The first of an operator's results is its value; others (indices, saved statistics) are not supported."""
        source, index = node.args
        assert isinstance(source, Node)
        if index == 0:
            self.values[node] = self.values.get(source)
        elif node.users:
            self.values[node] = None
            reason = f"only its first result is supported, but result {index} is used; leave return_indices out"
            self._refuse(source, nodes.operator_name(source), reason)

    def _constant(self, node: Node) -> bool:
        """Evaluates an operator of constants alone; False where its result is not determined by them."""
        target = node.target
        if not isinstance(target, torch._ops.OpOverload) or target.namespace not in ("aten", "quantized_decomposed"):
            return False
        sources = [self.values.get(source) for source in node.all_input_nodes]
        if torch.Tag.nondeterministic_seeded in target.tags or any(not isinstance(source, (torch.Tensor, Constant)) for source in sources):
            return False
        result = nodes.fake(node)
        if not isinstance(result, torch.Tensor) or not all(isinstance(size, int) for size in result.shape):
            return False
        self.backend.spend(result.numel() * result.element_size())
        if target.namespace == "quantized_decomposed" and nodes.operator_name(node).startswith("dequantize"):
            self.values[node] = dequantize_constant(nodes.arguments(node, self.values))
            return True
        if any(isinstance(source, Constant) for source in sources) and self._moved(node):
            return True
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda source: _tensor(self.values[source]))
        with torch.no_grad():
            self.values[node] = target(*args, **kwargs)
        return True

    def _moved(self, node: Node) -> bool:
        """Axes of a quantized constant in another order: its integers stay what they are."""
        kind, found = nodes.operator_name(node), nodes.arguments(node, self.values)
        source = found.get("self")
        if not isinstance(source, Constant) or kind not in ("t", "permute", "transpose"):
            return False
        order = list(range(source.array.ndim))
        if kind == "permute":
            order = [int(axis) % max(len(order), 1) for axis in found["dims"]]
        elif kind == "t":
            order.reverse()
        else:
            first, second = int(found["dim0"]), int(found["dim1"])
            order[first], order[second] = order[second], order[first]
        self.values[node] = source.transpose(tuple(order))
        return True

    def _stand_in(self, node: Node) -> Value | None:
        """A tensor in place of an unsupported operator's, so that what follows is still judged; None where there can be none."""
        result = nodes.fake(node)
        try:
            if not isinstance(result, torch.Tensor) or not result.dtype.is_floating_point:
                return None
            layout = _natural(nodes.shape(result))
            return Value(self.backend.stand_in(self.backend.unique(f"{node.name}.result"), _graph_shape(layout)), layout)
        except UnsupportedError:
            return None

    def _name(self, node: Node) -> str:
        """The operator's name: the path of its module, with the operator's where the module has several."""
        path = nodes.module(node)[0]
        label = nodes.operator_name(node).lstrip("_")
        return path if path and self.paths[path] == 1 and nodes.is_leaf(node) else f"{path}.{label}" if path else label

    def _refuse(self, node: Node, kind: str, reason: str) -> None:
        """An operator is refused; nothing is said of one whose reason is empty, because something before it was."""
        path, owner = nodes.module(node)
        sources = (self.values.get(source) for source in node.all_input_nodes)
        reads = tuple(source.tensor for source in sources if isinstance(source, Value))
        text = f"{path or 'the module itself'} ({owner.rsplit('.', 1)[-1]}): {kind}: {reason}"
        self.refusals.append(Refusal(self._name(node), kind, reason, text, len(self.backend.ops), reads))

    def _border(self, kind: str, name: str, reason: str) -> None:
        """An input or an output of the network is refused."""
        position = 0 if kind == "input" else len(self.backend.ops)
        self.refusals.append(Refusal(name, f"network {kind}", reason, f"{kind} {name!r} {reason}", position))

    # --- outputs ------------------------------------------------------------------------------------

    def _outputs(self) -> tuple[str, ...]:
        """Names of the output tensors, each laid out for its shape and in PyTorch's order."""
        names: list[str] = []
        (output,) = (node for node in self.program.graph.nodes if node.op == "output")
        for node, spec in zip(list(output.args[0]), self.program.graph_signature.output_specs, strict=True):
            if spec.kind is not OutputKind.USER_OUTPUT:
                reason = "is changed while the module runs; call .eval() on it before exporting, or keep no state in it"
                self._border("state", str(spec.target), reason)
                continue
            value = self.values.get(node) if isinstance(node, Node) else None
            try:
                if value is None:
                    if not self.refusals:
                        raise UnsupportedError("is no tensor; return tensors alone")
                    continue
                if not isinstance(value, Value):
                    raise UnsupportedError("does not depend on the network's input")
                tensor = self._output(value)
                if tensor in (self.backend.inputs if isinstance(self.backend, FloatBackend) else self.backend.inputs.values()):
                    raise UnsupportedError("is a network input")
                if tensor in names:
                    raise UnsupportedError("is returned twice")
                names.append(tensor)
            except UnsupportedError as reason_:
                self._border("output", str(node), str(reason_))
        return tuple(names)

    def _output(self, value: Value) -> str:
        shape, tensor = output_shape(value.layout), value.tensor
        if isinstance(self.backend, IntegerBackend):
            tensor = self.backend.exact(tensor) if value.integer else self.backend.output(tensor)
        return self.backend.shaped(value.label or "output", tensor, shape)


def _tensor(value: Any) -> Any:
    """A constant as a tensor to compute with; the real values of a quantized one."""
    return torch.tensor(value.real(), dtype=torch.float32) if isinstance(value, Constant) else value


def _natural(shape: tuple[int, ...]) -> Layout:
    """The layout of a tensor that is stored as the graph would store it.  Raises UnsupportedError for what is no map and no vector."""
    if not 1 <= len(shape) <= 3 or not all(1 <= size <= MAX_AXIS for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        described = ", ".join(map(str, shape[:8]))
        raise UnsupportedError(
            f"has the shape [N{', ' if shape else ''}{described}]; only maps [N, C, H, W] and [N, C, L] and vectors [N, F] are supported"
        )
    if len(shape) == 1:
        return vector_layout(shape[0])
    if len(shape) == 2:
        return map_layout(shape[0], 1, shape[1]).reshape((1, *shape))
    return map_layout(shape[0], shape[1], shape[2])


def _graph_shape(layout: Layout) -> tuple[int, ...]:
    sizes = layout.shape
    return graph_shape(layout if len(sizes) != 3 else layout.reshape((1, sizes[1], 1, sizes[2])))
