"""The cache of what takes long to make, keyed by content: simulator builds, and emitted Verilog.

An entry is a folder that is complete from the moment it exists: it is made under another name and renamed.  A killed build leaves
a folder that nobody reads; the next build of the same key removes it, or any build a day later.  Every entry lists the digests of its
files; one that was damaged since is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock

from golden.errors import InputError

VARIABLE = "WEFT_CACHE"

#: Entries that were not used for the longest time are removed when all together take more than this many bytes.
LIMIT = 1 << 30
#: An entry used within these seconds may still be in use and stays.
GRACE = 3600.0
#: What a build began and has not added a file to for so many seconds, nobody will finish.
ABANDONED = 86400.0
#: The file of an entry that lists the others, as `sha256sum` does.
DIGESTS = "SHA256SUMS"

_TEXT = "text"


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
    """The folder of a key, if there is one and it is as it was made; it counts as used now."""
    path = folder() / key
    return path if _touch(path) and _sound(path) else None


def entry(key: str, make: Callable[[Path], None]) -> Path:
    """The folder of a key.  Where there is none, or a damaged one, `make` fills one; what it raises goes through, and leaves no entry.

    Two processes that want the same entry at once: one makes it, the other waits.
    Raises InputError when the cache folder cannot be written.
    """
    if (found := find(key)) is not None:
        return found
    root = folder()
    path = root / key
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_locked(root, key))
            if (found := find(key)) is not None:
                return found
            _remove(root, key)
            part = Path(tempfile.mkdtemp(prefix=f"{key}.part-", dir=root))
        except OSError as error:
            raise InputError(
                f"the cache folder {root} cannot be written ({error}); name another one in the environment variable {VARIABLE}"
            ) from error
        try:
            make(part)
            (part / DIGESTS).write_text(_digests(part), encoding="utf-8")
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    prune(root, keep=path)
    return path


def text(key: str, make: Callable[[], str]) -> str:
    """The text of a key; where there is none, `make` gives it.  A cache folder that cannot be written is done without."""
    if find(key) is None and not _writable():
        return make()
    path = entry(key, lambda part: _write(part / _TEXT, make()))
    return (path / _TEXT).read_bytes().decode()


def prune(root: Path, keep: Path | None = None, limit: int = LIMIT) -> None:
    """Removes what killed builds left, and the entries not used for the longest time until the others take at most `limit` bytes."""
    used = []
    for path in root.iterdir():
        if ".part-" in path.name:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                used.append((path.stat().st_mtime, sum(file.stat().st_size for file in path.rglob("*") if file.is_file()), path))
    total = sum(size for _, size, _ in used)
    for last_use, size, path in sorted(used):
        if total <= limit:
            return
        if path != keep and time.time() - last_use > GRACE:
            shutil.rmtree(path, ignore_errors=True)
            total -= size


@contextlib.contextmanager
def _locked(root: Path, key: str) -> Iterator[None]:
    """Keeps other processes from making the same entry; raises OSError where the cache cannot be written."""
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{key}.lock"):
        yield


def _remove(root: Path, key: str) -> None:
    """Removes what killed builds of a key have left, and a damaged entry, which disappears at once."""
    for stale in root.glob(f"{key}.part-*"):
        shutil.rmtree(stale, ignore_errors=True)
    if (root / key).exists():
        damaged = root / f"{key}.part-damaged"
        (root / key).rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)


def _writable() -> bool:
    """Whether new entries can be made."""
    root = folder()
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        return os.access(root, os.W_OK | os.X_OK)
    return False


def _touch(path: Path) -> bool:
    """Whether an entry exists; marks it as used now."""
    try:
        os.utime(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return path.is_dir()  # a cache that is shared read-only
    return True


def _digests(path: Path) -> str:
    """What DIGESTS holds for the files that are in an entry."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and file != path / DIGESTS)
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(path).as_posix()}\n" for file in files)


def _sound(path: Path) -> bool:
    """Whether the files of an entry are those that it was made with."""
    try:
        return (path / DIGESTS).read_text(encoding="utf-8") == _digests(path)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
