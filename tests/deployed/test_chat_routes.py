"""Routes of models under the real Terraform, in front of a server with faults: key, streams, fallback and cooldown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import openai
import pytest
from cdktf import App
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
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
from deploy_tools.cloud import Cloud, ensure_cloud, stop_cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from handlers.chat.contract import chat
from handlers.common.contract import Contract
from tests.support.small_api import InlineArchive
from tests.support.terraform import apply_at_once, check_unchanged
from tests.support.upstream import END, Upstream, chunk, cut, sse

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)


class Texts(BaseModel):
    """A request and a response."""

    texts: list[str]


def deploy(directory: Path, cloud: Cloud, upstream: Upstream) -> str:
    """Deploy a chat service with two routes, whose first target is the server; return the stage's URL."""
    app = App(outdir=str(directory / "cdktf.out"))
    place = Environment.from_variables({"ENVIRONMENT": "local", "AWS_ENDPOINT_URL": cloud.url})
    stack = AwsStack(app, "shop", environment=place, defaults=StackDefaults(deletion_protection=False))
    contract = Contract("embeddings")
    contract.post("/embeddings", Texts, Texts, summary="Embed texts.")
    handler = "def handler(event, context):\n    return {}"
    embeddings = AiService(stack, contract, archive=InlineArchive.make(directory, "embeddings", handler))
    server_model = OpenAiModel(model="qwen3", base_url=f"{upstream.url}/v1", secret="models-key")
    routes = [
        ModelRoute("fast", [server_model, OfflineModel()], cooldown_seconds=3_600),
        ModelRoute("impatient", [server_model, OfflineModel()], failures=100, timeout_seconds=1),
        ModelRoute("alone", [server_model]),
    ]
    service = ChatService(stack, chat, routes=routes, embeddings=embeddings)
    api = RestApi(stack, "api", name="shop", default_authorization=Public(), definition="openapi")
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


MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def deployed_to(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, openai.OpenAI]]:
    """A server, and a client of the service in front of it."""
    directory, upstream = tmp_path_factory.mktemp("routes"), Upstream()
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        secrets: Any = boto3.client(
            "secretsmanager",
            region_name="us-east-1",
            endpoint_url=cloud.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        secrets.create_secret(Name="models-key", SecretString="key-1")
        url = deploy(directory, cloud, upstream)
        with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            yield upstream, client
    finally:
        upstream.stop()
        stop_cloud(cloud.directory)


@pytest.fixture
def upstream(deployed_to: tuple[Upstream, openai.OpenAI]) -> Iterator[Upstream]:
    """The server, without what an earlier test told it."""
    server, _ = deployed_to
    server.reset()
    yield server
    server.released.set()


@pytest.fixture
def client(deployed_to: tuple[Upstream, openai.OpenAI]) -> openai.OpenAI:
    return deployed_to[1]


def texts(stream: Iterable[ChatCompletionChunk]) -> list[str]:
    return [choice.delta.content for chunk in stream for choice in chunk.choices if choice.delta.content]


def test_pieces_are_passed_on_as_they_come(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.steps = [chunk(content="one"), upstream.released, chunk(content="two"), *END]
    with client.chat.completions.create(model="alone", messages=MESSAGES, stream=True) as stream:
        pieces = iter(stream)
        assert texts(itertools.islice(pieces, 2)) == ["one"]
        upstream.released.set()
        assert texts(pieces) == ["two"]
    path, headers, body = upstream.requests[0]
    assert (path, headers["Authorization"], body["model"]) == (
        "/v1/chat/completions",
        "Bearer key-1",
        "qwen3",
    )
    assert body["stream_options"] == {"include_usage": True}


def test_a_stream_that_is_cut_off_ends_with_an_error(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.steps = [chunk(content="one"), cut]
    with client.chat.completions.create(model="impatient", messages=MESSAGES, stream=True) as stream:
        pieces = iter(stream)
        assert texts(itertools.islice(pieces, 2)) == ["one"]
        with pytest.raises(openai.APIError) as raised:
            next(pieces)
    assert raised.value.code == "backend_unavailable"
    assert raised.value.message == "The model cannot be reached. Try again later."


def test_a_client_that_disconnects_disconnects_the_server(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.steps = [chunk(content="x" * 1_000)] * 100_000
    with client.chat.completions.create(model="alone", messages=MESSAGES, stream=True) as stream:
        next(iter(stream))
    assert upstream.gone.wait(20)
    # The function takes the next request.
    upstream.reset()
    assert client.chat.completions.create(model="alone", messages=MESSAGES).choices[0].message.content


def test_a_throttled_model_is_tried_again_when_it_says(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.status, upstream.headers = 429, {"Retry-After": "1"}
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="alone", messages=MESSAGES, stream=True)
    assert (raised.value.status_code, raised.value.response.headers["retry-after"]) == (503, "1")
    upstream.before = lambda: setattr(upstream, "status", 429 if len(upstream.requests) == 2 else 200)
    retrying = client.with_options(max_retries=1)
    stream = retrying.chat.completions.create(model="alone", messages=MESSAGES, stream=True)
    assert texts(stream) == ["Hel", "lo!"]
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("steps", [[b"data: {\n\n"], [sse({"error": {"message": "some words"}})]])
def test_garbage_is_not_tried_again(upstream: Upstream, client: openai.OpenAI, steps: list[bytes]) -> None:
    upstream.steps = steps
    with pytest.raises(openai.InternalServerError) as raised:
        client.with_options(max_retries=2).chat.completions.create(
            model="alone", messages=MESSAGES, stream=True
        )
    assert (raised.value.status_code, raised.value.code) == (502, "backend_error")
    assert "some words" not in raised.value.message
    assert len(upstream.requests) == 1


def test_a_slow_first_piece_is_answered_by_the_next_target(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.steps = [chunk(role="assistant", content=""), upstream.released, *END]
    stream = client.chat.completions.create(model="impatient", messages=MESSAGES, max_tokens=8, stream=True)
    assert stream.response.headers["x-model-target"] == "offline:smollm2-135m-instruct"
    assert texts(stream)


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_target_answers_and_one_that_fails_is_left_alone(
    upstream: Upstream, client: openai.OpenAI, stream: bool
) -> None:
    def target_of_an_answer() -> str:
        answer = client.chat.completions.with_raw_response.create(
            model="fast", messages=MESSAGES, max_tokens=8, stream=stream
        )
        if isinstance(parsed := answer.parse(), openai.Stream):
            assert texts(parsed)
        else:
            assert parsed.choices[0].message.content
        return answer.headers["x-model-target"]

    if not stream:
        assert target_of_an_answer() == "openai:qwen3"
        upstream.status = 500
        assert [target_of_an_answer() for _ in range(4)] == ["offline:smollm2-135m-instruct"] * 4
        assert len(upstream.requests) == 1 + 3
    # It would answer again, and is not asked before its cooldown is over; streams share the cooldown.
    upstream.status = 200
    upstream.requests.clear()
    assert target_of_an_answer() == "offline:smollm2-135m-instruct"
    assert upstream.requests == []
