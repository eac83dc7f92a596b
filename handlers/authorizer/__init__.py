"""Lambda authorizer for all callers: users of a Cognito user pool, and tenants with a key."""
