"""Output files appear whole or not at all: they are written beside their final place and moved there when complete."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from golden.errors import InputError

#: Failures of a write that name no file.
_DEVICE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}

#: Files of others that a message names.
_NAMED = 10


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A folder beside `path` for as long as the block runs.  Failures to write it, or for want of room, become InputError for `path`."""
    try:
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


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to; what is there becomes `path` when the block ends well.

    Raises InputError, before the block runs where possible, when `path` cannot be written.
    """
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the path of a file")
    with _scratch(path) as scratch:
        draft = scratch / path.name
        yield draft
        draft.replace(path)


@contextmanager
def new_folder(path: Path, written: Callable[[Path], Collection[str]]) -> Iterator[Path]:
    """An empty folder to fill; it becomes `path`, in place of what was there, when the block ends well.

    written: says which entries of an existing folder an earlier run wrote.
    Raises InputError, before the block runs, where the folder holds others, and where it cannot be written.
    """
    path = path.absolute()
    if path.exists() and not path.is_dir():
        raise InputError(f"cannot write {path}: it is a file; give the path of a folder")
    foreign = sorted({each.name for each in path.iterdir()} - set(written(path))) if path.is_dir() else []
    if foreign:
        more = [f"and {len(foreign) - _NAMED} more"] if len(foreign) > _NAMED else []
        raise InputError(
            f"{path} also holds files that Weft did not write; name another folder, or move them away", [*foreign[:_NAMED], *more]
        )
    with _scratch(path) as scratch:
        draft = scratch / path.name
        draft.mkdir()
        yield draft
        if path.exists():
            path.rename(scratch / "before")
        draft.rename(path)


def make_parents(path: Path) -> None:
    """Makes the folders that `path` is to lie in.  Raises InputError where they cannot be made."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}; choose a folder that exists, can be written and has room")
