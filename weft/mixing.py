"""`weft mix` as a function: from files to the bits of every layer, and to a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import InputError
from golden.rescale import RescaleFormat
from weft.configuration import configuration
from weft.output import new_file
from weft.progress import Progress, silent
from weft.recipe_argument import recipe_of

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.float_graph import FloatGraph
    from golden.recipe import Recipe
    from weft.mixed_precision import Allocation, Front


def mix(
    model: nn.Module | ExportedProgram | FloatGraph | str,
    calibration: str | Path,
    *,
    limits: Mapping[str, str],
    measure: str = "trace",
    bits: str = "2,3,4,5,6,7,8",
    eight_bit_ends: bool = True,
    recipe: Recipe | str | Path | None = None,
    config: str | None = None,
    evaluation: str | Path | None = None,
    output: str | Path | None = None,
    layout: str | None = None,
    values: str | None = None,
    progress: Progress = silent,
) -> tuple[Allocation, Front | None]:
    """Chooses the bits of every layer within limits; with evaluation inputs also a front of recipes from few bytes to many.

    limits:  by "bytes", "bops" or "cycles": a number, or a percentage of what 8 bits cost, such as "50%".
    measure: "one-at-a-time", "gradient", "eigenvalue", "trace" or "landscape" (`golden.sensitivity.Measure`).
    bits:    that a layer may get, with commas between them.
    recipe:  what the result is but for the bits.
    output:  a TOML file to write.

    Raises InputError for limits that cannot be kept, and says what the least is.
    """
    from golden.passes.pipeline import prepare
    from golden.sensitivity import Measure
    from hwgen.config import DEFAULT
    from weft import calibration_data, mixed_precision
    from weft.comparison.inputs import labelled_data

    if not bits.replace(",", "").replace(" ", "").isdecimal():
        raise InputError(f"bits are whole numbers with commas between them, such as 2,4,8, not {bits!r}")
    numbers = tuple(int(number) for number in bits.split(",") if number.strip())
    if measure not in (known := [each.value for each in Measure]):
        raise InputError(f"there is no measure {measure!r}; there are {', '.join(known)}")
    if isinstance(model, str):
        from weft.model import load_model

        model, name = load_model(model)
    else:
        name = None
    network = prepare(calibration_data.prepare(model, calibration, layout, values, name).network)
    data = labelled_data(Path(calibration), network, "calibration", layout, values)
    accelerator = configuration(RescaleFormat.parse("tflite"), config)
    base = mixed_precision.BASE if recipe is None else recipe_of(recipe)
    allocator = mixed_precision.Allocator(
        network, data, accelerator, measure=Measure(measure), base=base, bits=numbers, eight_bit_ends=eight_bit_ends, progress=progress
    )
    most = {kind: mixed_precision.parse_limit(text, allocator.whole(kind)) for kind, text in limits.items()}
    allocation = allocator.allocate(most)
    front = None
    if evaluation is not None:
        test = labelled_data(Path(evaluation), network, "evaluation", layout, values)
        front = mixed_precision.front(allocator, mixed_precision.SHARES, data, test, accelerator, config or DEFAULT, progress)
    if output is not None:
        with new_file(Path(output)) as draft:
            draft.write_text(allocation.recipe.to_toml(), encoding="utf-8")
    return allocation, front
