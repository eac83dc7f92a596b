"""Lambda handler that returns the caller."""

from __future__ import annotations

import json
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the name of the user whose token API Gateway has verified."""
    claims = event["requestContext"]["authorizer"]["claims"]
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"name": claims["cognito:username"]}),
    }
