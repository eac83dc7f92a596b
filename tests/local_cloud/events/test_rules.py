"""Events of executions, and the targets to which rules deliver them."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.states_cloud import ACCOUNT, REGION, States, invoke, only
from tests.support.threads import THREADS, at_once
from tests.support.waiting import eventually

ENDS = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
}
WAIT = only({"Type": "Wait", "Seconds": 60})


class Rules:
    """Rules and queues of a test."""

    def __init__(self, states: States) -> None:
        self.states = states
        self.events = states.client("events")
        self.sqs = states.client("sqs")
        self._rules: list[str] = []

    def rule(self, pattern: object, **target: Any) -> str:
        """A rule with one target; gives its ARN."""
        name = self.states.name("rule")
        arn = self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        self._rules.append(name)
        if target:
            self.events.put_targets(Rule=name, Targets=[{"Id": "one", **target}])
        return str(arn)

    def queue(self, *rules: str, **attributes: str) -> str:
        """A queue that takes messages of rules; gives its ARN."""
        name = self.states.name("queue")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        policy = {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": list(rules)}},
                },
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": arn,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ]
        }
        self.sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy), **attributes})
        return arn

    def target(self, rule: str, **target: Any) -> None:
        self.events.put_targets(Rule=rule.rpartition("/")[2], Targets=[{"Id": "one", **target}])

    def observed(self, pattern: object, **target: Any) -> str:
        """A queue that a rule's events come to; gives its ARN."""
        rule = self.rule(pattern)
        queue = self.queue(rule)
        self.target(rule, Arn=queue, **target)
        return queue

    def taken(self, queue: str) -> list[dict[str, Any]]:
        url = self.sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
        received = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for one in received:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return list(received)

    def message(self, queue: str) -> dict[str, Any]:
        (one,) = eventually(lambda: self.taken(queue))
        return dict(one)

    def event(self, queue: str) -> dict[str, Any]:
        return dict(json.loads(self.message(queue)["Body"]))

    def close(self) -> None:
        while self._rules:
            name = self._rules.pop()
            self.events.remove_targets(Rule=name, Ids=["one"])
            self.events.delete_rule(Name=name)


@pytest.fixture
def rules(states: States) -> Iterator[Rules]:
    rules = Rules(states)
    yield rules
    rules.close()


def about(machine: str, *status: str) -> dict[str, Any]:
    detail: dict[str, Any] = {"stateMachineArn": [machine]} | ({"status": list(status)} if status else {})
    return {**ENDS, "detail": detail}


def test_what_is_said_of_an_execution(states: States, rules: Rules) -> None:
    machine = states.machine(only({"Type": "Pass", "Result": {"b": 2}}), kind="STANDARD")
    began, ended = (rules.observed(about(machine, status)) for status in ("RUNNING", "SUCCEEDED"))
    execution = states.start(machine, {"a": 1}, name="first")
    described = states.wait(execution)
    first, last = rules.event(began), rules.event(ended)
    assert first.pop("id") != last.pop("id")
    assert first.pop("time")[:4] == last.pop("time")[:4] == str(described["startDate"].year)
    started_at = first["detail"].pop("startDate")
    assert last["detail"].pop("startDate") == started_at <= last["detail"]["stopDate"]
    common = {
        "version": "0",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": ACCOUNT,
        "region": REGION,
        "resources": [execution],
    }
    detail = {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": "first",
        "status": "RUNNING",
        "stopDate": None,
        "input": '{"a": 1}',
        "output": None,
        "inputDetails": {"included": True},
        "outputDetails": None,
        "error": None,
        "cause": None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
    }
    assert first == {**common, "detail": detail}
    ending = {"status": "SUCCEEDED", "output": '{"b":2}', "outputDetails": {"included": True}}
    assert last == {**common, "detail": detail | ending | {"stopDate": last["detail"]["stopDate"]}}


