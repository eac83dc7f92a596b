"""A streamed route, deployed by the real Terraform: it streams, a second plan is empty, and destroy leaves nothing."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import (
    AwsStack,
    ExistingApiGatewayAccount,
    Function,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
)
from constructs_lib.api.deployment import Deployment
from deploy_tools.cloud import Cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from tests.support.small_api import InlineArchive
from tests.support.streaming import streaming_archive
from tests.support.terraform import apply_at_once, check_unchanged

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

pytestmark = pytest.mark.long

HANDLER = """
import json, pathlib, time

def handler(event, context):
    order = json.loads(event["body"])
    yield b"first;"
    while not pathlib.Path(order["go"]).exists():
        time.sleep(0.005)
    yield b"last;"
"""


def synthesize(directory: Path, endpoint_url: str) -> Path:
    zip_path = directory / "chat.zip"
    zip_path.write_bytes(streaming_archive(HANDLER))
    app = App(outdir=str(directory / "cdktf.out"))
    stack = AwsStack(app, "streams", region="us-east-1")
    archive = InlineArchive("chat", zip_path, handler="app.handler")
    function = Function(stack, "chat", archive=archive, timeout_seconds=60, response_streaming=True)
    api = RestApi(stack, "v1", name="v1", definition="openapi")
    api.resource_for("/chat").add_method(
        "POST", LambdaIntegration(function, stream=True), authorization=Public()
    )
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="live",
        account=ExistingApiGatewayAccount(),
        execute_api_endpoint=endpoint_url,
    )
    TerraformOutput(stack, "url", value=stage.invoke_url)
    app.synth()
    return directory / "cdktf.out" / "stacks" / "streams"


def test_a_streamed_route_is_deployed_called_and_destroyed(tmp_path: Path, cloud: Cloud) -> None:
    stack = synthesize(tmp_path, cloud.url)
    terraform = Terraform(find_engine(), stack, environment_for(cloud.directory, endpoint_url=cloud.url))
    terraform.init()
    apply_at_once(terraform)
    place = urlsplit(str(terraform.outputs()["url"]))
    go = tmp_path / "go"
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)) as connection:
        connection.request("POST", f"{place.path}/chat", json.dumps({"go": str(go)}))
        response = connection.getresponse()
        assert (response.status, response.headers["Transfer-Encoding"]) == (200, "chunked")
        assert response.read1() == b"first;"
        go.touch()
        assert response.read() == b"last;"
    check_unchanged(terraform)
    terraform.run("destroy", "-no-color", "-input=false", "-auto-approve")
    assert terraform.run("state", "list").stdout.strip() == ""
