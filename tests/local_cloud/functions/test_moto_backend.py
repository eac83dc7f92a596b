"""Invoking through the AWS API: boto3, moto's HTTP layer, and services of moto that invoke functions themselves."""

from __future__ import annotations

import asyncio
import base64
import json
from hashlib import sha256
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends

from tests.support import aws
from tests.support.function_cloud import ACCOUNT, ECHO, REGION, Cloud, arn
from tests.support.waiting import eventually


@pytest.fixture
def client(cloud: Cloud) -> Any:
    # A retry would hide an error for seconds.
    return aws.client("lambda", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))


def test_request_response(cloud: Cloud, client: Any) -> None:
    cloud.deploy(ECHO)
    answer = client.invoke(FunctionName="demo", Payload=b'{"a": 1}')
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert "LogResult" not in answer
    assert json.loads(answer["Payload"].read()) == {"a": 1}


def test_no_payload_is_an_empty_object(cloud: Cloud, client: Any) -> None:
    cloud.deploy(ECHO)
    assert client.invoke(FunctionName="demo")["Payload"].read() == b"{}"


def test_the_qualifier_is_taken_from_the_query_not_from_the_event(cloud: Cloud, client: Any) -> None:
    cloud.deploy("def handler(event, context):\n    return context.invoked_function_arn\n", publish=True)
    client.create_alias(FunctionName="demo", Name="live", FunctionVersion="1")
    event = b'{"qualifier": "9", "Qualifier": "8"}'
    for options, executed, invoked in (
        ({"FunctionName": "demo", "Qualifier": "live"}, "1", arn("demo:live")),
        ({"FunctionName": "demo:live"}, "1", arn("demo:live")),
        ({"FunctionName": arn("demo"), "Qualifier": "1"}, "1", arn("demo:1")),
        ({"FunctionName": arn("demo:live")}, "1", arn("demo:live")),
        ({"FunctionName": f"{ACCOUNT}:function:demo", "Qualifier": "live"}, "1", arn("demo:live")),
        ({"FunctionName": "demo"}, "$LATEST", arn("demo")),
    ):
        answer = client.invoke(Payload=event, **options)
        assert (answer["ExecutedVersion"], json.loads(answer["Payload"].read())) == (executed, invoked)


def test_the_request_id_of_an_answer_is_that_of_the_functions_log(cloud: Cloud, client: Any) -> None:
    cloud.deploy("def handler(event, context):\n    return context.aws_request_id\n")
    answer = client.invoke(FunctionName="demo")
    assert answer["ResponseMetadata"]["RequestId"] == json.loads(answer["Payload"].read())
    later = client.invoke(FunctionName="demo", InvocationType="Event")
    assert later["ResponseMetadata"]["RequestId"]


def test_a_function_error_and_the_tail_of_its_log(cloud: Cloud, client: Any) -> None:
    cloud.deploy("def handler(event, context):\n    print('x' * 5000)\n    raise ValueError('no')\n")
    answer = client.invoke(FunctionName="demo", LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert b"REPORT RequestId: " in tail


def test_an_answer_between_moto_s_limit_and_lambda_s_gets_through(cloud: Cloud, client: Any) -> None:
    cloud.deploy("def handler(event, context):\n    return 'x' * 6_200_000\n")
    answer = client.invoke(FunctionName="demo")
    assert "FunctionError" not in answer
    assert len(answer["Payload"].read()) == 6_200_002


def test_dry_run_runs_nothing(cloud: Cloud, client: Any) -> None:
    cloud.deploy("raise SystemExit\n")
    answer = client.invoke(FunctionName="demo", InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="missing", InvocationType="DryRun")


def test_an_event_is_accepted_at_once_and_runs_later(cloud: Cloud, client: Any) -> None:
    cloud.deploy("import pathlib\ndef handler(event, context):\n    pathlib.Path(event).write_text('ran')\n")
    mark = cloud.directory / "ran"
    answer = client.invoke(FunctionName="demo", InvocationType="Event", Payload=json.dumps(str(mark)))
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert eventually(lambda: mark.exists() and mark.read_text() == "ran")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="missing", InvocationType="Event")


