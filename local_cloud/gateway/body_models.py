"""The models of an API, as what checks a body: JSON Schema of draft 4, compiled once for a deployment.

A model may refer to others of the same API by the addresses that API Gateway gives them. Everything else that a
`$ref` could name is out of reach, as nothing may leave this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft4Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]
    from referencing import Registry

_SCHEMA = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}
BUILT_IN = {
    "Empty": json.dumps({**_SCHEMA, "title": "Empty Schema"}),
    "Error": json.dumps({**_SCHEMA, "title": "Error Schema", "properties": {"message": {"type": "string"}}}),
}
"""The models that every new API has."""

_MOST_REPORTED = 20


class BrokenModelError(Exception):
    """A model cannot be used; the message says which one and why."""


@dataclass(frozen=True, slots=True)
class BodyFault:
    """One thing that is wrong with a body.

    Attributes:
        words: What API Gateway says about it, where that is known; it shows what was sent.
        rule: Where in the model the rule stands, for logs, which must not show that.
    """

    words: str
    rule: str


class BodyModels:
    """The models of one deployment."""

    __slots__ = ("_address", "_api_id", "_registry", "_schemas", "_validators")

    def __init__(self, api_id: str, schemas: Mapping[str, str]) -> None:
        self._api_id = api_id
        self._address = f"https://apigateway.amazonaws.com/restapis/{api_id}/models/"
        self._schemas = dict(schemas)
        self._validators: dict[str, Draft4Validator] = {}
        self._registry: Registry[Any] | None = None

    def __reduce__(self) -> tuple[type[BodyModels], tuple[str, Mapping[str, str]]]:
        """Return what outlives the local cloud: all but the compiled validators, which cannot be pickled."""
        return BodyModels, (self._api_id, self._schemas)

    def faults(self, name: str, body: bytes) -> list[BodyFault]:
        """Return the faults of a body.

        Args:
            name: The model that it must fit.
            body: The body; an empty one stands for an empty object.

        Raises:
            BrokenModelError: The model cannot be used.
        """
        from jsonschema.exceptions import UnknownType
        from referencing.exceptions import Unresolvable

        validator = self._validator(name)
        try:
            content = _parse(body or b"{}")
        except (ValueError, RecursionError) as error:
            return [BodyFault("the body is not JSON that can be read", type(error).__name__)]
        try:
            errors = islice(validator.iter_errors(content), _MOST_REPORTED)
            found = {words: _rule(error) for error in errors if (words := _words(error))}
            return [BodyFault(words, rule) for words, rule in found.items()]
        except (Unresolvable, UnknownType, re.error) as error:
            raise BrokenModelError(f"model {name}: {type(error).__name__}: {error}") from error
        except (RecursionError, ArithmeticError, ValueError) as error:
            return [BodyFault("the body cannot be checked", type(error).__name__)]

    def _validator(self, name: str) -> Draft4Validator:
        validator = self._validators.get(name)
        if validator is None:
            validator = self._validators[name] = self._compiled(name)
        return validator

    def _compiled(self, name: str) -> Draft4Validator:
        from jsonschema import Draft4Validator
        from jsonschema.exceptions import SchemaError

        schema = self._schema(name)
        try:
            Draft4Validator.check_schema(schema)
        except SchemaError as error:
            raise BrokenModelError(f"model {name} is not JSON Schema of draft 4: {error.message}") from None
        except RecursionError:
            raise BrokenModelError(f"model {name} is nested too deeply") from None
        return Draft4Validator(schema, registry=self._all())

    def _schema(self, name: str) -> Any:
        text = self._schemas.get(name) or BUILT_IN.get(name)
        if text is None:
            raise BrokenModelError(f"there is no model {name}")
        try:
            return json.loads(text)
        except ValueError as error:
            raise BrokenModelError(f"model {name} is not JSON: {error}") from None

    def _all(self) -> Registry[Any]:
        """Return every model that is well formed, under its address."""
        if self._registry is None:
            from referencing import Registry
            from referencing.jsonschema import DRAFT4

            resources = []
            for name in self._schemas.keys() | BUILT_IN.keys():
                try:
                    resources.append((self._address + name, DRAFT4.create_resource(self._schema(name))))
                except BrokenModelError:
                    continue  # it is an error for those who refer to it
            self._registry = Registry().with_resources(resources)
        return self._registry


def _parse(body: bytes) -> Any:
    return json.loads(body.decode("utf-8", "replace"), parse_constant=_no_number)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _rule(error: ValidationError) -> str:
    return "/".join(str(part) for part in error.absolute_schema_path)


def _words(error: ValidationError) -> str:
    rule, found, limit = str(error.validator), error.instance, error.validator_value
    if limit is not None and rule in _WORDS:
        return _WORDS[rule](found, limit, error)
    if limit is not None and rule in _TEMPLATES:
        length = len(found) if isinstance(found, str | list) else None
        return _TEMPLATES[rule].format(found=found, limit=limit, length=length)
    return str(error.message)


def _listed(values: Iterable[Any]) -> str:
    return f"[{','.join(json.dumps(value, ensure_ascii=False) for value in values)}]"


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _missing(instance: Any, required: Any, _error: ValidationError) -> str:
    """Name all that is missing at once; jsonschema finds one after the other, each with its own error."""
    missing = sorted(name for name in required if name not in instance)
    return f"object has missing required properties ({_listed(missing)})"


def _not_allowed(instance: Any, allowed: Any, error: ValidationError) -> str:
    if allowed is not False or not isinstance(error.schema, Mapping):
        return str(error.message)
    properties = error.schema.get("properties", {})
    names = sorted(name for name in instance if name not in properties)
    return f"object instance has properties which are not allowed by the schema: {_listed(names)}"


_WORDS: dict[str, Callable[[Any, Any, Any], str]] = {
    "required": _missing,
    "additionalProperties": _not_allowed,
    "type": lambda instance, allowed, _error: (
        f"instance type ({_type(instance)}) does not match any allowed primitive type (allowed: "
        f"{_listed(sorted(allowed) if isinstance(allowed, list) else [allowed])})"
    ),
    "enum": lambda instance, allowed, _error: (
        f"instance value ({json.dumps(instance, ensure_ascii=False)}) not found in enum "
        f"(possible values: {_listed(allowed)})"
    ),
}
_TEMPLATES = {
    "minLength": 'string "{found}" is too short (length: {length}, required minimum: {limit})',
    "maxLength": 'string "{found}" is too long (length: {length}, maximum allowed: {limit})',
    "pattern": 'ECMA 262 regex "{limit}" does not match input string "{found}"',
    "minimum": "numeric instance is lower than the required minimum (minimum: {limit}, found: {found})",
    "maximum": "numeric instance is greater than the required maximum (maximum: {limit}, found: {found})",
    "minItems": "array is too short: must have at least {limit} elements but instance has {length} elements",
    "maxItems": "array is too long: must have at most {limit} elements but instance has {length} elements",
}
