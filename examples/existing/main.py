"""Two functions that were made elsewhere: one answers a route, one authorizes its callers."""

from __future__ import annotations

import os

from cdktf import App, TerraformOutput
from elsewhere.stack import Elsewhere

from constructs_lib import (
    AwsStack,
    Deployment,
    Environment,
    ExistingApiGatewayAccount,
    ExistingFunction,
    LambdaAuthorizer,
    LambdaIntegration,
    RestApi,
    Stage,
)

app = App()
environment = Environment.from_variables(os.environ)
account = environment.account_id or "123456789012"

stack = AwsStack(
    app, "existing", region=environment.region, allowed_account_ids=environment.allowed_account_ids
)
# A name is looked up when Terraform plans; an ARN is not.
orders = ExistingFunction(stack, "orders", function_name="orders", qualifier="live", timeout_seconds=3)
guard = ExistingFunction(
    stack,
    "guard",
    arn=f"arn:aws:lambda:{environment.region}:{account}:function:guard:live",
    timeout_seconds=3,
)
api = RestApi(
    stack, "api", name="existingApi", default_authorization=LambdaAuthorizer(name="guard", function=guard)
)
api.resource_for("/orders").add_method("GET", LambdaIntegration(orders))
stage = Stage(
    stack,
    "stage",
    deployment=Deployment(stack, "deployment", api=api),
    stage_name="prod",
    account=ExistingApiGatewayAccount(),
    execute_api_endpoint=environment.endpoint_url,
)
TerraformOutput(stack, "invoke_url", value=stage.invoke_url)

if environment.is_local:
    # A local cloud starts empty, so something has to make the functions there.
    stack.add_dependency(Elsewhere(app, "elsewhere", region=environment.region))
app.synth()
