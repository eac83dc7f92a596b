"""Lambda handler that lists orders."""

import json


def handler(event, _context):
    """Answer with the caller's orders."""
    caller = event["requestContext"]["authorizer"]["principalId"]
    return {"statusCode": 200, "body": json.dumps({"caller": caller, "orders": [1, 2]})}
