"""Tasks that a worker or a caller with a token carries out, and the metadata of optimized integrations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.states_cloud import States, invoke, only
from tests.support.waiting import eventually


def activity(states: States, **more: Any) -> tuple[str, str]:
    """Make an activity and a state machine that waits for a worker of it."""
    arn = states.sfn.create_activity(name=states.name("activity"))["activityArn"]
    return arn, states.machine(only({"Type": "Task", "Resource": arn, **more}), kind="STANDARD")


def test_a_worker_gets_a_task_and_ends_it(states: States) -> None:
    arn, machine = activity(states)
    execution = states.start(machine, {"n": 1})
    task = states.sfn.get_activity_task(activityArn=arn, workerName="w")
    assert json.loads(task["input"]) == {"n": 1}
    states.sfn.send_task_heartbeat(taskToken=task["taskToken"])
    states.sfn.send_task_success(taskToken=task["taskToken"], output='{"done": true}')
    assert json.loads(states.wait(execution)["output"]) == {"done": True}
    kinds = states.kinds(execution)
    assert [kind for kind in kinds if kind.startswith("Activity")] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
    ]


def test_a_task_of_an_activity_fails_or_times_out(states: States) -> None:
    arn, machine = activity(states)
    execution = states.start(machine)
    task = states.sfn.get_activity_task(activityArn=arn)
    states.sfn.send_task_failure(taskToken=task["taskToken"], error="Tired", cause="c")
    assert (states.wait(execution)["error"], states.wait(execution)["cause"]) == ("Tired", "c")
    _, machine = activity(states, TimeoutSeconds=1)
    assert states.wait(states.start(machine))["error"] == "States.Timeout"


def test_an_activity_that_does_not_exist(states: States) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:activity:none"
    with pytest.raises(states.sfn.exceptions.ActivityDoesNotExist):
        states.sfn.get_activity_task(activityArn=arn)
    execution = states.start(states.machine(only({"Type": "Task", "Resource": arn}), kind="STANDARD"))
    described = states.wait(execution)
    assert described["error"] == "States.Runtime"
    assert arn in described["cause"]


def token_of(states: States, **more: Any) -> tuple[str, str]:
    """Start a task that waits for its token; gives the execution and the token."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue(states), "MessageBody.$": "$$.Task.Token"},
        **more,
    }
    execution = states.start(states.machine(only(task), kind="STANDARD"))
    url = task["Parameters"]["QueueUrl"]
    found = eventually(lambda: states.client("sqs").receive_message(QueueUrl=url).get("Messages"))
    return execution, found[0]["Body"]


def queue(states: States) -> str:
    return str(states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"])


def code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def test_a_token_is_good_for_one_outcome(states: States) -> None:
    execution, token = token_of(states)
    sfn = states.sfn
    sfn.send_task_heartbeat(taskToken=token)
    assert code(sfn.send_task_success, taskToken=token, output="{no json") == "InvalidOutput"
    sfn.send_task_success(taskToken=token, output='"first"')
    assert code(sfn.send_task_failure, taskToken=token, error="second") == "TaskTimedOut"
    assert states.wait(execution)["output"] == '"first"'
    assert code(sfn.send_task_success, taskToken=token, output="1") == "TaskTimedOut"
    assert code(sfn.send_task_heartbeat, taskToken=token) == "TaskTimedOut"
    assert code(sfn.send_task_success, taskToken="none", output="1") == "InvalidToken"


def test_each_attempt_has_a_token_of_its_own(states: States) -> None:
    again = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 9, "IntervalSeconds": 1, "BackoffRate": 1}]
    place = queue(states)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": place, "MessageBody.$": "$$.Task.Token"},
        "HeartbeatSeconds": 1,
        "TimeoutSeconds": 60,
        "Retry": again,
    }
    execution = states.start(states.machine(only(task), kind="STANDARD"))

    def next_token() -> str:
        (message,) = eventually(lambda: states.client("sqs").receive_message(QueueUrl=place).get("Messages"))
        return str(message["Body"])

    first, second = next_token(), next_token()
    assert first != second
    assert code(states.sfn.send_task_success, taskToken=first, output="1") == "TaskTimedOut"
    states.sfn.send_task_success(taskToken=second, output='"second"')
    assert states.wait(execution)["output"] == '"second"'


