"""Destinations and dead-letter queues of asynchronous invocations.

Delivery goes straight to moto's backends (as of moto 5.2.5), on a thread, as a queue or a topic may itself invoke a function and
wait for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.functions.definition import LATEST, Target
from local_cloud.functions.result import InvocationResult

SUCCESS = "Success"
RETRIES_EXHAUSTED = "RetriesExhausted"
EVENT_AGE_EXCEEDED = "EventAgeExceeded"


@dataclass(frozen=True, slots=True)
class FinishedEvent:
    """Asynchronous invocation without further retries.

    Attributes:
        payload: The event, as JSON.
        result: What the last attempt gave back; None where the function did not run.
    """

    target: Target
    request_id: str
    payload: bytes
    condition: str
    attempts: int
    result: InvocationResult | None


def deliver(event: FinishedEvent, config: dict[str, Any]) -> list[str]:
    """Send the record of an event to its destination, and a failed event to the dead-letter queue; waits for both.

    Raises:
        Exception: moto's exception for a target that does not exist or rejects the record.
    """
    kind = "OnSuccess" if event.condition == SUCCESS else "OnFailure"
    chosen = (config.get("DestinationConfig") or {}).get(kind) or {}
    dead_letters = getattr(event.target.function, "dead_letter_config", None) or {}
    sent = []
    if arn := chosen.get("Destination"):
        _send(arn, json.dumps(_record(event), separators=(",", ":")), {})
        sent.append(arn)
    if kind == "OnFailure" and (arn := dead_letters.get("TargetArn")):
        _send(arn, event.payload.decode(), _error_attributes(event))
        sent.append(arn)
    return sent


def _record(event: FinishedEvent) -> dict[str, Any]:
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": _qualified(event.target),
            "condition": event.condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload),
    }
    if event.result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": event.result.executed_version}
        if event.result.function_error is not None:
            record["responseContext"]["functionError"] = event.result.function_error
        record["responsePayload"] = json.loads(event.result.payload)
    return record


def _qualified(target: Target) -> str:
    arn = target.invoked_arn
    return arn if ":" in arn.partition(":function:")[2] else f"{arn}:{LATEST}"


def _error_attributes(event: FinishedEvent) -> dict[str, dict[str, str]]:
    """Return what a message in a dead-letter queue says about the failure, besides the event itself."""
    error = json.loads(event.result.payload) if event.result is not None else {}
    attributes = {
        "RequestID": event.request_id,
        "ErrorCode": "200" if event.result is not None else "429",
        "ErrorMessage": str((error or {}).get("errorMessage") or event.condition)[:1024],
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}


def _send(arn: str, text: str, attributes: dict[str, dict[str, str]]) -> None:
    _, _, service, region, account, name, *_ = arn.split(":")
    match service:
        case "sqs":
            from moto.sqs.models import sqs_backends

            sqs_backends[account][region].send_message(name, text, message_attributes=attributes)
        case "sns":
            from moto.sns.models import sns_backends

            sns_backends[account][region].publish(text, arn=arn)
        case "lambda":
            from moto.awslambda.models import lambda_backends

            lambda_backends[account][region].invoke(arn, None, text, {"X-Amz-Invocation-Type": "Event"}, {})
        case _:
            raise NotImplementedError(f"{service} as the destination of an asynchronous invocation ({arn})")
