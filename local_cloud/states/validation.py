"""Validation of definitions: findings of moto's parser, and of transitions, which it does not check.

The answers have the codes and the form of Step Functions; the texts of syntax errors are the parser's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.json_paths import JsonPathError, compile_path
from local_cloud.states import intrinsics

LARGEST_DEFINITION = 1024 * 1024
"""In bytes, as on AWS."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong.

    Attributes:
        code: Such as `SCHEMA_VALIDATION_FAILED`.
        location: A path into the definition, such as `/States/Read/Next`; empty where it is not known.
    """

    code: str
    message: str
    location: str = ""

    def text(self) -> str:
        """Message of CreateStateMachine."""
        where = f" at {self.location}" if self.location else ""
        return f"{self.code}: {self.message}{where}"


def diagnose(definition: str, machine_type: str) -> list[Diagnostic]:
    """Check a definition; an empty list means that it can be executed."""
    if len(definition.encode()) > LARGEST_DEFINITION:
        return [
            Diagnostic("DEFINITION_TOO_LARGE", f"The definition has more than {LARGEST_DEFINITION} bytes")
        ]
    try:
        content = json.loads(definition, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        return [Diagnostic("INVALID_JSON_DESCRIPTION", f"The definition is not JSON: {error}")]
    if not isinstance(content, dict):
        return [Diagnostic("SCHEMA_VALIDATION_FAILED", "The definition is not an object")]
    if found := _syntax(definition, machine_type):
        return found
    machines = list(_machines(content))
    return [
        *(item for machine, where, _ in machines for item in _transitions(machine, where)),
        *(item for machine, where, language in machines for item in _payloads(machine, where, language)),
    ]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice in one object")
    return content


def _syntax(definition: str, machine_type: str) -> list[Diagnostic]:
    from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException

    from local_cloud.states.execution import parsed

    try:
        found = parsed(definition)
        if machine_type == "EXPRESS" and found.express_error is not None:
            raise ValueError(found.express_error)
    except ASLParserException as error:
        return [Diagnostic("SCHEMA_VALIDATION_FAILED", text) for text in error.errors]
    except Exception as error:  # noqa: BLE001 - the parser lets errors of any kind out
        text = str(error) or type(error).__name__
        inner = text.removeprefix("Invalid State Machine Definition: '").rstrip("'")
        return [Diagnostic("SCHEMA_VALIDATION_FAILED", inner.removeprefix("SCHEMA_VALIDATION_FAILED: "))]
    return []


def _machines(
    machine: Mapping[str, Any], where: str = "", language: str | None = None
) -> Iterator[tuple[Mapping[str, Any], str, str | None]]:
    """Return a state machine, and the branches and iterations inside of it, with their places and query languages."""
    language = machine.get("QueryLanguage", language)
    yield machine, where, language
    for name, state in machine["States"].items():
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from _machines(state[field], f"{where}/States/{name}/{field}", language)
        for index, branch in enumerate(state.get("Branches", ())):
            yield from _machines(branch, f"{where}/States/{name}/Branches[{index}]", language)


def _payloads(machine: Mapping[str, Any], where: str, language: str | None) -> Iterator[Diagnostic]:
    """Find members `name.$` whose values are neither paths nor calls of intrinsic functions."""
    for name, state in machine["States"].items():
        if state.get("QueryLanguage", language) != "JSONata":
            for field in ("Parameters", "ResultSelector", "ItemSelector", "Assign", "Credentials"):
                yield from _payload(state.get(field), f"{where}/States/{name}/{field}")


def _payload(content: Any, where: str) -> Iterator[Diagnostic]:
    if isinstance(content, list):
        for index, value in enumerate(content):
            yield from _payload(value, f"{where}[{index}]")
    if not isinstance(content, dict):
        return
    for name, value in content.items():
        if not name.endswith(".$"):
            yield from _payload(value, f"{where}/{name}")
        elif not isinstance(value, str) or not _is_expression(value):
            yield Diagnostic(
                "SCHEMA_VALIDATION_FAILED",
                f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call",
                f"{where}/{name}",
            )


def _is_expression(text: str) -> bool:
    try:
        if not text.startswith("$"):
            intrinsics.parse(text)
        elif text[1:2] in ("", ".", "[", "$"):
            compile_path(text.replace("$$", "$", 1))
    except (JsonPathError, intrinsics.IntrinsicSyntaxError):
        return False
    return True


def _transitions(machine: Mapping[str, Any], where: str) -> Iterator[Diagnostic]:
    states, start = machine["States"], machine["StartAt"]
    if start not in states:
        yield _missing("StartAt", start, f"{where}/StartAt")
    reached = {start}
    waiting = [start] if start in states else []
    while waiting:
        name = waiting.pop()
        for field, target, location in _targets(states[name], f"{where}/States/{name}"):
            if target not in states:
                yield _missing(field, target, location)
            elif target not in reached:
                reached.add(target)
                waiting.append(target)
    for name in states:
        if name not in reached:
            yield Diagnostic(
                "MISSING_TRANSITION_TARGET", f'State "{name}" is not reachable.', f"{where}/States/{name}"
            )


def _targets(state: Mapping[str, Any], where: str) -> Iterator[tuple[str, str, str]]:
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field], f"{where}/{field}"
    for group in ("Choices", "Catch"):
        for index, item in enumerate(state.get(group, ())):
            if "Next" in item:
                yield "Next", item["Next"], f"{where}/{group}[{index}]/Next"


def _missing(field: str, target: object, where: str) -> Diagnostic:
    return Diagnostic("MISSING_TRANSITION_TARGET", f"Missing '{field}' target: {target}", where)