def test_the_client_context_arrives(cloud: Cloud, client: Any) -> None:
    cloud.deploy("def handler(event, context):\n    return context.client_context.custom\n")
    context = base64.b64encode(b'{"custom": {"who": "me"}}').decode()
    answer = client.invoke(FunctionName="demo", ClientContext=context)
    assert json.loads(answer["Payload"].read()) == {"who": "me"}
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="demo", ClientContext=base64.b64encode(b"{").decode())


def error_of(client: Any, **options: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as error:
        client.invoke(**{"FunctionName": "demo", **options})
    answer: dict[str, Any] = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_errors_of_the_service(cloud: Cloud, client: Any) -> None:
    assert error_of(client, FunctionName="missing", Qualifier="live") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {arn('missing:live')}",
    )
    cloud.deploy(ECHO)
    status, code, message = error_of(client, Payload=b"{")
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json: ")
    too_much = b'"' + b"x" * 6_291_455 + b'"'
    assert error_of(client, Payload=too_much) == (
        413,
        "RequestTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )
    assert error_of(client, Payload=too_much[5_000_000:].replace(b"x", b'"', 1), InvocationType="Event") == (
        413,
        "RequestTooLargeException",
        "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
    )
    client.put_function_concurrency(FunctionName="demo", ReservedConcurrentExecutions=0)
    assert error_of(client) == (429, "TooManyRequestsException", "Rate Exceeded.")
    cloud.deploy(ECHO, name="broken")
    function = cloud.backend.get_function("broken")
    function.code_bytes, function.code_digest = b"no zip file", sha256(b"no zip file").hexdigest()
    assert error_of(client, FunctionName="broken") == (
        502,
        "InvalidZipFileException",
        "The archive of function 'broken' cannot be unpacked (File is not a zip file); build it again.",
    )


def test_the_reason_of_a_throttle_is_told(cloud: Cloud, client: Any) -> None:
    cloud.deploy(ECHO)
    client.put_function_concurrency(FunctionName="demo", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as error:
        client.invoke(FunctionName="demo")
    assert error.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_code_that_comes_from_s3(cloud: Cloud, client: Any) -> None:
    from tests.support.zips import archive

    s3 = aws.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="archives")
    s3.put_object(Bucket="archives", Key="a.zip", Body=archive({"app.py": ECHO}))
    cloud.deploy("", name="stored", Code={"S3Bucket": "archives", "S3Key": "a.zip"})
    assert cloud.call("stored", 5) == 5


def test_a_topic_of_moto_invokes_its_function(cloud: Cloud, client: Any) -> None:
    cloud.deploy(
        "import os, pathlib\ndef handler(event, context):\n"
        "    pathlib.Path(os.environ['MARK']).write_text(event['Records'][0]['Sns']['Message'])\n",
        environment={"MARK": str(cloud.directory / "mark")},
    )
    sns = aws.client("sns", region_name=REGION)
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn("demo"))
    sns.publish(TopicArn=topic, Message="news")
    mark = cloud.directory / "mark"
    assert eventually(lambda: mark.exists() and mark.read_text() == "news")


def test_a_queue_of_moto_invokes_its_function(cloud: Cloud, client: Any) -> None:
    cloud.deploy(
        "import os, pathlib\ndef handler(event, context):\n"
        "    pathlib.Path(os.environ['MARK']).write_text(event['Records'][0]['body'])\n",
        environment={"MARK": str(cloud.directory / "mark")},
    )
    sqs = aws.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.create_event_source_mapping(EventSourceArn=source, FunctionName="demo")
    sqs.send_message(QueueUrl=url, MessageBody="work")
    mark = cloud.directory / "mark"
    assert eventually(lambda: mark.exists() and mark.read_text() == "work")


def test_moto_on_the_executors_own_loop_is_told_so_instead_of_blocking_for_ever(cloud: Cloud) -> None:
    cloud.deploy(ECHO)

    async def invoke() -> None:
        await asyncio.sleep(0)
        lambda_backends[ACCOUNT][REGION].invoke("demo", None, b"{}", {}, {})

    with pytest.raises(
        Exception, match="moto was called on the loop that runs the functions; call it from a thread"
    ):
        cloud.run(invoke())
