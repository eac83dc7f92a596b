"""The base classes of every request and response, so that all services are equally strict."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function


class RequestModel(BaseModel):
    """A request: unknown fields are refused, nothing is converted from another JSON type, all numbers are finite.

    A validator of a subclass may raise ValueError: its message is shown to the caller, so it must not repeat input.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class ResponseModel(BaseModel):
    """A response: the model is the promise, so a field it does not name or a number that is not finite is our bug."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def is_none(value: object) -> bool:
    """For `Field(default=None, exclude_if=is_none)`: a score that the model does not give is left out."""
    return value is None


@dataclass(frozen=True, slots=True)
class NotBlank:
    """For `Annotated[str, NotBlank()]`: text of white space only is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(_refuse_blank, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": r"\S"}


def _refuse_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank_text", "should hold more than white space")
    return text


def _decode_base64(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise PydanticCustomError(
            "base64_data", "should be standard base64 with padding, without line breaks or a data: prefix"
        ) from None


Base64Data = Annotated[
    bytes,
    Field(min_length=1),
    BeforeValidator(_decode_base64),
    WithJsonSchema({"type": "string", "minLength": 1, "contentEncoding": "base64"}),
]
"""Bytes that travel as base64 in JSON. Bytes given directly (a raw request body) are taken as they are.

Empty ones are refused."""


def _encode_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


Base64Png = Annotated[
    bytes,
    PlainSerializer(_encode_base64),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}),
]
"""PNG image in a response, as base64. MCP clients get it as an image."""
