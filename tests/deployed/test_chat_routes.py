"""Routes of models under the real Terraform: the key of an address, the next target, and the cooldown, by the function's role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import openai
import pytest
from cdktf import App
from pydantic import BaseModel

from constructs_lib import (
    AiService,
    AwsStack,
    ChatService,
    Environment,
    ModelRoute,
    OfflineModel,
    OpenAiModel,
    Public,
    RestApi,
    StackDefaults,
)
from deploy_tools.cloud import Cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from handlers.chat.contract import chat
from handlers.common.contract import Contract
from tests.support.small_api import InlineArchive
from tests.support.terraform import apply_at_once, check_unchanged
from tests.support.web_server import WebServer, web_server

__all__ = ["web_server"]

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

ANSWER = {
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "From the server."}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11},
}


class Texts(BaseModel):
    """A request and a response."""

    texts: list[str]


def deploy(directory: Path, cloud: Cloud, server: WebServer) -> str:
    """Deploys a chat service whose first target is the server; returns the stage's URL."""
    app = App(outdir=str(directory / "cdktf.out"))
    place = Environment.from_variables({"ENVIRONMENT": "local", "AWS_ENDPOINT_URL": cloud.url})
    stack = AwsStack(app, "shop", environment=place, defaults=StackDefaults(deletion_protection=False))
    contract = Contract("embeddings")
    contract.post("/embeddings", Texts, Texts, summary="Embed texts.")
    handler = "def handler(event, context):\n    return {}"
    embeddings = AiService(stack, contract, archive=InlineArchive.make(directory, "embeddings", handler))
    server_model = OpenAiModel(model="qwen3", base_url=f"{server.url}/v1", secret="models-key")
    route = ModelRoute("fast", [server_model, OfflineModel()], cooldown_seconds=3_600)
    service = ChatService(stack, chat, routes=[route], embeddings=embeddings)
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    api.add_services(service)
    stage = api.deploy("prod", cloudwatch_role="existing")
    stack.output(invoke_url=stage.invoke_url)
    app.synth()
    environment = environment_for(cloud.directory, endpoint_url=cloud.url)
    terraform = Terraform(find_engine(), directory / "cdktf.out" / "stacks" / "shop", environment)
    terraform.init()
    apply_at_once(terraform)
    check_unchanged(terraform)
    return str(terraform.outputs()["invoke_url"])


def test_the_next_target_answers_and_one_that_fails_is_left_alone(
    tmp_path: Path, cloud: Cloud, web_server: WebServer
) -> None:
    secrets: Any = boto3.client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    secrets.create_secret(Name="models-key", SecretString="key-1")
    url = deploy(tmp_path, cloud, web_server)

    def target_of_an_answer() -> str:
        answer = client.chat.completions.with_raw_response.create(
            model="fast", messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
        )
        assert answer.parse().choices[0].message.content
        return answer.headers["x-model-target"]

    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        web_server.body = json.dumps(ANSWER).encode()
        assert target_of_an_answer() == "openai:qwen3"
        assert web_server.received[0].header("Authorization") == "Bearer key-1"
        web_server.status = 500
        assert [target_of_an_answer() for _ in range(4)] == ["offline:smollm2-135m-instruct"] * 4
        assert len(web_server.received) == 1 + 3
        # It would answer again, and is not asked before its cooldown is over.
        web_server.status = 200
        assert target_of_an_answer() == "offline:smollm2-135m-instruct"
