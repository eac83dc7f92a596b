"""Catalogue of the services: what the contracts say, written into the archive when the stack is synthesized."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handlers.common.errors import UnknownService

FILE = Path(__file__).with_name("catalogue.json")


class Catalogue:
    """The operations of all services.

    Args:
        operations: Each as `Operation.describe` returns it.
    """

    def __init__(self, operations: Sequence[Mapping[str, Any]]) -> None:
        self._operations = {str(operation["name"]): dict(operation) for operation in operations}

    @classmethod
    def from_file(cls, file: Path = FILE) -> Catalogue:
        """Return the catalogue in the archive.

        Raises:
            OSError: The archive has no catalogue.
        """
        return cls(json.loads(file.read_text(encoding="utf-8")))

    @property
    def operations(self) -> list[dict[str, Any]]:
        """All operations, in the order of the contracts."""
        return list(self._operations.values())

    def operation(self, name: str) -> dict[str, Any]:
        """Return the operation of a name.

        Raises:
            UnknownService: No service has an operation of this name.
        """
        operation = self._operations.get(name)
        if operation is None:
            raise UnknownService(f"Unknown service. Available: {', '.join(self._operations)}.")
        return operation
