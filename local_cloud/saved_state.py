"""Deployed resources on disk while the local cloud is down.

When it is stopped, `saved/` in its directory gets moto's backends and the snapshots of deployments, as one pickle
(`state.pickle`) beside a header (`state.json`), and large contents in a file each (`blobs/`), named by their SHA-256. The next
start takes them over, and with them the name of the start, by which the deploy commands know what a Terraform state
describes. It deletes the header, so that a local cloud that is killed is never followed by an older state.

A state of another version is not read: of Python, of moto, or of the local cloud itself.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import pickle
import platform
import shutil
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import IO, Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

FOLDER: Final = "saved"
"""Name of the folder in the directory of the local cloud."""

_SMALLEST_BLOB: Final = 65_536
_LOCK: Final = type(threading.Lock())
_RLOCK: Final = type(threading.RLock())
_CRYPTOGRAPHY: Final = "cryptography.hazmat.bindings"
_OF_EVERY_COLLECTION: Final = frozenset(
    {"backend", "service_name", "_use_boto3_regions", "_additional_regions", "_id"}
)


@dataclass(frozen=True, slots=True)
class SavedState:
    """A state on disk that can be read.

    Attributes:
        instance: Name of the start that it belongs to.
    """

    folder: Path
    instance: str


class UnreadableStateError(Exception):
    """There is a state on disk that cannot be taken over. The message says why."""


def find(directory: Path) -> SavedState | None:
    """Return the state on disk; None if there is none.

    Raises:
        UnreadableStateError: It is of another version, or its header cannot be read.
    """
    folder = directory / FOLDER
    try:
        header = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        instance, version = str(header["instance"]), header["version"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UnreadableStateError(f"its header cannot be read: {type(error).__name__}: {error}") from None
    for part, own in _version().items():
        if version.get(part) != own:
            raise UnreadableStateError(f"it was saved by another version ({part})")
    return SavedState(folder, instance)


def is_there(directory: Path) -> bool:
    """Return whether there is a state on disk, readable or not."""
    return (directory / FOLDER / "state.json").is_file()


def discard(directory: Path) -> None:
    """Delete the state on disk, if there is one."""
    shutil.rmtree(directory / FOLDER, ignore_errors=True)


def save(directory: Path, instance: str) -> None:
    """Write the state of this process, which answers no more requests.

    Raises:
        Exception: Something in the state cannot be written; nothing is on disk then.
    """
    folder = directory / FOLDER
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # it holds secrets and the private keys of KMS
    (folder / "state.json").unlink(missing_ok=True)
    with (folder / "state.pickle").open("wb") as file:
        pickler = _Pickler(file, blobs)
        pickler.dump(_content())
    for blob in blobs.iterdir():
        if blob.name not in pickler.blobs:
            blob.unlink()
    header = {"instance": instance, "version": _version()}
    temporary = folder / "state.json.tmp"
    temporary.write_text(json.dumps(header), encoding="utf-8")
    temporary.replace(folder / "state.json")


def restore(state: SavedState) -> None:
    """Take over a state in this process, whose backends are empty; its header is deleted.

    Raises:
        UnreadableStateError: It cannot be read; nothing has changed.
    """
    from moto.core.base_backend import BackendDict

    from local_cloud.gateway import snapshot

    (state.folder / "state.json").unlink()
    try:
        with (state.folder / "state.pickle").open("rb") as file:
            content = _Unpickler(file, state.folder / "blobs").load()
        for backends, _, _ in content["backends"]:
            if not isinstance(backends, BackendDict):
                raise TypeError(f"{backends!r} is not a collection of backends")
    except Exception as error:
        raise UnreadableStateError(f"{type(error).__name__}: {error}") from error
    for backends, accounts, attributes in content["backends"]:
        for account_id, regions in accounts.items():
            backends[account_id].update(regions)
        vars(backends).update(attributes)
    snapshot.restore(content["snapshots"])


def _content() -> dict[str, Any]:
    from moto.core.base_backend import BackendDict

    from local_cloud.gateway import snapshot

    return {
        "backends": [
            (
                backends,
                {account_id: dict(regions) for account_id, regions in backends.items()},
                {name: value for name, value in vars(backends).items() if name not in _OF_EVERY_COLLECTION},
            )
            for backends in BackendDict._instances
        ],
        "snapshots": snapshot.every(),
    }


class _Pickler(pickle.Pickler):
    """Pickler that writes large contents into files of their own, and locks as new ones."""

    def __init__(self, file: IO[bytes], blobs: Path) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.blobs: set[str] = set()
        self._folder = blobs
        self._collections = dict(_collections())

    def persistent_id(self, value: Any) -> str | None:
        """Return the name of the file of a large content; None for everything else."""
        if type(value) is not bytes or len(value) < _SMALLEST_BLOB:
            return None
        name = hashlib.sha256(value).hexdigest()
        if name not in self.blobs:
            self.blobs.add(name)
            blob = self._folder / name
            if not blob.is_file() or blob.stat().st_size != len(value):
                temporary = blob.with_suffix(".tmp")
                temporary.write_bytes(value)
                temporary.replace(blob)
        return name

    def reducer_override(self, value: Any) -> Any:
        """Return how something is created anew that belongs to this process; NotImplemented for everything else."""
        if isinstance(value, _LOCK):
            return threading.Lock, ()
        if isinstance(value, _RLOCK):
            return threading.RLock, ()
        if isinstance(value, threading.Condition):
            return threading.Condition, (value._lock,)  # type: ignore[attr-defined]
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        if isinstance(value, (WeakKeyDictionary, WeakValueDictionary)):
            return type(value), (dict(value),)
        if isinstance(value, (threading.Thread, weakref.ref)):
            return type(None), ()
        if isinstance(value, FunctionType) and "<lambda>" in value.__qualname__ and value.__closure__ is None:
            return _function, (value.__module__, marshal.dumps(value.__code__))
        if type(value).__module__.startswith(_CRYPTOGRAPHY):
            return _reduced_key(value)
        if place := self._collections.get(id(value)):
            return _collection, place
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Unpickler of the files of `_Pickler`."""

    def __init__(self, file: IO[bytes], blobs: Path) -> None:
        super().__init__(file)
        self._folder = blobs

    @cache  # noqa: B019 - as many as there are blobs, and as long as the reader lives
    def persistent_load(self, name: str) -> bytes:
        """Return the content of a file."""
        return (self._folder / name).read_bytes()


