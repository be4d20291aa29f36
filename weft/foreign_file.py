"""Files that people have of networks and that Weft does not read: what each is, and how to make of it one that Weft does.

Nothing is loaded: a file is known by its first bytes, by the names in its archive, or by its suffix.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from golden import network_file
from golden.errors import InputError
from weft.exported_program import EXPORT

_PYTORCH = f"load it into its module in Python and export that: {EXPORT}"
_KERAS = "tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model({name!r})).convert() gives the bytes of a .tflite file"
_SAVED_MODEL = "tf.lite.TFLiteConverter.from_saved_model({name!r}).convert() gives the bytes of a .tflite file"
_PICKLE = (
    "holds pickled objects, a module or its weights alone (a state_dict); pickled modules are refused, because opening one can run anything"
)

_SAFETENSORS = ".safetensors"

#: What a file with a suffix is, and what to do; {name} is its path.
_BY_SUFFIX = {
    **dict.fromkeys((".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib"), f"{_PICKLE}; {_PYTORCH}"),
    _SAFETENSORS: f"holds weights without a network; {_PYTORCH}",
    **dict.fromkeys((".h5", ".hdf5", ".keras"), f"is a Keras file, a model or its weights alone; {_KERAS}"),
    ".pb": f"is a TensorFlow graph; convert the SavedModel that it belongs to: {_SAVED_MODEL}",
    ".npz": "holds arrays, data or weights, and no network; data go to --inputs or --calibration, and weights belong into their module: "
    + _PYTORCH,
    ".npy": f"holds one array and no network; if these are weights, {_PYTORCH}",
    ".mlmodel": "is a Core ML file; export the network from where it was trained, as .pt2, .onnx or .tflite",
    ".ort": "is ONNX Runtime's own format; give the .onnx file that it was made from",
}
_HDF5, _PICKLE_PROTOCOLS = b"\x89HDF\r\n\x1a\n", tuple(bytes((0x80, number)) for number in range(2, 6))


def refuse_foreign(path: Path) -> None:
    """Raises InputError, with what to do, for a file that is known to hold something else than Weft reads."""
    if path.is_dir():
        _refuse_folder(path)
    if not path.exists():
        return
    suffix = path.suffix.lower()
    kind = _by_content(path) or suffix
    if kind == _SAFETENSORS and network_file.is_network(path):
        return
    if kind in _BY_SUFFIX:
        raise InputError(f"{path} {_BY_SUFFIX[kind].format(name=str(path))}")


def _refuse_folder(path: Path) -> None:
    if (path / "saved_model.pb").exists():
        raise InputError(f"{path} is a TensorFlow SavedModel; {_SAVED_MODEL.format(name=str(path))}")
    raise InputError(f"{path} is a folder; give the path of a network: a .weft, .tflite, .onnx or .pt2 file")


def _by_content(path: Path) -> str:
    """The suffix that would tell what a file is; nothing where its content does not tell, or where there is none."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start == _HDF5:
            return ".h5"
        if start.startswith(_PICKLE_PROTOCOLS):
            return ".pkl"
        if start.startswith(b"\x93NUMPY"):
            return ".npy"
        if start.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            if any(name.endswith(".npy") for name in names):
                return ".npz"
            if "model.weights.h5" in names:
                return ".keras"
            if any(name.endswith("data.pkl") for name in names):
                return ".pt"
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return ""
    return ""
