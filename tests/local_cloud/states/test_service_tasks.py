"""Tasks: functions and other services of the local cloud, their errors, their time limits."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.states_cloud import States, invoke, only
from tests.support.waiting import eventually

CAUGHT = {"ErrorEquals": ["States.ALL"], "Next": "Caught", "ResultPath": "$.error"}


def caught(state: dict[str, Any]) -> dict[str, Any]:
    """A state machine that answers with the error of a state."""
    return {
        "StartAt": "Try",
        "States": {
            "Try": {**state, "Catch": [CAUGHT], "End": True},
            "Caught": {"Type": "Pass", "OutputPath": "$.error", "End": True},
        },
    }


def test_the_optimised_integration_invokes_a_function(states: States) -> None:
    task = {**invoke(states.function), "OutputPath": "$"}
    output = states.output(only(task), {"n": 1})
    assert output.pop("SdkHttpMetadata")["HttpStatusCode"] == 200
    assert output.pop("SdkResponseMetadata").keys() == {"RequestId"}
    assert output == {"ExecutedVersion": "$LATEST", "Payload": {"n": 1}, "StatusCode": 200}


def test_an_arn_as_the_resource_invokes_a_function(states: States) -> None:
    assert states.output(only({"Type": "Task", "Resource": states.function}), {"n": 1}) == {"n": 1}


def test_an_asynchronous_invocation_returns_no_payload(states: States) -> None:
    parameters = {"FunctionName": states.function, "InvocationType": "Event", "Payload.$": "$"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}
    assert states.output(only(task))["StatusCode"] == 202


def test_the_log_of_an_invocation_is_returned_on_request(states: States) -> None:
    task = invoke(states.function)
    task["Parameters"]["LogType"] = "Tail"
    task["OutputPath"] = "$.LogResult"
    assert b"START RequestId: " in base64.b64decode(states.output(only(task)))


@pytest.mark.parametrize("kind", ["optimised", "bare"])
def test_the_error_of_a_function_has_its_type_as_a_name(states: States, kind: str) -> None:
    bare = {"Type": "Task", "Resource": states.function}
    task = invoke(states.function) if kind == "optimised" else bare
    error = states.output(caught(task), {"do": "fail", "what": "everything"})
    assert error["Error"] == "Overloaded"
    assert json.loads(error["Cause"])["errorMessage"] == "too much of everything"


@pytest.mark.parametrize("kind", ["optimised", "bare"])
def test_a_throttled_function_raises_the_error_of_lambda(states: States, kind: str) -> None:
    function = states.deploy("def handler(event, context):\n    return event\n")
    states.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    task = invoke(function) if kind == "optimised" else {"Type": "Task", "Resource": function}
    error = states.output(caught(task))
    assert error["Error"] == "Lambda.TooManyRequestsException"
    assert "Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException" in error["Cause"]


def test_a_function_that_is_not_there_raises_the_error_of_lambda(states: States) -> None:
    error = states.output(caught(invoke(f"{states.function}-gone")))
    assert error["Error"] == "Lambda.ResourceNotFoundException"


def test_a_function_over_its_own_time_raises_the_error_of_its_sandbox(states: States) -> None:
    function = states.deploy("import time\ndef handler(event, context):\n    time.sleep(30)\n", Timeout=1)
    assert states.output(caught(invoke(function)))["Error"] == "Sandbox.Timedout"


def test_a_retry_ends_with_the_answer_of_the_attempt_that_worked(states: States, tmp_path: Path) -> None:
    retry = {
        "ErrorEquals": ["Overloaded"],
        "IntervalSeconds": 1,
        "MaxAttempts": 3,
        "BackoffRate": 1,
        "MaxDelaySeconds": 1,
        "JitterStrategy": "FULL",
    }
    given = {"do": "fail_at_first", "times": 2, "file": str(tmp_path / "calls")}
    answer = states.run(only(invoke(states.function, Retry=[retry])), given)
    assert answer["output"] == {"calls": 3}
    assert states.kinds(answer["executionArn"]).count("TaskFailed") == 2


def test_retries_end_in_the_error_when_there_are_no_more_attempts(states: States, tmp_path: Path) -> None:
    retry = {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1, "JitterStrategy": "FULL"}
    given = {"do": "fail_at_first", "times": 9, "file": str(tmp_path / "calls")}
    answer = states.run(only(invoke(states.function, Retry=[retry])), given)
    assert (answer["status"], answer["error"]) == ("FAILED", "Overloaded")
    assert (tmp_path / "calls").read_text() == "xx"


def test_a_retry_for_another_error_is_not_used(states: States) -> None:
    retry = {"ErrorEquals": ["States.Timeout", "Lambda.TooManyRequestsException"], "MaxAttempts": 5}
    answer = states.run(only(invoke(states.function, Retry=[retry])), {"do": "fail"})
    assert answer["error"] == "Overloaded"
    assert states.kinds(answer["executionArn"]).count("TaskScheduled") == 1


def test_a_task_over_its_time_raises_states_timeout(states: States) -> None:
    task = invoke(states.function, TimeoutSeconds=1)
    answer = states.run(caught(task), {"do": "sleep", "seconds": 3})
    assert answer["output"]["Error"] == "States.Timeout"
    kinds = states.kinds(answer["executionArn"])
    assert "TaskTimedOut" in kinds
    assert "TaskSucceeded" not in kinds


def test_a_result_over_256_kib_is_an_error_that_states_all_does_not_catch(states: States) -> None:
    answer = states.run(caught(invoke(states.function)), {"do": "large", "bytes": 262_144})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_a_result_over_256_kib_is_caught_by_its_name(states: States) -> None:
    definition = caught(invoke(states.function))
    definition["States"]["Try"]["Catch"][0] = {**CAUGHT, "ErrorEquals": ["States.DataLimitExceeded"]}
    answer = states.run(definition, {"do": "large", "bytes": 262_144})
    assert answer["output"]["Error"] == "States.DataLimitExceeded"


def test_a_path_that_finds_nothing_is_a_runtime_error_that_nothing_catches(states: States) -> None:
    task = invoke(states.function)
    task["Parameters"] = {"FunctionName": states.function, "Payload.$": "$.missing"}
    answer = states.run(caught(task), {"a": 1})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")
    assert "The JSONPath '$.missing'" in answer["cause"]


def test_items_of_dynamodb_are_written_changed_and_read(states: States) -> None:
    table = states.name("table")
    states.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"id": {"S.$": "$.id"}}
    prefix = "arn:aws:states:::dynamodb:"
    definition = {
        "StartAt": "Put",
        "States": {
            "Put": {
                "Type": "Task",
                "Resource": f"{prefix}putItem",
                "Parameters": {"TableName": table, "Item": {**key, "n": {"N": "1"}}},
                "ResultPath": None,
                "Next": "Update",
            },
            "Update": {
                "Type": "Task",
                "Resource": f"{prefix}updateItem",
                "Parameters": {
                    "TableName": table,
                    "Key": key,
                    "UpdateExpression": "ADD n :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                },
                "ResultPath": None,
                "Next": "Get",
            },
            "Get": {
                "Type": "Task",
                "Resource": f"{prefix}getItem",
                "Parameters": {"TableName": table, "Key": key},
                "OutputPath": "$.Item",
                "End": True,
            },
        },
    }
    assert states.output(definition, {"id": "a"}) == {"id": {"S": "a"}, "n": {"N": "2"}}
    put_once = {**definition["States"]["Put"], "Parameters": {**definition["States"]["Put"]["Parameters"]}}  # type: ignore[index]
    put_once["Parameters"]["ConditionExpression"] = "attribute_not_exists(id)"
    del put_once["Next"]
    error = states.output(caught(put_once), {"id": "a"})
    assert error["Error"] == "DynamoDB.ConditionalCheckFailedException"


def test_a_message_is_sent_to_a_queue(states: States) -> None:
    queue = states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"job.$": "$.job"}},
    }
    assert "MessageId" in states.output(only(task), {"job": 7})
    message = states.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]
    assert json.loads(message["Body"]) == {"job": 7}


def test_any_service_is_called_through_the_sdk_integration(states: States) -> None:
    bucket = states.name("bucket")
    states.client("s3").create_bucket(Bucket=bucket)
    states.client("s3").put_object(Bucket=bucket, Key="a.json", Body=b'{"a": 1}')
    parameters = {"Bucket": bucket, "Key": "a.json"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": parameters}
    assert states.output(only(task))["Body"] == '{"a": 1}'
    error = states.output(caught({**task, "Parameters": {**parameters, "Key": "b"}}))
    assert error["Error"] == "S3.NoSuchKeyException"


@pytest.mark.parametrize("resource", ["aws-sdk:nothing:getObject", "aws-sdk:s3:getNothing"])
def test_a_service_or_operation_that_does_not_exist_is_refused(states: States, resource: str) -> None:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": {}}
    with pytest.raises(states.sfn.exceptions.InvalidDefinition) as refused:
        states.machine(only(task))
    assert f"The resource provided arn:aws:states:::{resource} is not recognized." in str(refused.value)


def test_a_model_of_bedrock_is_not_here_and_a_fallback_can_take_its_place(states: States) -> None:
    parameters = {"ModelId": "some-model", "Body": {}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::bedrock:invokeModel", "Parameters": parameters}
    assert states.output(caught(task)) == {
        "Error": "Bedrock.AccessDeniedException",
        "Cause": (
            "The local cloud has no bedrock to answer arn:aws:states:::bedrock:invokeModel. "
            "Let a Catch lead to a state that works without it, or use a function."
        ),
    }


def test_another_state_machine_is_run_to_its_end(states: States) -> None:
    inner = states.machine(only(invoke(states.function)), kind="STANDARD")
    parameters = {"StateMachineArn": inner, "Input": {"n.$": "$.n"}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": parameters,
        "OutputPath": "$.Output",
    }
    outer = states.machine(only(task), kind="STANDARD")
    ended = states.wait(states.start(outer, {"n": 5}))
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"n": 5})


def test_a_failure_of_another_state_machine_is_the_failure_of_the_task(states: States) -> None:
    inner = states.machine(only({"Type": "Fail", "Error": "Bad", "Cause": "input"}), kind="STANDARD")
    resource = "arn:aws:states:::states:startExecution.sync:2"
    task = {"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": inner}}
    ended = states.wait(states.start(states.machine(only(task), kind="STANDARD")))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(ended["cause"])["Error"] == "Bad"


def token_task(queue: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
        **more,
    }


def received_token(states: States, queue: str) -> str:
    sqs = states.client("sqs")
    message = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
    return str(json.loads(message["Body"])["token"])


def test_a_task_waits_for_its_token(states: States) -> None:
    queue = states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"]
    execution = states.start(states.machine(only(token_task(queue)), kind="STANDARD"))
    token = received_token(states, queue)
    states.sfn.send_task_success(taskToken=token, output='{"done": true}')
    assert json.loads(states.wait(execution)["output"]) == {"done": True}


def test_a_task_token_can_fail_the_task(states: States) -> None:
    queue = states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"]
    execution = states.start(states.machine(only(token_task(queue)), kind="STANDARD"))
    states.sfn.send_task_failure(taskToken=received_token(states, queue), error="Refused", cause="by hand")
    ended = states.wait(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Refused", "by hand")


def test_a_task_without_a_heartbeat_times_out(states: States) -> None:
    queue = states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"]
    task = token_task(queue, HeartbeatSeconds=1, TimeoutSeconds=60)
    ended = states.wait(states.start(states.machine(caught(task), kind="STANDARD")))
    assert json.loads(ended["output"])["Error"] in ("States.Timeout", "States.HeartbeatTimeout")


def test_tasks_call_services_at_this_servers_own_port(
    states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    looked_up: list[Any] = []
    original = socket.getaddrinfo

    def record(host: Any, *arguments: Any, **options: Any) -> Any:
        looked_up.append((host, arguments[0] if arguments else options.get("port")))
        return original(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", record)
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sns:listTopics", "Parameters": {}}
    inner = states.machine(only({"Type": "Succeed"}))
    sync = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Parameters": {"StateMachineArn": inner, "Input": "{}"},
    }
    from local_cloud.states.clients import Clients

    assert Clients(states.cloud.url).get("us-east-1", "sns").list_topics()["Topics"] == []
    assert states.output(only(task)) == {"Topics": []}
    assert states.output(only(sync))["Status"] == "SUCCEEDED"
    assert looked_up
    assert {host for host, _ in looked_up} == {"127.0.0.1"}


def test_functions_called_at_the_same_time_run_at_the_same_time(states: States) -> None:
    gate = threading.Barrier(2, timeout=10)
    answers: list[Any] = []
    definition = only(invoke(states.function))

    def call() -> None:
        gate.wait()
        answers.append(states.output(definition, {"do": "sleep", "seconds": 0.2}))

    threads = [threading.Thread(target=call) for _ in range(2)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    assert time.monotonic() - started < 10


def test_a_function_that_does_not_exist_is_named_with_its_version(states: States) -> None:
    error = states.output(caught(invoke("none")))
    assert error["Error"] == "Lambda.ResourceNotFoundException"
    assert error["Cause"].startswith(
        "Function not found: arn:aws:lambda:us-east-1:123456789012:function:none:$LATEST ("
    )


def test_the_cause_of_a_failed_event_is_json(states: States) -> None:
    entry = {"DetailType": "t", "Detail": {}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [entry]},
    }
    error = states.output(caught(task))
    assert error["Error"] == "EventBridge.FailedEntry"
    cause = json.loads(error["Cause"])
    assert (cause["FailedEntryCount"], cause["Entries"][0]["ErrorCode"]) == (1, "InvalidArgument")


def test_an_error_of_s3_has_both_request_ids(states: States) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": "none-at-all", "Key": "k"},
    }
    error = states.output(caught(task))
    assert error["Error"] == "S3.NoSuchBucketException"
    assert ", Request ID: " in error["Cause"]
    assert ", Extended Request ID: " in error["Cause"]


def test_a_distributed_map_writes_its_results_beside_the_manifest(states: States) -> None:
    bucket = states.name("results")
    states.client("s3").create_bucket(Bucket=bucket)
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        **only({"Type": "Pass"}),
    }
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": bucket, "Prefix": "runs"},
    }
    task = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "ResultWriter": writer}
    execution = states.start(states.machine(only(task), kind="STANDARD"), {"items": [1, {"a": 2}]})
    output = json.loads(states.wait(execution)["output"])

    def read(key: str) -> Any:
        return json.loads(states.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    manifest = read(output["ResultWriterDetails"]["Key"])
    assert manifest["MapRunArn"] == output["MapRunArn"]
    assert [manifest["ResultFiles"][kind] for kind in ("FAILED", "PENDING")] == [[], []]
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    assert file["Key"].endswith("/SUCCEEDED_0.json")
    assert sorted(json.dumps(json.loads(record["Output"])) for record in read(file["Key"])) == [
        "1",
        '{"a": 2}',
    ]


def test_null_is_a_parameter_that_is_not_set(states: States) -> None:
    put = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Parameters": {"TableName": "none", "Item": None, "ConditionExpression": None},
    }
    assert states.output(caught(put))["Error"] == "DynamoDb.DynamoDbException"
    queue = states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"]
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"a": ["é", None]}, "MessageGroupId": None},
    }
    states.output(only(send))
    (message,) = states.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == '{"a":["é",null]}'


def test_an_empty_message_is_an_error_of_sqs(states: States) -> None:
    queue = states.client("sqs").create_queue(QueueName=states.name("queue"))["QueueUrl"]
    parameters = {"QueueUrl": queue, "MessageBody": ""}
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters}
    assert states.output(caught(send))["Error"] == "SQS.AmazonSQSException"


def test_a_queue_that_is_not_there_is_an_error_of_the_client(states: States) -> None:
    parameters = {"QueueUrl": "no-such-queue", "MessageBody": "x"}
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters}
    assert states.output(caught(send))["Error"] == "SQS.SdkClientException"


def test_the_times_in_a_result_are_texts(states: States) -> None:
    states.client("s3").create_bucket(Bucket="times-of-buckets")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "ResultSelector": {"times.$": "$.Buckets[?(@.Name == 'times-of-buckets')].CreationDate"},
    }
    (text,) = states.output(only(task))["times"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", text)


@pytest.mark.parametrize(
    ("service", "action", "prefix"),
    [
        ("redshiftdata", "executeStatement", "RedshiftData"),
        ("bedrockagent", "createDataSource", "BedrockAgent"),
        ("sesv2", "sendEmail", "SesV2"),
        ("costexplorer", "getTags", "CostExplorer"),
        ("eventbridge", "describeRule", "EventBridge"),
        ("iotdataplane", "publish", "IotDataPlane"),
    ],
)
def test_services_have_the_names_of_the_sdk(states: States, service: str, action: str, prefix: str) -> None:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::aws-sdk:{service}:{action}", "Parameters": {}}
    assert states.output(caught(task))["Error"].startswith(f"{prefix}.")


def test_an_error_without_a_class_in_the_sdk_is_the_general_one_of_the_service(states: States) -> None:
    parameters = {"TableName": "x", "Key": {}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": parameters}
    assert states.output(caught(task))["Error"] == "DynamoDB.ResourceNotFoundException"
    del parameters["Key"]
    assert states.output(caught(task))["Error"] == "DynamoDB.AmazonDynamoDBException"