def test_an_outcome_that_comes_before_the_call_has_ended_counts(states: States) -> None:
    function = states.deploy(
        """
        import boto3

        def handler(event, context):
            boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output='"early"')
        """
    )
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token"}},
        "HeartbeatSeconds": 20,
        "TimeoutSeconds": 60,
    }
    ended = states.wait(states.start(states.machine(only(task), kind="STANDARD")))
    assert ended["output"] == '"early"'


def test_results_of_optimized_integrations_have_the_metadata_of_the_answer(states: States) -> None:
    selector = {"code.$": "$.SdkHttpMetadata.HttpStatusCode", "id.$": "$.SdkResponseMetadata.RequestId"}
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue(states), "MessageBody": "x"},
        "ResultSelector": selector,
    }
    called = invoke(states.function, ResultSelector=selector)
    del called["OutputPath"]
    for state in (send, called):
        output = states.output(only(state))
        assert output["code"] == 200
        assert output["id"]
    listed = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues",
        "Parameters": {"QueueNamePrefix": "none"},
    }
    assert "SdkHttpMetadata" not in states.output(only(listed))


@pytest.mark.parametrize("pattern", ["", ".sync", ".waitForTaskToken"])
def test_a_service_that_is_not_here_can_be_caught(states: States, pattern: str) -> None:
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::athena:startQueryExecution{pattern}",
        "Parameters": {"QueryString": "SELECT 1"},
        "Catch": [{"ErrorEquals": ["Athena.AccessDeniedException"], "Next": "Without"}],
        "End": True,
    }
    definition = {"StartAt": "Ask", "States": {"Ask": task, "Without": {"Type": "Pass", "End": True}}}
    execution = states.start(states.machine(definition, kind="STANDARD"))
    assert states.wait(execution)["status"] == "SUCCEEDED"


def distributed(**more: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    inner = {"In": {"Type": "Pass", "End": True}}
    processor = {"ProcessorConfig": config, "StartAt": "In", "States": inner}
    return only({"Type": "Map", "ItemProcessor": processor, **more})


@pytest.mark.parametrize(
    "fields",
    [
        {
            "ItemsPath": "$.items",
            "ItemSelector": {"v.$": "$$.Map.Item.Value"},
            "ItemBatcher": {"MaxItemsPerBatchPath": "$.most", "BatchInput": {"for.$": "$.who"}},
        },
        {
            "QueryLanguage": "JSONata",
            "Items": "{% $states.input.items %}",
            "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
            "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"for": "{% $states.input.who %}"}},
        },
    ],
)
def test_a_distributed_map_of_express_executions_works_on_batches(
    states: States, fields: dict[str, Any]
) -> None:
    state = distributed(ToleratedFailurePercentage=100, **fields)
    given = {"items": [1, 2, 3], "most": 2, "who": "me"}
    execution = states.start(states.machine(state, kind="STANDARD"), given)
    assert json.loads(states.wait(execution)["output"]) == [
        {"BatchInput": {"for": "me"}, "Items": [{"v": 1}, {"v": 2}]},
        {"BatchInput": {"for": "me"}, "Items": [{"v": 3}]},
    ]


def test_batches_are_bounded_in_bytes(states: States) -> None:
    state = distributed(ItemBatcher={"MaxInputBytesPerBatch": 10})
    execution = states.start(states.machine(state, kind="STANDARD"), ["aaaa", "bbbb", "c"])
    batches = [batch["Items"] for batch in json.loads(states.wait(execution)["output"])]
    assert batches == [["aaaa"], ["bbbb", "c"]]


def test_a_reader_without_settings_reads_json(states: States) -> None:
    s3, bucket = states.client("s3"), states.name("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="list", Body=b"[1, 2]")
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {},
        "Parameters": {"Bucket": bucket, "Key": "list"},
    }
    execution = states.start(states.machine(distributed(ItemReader=reader), kind="STANDARD"))
    assert json.loads(states.wait(execution)["output"]) == [1, 2]
