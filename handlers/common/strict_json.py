"""JSON as the RFC has it, read from bytes that anybody may have sent.

Python's reader is lenient (NaN, duplicate keys) and can be hurt (deep nesting, endless integers), so what it would
swallow or choke on is refused here first. All work is linear in the number of bytes, and the number of values is bounded
before any of them is created: a value takes up to a hundred times the memory of its bytes.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn, cast

from handlers.common.errors import InvalidJson, InvalidRequest, PayloadTooLarge

MAX_DEPTH = 32
MAX_VALUES = 10_000
"""The values that a request may hold, counted in all its arrays and objects; no operation takes a tenth of it."""

MAX_PAYLOAD_VALUES = 200_000
"""The values that an object in the payload bucket may hold: more than the largest output of a service, which is 64 vectors
of 1,024 numbers."""

_MAX_NUMBER_CHARACTERS = 64

# A whole string, or as much of it as there is, is one match: an unterminated string cannot make the scan start over.
_STRING_OR_MARK = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json_object(data: bytes, *, max_values: int = MAX_VALUES) -> dict[str, object]:
    """Read one JSON object.

    Args:
        data: The UTF-8 bytes of the document.
        max_values: The most values that its arrays and objects may hold together. Default: 10,000.

    Returns:
        The object, with finite numbers only.

    Raises:
        InvalidJson: The bytes are not UTF-8, not JSON, hold NaN, an infinity or a number of more than 64 characters,
            nest more than 32 levels deep, name a key twice, or hold half of a surrogate pair.
        InvalidRequest: They are JSON, but no object.
        PayloadTooLarge: They hold more than `max_values` values.
    """
    text = _decode(data)
    if not text.strip(" \t\r\n"):
        raise InvalidJson("The body is empty. Send a JSON object.")
    _check_structure(text, max_values)
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_short_integer,
            object_pairs_hook=_object_without_duplicates,
        )
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno})."
        ) from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body is JSON, but not an object. Send a JSON object.")
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def read_json_text(text: str) -> object:
    """Read the JSON that a language model wrote, of any type.

    Raises:
        ValueError: It is not JSON, or holds NaN, an infinity, a number of more than 64 characters, or half of a surrogate
            pair: a JSON document could not hold it again.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite_float, parse_int=_short_integer
        )
        _refuse_lone_surrogates(value)
    except (InvalidJson, RecursionError) as error:
        raise ValueError("not strict JSON") from error
    return cast(object, value)


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidJson("The body is not valid UTF-8.") from None
    if "\ufffd" in text:
        # API Gateway puts this character where bytes were not UTF-8; what they were is lost.
        raise InvalidJson("The body holds U+FFFD, the sign of text that was not valid UTF-8. Send UTF-8.")
    if text.startswith("\ufeff"):
        raise InvalidJson("The body starts with a byte order mark. Send JSON without it.")
    return text


def _check_structure(text: str, max_values: int) -> None:
    depth = values = 0
    for match in _STRING_OR_MARK.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            values += 1
            if depth > MAX_DEPTH:
                raise InvalidJson(f"The body nests more than {MAX_DEPTH} levels deep.")
        elif first in "]}":
            depth -= 1
        elif first == ",":
            values += 1
        # Of n values in a container n - 1 have a comma before them, and the container itself stands for the first.
        if values > max_values:
            raise PayloadTooLarge(f"The body holds more than {max_values:,} values.")


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJson("The body holds NaN or Infinity, which JSON does not have.")


def _finite_float(digits: str) -> float:
    if len(digits) > _MAX_NUMBER_CHARACTERS:
        raise InvalidJson(f"The body holds a number of more than {_MAX_NUMBER_CHARACTERS} characters.")
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJson("The body holds a number that is too large.")
    return number


def _short_integer(digits: str) -> int:
    if len(digits) > _MAX_NUMBER_CHARACTERS:
        raise InvalidJson(f"The body holds a number of more than {_MAX_NUMBER_CHARACTERS} characters.")
    return int(digits)


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJson("The body has an object that names the same key twice.")
    return result


def _refuse_lone_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson("The body holds half of a surrogate pair, which is not a character.") from None
