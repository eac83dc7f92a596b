"""Rules of EventBridge: which events, who may call, and where goes what cannot be delivered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    DeadLetterQueue,
    EncryptionKey,
    EventRule,
    Function,
    InvalidArgumentError,
    LimitExceededError,
)
from tests.support.synthesis import Configuration, FakeArchive, children, refused, statements

PATTERN = {"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}}


def rule(stack: AwsStack, function: Function, **options: Any) -> EventRule:
    failed = options.pop("dead_letters", None) or DeadLetterQueue(stack, "failed")
    return EventRule(
        stack, "stopped", **{"pattern": PATTERN, "function": function, "dead_letters": failed} | options
    )


def is_the_rule(arn: str) -> bool:
    return arn.startswith("arn:${data.aws_partition.") and arn.endswith(":rule/shop-stopped")


def test_a_rule_calls_the_alias_of_a_function(stack: AwsStack, function: Function) -> None:
    rule(stack, function, description="Tasks that stopped")
    synthesized = Configuration(stack)
    resource = synthesized.only("cloudwatch_event_rule")
    address = synthesized.address("cloudwatch_event_rule")
    assert json.loads(resource.pop("event_pattern")) == PATTERN
    assert resource == {
        "name": "shop-stopped",
        "description": "Tasks that stopped",
        "state": "ENABLED",
    }
    target = synthesized.only("cloudwatch_event_target")
    assert target == {
        "rule": f"${{{address}.name}}",
        "target_id": "function",
        "arn": f"${{{synthesized.address('lambda_alias')}.arn}}",
        "retry_policy": {"maximum_retry_attempts": 185, "maximum_event_age_in_seconds": 86_400},
        "dead_letter_config": {"arn": f"${{{synthesized.address('sqs_queue')}.arn}}"},
        "depends_on": [synthesized.address("lambda_permission")],
    }
    permission = synthesized.only("lambda_permission")
    assert (permission["principal"], permission["source_arn"], permission["qualifier"]) == (
        "events.amazonaws.com",
        f"${{{address}.arn}}",
        f"${{{synthesized.address('lambda_alias')}.name}}",
    )


def test_the_queue_takes_messages_of_this_rule_and_over_tls_only(stack: AwsStack, function: Function) -> None:
    rule(stack, function)
    tls, sending = statements(Configuration(stack).only("sqs_queue")["policy"])
    assert (tls["Sid"], tls["Effect"]) == ("TlsOnly", "Deny")
    assert is_the_rule(sending["Condition"]["ArnEquals"].pop("aws:SourceArn"))
    assert sending == {
        "Sid": "Ruleshopstopped",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": tls["Resource"],
        "Condition": {"ArnEquals": {}},
    }


def test_the_key_of_the_queue_lets_eventbridge_of_this_account(stack: AwsStack, archive: FakeArchive) -> None:
    key = EncryptionKey(stack, "key")
    stack.encrypt_with(key)
    failed = DeadLetterQueue(stack, "failed")
    function = Function(stack, "worker", archive=archive)
    rule(stack, function, dead_letters=failed)
    EventRule(stack, "again", pattern=PATTERN, function=function, dead_letters=failed)
    (statement,) = [one for one in key.policy["Statement"] if one["Sid"] == "EventRules"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert set(statement["Condition"]) == {"StringEquals"}
    assert set(statement["Condition"]["StringEquals"]) == {"aws:SourceAccount"}
    allowed = statements(Configuration(stack).only("sqs_queue")["policy"])
    assert [one["Sid"] for one in allowed] == ["TlsOnly", "Ruleshopstopped", "Ruleshopagain"]


def test_a_pattern_can_be_said_anew(stack: AwsStack, function: Function) -> None:
    resource = rule(stack, function)
    resource.match({"source": ["aws.batch"]})
    assert resource.name == "shop-stopped"
    assert Configuration(stack).only("cloudwatch_event_rule")["event_pattern"] == '{"source": ["aws.batch"]}'
    assert refused(lambda: resource.match({})) == (
        InvalidArgumentError,
        "shop/stopped: pattern matches everything; pass at least a source",
    )


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"pattern": {}}, InvalidArgumentError, "pattern matches everything; pass at least a source"),
        ({"pattern": {"detail": {}}}, InvalidArgumentError,
         "pattern detail matches everything; pass at least a source"),
        ({"pattern": {"source": "aws.ecs"}}, InvalidArgumentError,
         "pattern source is not a list of values; pass a list with at least one value"),
        ({"pattern": {"detail": {"status": []}}}, InvalidArgumentError,
         "pattern detail.status is not a list of values; pass a list with at least one value"),
        ({"name": "a b"}, InvalidArgumentError, "name 'a b' is not valid; use 1 to 64 letters, digits and '._-'"),
        ({"retries": 186}, LimitExceededError, "retries is 186; use 0 to 185"),
        ({"max_age_seconds": 59}, LimitExceededError, "max_age_seconds is 59; use 60 to 86400"),
    ],
)  # fmt: skip
def test_what_eventbridge_would_refuse_is_refused_before_anything_is_made(
    stack: AwsStack, function: Function, options: dict[str, Any], kind: type, message: str
) -> None:
    failed = DeadLetterQueue(stack, "failed")
    before = children(stack)
    assert refused(lambda: rule(stack, function, dead_letters=failed, **options)) == (
        kind,
        f"shop/stopped: {message}",
    )
    assert children(stack) == before


def test_a_queue_that_keeps_the_order_takes_no_events(stack: AwsStack, function: Function) -> None:
    ordered = DeadLetterQueue(stack, "ordered", fifo=True)
    assert refused(lambda: rule(stack, function, dead_letters=ordered)) == (
        InvalidArgumentError,
        "shop/stopped: dead_letters is a FIFO queue, which EventBridge does not support; leave fifo out",
    )


def test_a_name_is_taken_once(stack: AwsStack, function: Function) -> None:
    failed = DeadLetterQueue(stack, "failed")
    rule(stack, function, dead_letters=failed)
    again = refused(
        lambda: EventRule(
            stack, "again", pattern=PATTERN, function=function, dead_letters=failed, name="shop-stopped"
        )
    )
    assert again == (
        ConflictError,
        "shop/again: event rule name 'shop-stopped' is taken by shop/stopped; choose another name",
    )


def test_a_queue_allows_one_thing_under_one_name(stack: AwsStack) -> None:
    failed = DeadLetterQueue(stack, "failed")
    for _ in range(2):
        failed.allow_service("Alarm", service="events.amazonaws.com", source_arn="arn:one")
    assert refused(
        lambda: failed.allow_service("Alarm", service="events.amazonaws.com", source_arn="arn:two")
    ) == (ConflictError, "shop/failed: sid 'Alarm' exists with another service or source; choose another sid")
    assert refused(lambda: failed.allow_service("a b", service="s", source_arn="arn:one"))[1].startswith(
        "shop/failed: sid 'a b' is not valid"
    )
