"""Tools of the server: operations of the contracts, written into the archive when the stack is synthesized."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_types import Tool

from handlers.common.caller import Caller

FILE = Path(__file__).with_name("tools.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRoute:
    """Route behind a tool, and what answers it.

    Attributes:
        operation: Name of the operation, such as `vision.text`.
        service: The service that a caller must be allowed to use. None: all callers may.
        method: The HTTP method.
        path: The path, such as `/jobs/{job}`.
        max_body_bytes: The largest body in bytes.
        in_path: Arguments that are part of the path.
        in_query: Arguments that are in the query string.
        in_headers: Arguments that are headers, each with the header's name.
        images: Places of images in the result: keys, `*` for each item of a list, and last the media type.
        function: Key of the function in AI_SERVICES. None: a workflow answers.
        workflow: Key of the workflow in AI_WORKFLOWS. None: a function answers.
        errors: Status, code and message of the answers to failed workflows, by the names of the errors.
    """

    operation: str
    service: str | None
    method: str
    path: str
    max_body_bytes: int
    in_path: list[str] = field(default_factory=list)
    in_query: list[str] = field(default_factory=list)
    in_headers: dict[str, str] = field(default_factory=dict)
    images: list[list[str]] = field(default_factory=list)
    function: str | None = None
    workflow: str | None = None
    errors: dict[str, tuple[int, str, str]] = field(default_factory=dict)


class Tools:
    """The tools.

    Args:
        described: Each with `tool`, as clients get it, and `route`.
    """

    def __init__(self, described: Iterable[Mapping[str, Any]]) -> None:
        found = [(Tool.model_validate(one["tool"]), ToolRoute(**one["route"])) for one in described]
        self._tools = {tool.name: (tool, route) for tool, route in found}

    @classmethod
    def from_file(cls, file: Path = FILE) -> Tools:
        """Return the tools in the archive.

        Raises:
            OSError: The archive has none.
        """
        return cls(json.loads(file.read_text(encoding="utf-8")))

    def usable_by(self, caller: Caller | None) -> list[Tool]:
        """Return the tools that a caller may use, in the order of the services; without a caller, all."""
        return [
            tool
            for tool, route in self._tools.values()
            if caller is None or route.service is None or caller.may_use_service(route.service)
        ]

    def named(self, name: str) -> tuple[Tool, ToolRoute] | None:
        """Return the tool of a name and its route; None if there is none."""
        return self._tools.get(name)
