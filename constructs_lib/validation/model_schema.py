"""JSON Schemas for API Gateway from pydantic models.

API Gateway's models are JSON Schema draft-04 without references; pydantic writes draft 2020-12 with
references. A rule that draft-04 cannot express is an error that names the field, so no rule is lost. This
module imports no bindings.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.errors import PydanticUserError
from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.validation.schema_translation import INVALID, Draft4

DRAFT_04: Final = "http://json-schema.org/draft-04/schema#"

COMPONENTS: Final = "#/components/schemas/"
"""Prefix of the references of an OpenAPI document to its schemas."""

MAX_MODEL_BYTES: Final = 400_000
"""API Gateway's quota for a model: 400 KB."""


class UntitledFields(GenerateJsonSchema):
    """Generator of schemas without the titles of fields, which repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Return False."""
        return False


def model_schema(model: type[BaseModel], *, where: str | None = None) -> dict[str, Any]:
    """Return the schema of a request for `aws_api_gateway_model`: JSON Schema draft-04, without references.

    Fields have their names in JSON (their aliases). API Gateway accepts every request that the model accepts
    without conversion. It converts nothing: a model that is not `strict` accepts `"12"` for an int, and API
    Gateway rejects it.

    The schema omits a `format`, because API Gateway's rules for it are narrower than pydantic's; the limits
    of bytes, because those of their text differ; and the checks of validator functions.

    Args:
        model: Model of the request.
        where: Name for error messages, such as the path of a construct. Default: the model's name.

    Raises:
        InvalidArgumentError: if a field cannot be expressed; the message names it.
        LimitExceededError: if the schema is larger than API Gateway's 400 KB.

    Example:
        >>> class Order(BaseModel):
        ...     sku: str
        ...     amount: int = Field(gt=0)
        >>> model_schema(Order)["properties"]["amount"]
        {'type': 'integer', 'minimum': 0, 'exclusiveMinimum': True}
    """
    name = where or _name(model)
    schema = {"$schema": DRAFT_04, **Draft4(name, _written(model, name, "validation")).translate()}
    size = len(json.dumps(schema).encode())
    if size > MAX_MODEL_BYTES:
        raise LimitExceededError(
            name,
            f"its schema has {size} bytes once references are written out",
            f"stay within {MAX_MODEL_BYTES}: shorten descriptions, or type a part as dict[str, Any]",
        )
    return schema


def openapi_schemas(
    model: type[BaseModel],
    *,
    mode: Literal["validation", "serialization"] = "validation",
    where: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the schemas of a request or a response for an OpenAPI 3.1 document, by model name.

    They are pydantic's JSON Schemas. The model itself is the first. The models in it follow, with references
    such as `#/components/schemas/NAME`.

    Args:
        model: Model.
        mode: `validation` for a request, `serialization` for a response. Default: `validation`.
        where: Name for error messages. Default: the model's name.

    Raises:
        InvalidArgumentError: if the type of a field has no form in JSON.
    """
    written = _written(model, where or _name(model), mode, f"{COMPONENTS}{{model}}")
    within = written.pop("$defs", {})
    name = re.sub(r"[^A-Za-z0-9._-]", "_", model.__name__)
    if written.keys() == {"$ref"}:  # the model refers to itself
        written = within.pop(written["$ref"].removeprefix(COMPONENTS))
    while name in within:  # another model of the same name
        name += "_"
    schemas: dict[str, dict[str, Any]] = {name: written, **within}
    for title, schema in schemas.items():
        _check_expressible(where or _name(model), "" if title == name else title, schema)
    return schemas


def _check_expressible(where: str, path: str, value: object) -> None:
    if isinstance(value, list):
        for part in value:
            _check_expressible(where, path, part)
    if not isinstance(value, dict):
        return
    if INVALID in value:
        raise InvalidArgumentError(
            where,
            f"field '{path}' has a type without a form in JSON ({value[INVALID]})",
            "use a JSON type, or add a schema with WithJsonSchema",
        )
    for key, part in value.items():
        if key == "properties":
            for name, field in part.items():
                _check_expressible(where, f"{path}.{name}" if path else name, field)
        else:
            _check_expressible(where, path, part)


def _name(model: object) -> str:
    if not isinstance(model, type) or not issubclass(model, BaseModel) or model is BaseModel:
        shown = model.__name__ if isinstance(model, type) else repr(model)
        raise InvalidArgumentError(
            "model", f"{shown} is not a pydantic model", "pass a class that derives from pydantic.BaseModel"
        )
    return model.__name__


def _written(
    model: type[BaseModel], where: str, mode: JsonSchemaMode, reference: str = DEFAULT_REF_TEMPLATE
) -> dict[str, Any]:
    _name(model)
    try:
        return dict(json.loads(_schema(model, mode, reference)))
    except PydanticUserError as error:
        raise InvalidArgumentError(
            where,
            f"pydantic cannot generate its schema: {(error.message or '').splitlines()[0].rstrip('.')}",
            "define the types that the model refers to before the stack, and use types that pydantic supports",
        ) from error
    except KeyError as error:
        # pydantic resolves the references of a hand-written schema among its own definitions.
        raise InvalidArgumentError(
            where, f"its schema refers to {error}, which is not in it", "inline that schema"
        ) from error


@cache
def _schema(model: type[BaseModel], mode: JsonSchemaMode, reference: str) -> str:
    """Return it as a string, which is immutable, because the cache shares it."""
    return json.dumps(model.model_json_schema(mode=mode, schema_generator=_Generator, ref_template=reference))


class _Generator(GenerateJsonSchema):
    """Generator of pydantic's schemas, adapted where API Gateway would decide differently than pydantic."""

    def __init__(self, by_alias: bool = True, **options: Any) -> None:
        super().__init__(by_alias, **options)
        self._stripping = [False]

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        self._stripping.append(bool(schema["cls"].model_config.get("str_strip_whitespace")))
        try:
            return super().model_schema(schema)
        finally:
            self._stripping.pop()

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        pattern = schema.get("pattern")
        if isinstance(pattern, re.Pattern) and pattern.flags & ~re.UNICODE:
            return self.handle_invalid_for_json_schema(
                schema, f"a string with the pattern {pattern.pattern!r} and flags"
            )
        written = super().str_schema(schema)
        if schema.get("strip_whitespace", self._stripping[-1]):
            written.pop("maxLength", None)
            written.pop("pattern", None)
        return written

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        return self._repeatable(super().set_schema(schema))

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        return self._repeatable(super().frozenset_schema(schema))

    def _repeatable(self, written: JsonSchemaValue) -> JsonSchemaValue:
        """Drop `uniqueItems`: pydantic accepts a list with repeated items for a set."""
        if self.mode == "validation":
            written.pop("uniqueItems", None)
            # pydantic counts repeated items once, a schema each time.
            written.pop("maxItems", None)
        return written

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - no field has one
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {INVALID: error_info if schema["type"] == "str" else schema["type"]}

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Ignore the warning: pydantic omits only a default, which rejects nothing."""
