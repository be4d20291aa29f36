"""The golden model: inputs a second, alone and beside TensorFlow Lite Micro."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from golden import interpreter
from golden.graph import Int8
from weft.benchmarks.digits_network import digits_network
from weft.benchmarks.reference_networks import NETWORKS, RESNET, ReferenceNetwork, with_inputs
from weft.benchmarks.registry import NotMeasuredError, Progress, Row, at_least, benchmark

BATCH = 64
CORES = 2
REPEATS = 5
#: The golden model should be so many times as fast as TensorFlow Lite Micro.
_TIMES, _TIMES_RESNET = 1.0, 3.0


@benchmark("golden", "Golden model: the digits network, 360 inputs at once")
def golden(progress: Progress) -> list[Row]:
    """Inputs a second, the median of several runs."""
    graph, x = digits_network(progress)
    interpreter.run(graph, x)  # the first run checks the graph and warms BLAS up
    seconds = [_seconds(lambda: interpreter.run(graph, x), progress, "golden model", done) for done in range(REPEATS)]
    return [{"network": "digits", "inputs": len(x), "inputs_per_second": len(x) / statistics.median(seconds)}]


@benchmark(
    "golden-reference", f"Golden model and TensorFlow Lite Micro: inputs a second, batch of {BATCH}, one process on {CORES} cores or fewer"
)
def golden_reference(progress: Progress) -> list[Row]:
    """The reference networks on random inputs; both take turns, so that other work on the machine slows both."""
    try:
        import tflite_micro  # noqa: F401
    except ImportError:
        raise NotMeasuredError("the package tflite_micro is not installed: pip install 'weft[test]'") from None
    with _two_cores():
        return [_compared(network, progress) for network in NETWORKS]


def _compared(network: ReferenceNetwork, progress: Progress) -> Row:
    from tflite_micro import runtime

    graph, x = with_inputs(network, BATCH)
    micro = runtime.Interpreter.from_file(str(network.path))

    def one_by_one() -> Int8:
        outputs = []
        for image in x:
            micro.set_input(image[None], 0)
            micro.invoke()
            outputs.append(micro.get_output(0)[0])
        return np.array(outputs)

    differences = int((interpreter.run(graph, x) != one_by_one()).sum())  # which warms both up
    ours, theirs = [], []
    for done in range(REPEATS):
        ours.append(_seconds(lambda: interpreter.run(graph, x), progress, network.name, done))
        theirs.append(_seconds(one_by_one, progress, network.name, done))
    speed, other = (BATCH / statistics.median(seconds) for seconds in (ours, theirs))
    return {
        "network": network.name,
        "golden": speed,
        "tflite_micro": other,
        "ratio": speed / other,
        **at_least(speed / other, _TIMES_RESNET if network is RESNET else _TIMES),
        "differences": differences,
    }


def _seconds(work: Callable[[], object], progress: Progress, what: str, done: int) -> float:
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    progress(what, done + 1, REPEATS)
    return seconds


@contextmanager
def _two_cores() -> Iterator[None]:
    """Keeps this process, and the threads that it starts, on CORES cores, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
