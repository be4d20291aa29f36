"""The boards with the networks that run on them: every pair built, and the table of what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from boards.definitions import find_board
from boards.report.report import BuildReport
from golden.errors import DoesNotFitError, InputError, TimingError, ToolFailedError
from golden.graph import Graph
from weft import api
from weft.benchmarks import digits_network, reference_networks
from weft.benchmarks.registry import NotMeasuredError
from weft.network import load_network
from weft.progress import Progress

DIGITS = "digits"
_REFERENCE = {network.name: network for network in reference_networks.NETWORKS}
#: What is built: a bitstream for each network on each board.
PAIRS: tuple[tuple[str, str], ...] = (
    *(("ulx3s_85f", name) for name in _REFERENCE),
    ("icebreaker", DIGITS),
    ("icebreaker", "DS-CNN"),
    ("tang_nano_20k", DIGITS),
    ("tang_nano_20k", "DS-CNN"),
)


@dataclass(frozen=True)
class Row:
    """A network on a board.

    problem:      why there is no bitstream; then all others are 0.
    clock_mhz:    the accelerator's clock; reached_mhz: the fastest that the placement allows.
    dsp, ram:     multipliers, memory blocks; big_ram: SPRAM.
    seconds:      that the stages took when they ran.
    """

    board: str
    network: str
    problem: str = ""
    lut: int = 0
    ff: int = 0
    dsp: int = 0
    ram: int = 0
    big_ram: int = 0
    clock_mhz: float = 0.0
    reached_mhz: float = 0.0
    cycles: int = 0
    latency_ms: float = 0.0
    seconds: float = 0.0


def build_all(folder: Path, pairs: Sequence[tuple[str, str]], *, jobs: int | None = None, progress: Progress) -> tuple[Row, ...]:
    """Builds every pair of a board and a network into a subfolder of its own; what cannot be built has its reason in its row.

    jobs: placements at once; by default one for every core.
    Raises InputError where a network is not there, ToolMissingError without the tools.
    """
    networks = {name: _network(name, progress) for name in dict.fromkeys(network for _, network in pairs)}
    return tuple(_row(folder, board, name, networks[name], jobs, progress) for board, name in pairs)


def _network(name: str, progress: Progress) -> Graph:
    if name == DIGITS:
        return digits_network.digits_network(progress)[0]
    try:
        return load_network(_REFERENCE[name].path)
    except NotMeasuredError as error:
        raise InputError(str(error)) from error


def _row(folder: Path, board: str, name: str, graph: Graph, jobs: int | None, progress: Progress) -> Row:
    output = folder / f"{board}-{name.lower()}"

    def named(what: str, done: int, total: int) -> None:
        progress(f"{board}, {name}: {what}", done, total)

    try:
        api.build(graph, output, board=board, jobs=jobs, force=True, progress=named)
    except (DoesNotFitError, TimingError, ToolFailedError) as error:
        return Row(board, name, problem=error.message)
    return _of_report(name, api.report(output))


def _of_report(name: str, report: BuildReport) -> Row:
    total = report.utilization.total
    return Row(
        board=report.board.name,
        network=name,
        lut=int(total.lut),
        ff=int(total.ff),
        dsp=int(total.dsp),
        ram=int(total.block_ram),
        big_ram=int(total.big_ram),
        clock_mhz=round(report.clock_mhz, 3),
        reached_mhz=round(report.record.reached_mhz, 1),
        cycles=report.design.cycles,
        latency_ms=round(report.latency_ms, 4),
        seconds=round(report.record.seconds, 1),
    )


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The rows; `from_json` reads them back."""
    return {"boards": [asdict(row) for row in rows]}


def from_json(path: Path) -> tuple[Row, ...]:
    """Reads a file of rows.  Raises InputError for one that is none."""
    try:
        return tuple(Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["boards"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no file of `weft boards --build` ({error})") from error


HEADS = ("board", "network", "LUT", "FF", "multipliers", "RAM blocks", "clock, MHz (up to)", "cycles", "latency", "build")


def cells(row: Row) -> list[str]:
    """The cells of a row, under HEADS."""
    title = find_board(row.board).title
    if row.problem:
        return [title, row.network, *[""] * 4, "not built", *[""] * 3]
    return [
        title,
        row.network,
        f"{row.lut:,}",
        f"{row.ff:,}",
        f"{row.dsp}",
        f"{row.ram}" + (f" + {row.big_ram} SPRAM" if row.big_ram else ""),
        f"{row.clock_mhz:g} ({row.reached_mhz:g})",
        f"{row.cycles:,}",
        f"{row.latency_ms:.3g} ms",
        f"{row.seconds:.0f} s" if row.seconds < 100 else f"{row.seconds / 60:.1f} min",
    ]


def merged(old: Sequence[Row], new: Sequence[Row]) -> tuple[Row, ...]:
    """The new rows, and the old ones of other boards and networks, in the order of PAIRS."""
    rows = {(row.board, row.network): row for row in (*old, *new)}
    return tuple(rows[pair] for pair in PAIRS if pair in rows)


def markdown(rows: Sequence[Row]) -> str:
    """The table as documents have it."""
    lines = [HEADS, ("---",) * len(HEADS), *(cells(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latency_markdown(rows: Sequence[Row]) -> str:
    """The latencies of MLPerf Tiny's networks as the document that compares them has them: a line for each board."""
    names = {"ResNet-8": "IC", "DS-CNN": "KWS", "MobileNetV1-0.25": "VWW", "autoencoder": "AD"}
    lines = []
    for board in dict.fromkeys(row.board for row in rows):
        known = {names[row.network]: row for row in rows if row.board == board and row.network in names and not row.problem}
        if not known:
            continue
        latencies = [f"{known[name].latency_ms:.3g}" if name in known else "-" for name in names.values()]
        clocks = sorted({f"{row.clock_mhz:g}" for row in known.values()}, key=float)
        multipliers = sorted({row.dsp for row in known.values()})
        found = find_board(board)
        device = f"{found.part}, {' to '.join(dict.fromkeys((clocks[0], clocks[-1])))} MHz, after place and route"
        blocks = " to ".join(map(str, dict.fromkeys((multipliers[0], multipliers[-1]))))
        lines.append(f"| **Weft**, {found.title} | reference int8, bit-exact | {' | '.join(latencies)} | {device} | {blocks} |\n")
    return "".join(lines)


#: Documents with what `make boards` found, and how it is written there.
DOCUMENTS: dict[str, Callable[[Sequence[Row]], str]] = {"README.md": markdown, "docs/latency.md": latency_markdown}
RESULTS = "docs/boards.json"
BEGIN, END = "<!-- make boards writes this -->\n", "<!-- until here -->\n"


def written(text: str) -> str:
    """What a document has between BEGIN and END."""
    return text.partition(BEGIN)[2].partition(END)[0]


def document(text: str, made: str) -> str:
    """A document with something new between BEGIN and END.  Raises InputError for one without these lines."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"the document has no line {BEGIN.strip()!r}, or none {END.strip()!r} after it")
    return f"{before}{BEGIN}{made}{END}{after}"
