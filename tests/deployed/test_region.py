"""A region other than the default: deployed by the real Terraform to a local cloud, and called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import (
    AwsStack,
    Deployment,
    Environment,
    ExistingApiGatewayAccount,
    Function,
    IamAuthorization,
    LambdaIntegration,
    RestApi,
    Stage,
    Throttle,
)
from deploy_tools.callers import Callers
from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.errors import TerraformError
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tests.support.small_api import InlineArchive, call
from tests.support.terraform import apply_at_once

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

CODE = """
import json, os

def handler(event, context):
    seen = {"region": os.environ["AWS_REGION"], "function": context.invoked_function_arn.split(":")[3]}
    return {"statusCode": 200, "body": json.dumps(seen)}
"""


def synthesize(outdir: Path, environment: Environment) -> Path:
    app = App(outdir=str(outdir))
    stack = AwsStack(
        app, "shop", region=environment.region, allowed_account_ids=environment.allowed_account_ids
    )
    archive = InlineArchive.make(outdir.parent, "where", CODE)
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    function = Function(stack, "where", archive=archive)
    api.resource_for("/where").add_method("GET", LambdaIntegration(function))
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        throttle=Throttle(rate_limit=100, burst_limit=100),
        account=ExistingApiGatewayAccount(),
        execute_api_endpoint=environment.endpoint_url,
    )
    TerraformOutput(stack, "invoke_url", value=stage.invoke_url)
    app.synth()
    return outdir / "stacks" / "shop"


def test_an_api_in_another_region_is_served_and_signed_for_there(tmp_path: Path) -> None:
    cloud, _ = ensure_cloud(tmp_path / "cloud", 0)
    try:
        shell = {
            **os.environ,
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": cloud.url,
            "TF_CLI_ARGS_apply": "-destroy",
        }
        stack = synthesize(tmp_path / "cdktf.out", Environment.from_variables(shell))
        variables = environment_for(cloud.directory, endpoint_url=cloud.url, environment=shell)
        terraform = Terraform(find_engine(), stack, variables)
        terraform.init()
        apply_at_once(terraform)
        outputs = terraform.outputs()
        url = str(outputs["invoke_url"])

        def signed_for(region: str) -> Any:
            callers = Callers(cloud.url, outputs, region=region)
            answer = call(url, "GET", "/where", headers=callers.signed("GET", f"{url}/where", None))
            return answer.status, json.loads(answer.body)

        assert signed_for("eu-west-1") == (200, {"region": "eu-west-1", "function": "eu-west-1"})
        assert signed_for("us-east-1")[0] == 403
    finally:
        stop_cloud(cloud.directory, forget=True)
