"""Executions of a state machine of the local cloud, Express ones too, which Step Functions does not list."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def list_executions(client: Any, machine_arn: str) -> list[dict[str, Any]]:
    """Return the latest executions, newest first, as the console of the local cloud has them.

    Args:
        client: A boto3 client of the local cloud.
        machine_arn: The state machine.
    """
    url = f"{client.meta.endpoint_url}/_local_cloud/api/machines"
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of the local cloud
        machines = json.load(answer)
    found = [row for machine in machines if machine["arn"] == machine_arn for row in machine["executions"]]
    return [{"executionArn": row["arn"], "status": row["status"], "name": row["name"]} for row in found]
