"""Files of an app, watched for changes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

from watchfiles._rust_notify import RustNotify

_STEP_MS: Final = 25
"""Changes that follow each other within this time are one change: an editor may write a file in several steps."""
_LONGEST_MS: Final = 1_000
_POLL_MS: Final = 500
_NO_SOURCES: Final = frozenset({"__pycache__", "node_modules", "cdktf.out"})
_NO_SOURCE_SUFFIXES: Final = (
    "~",
    ".pyc",
    ".tmp",
    ".swp",
    ".swx",
    ".tfstate",
    ".backup",
    ".tfstate.cloud.json",
)


class FileWatch:
    """Changes of the files in a folder, and of all below some of its entries, from the moment of its creation.

    Hidden files, caches, backups of editors and states of Terraform are left out.

    Args:
        folder: The folder.
        below: Names of its entries that are watched with all that is below them.
    """

    def __init__(self, folder: Path, below: Collection[str] = ()) -> None:
        self._folder = folder
        self._changes: queue.SimpleQueue[set[Path]] = queue.SimpleQueue()
        self._below: frozenset[str] = frozenset()
        self._closing: list[threading.Event] = []
        self._start([folder], recursive=False)
        self.extend(below)

    def extend(self, below: Collection[str]) -> None:
        """Watch further entries of the folder."""
        added = {name for name in frozenset(below) - self._below if (self._folder / name).is_dir()}
        self._below |= added
        if added:
            self._start([self._folder / name for name in sorted(added)], recursive=True)

    def next(self) -> set[Path]:
        """Wait for changes; return the files that were added, modified or deleted."""
        changed = self._changes.get()
        while not self._changes.empty():
            changed |= self._changes.get()
        return changed

    def close(self) -> None:
        """Stop watching."""
        for closing in self._closing:
            closing.set()

    def _start(self, paths: list[Path], *, recursive: bool) -> None:
        notify = RustNotify([str(path) for path in paths], False, False, 0, recursive, False)
        closing = threading.Event()
        self._closing.append(closing)
        threading.Thread(target=self._watch, args=(notify, closing), daemon=True).start()

    def _watch(self, notify: RustNotify, closing: threading.Event) -> None:
        with notify:
            while not closing.is_set():
                found = notify.watch(_LONGEST_MS, _STEP_MS, _POLL_MS, closing)
                if isinstance(found, set):
                    changed = {Path(path) for _, path in found}
                    if sources := {path for path in changed if self._is_source(path)}:
                        self._changes.put(sources)

    def _is_source(self, path: Path) -> bool:
        parts = path.relative_to(self._folder).parts
        hidden = any(part.startswith(".") or part in _NO_SOURCES for part in parts)
        return not hidden and not path.name.endswith(_NO_SOURCE_SUFFIXES) and not path.is_dir()
