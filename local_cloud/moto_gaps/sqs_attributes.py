"""Attributes of queues.

moto 5.2.5 takes `RedriveAllowPolicy` and never answers with it; Terraform waits for it in vain. It takes the policy from a queue
whenever another attribute is set, says of a queue with a key of KMS that SQS's own key encrypts it, and writes
redrive policies with spaces and in the order in which they came; AWS writes them compact and sorted.
"""

from __future__ import annotations

import json
from typing import Any


def apply() -> None:
    """Keep every attribute that is not set, and answer with all of them."""
    from moto.sqs.models import Queue

    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    Queue.redrive_allow_policy = None
    original_set = Queue._set_attributes
    original_attributes = Queue.attributes.fget

    def set_attributes(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        kept = {"Policy": getattr(queue, "policy", None)} | attributes
        if attributes.get("KmsMasterKeyId"):
            kept["SqsManagedSseEnabled"] = False
        elif str(attributes.get("SqsManagedSseEnabled")).lower() == "true":
            kept["KmsMasterKeyId"] = None
        original_set(queue, kept, now)

    def attributes(queue: Any) -> dict[str, Any]:
        result: dict[str, Any] = original_attributes(queue)
        if queue.redrive_policy:
            result["RedrivePolicy"] = _compact(queue.redrive_policy)
        if queue.redrive_allow_policy:
            result["RedriveAllowPolicy"] = _compact(json.loads(queue.redrive_allow_policy))
        return {name: value for name, value in result.items() if value not in (None, "")}

    Queue._set_attributes = set_attributes
    Queue.attributes = property(attributes)


def _compact(policy: dict[str, Any]) -> str:
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))
