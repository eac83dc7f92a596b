"""Event source mappings of a function's alias or version.

moto 5.2.5 forgets the qualifier, so that Terraform plans the same change for ever; its update ignores how far a mapping
scales and what the function reports; and it takes mappings that AWS refuses. What takes messages from queues for the
mappings is in `local_cloud/functions/event_sources.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend
from moto.sqs.models import sqs_backends

from local_cloud.patches import extends

_IGNORED = {
    "ScalingConfig": "scaling_config",
    "FunctionResponseTypes": "function_response_types",
    "KMSKeyArn": "kms_key",
    "MetricsConfig": "metrics",
    "MaximumRetryAttempts": "max_retry_attempts",
    "TumblingWindowInSeconds": "tumbling_window",
}
_LARGEST_BATCH_AT_ONCE = 10


@extends(LambdaBackend)
def _create_event_source_mapping(original: Callable[..., Any], backend: Any, spec: dict[str, Any]) -> Any:
    _check(backend, spec)
    mapping = original(backend, spec)
    mapping.function_arn = _qualified(mapping.function_arn, spec["FunctionName"])
    return mapping


@extends(LambdaBackend)
def _update_event_source_mapping(
    original: Callable[..., Any], backend: Any, uuid: str, spec: dict[str, Any]
) -> Any:
    mapping = original(backend, uuid, spec)
    if mapping is None:
        return None
    for name, attribute in _IGNORED.items():
        if name in spec:
            setattr(mapping, attribute, spec[name] or None)
    if "FunctionName" in spec:
        mapping.function_arn = _qualified(mapping.function_arn, spec["FunctionName"])
    return mapping


def _check(backend: Any, spec: dict[str, Any]) -> None:
    """Refuse a batch that would have to be gathered and is not, and a queue that gives out what is being handled."""
    queues = sqs_backends[backend.account_id][backend.region_name].queues.values()
    queue = next((one for one in queues if one.queue_arn == spec.get("EventSourceArn")), None)
    if queue is None or not spec.get("FunctionName"):
        return
    if int(spec.get("BatchSize") or 1) > _LARGEST_BATCH_AT_ONCE and not spec.get(
        "MaximumBatchingWindowInSeconds"
    ):
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    timeout = int(backend.get_function(spec["FunctionName"]).timeout)
    if queue.visibility_timeout < timeout:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function timeout: {timeout} seconds"
        )


def _qualified(function_arn: str, given: str) -> str:
    """Return the ARN of a function with the qualifier that a name or an ARN carries."""
    unqualified = ":".join(function_arn.split(":")[:7])
    after_name = given.rpartition(":function:")[2] if ":function:" in given else given
    _, _, qualifier = after_name.partition(":")
    return f"{unqualified}:{qualifier}" if qualifier else unqualified
