"""Lambda handler."""

import json


def handler(event, _context):
    """Answer any method."""
    answer = {"message": "Hello", "method": event["httpMethod"]}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(answer)}
