"""Event patterns: which EventBridge takes, and what they match."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.moto_gaps.event_patterns import matches
from tests.support.cloud_in_thread import CloudInThread

EVENT: dict[str, Any] = {
    "id": "1",
    "account": "123456789012",
    "source": "shop",
    "time": "2030-01-01T00:00:00Z",
    "region": "us-east-1",
    "detail-type": "Order",
    "resources": [],
    "detail": {
        "n": 5,
        "text": "Hello.txt",
        "ip": "10.0.0.7",
        "yes": True,
        "none": None,
        "tags": ["a", "b"],
        "items": [{"id": 1, "sub": {"x": "y"}}, {"id": 2}],
    },
}


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"n": [5]}, True),
        ({"n": ["5"]}, False),
        ({"yes": [1]}, False),
        ({"none": [None]}, True),
        ({"missing": [None]}, False),
        ({"tags": ["b"]}, True),
        ({"text": [{"prefix": "Hel"}]}, True),
        ({"text": [{"prefix": {"equals-ignore-case": "HEL"}}]}, True),
        ({"text": [{"suffix": ".txt"}]}, True),
        ({"text": [{"equals-ignore-case": "hello.TXT"}]}, True),
        ({"text": [{"wildcard": "H*.t*"}]}, True),
        ({"text": [{"wildcard": "H\\*"}]}, False),
        ({"text": [{"anything-but": "x"}]}, True),
        ({"text": [{"anything-but": ["x", "Hello.txt"]}]}, False),
        ({"text": [{"anything-but": {"prefix": "Hel"}}]}, False),
        ({"text": [{"anything-but": {"suffix": [".csv", ".md"]}}]}, True),
        ({"text": [{"anything-but": {"wildcard": "*.txt"}}]}, False),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"n": [{"numeric": [">", 0, "<=", 5]}]}, True),
        ({"n": [{"numeric": ["=", 6]}]}, False),
        ({"yes": [{"numeric": ["=", 1]}]}, False),
        ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"n": [{"exists": True}]}, True),
        ({"items": {"id": [{"exists": True}]}}, True),
        ({"items": {"id": [2]}}, True),
        ({"items": {"sub": {"x": ["y"]}}}, True),
        ({"items": {"sub": {"x": ["z"]}}}, False),
        ({"$or": [{"n": [1]}, {"text": [{"prefix": "H"}]}]}, True),
        ({"n": [5], "$or": [{"n": [1]}, {"n": [2]}]}, False),
    ],
)
def test_what_a_pattern_matches(detail: dict[str, Any], expected: bool) -> None:
    assert matches({"detail": detail}, EVENT) is expected


def test_an_empty_list_does_not_exist() -> None:
    assert not matches({"resources": [{"exists": True}]}, EVENT)
    assert matches({"resources": [{"exists": False}]}, EVENT)


@pytest.mark.parametrize(
    "filters",
    [
        "text",
        [],
        {},
        [[1]],
        [{"prefix": 123}],
        [{"prefix": ""}],
        [{"prefix": {"suffix": "a"}}],
        [{"suffix": ["a"]}],
        [{"prefix": "a", "suffix": "b"}],
        [{"exists": "yes"}],
        [{"numeric": [">", 0, "<"]}],
        [{"numeric": []}],
        [{"numeric": ["<", 5, ">", 0]}],
        [{"numeric": [">", 5, "<", 0]}],
        [{"numeric": ["==", 5]}],
        [{"numeric": [">", "5"]}],
        [{"numeric": [">", 1e10]}],
        [{"cidr": "10.0.0.0"}],
        [{"cidr": "10.0.0.256/8"}],
        [{"cidr": "10.0.0.0/33"}],
        [{"wildcard": "a**b"}],
        [{"wildcard": "a\\b"}],
        [{"wildcard": 1}],
        [{"equals-ignore-case": 1}],
        [{"anything-but": []}],
        [{"anything-but": ["a", 1]}],
        [{"anything-but": {"prefix": ""}}],
        [{"anything-but": {"numeric": ["=", 1]}}],
        [{"unknown": "a"}],
    ],
    ids=str,
)
def test_patterns_that_are_refused(cloud: CloudInThread, filters: Any) -> None:
    events = cloud.client("events")
    pattern = json.dumps({"detail": {"a": filters}})
    for call in (
        lambda: events.put_rule(Name="refused", EventPattern=pattern),
        lambda: events.test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT)),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "InvalidEventPatternException"


def test_a_pattern_is_tried_out(cloud: CloudInThread) -> None:
    events = cloud.client("events")
    for source, expected in (("shop", True), ("other", False)):
        pattern = json.dumps({"source": [source]})
        assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT))["Result"] is expected
    with pytest.raises(ClientError):
        events.test_event_pattern(EventPattern='{"source": ["a"]}', Event="{}")


def test_a_detail_that_is_no_object_is_malformed(cloud: CloudInThread) -> None:
    entries = [
        {"Source": "a", "DetailType": "b", "Detail": detail} for detail in ("{}", "[]", '{"a": 1}', '"text"')
    ]
    answer = cloud.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "MalformedDetail",
        None,
        "MalformedDetail",
    ]
