"""One REST API with one route, answered by a Lambda function."""

from __future__ import annotations

import os

from cdktf import App, TerraformOutput

from constructs_lib import (
    AwsStack,
    Deployment,
    Environment,
    ExistingApiGatewayAccount,
    Function,
    LambdaArchive,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
    Target,
)

app = App()
environment = Environment.from_variables(os.environ)
stack = AwsStack(app, "hello", region=environment.region, allowed_account_ids=environment.allowed_account_ids)
archive = LambdaArchive("service", target=Target.this_machine())
service = Function(stack, "ai-service", archive=archive, handler="app.handler")
api = RestApi(stack, "api", name="helloApi")
api.resource_for("/ai-service").add_method("ANY", LambdaIntegration(service), authorization=Public())
stage = Stage(
    stack,
    "stage",
    deployment=Deployment(stack, "deployment", api=api),
    stage_name="prod",
    account=ExistingApiGatewayAccount(),
    execute_api_endpoint=environment.endpoint_url,
)
TerraformOutput(stack, "invoke_url", value=stage.invoke_url)
app.synth()
