"""Values of OpenAI's protocol that the service does not act on: it takes the ones without effect and rejects the others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

_JSON_TYPES = {bool: "boolean", int: "number", float: "number", str: "string"}


class Only:
    """For `Annotated[Any, Only(0)]`: the parameter may be null or one of the values, which change nothing.

    Args:
        values: Values that the service can honour. None: null alone is accepted.
    """

    def __init__(self, *values: bool | float | str) -> None:
        self._values = values

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        written = handler(schema)
        if not self._values:
            return {**written, "type": "null", "description": "Not supported."}
        accepted = ", ".join(json.dumps(one) for one in self._values)
        kinds = dict.fromkeys(_JSON_TYPES[type(one)] for one in self._values)
        return {
            **written,
            "anyOf": [*({"type": kind} for kind in kinds), {"type": "null"}],
            "description": f"Supported as {accepted} only.",
        }

    def _check(self, value: Any) -> Any:
        # True == 1 in Python, and not in JSON.
        if value is None or any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in self._values
        ):
            return value
        if not self._values:
            raise PydanticCustomError("unsupported", "is not supported; remove it")
        accepted = " or ".join(json.dumps(one) for one in self._values)
        raise PydanticCustomError("unsupported", f"is not supported; remove it, or send {accepted}")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that a model cannot serve as it stands.

    Attributes:
        param: The field of the request, such as `tools`.
        reason: What the model does not support, and what to do.
    """

    param: str
    reason: str


def _single_or_many(value: str | list[str]) -> str | list[str]:
    if isinstance(value, list) and not all(value):
        raise ValueError("should not hold an empty string")
    return value


Stop = Annotated[
    Annotated[str, Field(min_length=1, max_length=256)]
    | Annotated[list[Annotated[str, Field(max_length=256)]], Field(min_length=1, max_length=4)],
    AfterValidator(_single_or_many),
]
"""Texts at which the model stops, at most four."""
