"""Cache of the repacked provider archive in the user's cache directory, safe for any number of processes.

An entry is a folder, complete from the moment it has its name: it is written under another name and then
renamed. Processes that build at the same time each build their own. The first rename wins, and no process
waits. An entry says how long its archive is, so that a truncated one is noticed and replaced; one that is
damaged otherwise fails its checksum when jsii unpacks it, and is then discarded.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from lazy_bindings._provider import ARCHIVE, UnavailableError, is_common, namespaces, type_prefix

_LENGTH = "length"
_UNFINISHED = ".unfinished-"
_ABANDONED_AFTER = 24 * 60 * 60  # seconds


class Contents(Enum):
    """Contents of a repacked archive."""

    COMMON = "common"
    EVERYTHING = "everything"


def repacked_archive(provider: Path, contents: Contents) -> Path:
    """Return the folder with a repacked archive, named like the provider's own; makes it if need be.

    Args:
        provider: Where the provider package is installed.
        contents: Which archive.

    Raises:
        UnavailableError: If there is none and it cannot be made.
    """
    cache = cache_directory()
    entry = cache / f"{ARCHIVE.removesuffix('.jsii.tgz')}-{_fingerprint()}-{contents.value}"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_if_shared(cache)
        if not _is_whole(entry):
            _remove_abandoned(cache)
            _build(provider, contents, entry)
    except OSError as error:
        raise UnavailableError(f"the cache {cache} cannot be used: {error.strerror or error}") from error
    return entry


def discard(entry: Path) -> None:
    """Remove an entry that turned out to be damaged; does nothing where that is not permitted."""
    shutil.rmtree(entry, ignore_errors=True)


def cache_directory(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the cache directory by the platform's rules; it need not exist.

    It is `lazy-bindings` in `%LOCALAPPDATA%` or else `~/AppData/Local` on Windows; on the others in
    `$XDG_CACHE_HOME` or else `~/Library/Caches` on macOS, `~/.cache` elsewhere. As the XDG specification
    asks, a relative path in the environment counts as unset.

    Raises:
        UnavailableError: If that depends on a home directory which the user does not have.
    """
    value: PurePath
    if platform == "win32":
        value, in_home = PureWindowsPath(environ.get("LOCALAPPDATA", "")), "AppData/Local"
    else:
        value = PurePosixPath(environ.get("XDG_CACHE_HOME", ""))
        in_home = "Library/Caches" if platform == "darwin" else ".cache"
    if value.is_absolute():
        return Path(str(value), "lazy-bindings")
    try:
        home = Path.home()
    except RuntimeError as error:
        raise UnavailableError("there is no home directory to keep a cache in") from error
    if not home.is_dir():
        raise UnavailableError(f"the home directory {home}, where the cache belongs, does not exist")
    return home / in_home / "lazy-bindings"


def _fingerprint() -> str:
    """Return a short name for what decides the contents of an entry: the code that makes it."""
    makers = (Path(__file__).with_name(name) for name in ("_package.py", "_provider.py", "main_module.js"))
    return f"{zlib.crc32(b''.join(maker.read_bytes() for maker in makers)):08x}"


def _is_whole(entry: Path) -> bool:
    try:
        return int((entry / _LENGTH).read_text("ascii")) == (entry / ARCHIVE).stat().st_size
    except (OSError, ValueError):
        return False


def _refuse_if_shared(cache: Path) -> None:
    """Reject a cache that another user could have written to: what is in it gets executed."""
    if not hasattr(os, "getuid"):
        return  # Windows: the directory inherits the user's profile's access list
    status = cache.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise UnavailableError(f"other users may write to {cache}")


def _remove_abandoned(cache: Path) -> None:
    """Remove what builds left behind whose process was killed."""
    oldest = time.time() - _ABANDONED_AFTER
    for folder in cache.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(OSError):  # another process removes it, or it is not ours
            if folder.stat().st_mtime < oldest:
                discard(folder)


def _build(provider: Path, contents: Contents, entry: Path) -> None:
    # What it imports takes 5 ms, which only a first run should spend.
    from lazy_bindings._package import repack

    everything = contents is Contents.EVERYTHING
    eager = {type_prefix(name) for name in namespaces(provider) if everything or is_common(name)}
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=entry.parent))
    try:
        repacked = repack(provider / "_jsii" / ARCHIVE, eager)
        (unfinished / ARCHIVE).write_bytes(repacked)
        (unfinished / _LENGTH).write_text(str(len(repacked)), "ascii")
        try:
            unfinished.rename(entry)
        except OSError:
            if _is_whole(entry):
                return  # another process was first
            discard(entry)
            unfinished.rename(entry)
    finally:
        discard(unfinished)
