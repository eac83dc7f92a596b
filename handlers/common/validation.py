"""A model's complaints as one sentence for the caller: which field, what is wrong, and nothing that was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from handlers.common.errors import InvalidRequest, PayloadTooLarge

M = TypeVar("M", bound=BaseModel)

_MAX_PROBLEMS = 5

# What pydantic calls an error, and what the caller reads. Only these take values from the error's context, and only
# ones that come from the model, never from the input.
_PHRASES = {
    "missing": "is required",
    "string_type": "should be a string",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "string_pattern_mismatch": "should match {pattern}",
    "string_unicode": "should be text that can be written as UTF-8",
    "bool_type": "should be true or false",
    "int_type": "should be an integer",
    "int_parsing": "should be an integer",
    "int_from_float": "should be an integer",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bytes_type": "should be a base64 string",
    "bytes_too_short": "should have at least {min_length} bytes",
    "bytes_too_long": "should have at most {max_length} bytes",
    "greater_than": "should be greater than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "literal_error": "should be {expected}",
    "enum": "should be {expected}",
    "list_type": "should be an array",
    "too_short": "should have at least {min_length} items",
    "too_long": "should have at most {max_length} items",
    "dict_type": "should be an object",
    "model_type": "should be an object",
}

_OUR_OWN = frozenset({"base64_data", "blank_text", "unsupported"})
_TOO_MUCH = frozenset({"string_too_long", "bytes_too_long", "too_long"})


def validated(model: type[M], value: Mapping[str, object], *, from_text: bool = False) -> M:
    """Check a value against a model.

    Args:
        model: The request's model.
        value: What was sent.
        from_text: Whether values may be the text of a number or a boolean, as in a query string.

    Returns:
        The request.

    Raises:
        InvalidRequest: The value does not fit; the message names up to five fields and what is wrong with them, and
            `param` the first of them.
        PayloadTooLarge: All that is wrong is that something is longer than it may be.
    """
    try:
        return model.model_validate(value, strict=False if from_text else None)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    names = set(_field_names(model.model_json_schema()))
    sentences = list(dict.fromkeys(_problem(details, names, model) for details in problems))
    shown = "; ".join(sentences[:_MAX_PROBLEMS])
    more = len(sentences) - _MAX_PROBLEMS
    too_much = all(details["type"] in _TOO_MUCH for details in problems)
    kind = PayloadTooLarge if too_much else InvalidRequest
    raise kind(
        f"{shown}; and {more} more." if more > 0 else f"{shown}.",
        param=_place(problems[0]["loc"], names) or None,
    )


def _problem(details: ErrorDetails, fields: set[str], model: type[BaseModel]) -> str:
    kind = details["type"]
    if kind == "extra_forbidden":
        # The name of an unknown field is input too.
        inside = _place(details["loc"][:-1], fields)
        names = f"; it takes {', '.join(_aliases(model))}" if not inside else ""
        return f"{inside or 'the request'} has a field that is not known{names}"
    return f"{_place(details['loc'], fields) or 'the request'} {_what_is_wrong(details)}"


def _what_is_wrong(details: ErrorDetails) -> str:
    phrase, context = _PHRASES.get(details["type"]), details.get("ctx", {})
    if context.get("min_length") == 1:
        return "should not be empty"
    if phrase is not None:
        return phrase.format_map(context)
    if details["type"] == "value_error":
        return details["msg"].removeprefix("Value error, ")
    if details["type"] in _OUR_OWN:
        return details["msg"]
    return "is not valid"


def _place(location: tuple[int | str, ...], names: set[str]) -> str:
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part in names:
            place += f".{part}" if place else part
    return place


def _aliases(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _field_names(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _field_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _field_names(value)
