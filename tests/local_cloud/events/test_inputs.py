"""Inputs of targets, made from an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.events.inputs import InvalidInput, input_of

RULE = "arn:aws:events:us-east-1:123456789012:rule/ends"
EVENT: dict[str, Any] = {
    "version": "0",
    "detail-type": "Status Change",
    "source": "aws.states",
    "time": "2027-01-15T08:00:00Z",
    "resources": ["arn:one", "arn:two"],
    "detail": {
        "name": 'a "quoted" name',
        "input": '{"a": "b"}',
        "count": 2,
        "more": {"x": [1]},
        "none": None,
    },
}


def given(**target: Any) -> str:
    return input_of(target, EVENT, rule_arn=RULE)


def transformed(template: str, **paths: str) -> Any:
    return json.loads(given(InputTransformer={"InputPathsMap": paths, "InputTemplate": template}))


def test_a_target_gets_the_event_as_it_is() -> None:
    assert json.loads(given()) == EVENT


def test_a_constant_takes_its_place() -> None:
    assert given(Input='{"a": 1}') == '{"a": 1}'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail.more", {"x": [1]}),
        ("$.detail-type", "Status Change"),
        ("$.resources[1]", "arn:two"),
        ("$.detail.missing", None),
    ],
)
def test_a_path_chooses_a_part(path: str, value: object) -> None:
    assert json.loads(given(InputPath=path)) == value


def test_a_template_is_filled_with_json() -> None:
    event = transformed(
        '{"name": <name>, "count": <count>, "more": <more>, "input": <input>, "none": <none>, "no": <missing>}',
        name="$.detail.name",
        count="$.detail.count",
        more="$.detail.more",
        input="$.detail.input",
        none="$.detail.none",
        missing="$.detail.missing",
    )
    assert event == {
        "name": 'a "quoted" name',
        "count": 2,
        "more": {"x": [1]},
        "input": '{"a": "b"}',
        "none": None,
        "no": None,
    }


def test_within_a_string_a_value_is_text() -> None:
    event = transformed(
        '{"said": "<name> x<count> <more><missing>", "escaped": "\\"<count>\\" "}',
        name="$.detail.name",
        count="$.detail.count",
        more="$.detail.more",
        missing="$.detail.missing",
    )
    assert event == {"said": 'a "quoted" name x2 {"x":[1]}', "escaped": '"2" '}


def test_a_template_may_be_one_string() -> None:
    assert (
        transformed('"<count> of <source>"', count="$.detail.count", source="$.source") == "2 of aws.states"
    )


def test_a_template_knows_some_values_without_a_path() -> None:
    event = transformed(
        '{"rule": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "all": <aws.events.event.json>, '
        '"rest": <aws.events.event>, "at": <aws.events.event.ingestion-time>}'
    )
    rest = {name: value for name, value in EVENT.items() if name != "detail"}
    assert event == {"rule": RULE, "name": "ends", "all": EVENT, "rest": rest, "at": "2027-01-15T08:00:00Z"}


def test_what_is_no_json_is_not_sent() -> None:
    with pytest.raises(InvalidInput, match=r"^the template makes no JSON of the event: "):
        transformed("<count> of them", count="$.detail.count")
