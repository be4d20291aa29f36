"""The cache of simulator builds, keyed by content.

An entry is a folder that is complete from the moment it exists: it is made under another name and renamed.  A killed build leaves
a folder that nobody reads and the next build of the same key removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock

from golden.errors import InputError

VARIABLE = "WEFT_CACHE"

#: Entries that were not used for the longest time are removed when all together take more than this many bytes.
LIMIT = 1 << 30
#: An entry used within these seconds may still be in use and stays.
GRACE = 3600.0


def folder() -> Path:
    """Where the cache is: the folder named by WEFT_CACHE, or the user's cache folder."""
    named = os.environ.get(VARIABLE)
    return Path(named).resolve() if named else Path(platformdirs.user_cache_dir("weft"))


def digest(*parts: str | bytes) -> str:
    """A key for content: 32 hex digits, different for different parts and for differently divided ones."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()[:32]


def find(key: str) -> Path | None:
    """The folder of a key, if there is one; it counts as used now."""
    path = folder() / key
    return path if _touch(path) else None


def entry(key: str, make: Callable[[Path], None]) -> Path:
    """The folder of a key.  Where there is none, `make` fills one; what it raises goes through, and leaves no entry.

    Two processes that want the same entry at once: one makes it, the other waits.
    Raises InputError when the cache folder cannot be written.
    """
    if (found := find(key)) is not None:
        return found
    root = folder()
    path = root / key
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f"{key}.lock").acquire()
    except OSError as error:
        raise InputError(
            f"the cache folder {root} cannot be written ({error}); name another one in the environment variable {VARIABLE}"
        ) from error
    with lock:
        if _touch(path):
            return path
        for stale in root.glob(f"{key}.part-*"):
            shutil.rmtree(stale, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=f"{key}.part-", dir=root))
        try:
            make(part)
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    prune(root, keep=path)
    return path


def prune(root: Path, keep: Path | None = None, limit: int = LIMIT) -> None:
    """Removes the entries that were not used for the longest time until those left take at most `limit` bytes."""
    used = []
    for path in root.iterdir():
        if path.is_dir() and ".part-" not in path.name:
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                used.append((path.stat().st_mtime, sum(file.stat().st_size for file in path.rglob("*") if file.is_file()), path))
    total = sum(size for _, size, _ in used)
    for last_use, size, path in sorted(used):
        if total <= limit:
            return
        if path != keep and time.time() - last_use > GRACE:
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def _touch(path: Path) -> bool:
    """Whether an entry exists; marks it as used now."""
    try:
        os.utime(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return path.is_dir()  # a cache that is shared read-only
    return True
