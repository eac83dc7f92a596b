from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.common.errors import InvalidJson, InvalidRequest, PayloadTooLarge, ServiceError
from handlers.common.strict_json import MAX_DEPTH, MAX_VALUES, read_json_object, read_json_text

EMPTY = "The body is empty. Send a JSON object."
CONSTANT = "The body holds NaN or Infinity, which JSON does not have."
DEEP = "The body nests more than 32 levels deep."
LONG_NUMBER = "The body holds a number of more than 64 characters."
NO_OBJECT = "The body is JSON, but not an object. Send a JSON object."
REPLACED = "The body holds U+FFFD, the sign of text that was not valid UTF-8. Send UTF-8."
SURROGATE = "The body holds half of a surrogate pair, which is not a character."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", EMPTY),
        (b" \r\n\t", EMPTY),
        (b"{", "The body is not valid JSON (line 1, column 2)."),
        (b"{'a': 1}", "The body is not valid JSON (line 1, column 2)."),
        (b'{"a": 1,\n}', "The body is not valid JSON (line 2, column 1)."),
        (b'{"a": 1} {}', "The body is not valid JSON (line 1, column 10)."),
        (b'{"a": 01}', "The body is not valid JSON (line 1, column 8)."),
        (b'{"a": "\n"}', "The body is not valid JSON (line 1, column 8)."),
        (b'{"a": NaN}', CONSTANT),
        (b'{"a": -Infinity}', CONSTANT),
        (b'{"a": 1e999}', "The body holds a number that is too large."),
        (b'{"a": ' + b"9" * 5000 + b"}", LONG_NUMBER),
        (b'{"a": 0.' + b"9" * 5000 + b"}", LONG_NUMBER),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "The body has an object that names the same key twice."),
        (b'{"a": 1, "\\u0061": 2}', "The body has an object that names the same key twice."),
        (b'{"a": "\xff"}', "The body is not valid UTF-8."),
        (b'{"a": "\xed\xa0\x80"}', "The body is not valid UTF-8."),
        ('{"a": "\ufffd"}'.encode(), REPLACED),
        (b'\xef\xbb\xbf{"a": 1}', "The body starts with a byte order mark. Send JSON without it."),
        (b'{"a": "\\ud83d"}', SURROGATE),
        (b'{"\\uDE00": 1}', SURROGATE),
        (b'{"a":' * 100_000, DEEP),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", DEEP),
        (b"\\" * 100_000, "The body is not valid JSON (line 1, column 1)."),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_what_is_not_strict_json_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        read_json_object(data)
    assert refused.value.message == message


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", '{"a": -Infinity}', "1e999", "9" * 65, '["\\ud83d"]', '{"\\uDE00": 1}', "[" * 100_000],
    ids=lambda text: repr(text[:12]),
)
def test_text_of_a_model_that_json_cannot_hold_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        read_json_text(text)


@pytest.mark.parametrize("value", [None, 1.5, "\N{GRINNING FACE}", [{"a": True}], {"a": {"b": []}}])
def test_text_of_a_model_is_of_any_type(value: object) -> None:
    assert read_json_text(json.dumps(value)) == value


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"null", b"1", b"true"])
def test_json_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_json_object(data)
    assert (refused.value.code, refused.value.message) == ("invalid_request", NO_OBJECT)


@pytest.mark.parametrize(
    "data",
    [
        b"{" + b",".join(b'"%d":0' % number for number in range(MAX_VALUES + 1)) + b"}",
        b'{"a":[' + b"0," * MAX_VALUES + b"0]}",
        b'{"a":[' + b"{}," * MAX_VALUES + b"{}]}",
        b'{"a":[' + b"[]" * MAX_VALUES + b"]}",
        b"{" + b"," * 4_500_000,
    ],
    ids=["keys", "numbers", "objects", "no JSON", "commas"],
)
def test_too_many_values_are_refused_before_any_is_created(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("the values were created"))
    with pytest.raises(PayloadTooLarge) as refused:
        read_json_object(data)
    assert refused.value.message == "The body holds more than 10,000 values."


def test_the_most_values_that_are_taken() -> None:
    keys = {str(number): [] for number in range(MAX_VALUES // 2)}
    assert read_json_object(json.dumps(keys).encode()) == keys
    with pytest.raises(PayloadTooLarge):
        read_json_object(json.dumps({**keys, "one": [0]}).encode())


def test_commas_inside_strings_are_no_values() -> None:
    text = ',[{\\",' * MAX_VALUES
    assert read_json_object(json.dumps({"a": text}).encode()) == {"a": text}


def test_brackets_inside_strings_are_no_nesting() -> None:
    text = "[{" * 10_000 + '\\"' + "]}" * 5
    assert read_json_object(json.dumps({"a": text}).encode()) == {"a": text}


def test_the_deepest_nesting_that_is_taken() -> None:
    levels = MAX_DEPTH - 1
    value = read_json_object(b'{"a":' + b"[" * levels + b"]" * levels + b"}")
    assert json.dumps(value).count("[") == levels


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert read_json_object(b'{"a": "\\ud83d\\ude00", "b": "\\\\ud83d"}') == {
        "a": "\U0001f600",
        "b": "\\ud83d",
    }


def test_millions_of_quotes_are_read_in_one_pass() -> None:
    with pytest.raises(InvalidJson):
        read_json_object(b'{"a": "' + b'\\"' * 1_500_000)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(codec="ascii")), JSON_VALUES), st.booleans())
def test_strict_json_is_read_as_python_reads_it(value: dict[str, object], ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)
    assert read_json_object(written.encode()) == json.loads(written)


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = read_json_object(data)
    except ServiceError:
        return
    assert isinstance(value, dict)


@given(st.text('[]{}",:0123456789eE+-.\\u truefalsnN', max_size=120))
def test_what_looks_like_json_gives_finite_numbers_or_is_refused(text: str) -> None:
    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [number for item in value.values() for number in numbers(item)]
        if isinstance(value, list):
            return [number for item in value for number in numbers(item)]
        return [value] if isinstance(value, int | float) else []

    try:
        value = read_json_object(text.encode())
    except InvalidRequest:
        return
    assert all(map(math.isfinite, numbers(value)))
