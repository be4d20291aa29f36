"""Memory images as text for `$readmemh`: one word a line, highest digit first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hwgen.compiler.program import Program
from hwgen.config import AcceleratorConfig
from hwgen.gateware.core import IMAGE_FILES, memory_width
from hwgen.gateware.pooling_path import TABLE_ENTRIES, TABLE_FILE
from hwgen.regmap import MEMORIES, Window, volatile


def hex_lines(values: Sequence[int], bits: int) -> str:
    """Unsigned integers of `bits` bits, one a line."""
    digits = -(-bits // 4)
    return "".join(f"{value:0{digits}x}\n" for value in values)


def byte_lines(rows: npt.NDArray[np.uint8]) -> str:
    """uint8[words, bytes], byte 0 the lowest of its word."""
    digits = 2 * rows.shape[1]
    text = np.ascontiguousarray(rows[:, ::-1]).tobytes().hex()
    return "".join(text[i : i + digits] + "\n" for i in range(0, len(text), digits))


def image_files(config: AcceleratorConfig) -> dict[Window, str]:
    """The image files of an accelerator, by the memory that each belongs to."""
    return {window: name for window, name in IMAGE_FILES.items() if MEMORIES[window].depth(config)}


def image_depths(config: AcceleratorConfig) -> dict[str, int]:
    """The image files of an accelerator, and the words of the memory that each belongs to."""
    return {name: MEMORIES[window].depth(config) for window, name in image_files(config).items()}


def _filled(program: Program) -> tuple[int, ...]:
    """The tables, and zeros in those that no layer uses."""
    return program.tables + (0,) * (TABLE_ENTRIES * program.config.add_tables - len(program.tables))


def images(program: Program) -> dict[str, str]:
    """Text of every image file, by file name."""
    # A network without weights still has an image: simulators refuse an empty file.
    weights = program.weights if len(program.weights) else np.zeros((1, program.weights.shape[1]), np.uint8)
    # A device that has to load its weights holds no network before that, whatever its program memory begins with.
    unloaded = bool(volatile(program.config))
    return {
        IMAGE_FILES[Window.WEIGHT]: byte_lines(weights),
        IMAGE_FILES[Window.PARAM]: hex_lines(program.params, memory_width(program.config, Window.PARAM)),
        **({TABLE_FILE: hex_lines(_filled(program), 32)} if program.config.add_tables else {}),
        IMAGE_FILES[Window.PROGRAM]: hex_lines(
            (program.words[0] * (not unloaded), *program.words[1:]), memory_width(program.config, Window.PROGRAM)
        ),
    }
