"""The base classes of every request and response, so that all services are equally strict."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


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
    BeforeValidator(_decode_base64),
    Field(min_length=1),
    WithJsonSchema({"type": "string", "minLength": 1, "contentEncoding": "base64"}),
]
"""Bytes that travel as base64 in JSON. Bytes given directly (a raw request body) are taken as they are.

Empty ones are refused."""
