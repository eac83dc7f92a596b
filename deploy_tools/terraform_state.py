"""File in which Terraform keeps the state of a stack of the local cloud, in version 4 of its format."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy_tools.errors import DeploymentError

_FORMAT: Final = 4


@dataclass(frozen=True, slots=True)
class TerraformState:
    """Content of the file. It may be changed only while no Terraform runs.

    Attributes:
        path: The file.
        content: Its JSON.
    """

    path: Path
    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> TerraformState:
        """Read a file; one that is missing or empty has no resources.

        Raises:
            DeploymentError: It is not a state, or of another version of the format.
        """
        try:
            text = path.read_text(encoding="utf-8")
            content = json.loads(text) if text.strip() else {"version": _FORMAT}
        except FileNotFoundError:
            content = {"version": _FORMAT}
        except (OSError, ValueError) as error:
            raise DeploymentError(f"{path}: cannot be read as a Terraform state: {error}") from None
        if not isinstance(content, dict) or content.get("version") != _FORMAT:
            raise DeploymentError(f"{path}: not a Terraform state in version {_FORMAT} of the format")
        return cls(path, content)

    @property
    def outputs(self) -> dict[str, object]:
        """The outputs by name."""
        return {name: output["value"] for name, output in (self.content.get("outputs") or {}).items()}

    @property
    def resource_count(self) -> int:
        """Number of resources and data sources."""
        return sum(1 for _ in self._instances())

    def attributes(self, *types: str) -> dict[str, dict[str, Any]]:
        """Return the attributes of resources of some types, by address. They may be changed, and then saved."""
        return {
            f"{resource['type']}.{resource['name']}": instance["attributes"]
            for resource, instance in self._instances()
            if resource.get("mode") == "managed" and resource["type"] in types
        }

    def lookup(self, address: str, attribute: str) -> object:
        """Return an attribute of a resource or data source; None if it is not in the state."""
        for resource, instance in self._instances():
            kind = "data." if resource.get("mode") == "data" else ""
            if f"{kind}{resource['type']}.{resource['name']}" == address:
                found: object = instance["attributes"].get(attribute)
                return found
        return None

    def remove_taints(self, types: frozenset[str]) -> list[str]:
        """Remove the mark `tainted` from resources of some types; return their addresses. Nothing is saved."""
        found = []
        for resource, instance in self._instances():
            if resource["type"] in types and instance.get("status") == "tainted":
                del instance["status"]
                found.append(f"{resource['type']}.{resource['name']}")
        return found

    def save(self) -> None:
        """Write the file, as a state that follows the one that was read."""
        self.content["serial"] = int(self.content.get("serial", 0)) + 1
        target = self.path.resolve()
        temporary = target.with_name(f"{target.name}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - private from the start
            json.dump(self.content, file, indent=2)
        temporary.replace(target)

    def _instances(self) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        for resource in self.content.get("resources") or ():
            for instance in resource.get("instances") or ():
                yield resource, instance
