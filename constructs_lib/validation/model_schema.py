"""From the pydantic model of a handler's request to the schema that API Gateway checks it by.

API Gateway's models are JSON Schema draft-04 without references; pydantic writes draft 2020-12 with them. What cannot
be said in draft-04 is an error that names the field, so that a request is never refused, or let through, because a
rule was lost on the way. No binding is imported here.
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
"""What the references of an OpenAPI document to its schemas begin with."""

MAX_MODEL_BYTES: Final = 400_000
"""The size of a model that API Gateway takes (400 KB)."""


def model_schema(model: type[BaseModel], *, where: str | None = None) -> dict[str, Any]:
    """Return the schema of a request for `aws_api_gateway_model`: JSON Schema draft-04, without references.

    The fields have the names that they have in JSON (their aliases). A request that the model accepts as it stands
    is accepted. What the model would first convert is not: API Gateway converts nothing, so a model that is not
    `strict` takes `"12"` for an int where API Gateway refuses it.

    Left out are a `format`, which API Gateway enforces by narrower rules than pydantic's; the limits of bytes, which
    are not those of their text; and all that a validator function of the model checks.

    Args:
        model: The model of the request.
        where: What an error says it is about, such as the path of a construct. Default: the model's name.

    Raises:
        InvalidArgumentError: if a field cannot be expressed; the message names it.
        LimitExceededError: if the schema is larger than the 400 KB that API Gateway takes.

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
            f"stay within {MAX_MODEL_BYTES}: shorten descriptions, or take a part as dict[str, Any]",
        )
    return schema


def openapi_schemas(
    model: type[BaseModel],
    *,
    mode: Literal["validation", "serialization"] = "validation",
    where: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the schemas of a request or a response for an OpenAPI 3.1 document, by the names of the models.

    They are JSON Schema as pydantic writes it. The model itself is the first; the models within it follow, and are
    referred to as `#/components/schemas/NAME`.

    Args:
        model: The model.
        mode: `validation` for a request, `serialization` for a response. Default: `validation`.
        where: What an error says it is about. Default: the model's name.

    Raises:
        InvalidArgumentError: if a field is of a type that JSON cannot hold.
    """
    written = _written(model, where or _name(model), mode, f"{COMPONENTS}{{model}}")
    within = written.pop("$defs", {})
    name = re.sub(r"[^A-Za-z0-9._-]", "_", model.__name__)
    if written.keys() == {"$ref"}:  # it refers to itself
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
            f"field '{path}' is of a type that JSON cannot hold ({value[INVALID]})",
            "use a type that JSON has, or give it a schema with WithJsonSchema",
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
            "model", f"{shown} is no pydantic model", "pass a class that derives from pydantic.BaseModel"
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
            f"pydantic cannot say its schema: {(error.message or '').splitlines()[0].rstrip('.')}",
            "define what the model refers to before the stack, and give its fields types that pydantic knows",
        ) from error
    except KeyError as error:
        # pydantic looks up references that a schema written by hand makes to its definitions.
        raise InvalidArgumentError(
            where, f"its schema refers to {error}, which it does not hold", "write that schema out in place"
        ) from error


@cache
def _schema(model: type[BaseModel], mode: JsonSchemaMode, reference: str) -> str:
    """Return it as text, which nobody can change: a model is often asked for its schema more than once."""
    return json.dumps(model.model_json_schema(mode=mode, schema_generator=_Generator, ref_template=reference))


class _Generator(GenerateJsonSchema):
    """Writes what pydantic writes, but for what would mislead: API Gateway sees the text before pydantic does."""

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
                schema, f"a text with the pattern {pattern.pattern!r} and flags"
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
        """Leave out that items are unique: pydantic makes a set of a list that repeats some."""
        if self.mode == "validation":
            written.pop("uniqueItems", None)
            # Repeated items count once for pydantic, and each time for a schema.
            written.pop("maxItems", None)
        return written

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - no field has one
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {INVALID: error_info if schema["type"] == "str" else schema["type"]}

    def emit_warning(self, kind: Any, detail: str) -> None:
        """What pydantic leaves out of a schema with a warning is a default, which refuses nothing."""
