"""Translation of a JSON Schema as pydantic writes it (draft 2020-12) into draft-04, the dialect of API Gateway's models.

API Gateway rejects a model with an unknown keyword. So every keyword is translated, omitted because it does
not affect validity, or an error that names the field. The translation accepts everything that the model
accepts.

References are inlined, because API Gateway does not resolve pydantic's. A `format` is omitted, because API
Gateway's rules are narrower than pydantic's: it would reject a `date-time` without a time zone, for example.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.validation.schema_patterns import foreign_syntax

INVALID: Final = "x-not-expressible"
"""Keyword with which the generator in `model_schema.py` marks types without a schema."""

MAX_SUBSCHEMAS: Final = 20_000
"""Limit of the work for nested models. A schema with more parts exceeds the 400 KB of a model."""

_AS_THEY_ARE: Final = (
    "type", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "title", "description",
)  # fmt: skip
_TRANSLATED: Final = frozenset({
    *_AS_THEY_ARE, "$ref", "$defs", "definitions", "default", "enum", "const", "exclusiveMinimum", "exclusiveMaximum",
    "pattern", "required", "properties", "patternProperties", "additionalProperties", "propertyNames", "items",
    "prefixItems", "additionalItems", "allOf", "anyOf", "oneOf", "not", "dependencies", "dependentRequired",
    "dependentSchemas", INVALID,
})  # fmt: skip
_WITHOUT_MEANING: Final = frozenset({
    "$schema", "$id", "id", "$anchor", "$comment", "format", "examples", "example", "deprecated", "readOnly",
    "writeOnly", "contentEncoding", "contentMediaType", "contentSchema", "discriminator",
})  # fmt: skip
_ANNOTATIONS: Final = frozenset({"title", "description", "default", *_WITHOUT_MEANING})
_TEXT_OF_BYTES: Final = frozenset({"binary", "base64", "base64url"})

IN_THE_HANDLER: Final = "check it in the handler, and exclude it from the schema with WithJsonSchema"

Schema = dict[str, Any]


class Draft4:
    """Translation of one document.

    Args:
        where: Name for error messages: the model's name, or the path of a construct.
        document: Schema by pydantic.
    """

    def __init__(self, where: str, document: Mapping[str, Any]) -> None:
        self._where = where
        self._document = document
        self._subschemas = 0

    def translate(self) -> Schema:
        """Return the translation of the whole document.

        Raises:
            ConstructError: if the dialect cannot express it, or it is too large with references inlined.
        """
        return self._schema(self._document, "", ())

    def _schema(self, source: object, path: str, trail: tuple[str, ...]) -> Schema:
        """Translate the schema at `path`, inside the references of `trail`."""
        self._subschemas += 1
        if self._subschemas > MAX_SUBSCHEMAS:
            raise LimitExceededError(
                self._where,
                f"its schema has more than {MAX_SUBSCHEMAS} parts with references inlined",
                "nest fewer models, or type a part as dict[str, Any]",
            )
        if isinstance(source, bool):
            return {} if source else {"not": {}}
        if not isinstance(source, Mapping):
            self._refuse(path, f"has {source!r} in place of a schema", "correct its json_schema_extra")
        source, trail = self._followed(source, path, trail)
        if INVALID in source:
            self._refuse(
                path,
                f"has a type without a form in JSON ({source[INVALID]})",
                "use a JSON type, or add a schema with WithJsonSchema",
            )
        self._check_keywords(source, path)
        result: Schema = {key: source[key] for key in _AS_THEY_ARE if key in source}
        self._values(source, path, result)
        self._numbers(source, result)
        self._text(source, path, result)
        self._object(source, path, trail, result)
        self._array(source, path, trail, result)
        self._combinations(source, path, trail, result)
        return result

    def _followed(
        self, source: Mapping[str, Any], path: str, trail: tuple[str, ...]
    ) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Replace a reference by its schema; the keywords beside it still apply."""
        while "$ref" in source:
            reference = str(source["$ref"])
            name = reference.rpartition("/")[2]
            if reference in trail:
                self._refuse(
                    path,
                    f"refers back to '{name}', and API Gateway models cannot have references",
                    "write a model for each level, or type the field as dict[str, Any] and check it in the handler",
                )
            trail = (*trail, reference)
            target = self._target(reference, path)
            beside = {key: value for key, value in source.items() if key not in {"$ref", "$defs"}}
            if beside.keys() <= _ANNOTATIONS:
                source = {**target, **beside}
            else:
                return {"allOf": [target, beside]}, trail
        return source, trail

    def _target(self, reference: str, path: str) -> Mapping[str, Any]:
        found: Any = self._document
        try:
            if not reference.startswith("#"):
                raise KeyError(reference)
            for part in reference.removeprefix("#").split("/")[1:]:
                found = found[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError):
            self._refuse(
                path,
                f"refers to '{reference}', which is not in its model",
                "inline that schema",
            )
        return found if isinstance(found, Mapping) else {"allOf": [found]}

    def _check_keywords(self, source: Mapping[str, Any], path: str) -> None:
        for keyword in source:
            if keyword in _TRANSLATED or keyword in _WITHOUT_MEANING or keyword.startswith("x-"):
                continue
            self._refuse(path, f"has '{keyword}', which API Gateway models do not support", IN_THE_HANDLER)

    def _values(self, source: Mapping[str, Any], path: str, result: Schema) -> None:
        if "const" in source or "enum" in source:
            values = [source["const"]] if "const" in source else list(source["enum"])
            if not values:
                self._refuse(path, "allows no value", "remove the field")
            if not _is_json(values):
                self._refuse(
                    path, "allows a number that JSON does not have", "exclude infinite numbers and NaN"
                )
            result["enum"] = values
        if "default" in source and _is_json(source["default"]):
            result["default"] = source["default"]

    @staticmethod
    def _numbers(source: Mapping[str, Any], result: Schema) -> None:
        for bound, exclusive, upper in (
            ("minimum", "exclusiveMinimum", False),
            ("maximum", "exclusiveMaximum", True),
        ):
            limit = source.get(exclusive)
            if isinstance(limit, bool):
                result |= {exclusive: limit} if bound in source else {}
            elif limit is not None and (
                bound not in source or (limit <= source[bound] if upper else limit >= source[bound])
            ):
                result |= {bound: limit, exclusive: True}
            if not math.isfinite(result.get(bound, 0)):
                del result[bound]
                result.pop(exclusive, None)

    def _text(self, source: Mapping[str, Any], path: str, result: Schema) -> None:
        if source.get("format") in _TEXT_OF_BYTES:
            # These are pydantic's limits of the bytes, not of their text.
            result.pop("minLength", None)
            result.pop("maxLength", None)
        if "pattern" in source:
            result["pattern"] = self._pattern(str(source["pattern"]), path)

    def _pattern(self, pattern: str, path: str) -> str:
        foreign = foreign_syntax(pattern)
        if foreign is not None:
            self._refuse(
                path,
                f"has the pattern {pattern!r} with {foreign.what}, which patterns of JSON Schema (ECMA 262) do not have",
                foreign.instead,
            )
        return pattern

    def _object(self, source: Mapping[str, Any], path: str, trail: tuple[str, ...], result: Schema) -> None:
        if source.get("required"):
            result["required"] = list(source["required"])
        properties = {
            name: self._schema(part, f"{path}.{name}" if path else name, trail)
            for name, part in source.get("properties", {}).items()
        }
        patterned = {
            self._pattern(pattern, path): self._schema(part, _any_name(path), trail)
            for pattern, part in source.get("patternProperties", {}).items()
        }
        others = source.get("additionalProperties")
        rest: Schema | bool | None = (
            others
            if others is None or isinstance(others, bool)
            else self._schema(others, _any_name(path), trail)
        )
        if "propertyNames" in source:
            names = self._names(source["propertyNames"], path, trail)
            allowed = {"not": {}} if rest is False else rest if isinstance(rest, dict) else {}
            if "enum" in names:
                added = {name: allowed for name in names["enum"] if isinstance(name, str)}
                properties, rest = {**added, **properties}, False
            elif "pattern" in names:
                patterned, rest = {names["pattern"]: allowed, **patterned}, False
        if properties or "properties" in source:
            result["properties"] = properties
        if patterned:
            result["patternProperties"] = patterned
        if rest is not None:
            result["additionalProperties"] = rest
        self._dependencies(source, path, trail, result)

    def _names(self, source: object, path: str, trail: tuple[str, ...]) -> Schema:
        """Translate the rules for names of properties; draft-04 supports lists of names and patterns."""
        names = self._schema(source, path, trail)
        foreign = names.keys() - _ANNOTATIONS - {"type", "enum", "pattern"}
        if foreign or {"enum", "pattern"} <= names.keys():
            self._refuse(
                path,
                f"limits the names of its properties by {', '.join(sorted(foreign)) or 'a list and a pattern'}, "
                "which API Gateway models cannot express",
                "limit them by a pattern or by a Literal",
            )
        return names

    def _dependencies(
        self, source: Mapping[str, Any], path: str, trail: tuple[str, ...], result: Schema
    ) -> None:
        schemas = {**source.get("dependencies", {}), **source.get("dependentSchemas", {})}
        dependencies: dict[str, object] = {
            name: part if isinstance(part, list) else self._schema(part, path, trail)
            for name, part in schemas.items()
        }
        dependencies |= {name: names for name, names in source.get("dependentRequired", {}).items() if names}
        if dependencies:
            result["dependencies"] = dependencies

    def _array(self, source: Mapping[str, Any], path: str, trail: tuple[str, ...], result: Schema) -> None:
        items, first, rest = source.get("items"), source.get("prefixItems"), source.get("items")
        if isinstance(items, list):
            first, rest = items, source.get("additionalItems")
        if first is not None:
            places = [self._schema(part, f"{path}[{place}]", trail) for place, part in enumerate(first)]
            after = rest if rest is None or isinstance(rest, bool) else self._schema(rest, f"{path}[]", trail)
            result["items"] = places
            if after is not None:
                result["additionalItems"] = after
        elif items is not None:
            result["items"] = self._schema(items, f"{path}[]", trail)

    def _combinations(
        self, source: Mapping[str, Any], path: str, trail: tuple[str, ...], result: Schema
    ) -> None:
        def each(keyword: str) -> list[Schema]:
            return [self._schema(part, path, trail) for part in source.get(keyword, ())]

        every = each("allOf")
        # A value may match several models of a union, of which pydantic uses one. oneOf would reject it.
        unions = [options for options in (each("anyOf"), each("oneOf")) if options]
        for number, options in enumerate(unions):
            union = self._union(options)
            if number == 0 and not (union.keys() & result.keys()) - {"default", "title", "description"}:
                for keyword, value in union.items():
                    result.setdefault(keyword, value)
            else:
                every.append(union)
        if every:
            result["allOf"] = every
        if "not" in source:
            result["not"] = self._schema(source["not"], path, trail)

    def _union(self, options: list[Schema]) -> Schema:
        """Return a schema for values of any of several schemas; null joins the type of a single other one."""
        others = [option for option in options if not _is_null(option)]
        if len(others) == len(options):
            return options[0] if len(options) == 1 else {"anyOf": options}
        if len(others) == 1 and isinstance(others[0].get("type"), str):
            (option,) = others
            allowed = {**option, "type": [option["type"], "null"]}
            return allowed | ({"enum": [*option["enum"], None]} if "enum" in option else {})
        return {"anyOf": [*others, {"type": "null"}]}

    def _refuse(self, path: str, problem: str, remedy: str) -> NoReturn:
        field = f"field '{path}'" if path else "it"
        raise InvalidArgumentError(self._where, f"{field} {problem}", remedy)


def _any_name(path: str) -> str:
    return f"{path}.*" if path else "*"


def _is_null(schema: Schema) -> bool:
    return schema.get("type") == "null" or schema.get("enum") == [None]


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
