"""Destinations of the records of asynchronous invocations."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from tests.support.function_cloud import ACCOUNT, REGION, Cloud, arn
from tests.support.waiting import eventually

CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no luck")
    return {"seen": event}
"""


@pytest.fixture
def quick(make_cloud: Callable[..., Cloud]) -> Cloud:
    cloud = make_cloud(retry_delays_seconds=(0.02, 0.02))
    cloud.deploy(CODE)
    sqs_backends[ACCOUNT][REGION].create_queue("records", {})
    return cloud


QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:records"


def put(cloud: Cloud, event: Any) -> str:
    async def accept() -> Any:
        return cloud.executor.events.put("demo", json.dumps(event).encode())

    request_id = str(cloud.run(accept()))
    assert eventually(lambda: not cloud.executor.events._tasks)
    return request_id


def messages() -> list[Any]:
    return list(sqs_backends[ACCOUNT][REGION].queues["records"]._messages)


def configure(cloud: Cloud, kind: str, destination: str) -> None:
    config = {"MaximumRetryAttempts": 1, "DestinationConfig": {kind: {"Destination": destination}}}
    cloud.backend.put_function_event_invoke_config("demo", config)


def test_a_failed_event_goes_to_its_destination(quick: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    configure(quick, "OnFailure", QUEUE)
    with caplog.at_level(logging.WARNING, logger="local_cloud.functions"):
        request_id = put(quick, {"fail": True})
    record = json.loads(messages()[0].body)
    response, timestamp = record.pop("responsePayload"), record.pop("timestamp")
    assert timestamp.endswith("Z")
    assert (response["errorType"], response["errorMessage"]) == ("ValueError", "no luck")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": arn("demo:$LATEST"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"fail": True},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
    }
    (logged,) = [entry.getMessage() for entry in caplog.records]
    assert logged.startswith(f"Event {request_id} for function demo failed for good and is sent to {QUEUE}: ")
    put(quick, {})
    assert len(messages()) == 1


def test_a_success_goes_to_its_destination(quick: Cloud) -> None:
    configure(quick, "OnSuccess", QUEUE)
    put(quick, {"fail": True})
    assert messages() == []
    put(quick, {"a": 1})
    record = json.loads(messages()[0].body)
    assert (record["requestContext"]["condition"], record["responsePayload"]) == (
        "Success",
        {"seen": {"a": 1}},
    )
    assert "functionError" not in record["responseContext"]


def test_a_failed_event_itself_goes_to_the_dead_letter_queue(quick: Cloud) -> None:
    quick.backend.get_function("demo").dead_letter_config = {"TargetArn": QUEUE}
    request_id = put(quick, {"fail": True})
    (message,) = messages()
    attributes = {name: value["StringValue"] for name, value in message.message_attributes.items()}
    assert json.loads(message.body) == {"fail": True}
    assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "no luck"}


def test_an_event_that_is_too_old_goes_too(quick: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.functions.events._THROTTLED_SECONDS", 0.02)
    configure(quick, "OnFailure", QUEUE)
    quick.backend.get_function("demo").event_invoke_config[-1].config["MaximumEventAgeInSeconds"] = 0
    quick.backend.put_function_concurrency("demo", 0)
    put(quick, {"a": 1})
    record = json.loads(messages()[0].body)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responsePayload" not in record


def test_a_topic_and_a_function_are_destinations(quick: Cloud) -> None:
    topic = sns_backends[ACCOUNT][REGION].create_topic("records")
    configure(quick, "OnFailure", topic.arn)
    put(quick, {"fail": True})
    assert json.loads(topic.sent_notifications[0][1])["requestPayload"] == {"fail": True}
    quick.deploy(CODE, name="other")
    quick.backend.put_function_event_invoke_config(
        "other", {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}
    )
    quick.backend.get_function("demo").event_invoke_config.clear()
    configure(quick, "OnFailure", arn("other"))
    put(quick, {"fail": True})
    assert eventually(lambda: bool(messages()))
    chained = json.loads(messages()[0].body)["requestPayload"]
    assert chained["requestPayload"] == {"fail": True}


def test_a_destination_that_is_gone_is_logged(quick: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    configure(quick, "OnFailure", QUEUE.replace("records", "gone"))
    with caplog.at_level(logging.ERROR, logger="local_cloud.functions"):
        request_id = put(quick, {"fail": True})
    (logged,) = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.ERROR]
    assert logged == f"The record of event {request_id} for function demo could not be delivered"