@pytest.mark.parametrize(
    ("definition", "status", "error"),
    [
        (only({"Type": "Fail", "Error": "Odd", "Cause": "why"}), "FAILED", "Odd"),
        ({**WAIT, "TimeoutSeconds": 1}, "TIMED_OUT", None),
        (WAIT, "ABORTED", "Operator"),
    ],
    ids=["failed", "timed out", "aborted"],
)
def test_each_bad_end_is_told(
    states: States, rules: Rules, definition: dict[str, Any], status: str, error: str | None
) -> None:
    machine = states.machine(definition, kind="STANDARD")
    queue = rules.observed(about(machine, "FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"))
    execution = states.start(machine)
    if status == "ABORTED":
        states.sfn.stop_execution(executionArn=execution, error="Operator", cause="by hand")
    detail = rules.event(queue)["detail"]
    assert (detail["status"], detail["error"], detail["executionArn"]) == (status, error, execution)
    assert rules.taken(queue) == []


def test_an_output_that_is_too_large_fails_and_is_told(states: States, rules: Rules) -> None:
    machine = states.machine(only(invoke(states.function)), kind="STANDARD")
    queue = rules.observed(about(machine, "FAILED"))
    states.start(machine, {"do": "large", "bytes": 300_000})
    assert rules.event(queue)["detail"]["error"] == "States.DataLimitExceeded"


def test_large_inputs_and_outputs_are_left_out(states: States, rules: Rules) -> None:
    machine = states.machine(only({"Type": "Pass"}), kind="STANDARD")
    queue = rules.observed(about(machine, "SUCCEEDED"))
    for size, with_input, with_output in (
        (100_000, True, True),
        (130_000, False, True),
        (255_000, False, False),
    ):
        states.start(machine, "x" * size)
        detail = rules.event(queue)["detail"]
        assert (detail["inputDetails"], detail["outputDetails"]) == (
            {"included": with_input},
            {"included": with_output},
        )
        assert ((detail["input"] is not None), (detail["output"] is not None)) == (with_input, with_output)


def test_what_a_key_of_ones_own_encrypts_is_left_out(states: States, rules: Rules) -> None:
    key = states.client("kms").create_key()["KeyMetadata"]["KeyId"]
    machine = states.machine(
        only({"Type": "Fail", "Error": "Odd", "Cause": "why"}),
        kind="STANDARD",
        encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key},
    )
    queue = rules.observed(about(machine, "FAILED"))
    states.start(machine, {"secret": 1})
    detail = rules.event(queue)["detail"]
    assert detail["inputDetails"] == {"included": False}
    assert [detail[name] for name in ("input", "output", "error", "cause")] == [None] * 4


def test_nothing_is_said_of_express_executions(states: States, rules: Rules) -> None:
    express = states.machine(only({"Type": "Pass"}))
    standard = states.machine(only({"Type": "Pass"}), kind="STANDARD")
    queue = rules.observed({"source": ["aws.states"], "detail": {"stateMachineArn": [express, standard], "status": ["SUCCEEDED"]}})  # fmt: skip
    states.sfn.start_sync_execution(stateMachineArn=express)
    states.start(express)
    states.start(standard)
    assert rules.event(queue)["detail"]["stateMachineArn"] == standard
    assert rules.taken(queue) == []


