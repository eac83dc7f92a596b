"""Programs of the pages that declare resources: each runs in a stack with what the page takes for granted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cdktf
import pytest
from cdktf import App
from pydantic import BaseModel

import constructs_lib
from constructs_lib import (
    AiService,
    AwsStack,
    BedrockModel,
    ChatService,
    Function,
    JobRunner,
    LambdaIntegration,
    ModelRoute,
    Pass,
    PayloadBucket,
    Public,
    RestApi,
    Tenants,
    Workflow,
)
from handlers.chat.contract import chat
from handlers.embeddings.contract import choose_sentences, embeddings
from handlers.jobs.contract import jobs
from handlers.language.contract import summarize_text
from handlers.vision.contract import read_text, vision
from tests.support.pages import blocks
from tests.support.paths import PROJECT
from tests.support.streaming import with_client
from tests.support.synthesis import FakeArchive


def run(page: str, first: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run the program of a page that starts with some text; return its names."""
    (program,) = [block for block in blocks(PROJECT / "docs" / page, "python") if block.startswith(first)]
    used = set(re.findall(r"\w+", program)) & set(constructs_lib.__all__)
    names = {name: getattr(constructs_lib, name) for name in used} | names
    exec(compile(program, page, "exec"), names)  # noqa: S102 - the program of the page
    return names


@pytest.fixture
def stack() -> AwsStack:
    return AwsStack(App(), "shop", region="us-east-1")


@pytest.fixture
def archive(tmp_path: Path) -> FakeArchive:
    return FakeArchive.make(tmp_path)


def test_custom_domain(stack: AwsStack, archive: FakeArchive) -> None:
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    integration = LambdaIntegration(Function(stack, "orders", archive=archive))
    api.resource_for("/orders").add_method("GET", integration)
    run("guides/domains.md", "stage =", {"self": stack, "api": api})
    assert '"domain_name": "api.shop.example"' in cdktf.Testing.synth(stack)


def test_workflow_with_a_fallback(stack: AwsStack, archive: FakeArchive) -> None:
    functions = {name: Function(stack, name, archive=archive) for name in ("embeddings", "language")}
    operations = {"choose_sentences": choose_sentences, "summarize_text": summarize_text}
    names = run("guides/workflows.md", "text =", {"functions": functions, **operations})
    Workflow(stack, "summary", definition=names["steps"], timeout_seconds=27)
    assert '"Next":"choose sentences"' in cdktf.Testing.synth(stack).replace("\\", "")


def test_job_with_an_approval(stack: AwsStack, archive: FakeArchive) -> None:
    payloads = PayloadBucket(stack, "payloads", expire_days=2)
    runner = JobRunner(stack, jobs, payloads=payloads, archive=archive)
    read = Pass("read", variables={"receipt": {"total": 5}})
    run("guides/jobs.md", "approval =", {"runner": runner, "read": read})
    assert "lambda:invoke.waitForTaskToken" in cdktf.Testing.synth(stack)


def test_agent(stack: AwsStack, archive: FakeArchive) -> None:
    class Receipt(BaseModel):
        total: float

    services = {
        name: AiService(stack, one, archive=archive)
        for name, one in (("vision", vision), ("embeddings", embeddings))
    }
    routes = [ModelRoute("agent", [BedrockModel("amazon.nova-lite-v1:0")])]
    models = ChatService(
        stack, chat, routes=routes, embeddings=services["embeddings"], archive=with_client(archive)
    )
    names = {"models": models, "functions": services, "read_text": read_text, "Receipt": Receipt}
    steps = run("guides/agents.md", "agent =", names)["steps"]
    Workflow(stack, "receipt", definition=steps, timeout_seconds=27)
    assert "read the receipt: vision.text" in cdktf.Testing.synth(stack)


def test_routes_of_models() -> None:
    run("guides/language-models.md", "ModelRoute", {})
    run("guides/guardrails.md", "ModelRoute", {})


def test_tenant_of_the_stack(stack: AwsStack, archive: FakeArchive) -> None:
    run("guides/callers.md", "tenants.add", {"tenants": Tenants(stack, "tenants", archive=archive)})
    assert '"S": "shop"' in cdktf.Testing.synth(stack).replace('\\"', '"').replace('":"', '": "')


def test_streamed_function(stack: AwsStack, archive: FakeArchive) -> None:
    run("streaming.md", "chat =", {"stack": stack, "archive": with_client(archive)})
    assert "response-streaming-invocations" in cdktf.Testing.synth(stack)


def test_streaming_handler_yields_its_tokens() -> None:
    names = run(
        "streaming.md", "from handlers.common.streaming_runtime", {"tokens": lambda event: [b"a", b"b"]}
    )
    response = names["handler"]({}, None)
    assert list(response.chunks) == [b"a", b"b"]
