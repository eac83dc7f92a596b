"""Progress of an apply, read from the events that Terraform prints with `-json`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_CHANGES: Final = frozenset({"create", "update", "delete"})


@dataclass(slots=True)
class ApplyProgress:
    """Progress of an apply.

    Attributes:
        planned: Numbers of resources to add, change and destroy. None until the plan is made.
        drifted: Addresses of resources that were changed outside of Terraform.
        done: Number of changes that ended.
        running: Changes under way: when each began, on the monotonic clock, by the resource's address.
        took: Seconds that each change took, by the resource's address.
        reports: Errors and warnings, as Terraform words them.
        creates: Whether the creation of a resource has begun.
        is_live: Whether anything was read.
    """

    planned: dict[str, int] | None = None
    drifted: list[str] = field(default_factory=list)
    done: int = 0
    running: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)
    creates: bool = False
    is_live: bool = False

    @property
    def total(self) -> int:
        """Number of changes; 0 until the plan is made."""
        return sum((self.planned or {}).values())

    @property
    def may_have_created(self) -> bool:
        """True if a resource may exist that is in no state, if Terraform was killed."""
        return self.creates or not self.is_live

    def slowest(self, count: int) -> list[tuple[str, float]]:
        """Return the changes that are under way for the longest time, with their seconds."""
        now = time.monotonic()
        oldest = sorted(self.running.items(), key=lambda item: item[1])
        return [(address, now - began) for address, began in oldest[:count]]

    def read(self, line: str) -> None:
        """Take in a line that Terraform printed."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self.reports.append(line.rstrip())
            return
        self.is_live = True
        hook = event.get("hook") or {}
        address = (hook.get("resource") or {}).get("addr", "")
        match event.get("type"):
            case "apply_start" if hook.get("action") in _CHANGES:
                self.running[address] = time.monotonic()
                self.creates |= hook["action"] == "create"
            case "apply_complete" | "apply_errored" if address in self.running:
                self.took[address] = time.monotonic() - self.running.pop(address)
                self.done += 1
            case "resource_drift":
                self.drifted.append(event["change"]["resource"]["addr"])
            case "change_summary" if event["changes"]["operation"] == "plan":
                changes = event["changes"]
                self.planned = {
                    "add": changes["add"],
                    "change": changes["change"],
                    "destroy": changes["remove"],
                }
            case "diagnostic":
                self.reports.append(_worded(event["diagnostic"]))


def _worded(diagnostic: Mapping[str, Any]) -> str:
    """Return an error or a warning as Terraform prints it without `-json`."""
    lines = [f"{str(diagnostic['severity']).capitalize()}: {diagnostic['summary']}", ""]
    if address := diagnostic.get("address"):
        lines.append(f"  with {address},")
    if position := diagnostic.get("range"):
        lines.append(f"  on {position['filename']} line {position['start']['line']}")
    if detail := diagnostic.get("detail"):
        lines += ["", str(detail)]
    return "\n".join(lines).replace("\n\n\n", "\n\n")
