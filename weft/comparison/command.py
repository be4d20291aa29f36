"""`weft compare` as a function: from files to a comparison, and to a folder with pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from golden.errors import InputError
from golden.rescale import RescaleFormat
from weft.comparison.run import Comparison
from weft.configuration import configuration
from weft.recipe_argument import recipe_of

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

    from golden.float_graph import FloatGraph
    from golden.recipe import Recipe


#: Called with (what is being done, steps done, steps in all).
Progress = Callable[[str, int, int], None]


def compare(
    model: nn.Module | ExportedProgram | FloatGraph | str,
    calibration: str | Path,
    evaluation: str | Path,
    *,
    training: str | Path | None = None,
    methods: Sequence[str] | None = None,
    recipes: Sequence[Recipe | str | Path] = (),
    epochs: int | None = None,
    draws: int = 1,
    calibration_images: int | None = None,
    config: str | None = None,
    output: str | Path | None = None,
    layout: str | None = None,
    values: str | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Comparison:
    """Quantizes a float network by many methods and measures each on the same data.

    model:              as for `quantize`.
    calibration:        the path of an npz file of real inputs.
    evaluation:         the path of another one, with labels for the accuracy.
    training:           the path of one with labels, for methods that learn; the calibration inputs by default, if they have labels.
    methods:            names of `weft.comparison.methods.methods()`; by default all that can take part.
    recipes:            further methods, as objects or TOML files.
    epochs:             of the methods that train.
    draws:              how often `calibration_images` of the calibration inputs are drawn.
    config:             a named configuration, whose cycles are counted.
    output:             a folder for a page with pictures, the pictures as files, and the numbers as JSON.

    Raises InputError for methods that do not exist or cannot take part, for a network or data that cannot be compared, and for a folder
    that holds other files.
    """
    from hwgen.config import DEFAULT
    from weft import calibration_data
    from weft.comparison.contenders import ByRecipe
    from weft.comparison.inputs import labelled_data
    from weft.comparison.methods import EPOCHS
    from weft.comparison.methods import methods as all_methods
    from weft.comparison.run import Study

    known = all_methods(EPOCHS if epochs is None else epochs)
    unknown = [name for name in methods or () if name not in known]
    if unknown:
        raise InputError(f"there is no method {unknown[0]!r}; there are {'; '.join(known)}")
    every = methods is None and not recipes
    contenders = [known[name] for name in (known if every else methods or ())]
    contenders += [ByRecipe(recipe_of(recipe)) for recipe in recipes]
    with ExitStack() as outputs:
        draft = None
        if output is not None:
            from weft.comparison.report import new_report, write_report

            draft = outputs.enter_context(new_report(Path(output)))
        name = None
        if isinstance(model, str):
            from weft.model import load_model

            model, name = load_model(model)
        network = calibration_data.prepare(model, calibration, layout, values, name).network
        study = Study(
            network,
            labelled_data(Path(calibration), network, "calibration", layout, values),
            labelled_data(Path(evaluation), network, "evaluation", layout, values),
            training=None if training is None else labelled_data(Path(training), network, "training", layout, values),
            draws=draws,
            calibration_inputs=calibration_images,
            config=configuration(RescaleFormat.parse("tflite"), config),
            configuration=config or DEFAULT,
            progress=progress,
        )
        comparison = study.compare(contenders, strict=not every)
        if draft is not None:
            write_report(draft, study, comparison, contenders)
    return comparison
