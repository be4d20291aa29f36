"""Checkpoints of a training: everything that the rest of it depends on, without pickled objects."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from golden.errors import InputError

_FORMAT = "weft training checkpoint"


def save(path: Path, network: dict[str, Any], optimizer: dict[str, Any], epoch: int, losses: list[float], made_by: str) -> None:
    """Writes a checkpoint, whole or not at all.

    epoch:   done so far.
    losses:  of each.
    made_by: what the training was asked for; `load` compares it.
    Raises InputError for a path that cannot be written.
    """
    state = {"format": _FORMAT, "network": network, "optimizer": optimizer, "epoch": epoch, "losses": losses, "made_by": made_by}
    draft: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            draft = Path(file.name)
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        if draft is not None:
            draft.unlink(missing_ok=True)
        raise InputError(f"cannot write the checkpoint {path}: {error.strerror or error}; choose a folder that can be written") from error


def load(path: Path, made_by: str) -> dict[str, Any] | None:
    """The fields of `save`, or None where there is no file.  Opening one runs nothing from it.

    Raises InputError for a file that is no checkpoint, and for one of another training.
    """
    try:
        state = torch.load(path, weights_only=True)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged file can make PyTorch raise anything
        raise InputError(f"{path}: not a checkpoint, or a damaged one; remove it to start from the beginning") from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise InputError(f"{path}: not a checkpoint of a training; name another file")
    if state["made_by"] != made_by:
        raise InputError(
            f"{path}: the checkpoint of another training (its recipe, network or data differ); go on with those, or name another file"
        )
    return state
