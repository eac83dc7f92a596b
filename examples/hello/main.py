"""One REST API with one route, answered by a Lambda function."""

from __future__ import annotations

import os

from cdktf import App

from constructs_lib import AwsStack, Environment, Function, LambdaArchive, LambdaIntegration, Public, RestApi

app = App()
stack = AwsStack(app, "hello", environment=Environment.from_variables(os.environ))
archive = LambdaArchive("service", target=stack.archive_target)
service = Function(stack, "ai-service", archive=archive, handler="app.handler")
api = RestApi(stack, "api", name="helloApi", default_authorization=Public())
api.resource_for("/ai-service").add_method("ANY", LambdaIntegration(service))
stack.output(invoke_url=api.deploy("prod").invoke_url)
app.synth()
