"""Lambda authorizer that accepts one token."""


def handler(event, _context):
    """Allow callers that send the token."""
    effect = "Allow" if event["authorizationToken"] == "Bearer let-me-in" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
