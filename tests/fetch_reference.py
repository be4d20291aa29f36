"""`make reference`: a folder of reference networks for the tests and benchmarks that need WEFT_REFERENCE.

The MLPerf Tiny networks are fetched from the benchmark's repository, each checked against its digest; random samples for them are
computed with TensorFlow Lite Micro.  Files that are there already are kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pooch
import requests
from tflite_micro import runtime

COMMIT = "1afd2c9820f795965a6134facd0b4dfae41ef23f"
BASE_URL = f"https://raw.githubusercontent.com/mlcommons/tiny/{COMMIT}/benchmark/training"

#: Seconds without an answer after which the server counts as unreachable.
_TIMEOUT = 30
_SEED = 0


@dataclass(frozen=True)
class Model:
    """A file of the benchmark: its name here, its path there, below BASE_URL, and its digest."""

    name: str
    path: str
    sha256: str


MODELS = (
    Model(
        "ic_resnet8_int8.tflite",
        "image_classification/trained_models/pretrainedResnet_quant.tflite",
        "3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415",
    ),
    Model(
        "ic_resnet8_float.tflite",
        "image_classification/trained_models/pretrainedResnet.tflite",
        "b5c0046d6e0328b4956afd6baa29555a29b1f1c65bdd45aaed75b7cd484d9f79",
    ),
    Model(
        "kws_dscnn_int8.tflite",
        "keyword_spotting/trained_models/kws_ref_model.tflite",
        "aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae",
    ),
    Model(
        "kws_dscnn_float.tflite",
        "keyword_spotting/trained_models/kws_ref_model_float32.tflite",
        "e5004c6f1012246e33fa068d8488325538e0444073cd361f5a7edb40c73f12d2",
    ),
    Model(
        "vww_mobilenet_int8.tflite",
        "visual_wake_words/trained_models/vww_96_int8.tflite",
        "597a384c8c2c8a1276f04702f25013b7838f2f814f1ca7c174d295b73e3d6b7b",
    ),
    Model(
        "vww_mobilenet_float.tflite",
        "visual_wake_words/trained_models/vww_96_float.tflite",
        "115bbc094d2119561320a21f01b6500a18bea8cc8589282ab007097bec8af38c",
    ),
    Model(
        "ad_autoencoder_int8.tflite",
        "anomaly_detection/trained_models/ad01_int8.tflite",
        "87cf24194ef93d1d9b11a591d805526b98008e351655d29883c825c9c106ba24",
    ),
    Model(
        "ad_autoencoder_float.tflite",
        "anomaly_detection/trained_models/ad01_fp32.tflite",
        "c66636f4d7f8af8b10518e7be750a22c9d8d46ec97326b40b0d94c097e0aad9b",
    ),
)

#: Random inputs of each network.
RANDOM: Mapping[str, int] = {"ic_resnet8": 100, "kws_dscnn": 100, "vww_mobilenet": 40, "ad_autoencoder": 100}


class FetchError(Exception):
    """Files that could not be fetched; the message says which, why, and what to do."""


def fetch(folder: Path, models: Sequence[Model], base_url: str) -> None:
    """Fetches the models that are not in the folder yet.  Raises FetchError."""
    store = pooch.create(
        path=folder,
        base_url="",
        registry={model.name: f"sha256:{model.sha256}" for model in models},
        urls={model.name: f"{base_url}/{model.path}" for model in models},
    )
    problems = []
    for model in models:
        try:
            store.fetch(model.name, downloader=pooch.HTTPDownloader(timeout=_TIMEOUT))
        except (requests.ConnectionError, requests.Timeout) as error:
            raise FetchError(
                f"{base_url} cannot be reached ({type(error).__name__}): check the network connection (a proxy is named in the environment "
                f"variable HTTPS_PROXY) and run `make reference` again, or fetch the file by other means and put it into {folder} as "
                f"{model.name}"
            ) from error
        except requests.RequestException as error:
            problems.append(f"{model.name}: {error}")
        except ValueError:  # pooch's, of a file with another digest; it keeps none
            problems.append(f"{model.name}: what {base_url}/{model.path} holds is not the file that the tests were written for")
    if problems:
        raise FetchError("\n".join(["these files could not be fetched:", *(f"  - {problem}" for problem in problems)]))


def random_samples(model: Path, count: int, samples: Path) -> None:
    """Writes random inputs `x`, int8[count, *shape], and what TensorFlow Lite Micro makes of them, `y_tflm`, int8[count, *shape]."""
    interpreter = runtime.Interpreter.from_file(str(model))
    shape = tuple(interpreter.get_input_details(0)["shape"])[1:]
    x = np.random.default_rng(_SEED).integers(-128, 128, (count, *shape)).astype(np.int8)
    y = []
    for image in x:
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        y.append(interpreter.get_output(0)[0])
    with tempfile.TemporaryDirectory(dir=samples.parent) as scratch:
        draft = Path(scratch) / samples.name
        np.savez_compressed(draft, x=x, y_tflm=np.array(y))
        draft.rename(samples)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, resolve_path=True))
@click.option("--url", default=BASE_URL, show_default=True, help="A mirror of the benchmark's folder of models.")
def main(folder: Path, url: str) -> None:
    """Put the reference networks, and random samples for them, into FOLDER."""
    try:
        fetch(folder / "models", MODELS, url)
        (folder / "samples").mkdir(exist_ok=True)
        for name, count in RANDOM.items():
            samples = folder / "samples" / f"{name}_random.npz"
            if not samples.exists():
                random_samples(folder / "models" / f"{name}_int8.tflite", count, samples)
    except FetchError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error}") from error
    click.echo(f"reference networks are in {folder}; for the tests and benchmarks that need them:\n  export WEFT_REFERENCE={folder}")


if __name__ == "__main__":
    main()
