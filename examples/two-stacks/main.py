"""Users in one stack, the API in another: each is deployed by itself, and the API follows the users."""

from __future__ import annotations

import os

from cdktf import App

from constructs_lib import (
    AwsStack,
    CognitoAuthorizer,
    Environment,
    Function,
    LambdaArchive,
    LambdaIntegration,
    RestApi,
    StackDefaults,
    UserPool,
)

app = App()
environment = Environment.from_variables(os.environ)

# Users may belong to another team. Their stack changes rarely, and outside of the local cloud AWS refuses to delete the pool.
users = AwsStack(
    app,
    "users",
    environment=environment,
    defaults=StackDefaults(deletion_protection=not environment.is_local),
)
pool = UserPool(users, "pool")
users.output(
    user_pool_id=pool.pool_id,
    user_pool_client_id=pool.add_client("cli", password_sign_in=environment.is_local),
)

stack = AwsStack(app, "api", environment=environment)
service = Function(
    stack,
    "profile",
    archive=LambdaArchive("service", target=stack.archive_target),
    handler="app.handler",
)
api = RestApi(
    stack,
    "api",
    name="twoStacksApi",
    # The ARN crosses from one stack to the other through the state of the first.
    default_authorization=CognitoAuthorizer(name="users", user_pools=[pool.arn]),
)
api.resource_for("/profile").add_method("GET", LambdaIntegration(service))
stack.output(invoke_url=api.deploy("prod").invoke_url)
app.synth()
