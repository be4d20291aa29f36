"""How resources of a device are shown: those of an accelerator, and of configurations that were weighed against a board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weft.cli.terminal import Report

if TYPE_CHECKING:
    from boards.board import Board
    from boards.budget import Candidate
    from hwgen.estimate.estimate import Estimate

_KINDS = {"lut": "LUT", "ff": "FF", "dsp": "multipliers", "block_ram": "block RAM", "big_ram": "SPRAM"}


def show_estimates(report: Report, estimates: Sequence[Estimate]) -> None:
    """What an accelerator takes of devices, family by family."""
    report.table(
        "resources, behind a serial line: LUT and FF estimated, the others exact",
        ["family", *_KINDS.values()],
        [[each.family.value, *(getattr(each.total, kind) for kind in _KINDS)] for each in estimates],
    )


def show_on_board(report: Report, board: Board, estimate: Estimate) -> None:
    """What an accelerator takes of a board's device, part by part, and what the device lacks."""
    rows: list[list[object]] = [[part, lut, ff, *[""] * (len(_KINDS) - 2)] for part, (lut, ff) in estimate.parts.items()]
    need = {kind: getattr(estimate.total, kind) for kind in _KINDS}
    have = {kind: getattr(board.capacity, kind) for kind in _KINDS}
    rows += [
        ["all", *need.values()],
        [board.part, *have.values()],
        ["share", *(f"{need[kind] / have[kind]:.0%}" if have[kind] else "" for kind in _KINDS)],
    ]
    shown = [0, *(index for index, kind in enumerate(_KINDS, start=1) if need[kind] or have[kind])]
    report.table(
        f"resources on {board.title}, behind a serial line: LUT and FF estimated, the others exact",
        [["", *_KINDS.values()][index] for index in shown],
        [[row[index] for index in shown] for row in rows],
    )


def show_candidates(report: Report, title: str, candidates: Sequence[Candidate]) -> None:
    """A table of configurations: what each takes, and what keeps it from the board."""
    large = any(each.resources is not None and each.resources.big_ram for each in candidates)
    report.table(
        title,
        ["", "array", "cycles", "LUT", "FF", "multipliers", "block RAM", *(["SPRAM"] if large else []), "fits", "lacks"],
        [
            [
                each.name,
                f"{each.config.rows} x {each.config.cols}",
                "" if each.program is None else each.program.cycles,
                *_cells(each, large),
                "yes" if each.fits else "NO",
                "\n".join(each.lacks),
            ]
            for each in candidates
        ],
    )


def as_json_values(candidate: Candidate) -> dict[str, Any]:
    """A configuration for programs."""
    return {
        "name": candidate.name,
        "config": candidate.config.to_json(),
        "cycles": None if candidate.program is None else candidate.program.cycles,
        "resources": None if candidate.resources is None else candidate.resources.to_json(),
        "fits": candidate.fits,
        "lacks": list(candidate.lacks),
    }


def _cells(candidate: Candidate, large: bool) -> list[object]:
    resources = candidate.resources
    if resources is None:
        return [""] * (5 if large else 4)
    return [resources.lut, resources.ff, resources.dsp, resources.block_ram, *([resources.big_ram] if large else [])]
