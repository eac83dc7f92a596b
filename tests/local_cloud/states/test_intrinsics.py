"""Intrinsic functions of the states language: their syntax and what they return."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.json_paths import find
from local_cloud.states.intrinsics import IntrinsicSyntaxError, parse


def call(text: str, given: Any = None) -> Any:
    return parse(text).evaluate(lambda path: find(path.text, given))


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        (r"States.Format('it\'s {}', 'x')", None, "it's x"),
        (r"States.Format('a\\b')", None, r"a\b"),
        (r"States.Format('\{{}\}', 'x')", None, "{x}"),
        ("States.Format('{}', 1.5)", None, "1.5"),
        ("States.Format('{} {}', $.a, null)", {"a": {"b": [1, "x"]}}, "{b=[1, x]} null"),
        ("States.Format($.t, 'x')", {"t": "<{}>"}, "<x>"),
        ("States.Format('{}{}', 'a, (b)', true)", None, "a, (b)true"),
        ("States.MathAdd(1.7, 2)", None, 4),
        ("States.MathAdd(-1.5, 0)", None, -1),
        ("States.Array(-1.5, 2e3, 'x', false)", None, [-1.5, 2000.0, "x", False]),
        ("States.Array()", None, []),
        (
            "States.Array($.a[?(@.b == 'x, (y')].b, States.Array(1))",
            {"a": [{"b": "x, (y"}]},
            [["x, (y"], [1]],
        ),
        ("States.ArrayContains($, 1)", [True, "1"], False),
        ("States.ArrayUnique($)", [1, True, 1, "1"], [1, True, "1"]),
        ("States.ArrayRange(5, 1, -2)", None, [5, 3, 1]),
        ("States.ArrayGetItem($, 1.4)", ["a", "b"], "b"),
        ("States.Base64Encode('ü')", None, "w7w="),
        ("States.Base64Decode('w7w=')", None, "ü"),
        ("States.Hash('ü', 'MD5')", None, "c03410a5204b21cd8229ff754688d743"),
        ("States.JsonToString($)", {"ü": [1, None]}, '{"ü":[1,null]}'),
        ("States.StringSplit('a.b+c', '.+')", None, ["a", "b", "c"]),
        ("States.StringSplit('a]b^c', ']^')", None, ["a", "b", "c"]),
        ("States.MathRandom(1, 2, 7)", None, 1),
    ],
)
def test_calls(text: str, given: Any, expected: Any) -> None:
    assert call(text, given) == expected


@pytest.mark.parametrize(
    "text",
    [
        "States.None()",
        "States.MathAdd(1)",
        "States.UUID(1)",
        "States.Format('a'",
        "States.Format('a' 'b')",
        "States.Format('a') b",
        "Format('a')",
        "States.Array(a)",
        "States.Array(,)",
    ],
)
def test_a_text_that_is_no_call(text: str) -> None:
    with pytest.raises(IntrinsicSyntaxError):
        parse(text)
