"""The events by which Step Functions tells EventBridge of Standard executions: that one began, and how it ended."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

from local_cloud import events

_LARGEST_BYTES = 248 * 1024  # of input and output together, as they stand in the event

_logger = logging.getLogger(__name__)


def tell(execution: Any) -> None:
    """Publish how an execution stands; never fails, and says nothing of Express executions, as on AWS."""
    if execution.express:
        return
    try:
        events.publish(
            account_id=execution.account_id,
            region=execution.region_name,
            source="aws.states",
            detail_type="Step Functions Execution Status Change",
            resource=execution.exec_arn,
            detail=_detail(execution),
        )
    except Exception:
        _logger.exception("the status of execution %s could not be published", execution.exec_arn)


def _detail(execution: Any) -> dict[str, Any]:
    described = execution.describe()
    status = described["status"]
    given, output = described["input"], described.get("output")
    encryption = getattr(execution.state_machine, "encryptionConfiguration", None) or {}
    # A customer-managed key means that the data must not be readable elsewhere.
    secret = encryption.get("type") == "CUSTOMER_MANAGED_KMS_KEY"
    keeps_output = not secret and _size(output) <= _LARGEST_BYTES
    keeps_input = not secret and _size(given) + _size(output) * keeps_output <= _LARGEST_BYTES
    return {
        "executionArn": described["executionArn"],
        "stateMachineArn": described["stateMachineArn"],
        "name": described["name"],
        "status": status,
        "startDate": _milliseconds(described["startDate"]),
        "stopDate": _milliseconds(described.get("stopDate")),
        "input": given if keeps_input else None,
        "output": output if keeps_output else None,
        "inputDetails": {"included": keeps_input},
        "outputDetails": None if output is None else {"included": keeps_output},
        "error": None if secret else described.get("error"),
        "cause": None if secret else described.get("cause"),
        "stateMachineVersionArn": described.get("stateMachineVersionArn"),
        "stateMachineAliasArn": described.get("stateMachineAliasArn"),
        "redriveCount": 0,
    }


def _size(text: str | None) -> int:
    return 0 if text is None else len(json.dumps(text).encode())


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
