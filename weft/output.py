"""Outputs appear whole or not at all: they are made beside their final place and moved there when complete."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golden.errors import InputError

#: Failures of a write that name no file.
_DEVICE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary path with the name's suffix; what is written there becomes `path` when the block ends well.

    Raises InputError, before the block runs, when `path` cannot be written.
    """
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the path of a file")
    with _scratch(path) as scratch:
        draft = scratch / path.name
        yield draft
        draft.replace(path)


@contextmanager
def new_folder(path: Path, marker: str) -> Iterator[Path]:
    """An empty temporary folder that becomes `path` when the block ends well.

    A folder that is there already is replaced if it is empty or holds a file named `marker`, the sign that it was made
    by the same command; another one is left alone.  Raises InputError, before the block runs, when `path` cannot be written.
    """
    if path.exists() or path.is_symlink():
        if not path.is_dir():
            raise InputError(f"cannot write the folder {path}: a file of that name is there; give another path")
        if any(path.iterdir()) and not (path / marker).is_file():
            raise InputError(f"the folder {path} holds other files (there is no {marker} in it); give an empty or a new folder")
        path = path.resolve()  # a link stays a link: the folder behind it is what is replaced
    with _scratch(path) as scratch:
        draft = scratch / "new"
        draft.mkdir()
        yield draft
        old = scratch / "old"
        if path.exists():
            path.rename(old)
        try:
            draft.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A folder beside `path`, so that moving from it is one step within a file system; removed afterwards."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield scratch
    except OSError as error:
        if error.errno in _DEVICE_ERRORS or (isinstance(error.filename, str) and Path(error.filename).is_relative_to(scratch)):
            raise _cannot_write(path, error) from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}; choose a folder that can be written and has room")