def _collections() -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield moto's collections of backends, by their identities, with their places: module and name."""
    from moto.core.base_backend import BackendDict

    for module in list(sys.modules.values()):
        if module is not None and module.__name__.startswith("moto."):
            for name, value in vars(module).items():
                if isinstance(value, BackendDict):
                    yield id(value), (module.__name__, name)


def _collection(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def _function(module: str, code: bytes) -> FunctionType:
    """Return a function without a closure; its code is of this version of Python."""
    return FunctionType(marshal.loads(code), vars(import_module(module)))  # noqa: S302 - saved by this user


def _reduced_key(key: Any) -> Any:
    """Return how a private or public key is created anew; NotImplemented for everything else of that library."""
    from cryptography.hazmat.primitives import serialization as keys

    if hasattr(key, "private_bytes"):
        encoded = key.private_bytes(keys.Encoding.DER, keys.PrivateFormat.PKCS8, keys.NoEncryption())
        return _key, ("load_der_private_key", encoded, None)
    if hasattr(key, "public_bytes"):
        encoded = key.public_bytes(keys.Encoding.DER, keys.PublicFormat.SubjectPublicKeyInfo)
        return _key, ("load_der_public_key", encoded)
    return NotImplemented


def _key(loader: str, *arguments: Any) -> Any:
    from cryptography.hazmat.primitives import serialization

    return getattr(serialization, loader)(*arguments)


def _read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


@cache
def _version() -> dict[str, str]:
    """Return what a state depends on: this Python, moto, and the code of the local cloud."""
    code = hashlib.sha256()
    root = Path(__file__).parent
    for file in sorted(root.rglob("*.py")):
        code.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return {
        "python": platform.python_version(),
        "moto": metadata.version("moto"),
        "local_cloud": code.hexdigest(),
    }
