"""Catalogue of the services: what the contracts say, written into the archive when the stack is synthesized."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handlers.common.caller import Caller
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

    def operations_for(self, caller: Caller | None) -> list[dict[str, Any]]:
        """Return the operations that a caller may use, in the order of the contracts; without a caller, all."""
        return [
            one
            for one in self._operations.values()
            if caller is None or caller.may_use_service(str(one["service"]))
        ]

    def operation(self, name: str, caller: Caller | None) -> dict[str, Any]:
        """Return the operation of a name.

        Raises:
            UnknownService: No service has an operation of this name.
            Forbidden: The caller may not use its service.
        """
        operation = self._operations.get(name)
        if operation is None:
            available = ", ".join(str(one["name"]) for one in self.operations_for(caller))
            raise UnknownService(f"Unknown service. Available: {available}.")
        if caller is not None:
            caller.require_service(str(operation["service"]))
        return operation
