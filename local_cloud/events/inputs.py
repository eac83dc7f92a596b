"""Input of a target: the event, a part of it, a constant, or the result of a template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local_cloud.json_paths import MISSING, find

_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|<[\w.-]+>')
_VARIABLE = re.compile(r"<([\w.-]+)>")


class InvalidInput(Exception):
    """The result of a template is not JSON."""


def input_of(target: Mapping[str, Any], event: Mapping[str, Any], *, rule_arn: str) -> str:
    """Return what a target gets, as JSON."""
    if target.get("Input"):
        return str(target["Input"])
    if path := target.get("InputPath"):
        return _json(_found(path, event))
    transformer = target.get("InputTransformer")
    if not transformer:
        return _json(event)
    values = {name: _found(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    rest = {name: value for name, value in event.items() if name != "detail"}
    predefined = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": event.get("time"),
        "aws.events.event": rest,
        "aws.events.event.json": event,
    }
    text = _filled(str(transformer.get("InputTemplate", "")), {**values, **predefined})
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the template makes no JSON of the event: {error}") from None
    return text


def _found(path: str, event: Mapping[str, Any]) -> Any:
    found = find(path, event)
    return None if found is MISSING else found


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """Put the values in: as JSON, or as text where they are within a string. What is not there is null or nothing."""

    def value_of(match: re.Match[str]) -> Any:
        return values.get(match[1])

    def fill(match: re.Match[str]) -> str:
        part = match[0]
        if not part.startswith('"'):
            return _json(values.get(part[1:-1]))
        return _VARIABLE.sub(lambda variable: _within_a_string(value_of(variable)), part)

    return _PARTS.sub(fill, template)


def _within_a_string(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else _json(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
