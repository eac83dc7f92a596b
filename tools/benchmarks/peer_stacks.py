"""Small stack of `tools.benchmarks.synth` for cdktf and its peers: a REST API, a function, its role, a stage.

    python tools/benchmarks/peer_stacks.py aws-cdk DIRECTORY
    python tools/benchmarks/peer_stacks.py cdktn DIRECTORY

It runs in an environment of the peer, so it imports nothing of this project.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any


def terraform_cdk(core: str, provider: str, directory: str) -> None:
    """Synthesize the stack with cdktf or its successor cdktn, whose packages only have other names."""

    def make(name: str, construct_id: str, /, **arguments: object) -> Any:
        module = import_module(f"{provider}.{name}")
        element = getattr(module, "".join(part.capitalize() for part in name.split("_")))
        return element(stack, construct_id, **arguments)

    cdk = import_module(core)
    app = cdk.App(outdir=directory)
    stack = cdk.TerraformStack(app, "bench")
    import_module(f"{provider}.provider").AwsProvider(stack, "aws", region="us-east-1")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = make("iam_role", "role", assume_role_policy=policy)
    function = make(
        "lambda_function",
        "function",
        function_name="hello",
        role=role.arn,
        handler="app.handler",
        runtime="python3.13",
        filename="hello.zip",
    )
    api = make("api_gateway_rest_api", "api", name="hello")
    resource = make(
        "api_gateway_resource",
        "resource",
        rest_api_id=api.id,
        parent_id=api.root_resource_id,
        path_part="hello",
    )
    method = make(
        "api_gateway_method",
        "method",
        rest_api_id=api.id,
        resource_id=resource.id,
        http_method="ANY",
        authorization="NONE",
    )
    integration = make(
        "api_gateway_integration",
        "integration",
        rest_api_id=api.id,
        resource_id=resource.id,
        http_method=method.http_method,
        type="AWS_PROXY",
        integration_http_method="POST",
        uri=function.invoke_arn,
    )
    deployment = make("api_gateway_deployment", "deployment", rest_api_id=api.id, depends_on=[integration])
    make("api_gateway_stage", "stage", rest_api_id=api.id, deployment_id=deployment.id, stage_name="prod")
    make(
        "lambda_permission",
        "permission",
        function_name=function.function_name,
        action="lambda:InvokeFunction",
        principal="apigateway.amazonaws.com",
    )
    app.synth()


def aws_cdk(directory: str) -> None:
    """Synthesize the stack with AWS CDK's L2 constructs."""
    core = import_module("aws_cdk")
    apigateway = import_module("aws_cdk.aws_apigateway")
    awslambda = import_module("aws_cdk.aws_lambda")

    app = core.App(outdir=directory)
    stack = core.Stack(app, "bench")
    function = awslambda.Function(
        stack,
        "function",
        runtime=awslambda.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=awslambda.Code.from_inline("def handler(event, context):\n    return {}\n"),
    )
    stage = apigateway.StageOptions(stage_name="prod")
    api = apigateway.RestApi(stack, "api", rest_api_name="hello", deploy_options=stage)
    api.root.add_resource("hello").add_method("ANY", apigateway.LambdaIntegration(function))
    app.synth()


def main(arguments: list[str]) -> int:
    """Synthesize the stack with the peer in the first argument to the directory in the second."""
    peer, directory = arguments
    if peer == "aws-cdk":
        aws_cdk(directory)
    else:
        terraform_cdk("cdktn", "cdktn_provider_aws", directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