def test_a_function_is_called_by_its_alias(states: States, rules: Rules) -> None:
    echo = states.deploy(
        """
        import json, os, pathlib

        def handler(event, context):
            place = pathlib.Path(event["file"])
            place.write_text(json.dumps([event, context.invoked_function_arn]))
        """
    )
    client = states.client("lambda")
    name = echo.rpartition(":")[2]
    version = client.publish_version(FunctionName=name)["Version"]
    live = client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)["AliasArn"]
    machine = states.machine(only({"Type": "Fail", "Error": "Odd"}), kind="STANDARD")
    rule = rules.rule(about(machine, "FAILED"))
    place = states.directory / f"{name}.json"
    template = {"InputPathsMap": {"error": "$.detail.error"}, "InputTemplate": json.dumps({"file": str(place)})[:-1] + ', "error": <error>}'}  # fmt: skip
    failed = rules.queue(rule)
    rules.target(rule, Arn=live, InputTransformer=template, DeadLetterConfig={"Arn": failed})
    states.start(machine)
    buried = rules.message(failed)
    assert json.loads(buried["Body"])["detail"]["error"] == "Odd"
    attributes = {key: value["StringValue"] for key, value in buried["MessageAttributes"].items()}
    assert attributes == {
        "RULE_ARN": rule,
        "TARGET_ARN": live,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": f"the policy of {live} does not let the rule call it",
    }
    client.add_permission(
        FunctionName=name,
        Qualifier="live",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    states.start(machine)
    assert eventually(place.exists)
    assert json.loads(eventually(place.read_text)) == [{"file": str(place), "error": "Odd"}, live]
    assert rules.taken(failed) == []


@pytest.mark.parametrize("principal", ["apigateway.amazonaws.com", "events.amazonaws.com"])
def test_a_permission_of_another_service_or_rule_is_none(
    states: States, rules: Rules, principal: str
) -> None:
    name = states.function.rpartition(":")[2]
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    rule = rules.rule(about(machine, "FAILED"))
    sid = f"not-{principal.partition('.')[0]}"
    states.client("lambda").add_permission(
        FunctionName=name,
        StatementId=sid,
        Action="lambda:InvokeFunction",
        Principal=principal,
        SourceArn=rule if principal.startswith("api") else f"{rule}-other",
    )
    failed = rules.queue(rule)
    rules.target(rule, Arn=states.function, DeadLetterConfig={"Arn": failed})
    states.start(machine)
    assert rules.message(failed)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_a_target_that_is_gone_and_a_template_that_makes_no_json_end_in_the_queue(
    states: States, rules: Rules
) -> None:
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    gone = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone"
    broken = {"InputPathsMap": {}, "InputTemplate": "not JSON"}
    for target, code in (
        ({"Arn": gone}, "NO_RESOURCE"),
        ({"Arn": f"{states.function}:gone"}, "NO_RESOURCE"),
        ({"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"}, "NO_RESOURCE"),
        ({"Arn": gone, "InputTransformer": broken}, "INVALID_JSON"),
    ):
        rule = rules.rule(about(machine, "FAILED"))
        failed = rules.queue(rule)
        rules.target(rule, **target, DeadLetterConfig={"Arn": failed})
        states.start(machine)
        assert rules.message(failed)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == code
        rules.close()


def warned(caplog: pytest.LogCaptureFixture, rule: str) -> Callable[[], list[str]]:
    name = rule.rpartition("/")[2]
    return lambda: [
        text for record in list(caplog.records) if (text := record.getMessage()).startswith(f"rule {name}: ")
    ]


def test_what_no_queue_takes_is_said_in_the_log(
    states: States, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    rule = rules.rule(about(machine, "FAILED"))
    closed = rules.queue("arn:of:another:rule")
    name = closed.rpartition(":")[2]
    with caplog.at_level(logging.WARNING, logger="local_cloud.events"):
        rules.target(rule, Arn=closed)
        states.start(machine)
        warning = warned(caplog, rule)
        (lost,) = eventually(warning)
        assert lost.endswith(f": an event is lost: the policy of queue {name} does not let the rule send")
        caplog.clear()
        rules.target(rule, Arn=states.function, DeadLetterConfig={"Arn": closed})
        states.start(machine)
        (lost,) = eventually(warning)
        assert lost.endswith(f"call it; and the policy of queue {name} does not let the rule send")


def test_an_encrypted_queue_takes_events_if_its_key_lets_eventbridge(
    states: States, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    kms = states.client("kms")
    key = kms.create_key()["KeyMetadata"]
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    rule = rules.rule(about(machine, "FAILED"))
    queue = rules.queue(rule, KmsMasterKeyId=key["Arn"])
    rules.target(rule, Arn=queue)
    with caplog.at_level(logging.WARNING, logger="local_cloud.events"):
        states.start(machine)
        (lost,) = eventually(warned(caplog, rule))
    assert lost.endswith("does not let EventBridge use it")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    kms.put_key_policy(
        KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps({"Statement": [statement]})
    )
    states.start(machine)
    assert rules.event(queue)["detail"]["status"] == "FAILED"


def test_what_nobody_delivers_to_is_said_once(
    states: States, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    rule = rules.rule(about(machine, "FAILED"), Arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/one")
    queue = rules.observed(about(machine, "FAILED"))
    with caplog.at_level(logging.WARNING, logger="local_cloud.events"):
        for _ in range(2):
            states.start(machine)
            rules.event(queue)
    assert warned(caplog, rule)() == [
        f"rule {rule.rpartition('/')[2]}: the local cloud delivers no events to targets of kinesis"
    ]


def test_a_rule_that_is_off_or_follows_a_schedule_takes_nothing(states: States, rules: Rules) -> None:
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    off, on = rules.observed(about(machine, "FAILED")), rules.observed(about(machine, "FAILED"))
    rules.events.disable_rule(Name=rules._rules[-2])
    rules.events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    hourly = rules.queue(f"arn:aws:events:{REGION}:{ACCOUNT}:rule/hourly")
    rules.target("rule/hourly", Arn=hourly)
    states.start(machine)
    assert rules.event(on)["detail"]["status"] == "FAILED"
    assert rules.taken(off) == rules.taken(hourly) == []
    rules.events.remove_targets(Rule="hourly", Ids=["one"])
    rules.events.delete_rule(Name="hourly")


def test_events_that_are_put_are_delivered_too(states: States, rules: Rules) -> None:
    queue = rules.observed({"source": ["shop"], "detail": {"total": [{"numeric": [">", 10]}]}})
    for total in (5, 15):
        entry = {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"total": total})}
        assert rules.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    event = rules.event(queue)
    assert (event["detail"], event["detail-type"], event["source"]) == ({"total": 15}, "order", "shop")
    assert event["time"].endswith("Z")
    assert "ingestion-time" not in event
    assert rules.taken(queue) == []


def test_a_log_group_is_left_to_moto(states: States, rules: Rules) -> None:
    logs = states.client("logs")
    logs.create_log_group(logGroupName="/events")
    machine = states.machine(only({"Type": "Fail"}), kind="STANDARD")
    rules.rule(about(machine, "FAILED"), Arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/events")
    states.start(machine)
    (stream,) = eventually(lambda: logs.describe_log_streams(logGroupName="/events")["logStreams"])
    (line,) = eventually(
        lambda: logs.get_log_events(logGroupName="/events", logStreamName=stream["logStreamName"])["events"]
    )
    assert json.loads(line["message"])["source"] == "aws.states"


def test_every_event_of_many_threads_is_delivered_once_to_every_target(states: States, rules: Rules) -> None:
    pattern = {"source": ["shop"]}
    queues = [rules.observed(pattern) for _ in range(2)]

    def put(number: int) -> None:
        entries = [
            {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"number": number * 2 + place})}
            for place in range(2)
        ]
        assert rules.events.put_events(Entries=entries)["FailedEntryCount"] == 0

    at_once([functools.partial(put, number) for number in range(THREADS)])
    for queue in queues:
        numbers: list[int] = []
        while len(numbers) < 2 * THREADS and (taken := eventually(lambda queue=queue: rules.taken(queue))):
            numbers += [json.loads(message["Body"])["detail"]["number"] for message in taken]
        assert sorted(numbers) == list(range(2 * THREADS))
        assert rules.taken(queue) == []


def test_every_end_of_many_executions_is_delivered_once(states: States, rules: Rules) -> None:
    queue = rules.observed(ENDS)
    arn = states.machine(only({"Type": "Fail", "Error": "Wrong"}), kind="STANDARD")
    started = at_once([functools.partial(states.start, arn)] * THREADS)
    ended: list[str] = []
    while len(ended) < THREADS and (taken := eventually(lambda: rules.taken(queue))):
        ended += [json.loads(message["Body"])["detail"]["executionArn"] for message in taken]
    assert sorted(ended) == sorted(started)
