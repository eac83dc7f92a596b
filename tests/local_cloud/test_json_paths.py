"""JSONPath in Jayway's dialect, as API Gateway and Step Functions read it."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.json_paths import MISSING, JsonPathError, PathMatchError, compile_path, find

DOCUMENT: dict[str, Any] = {
    "a": {"b": 1},
    "é": 2,
    "l": [{"x": 1, "t": "ab"}, {"x": 2}, {"x": 3, "y": None}],
    "q": {"it's": 1, 'say "x"': 2, r"""a\""b""": 3},
    "yes": True,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$..b", [1]),
        ("$.a.*", [1]),
        ("$.l[0,1].x", [1, 2]),
        ("$.l[0].x", 1),
        ("$.l[-1:].x", [3]),
        ("$.l[::2].x", [1, 3]),
        ("$['a','é']", [{"b": 1}, 2]),
        ("$.é", 2),
        ("$['é']", 2),
        (r"$['q']['it\'s']", 1),
        (r'$.q["say \"x\""]', 2),
        (r"""$.q['a\""b']""", 3),
        ("$.l.length()", 3),
        ("$.l[?(@.x > 1)].length()", 2),
        ("$.l[?(@.x in [1, 3])].x", [1, 3]),
        ("$.l[?(@.x nin [1, 3])].x", [2]),
        ("$.l[?(@.t =~ /A.*/i)].x", [1]),
        ("$.l[?(@.t =~ /A.*/)].x", []),
        ("$.l[?(@.y)].x", [3]),
        ("$.l[?(@.y == null)].x", [3]),
        ("$.l[?(@.x > 1 && !(@.x == 3) || @.t == 'ab')].x", [1, 2]),
        ("$.l[?(@.x == '1')].x", []),
        ("$[?(@.yes == 1)]", []),
        ("$[?(@.yes == true)].yes", [True]),
        ("$.none..x", []),
        ("$.l.[0].x", 1),
        ("$.l.[*].['x', 't']", [1, "ab", 2, 3]),
        ("$.l.[?(@.x > 2)].x", [3]),
        ("$.l[?(@.x == $.é)].x", [2]),
        ("$.l[?(@.x > $.l[0].x && @.x != $.none)].x", [2, 3]),
        ("$.é ", 2),
        ("$.a.b.c", MISSING),
    ],
)
def test_paths(path: str, value: Any) -> None:
    assert find(path, DOCUMENT) == value


@pytest.mark.parametrize(
    "path",
    ["$.a:b", "$.", "$[", "$.a b", "$[?(@.a ==)]", "$.a[", "$..", "$.[[", "$.l[::0]", "$[?(@.t =~ /(/)]"],
)
def test_a_text_that_is_no_path(path: str) -> None:
    with pytest.raises(JsonPathError, match="is not a JSONPath: "):
        compile_path(path)


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("$", {"a": 1}, 7),
        ("$.a", {"a": 1, "b": 2}, {"a": 7, "b": 2}),
        ("$.x.y", {"a": 1}, {"a": 1, "x": {"y": 7}}),
        ("$['x y'].z", {}, {"x y": {"z": 7}}),
        ("$.l[1]", {"l": [1, 2]}, {"l": [1, 7]}),
        ("$.l[0].x", {"l": [{}]}, {"l": [{"x": 7}]}),
    ],
)
def test_a_value_is_put_in_its_place(path: str, content: Any, expected: Any) -> None:
    assert compile_path(path).put(content, 7) == expected


@pytest.mark.parametrize(
    ("path", "content"),
    [("$.s.x", {"s": "text"}), ("$.a", [1]), ("$.l[2]", {"l": [1]}), ("$.n.x", {"n": None})],
)
def test_a_value_without_a_place(path: str, content: Any) -> None:
    with pytest.raises(PathMatchError, match="has no place in a value of type"):
        compile_path(path).put(content, 7)
