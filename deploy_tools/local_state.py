"""The Terraform state of the local cloud: which start of it the state describes, and whether an apply was cut short.

A state is good for one start of the local cloud, and for those that take over what it holds (`local_cloud/saved_state.py`).
A local cloud that is killed is followed by an empty one, with another name. And Terraform writes down what it has
created when AWS has answered, so an apply that is killed leaves resources that no state lists, and whose names are taken.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy_tools.errors import CutShortError

_RECORD: Final = ".cloud.json"


@dataclass(frozen=True, slots=True)
class LocalState:
    """A state in a file, with a record beside it.

    Attributes:
        path: The file, which may be missing.
    """

    path: Path

    def exists(self) -> bool:
        """Return whether there is a state; the empty file that synthesis creates is none."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def describes(self, instance: str) -> bool:
        """Return whether the state lists all that the start `instance` of the local cloud holds."""
        try:
            json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return self._recorded() == (instance, True)

    def was_cut_short(self, instance: str) -> bool:
        """Return whether an apply to the start `instance` of the local cloud was cut short."""
        return self._recorded() == (instance, False)

    def was_applied_to(self, instance: str) -> bool:
        """Return whether anything was applied to the start `instance` of the local cloud."""
        return self._recorded()[0] == instance

    def is_of_unknown_origin(self) -> bool:
        """Return whether there is a state without a record of the start that it was applied to."""
        return self.exists() and self._recorded()[0] is None

    def set_aside(self, directory: Path) -> bool:
        """Move the state into a directory, as `previous.` and its name; return whether there was one."""
        self._record.unlink(missing_ok=True)
        if not self.exists():
            return False
        # The directory may be on another file system.
        shutil.move(self.path, directory / f"previous.{self.path.name}")
        return True

    @contextmanager
    def applying(
        self, instance: str, *, may_have_created: Callable[[], bool] = lambda: True
    ) -> Iterator[None]:
        """Record that the block applies to the start `instance` of the local cloud, and how it ends.

        It ends complete, even if Terraform reports errors, unless it is interrupted or killed.

        Args:
            instance: The start of the local cloud.
            may_have_created: Called when the block is interrupted or killed: whether it may have created resources. What
                only changes or destroys them leaves none that no state lists. Default: it may.
        """
        self._write(instance, complete=False)
        try:
            yield
        except (CutShortError, KeyboardInterrupt):
            self._write(instance, complete=not may_have_created())
            raise
        except Exception:
            self._write(instance, complete=True)
            raise
        self._write(instance, complete=True)

    @property
    def _record(self) -> Path:
        return self.path.with_name(self.path.name + _RECORD)

    def _recorded(self) -> tuple[str | None, bool]:
        """The start of the local cloud that was applied to last, and whether the last apply ended in order."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            return str(record["instance"]), bool(record["complete"])
        except (OSError, ValueError, LookupError, TypeError):
            return None, False

    def _write(self, instance: str, *, complete: bool) -> None:
        temporary = self._record.with_name(self._record.name + ".tmp")
        temporary.write_text(json.dumps({"instance": instance, "complete": complete}), encoding="utf-8")
        temporary.replace(self._record)
