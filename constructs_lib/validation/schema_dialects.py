"""The two dialects of JSON Schema that an API needs: API Gateway's models, and OpenAPI 3.0 documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from constructs_lib.validation.schema_translation import Schema, Translator


class Draft4(Translator):
    """JSON Schema draft-04, the dialect of API Gateway's models.

    A `format` is left out: API Gateway enforces some of them, by narrower rules than pydantic's, and would refuse
    what the handler takes (a `date-time` without a time zone, for one).
    """

    name = "an API Gateway model"
    knows_dependencies = True

    def _other_properties(
        self, patterned: dict[str, Schema], rest: Schema | bool | None, result: Schema
    ) -> None:
        if patterned:
            result["patternProperties"] = patterned
        if rest is not None:
            result["additionalProperties"] = rest

    def _tuple(self, places: list[Schema], rest: Schema | bool | None, result: Schema) -> None:
        result["items"] = places
        if rest is not None:
            result["additionalItems"] = rest

    def _or_null(self, option: Schema) -> Schema:
        allowed = {**option, "type": [option["type"], "null"]}
        return allowed | ({"enum": [*option["enum"], None]} if "enum" in option else {})

    def _null(self) -> Schema:
        return {"type": "null"}

    def _annotations(self, source: Mapping[str, Any], result: Schema) -> None:
        """None of the rest is a keyword of draft-04."""


class OpenApi30(Translator):
    """The schema object of OpenAPI 3.0: no `null` type, no lists of types, one schema for all items of an array."""

    name = "an OpenAPI 3.0 schema"
    knows_dependencies = False

    def _schema(self, source: object, path: str, trail: tuple[str, ...]) -> Schema:
        schema = super()._schema(source, path, trail)
        kinds = schema.get("type")
        if isinstance(kinds, list):
            del schema["type"]
            schema = self._union(
                [{**schema, "type": kind} if kind != "null" else self._null() for kind in kinds]
            )
        if schema.get("type") == "null":
            del schema["type"]
            schema |= self._null()
        if schema.get("type") == "array":
            schema.setdefault("items", {})
        return schema

    def _other_properties(
        self, patterned: dict[str, Schema], rest: Schema | bool | None, result: Schema
    ) -> None:
        if patterned and rest is not True:
            rest = _one_of(self._union, [*patterned.values(), *([rest] if isinstance(rest, dict) else [])])
        if rest is not None:
            result["additionalProperties"] = rest

    def _tuple(self, places: list[Schema], rest: Schema | bool | None, result: Schema) -> None:
        after = {} if rest is True else rest
        result["items"] = _one_of(self._union, [*places, *([after] if isinstance(after, dict) else [])])

    def _or_null(self, option: Schema) -> Schema:
        allowed = {**option, "nullable": True}
        return allowed | ({"enum": [*option["enum"], None]} if "enum" in option else {})

    def _null(self) -> Schema:
        return {"nullable": True, "enum": [None]}

    def _annotations(self, source: Mapping[str, Any], result: Schema) -> None:
        result |= {
            key: source[key] for key in ("deprecated", "readOnly", "writeOnly", "example") if key in source
        }
        if source.get("examples"):
            result["example"] = source["examples"][0]
        if "format" in source:
            result["format"] = source["format"]
        elif source.get("contentEncoding") == "base64":
            result["format"] = "byte"
        result |= {key: value for key, value in source.items() if key.startswith("x-")}


def _one_of(union: Callable[[list[Schema]], Schema], schemas: Iterable[Schema]) -> Schema:
    different: list[Schema] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    return {} if {} in different or not different else union(different)
