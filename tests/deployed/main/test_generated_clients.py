"""Clients generated from the OpenAPI document: no warning, every route called, typed answers and typed errors."""

from __future__ import annotations

import base64
import importlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT as STACK
from tests.support.deployment import Deployed
from tests.support.paths import PROJECT
from tools.client import PACKAGE, generate_python, generate_typescript

SAMPLES = PROJECT / "samples"
TEXT = "The museum opened a new wing on Monday. It was full by noon."


@pytest.fixture(scope="module")
def document(deployed: Deployed) -> Path:
    return deployed.workspace.project / "cdktf.out" / "stacks" / STACK / "api.openapi.json"


@pytest.fixture(scope="module")
def client(deployed: Deployed, document: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The generated package, imported as a user imports it."""
    folder = tmp_path_factory.mktemp("client")
    generate_python(document, folder)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(folder))


def operation(client: Any, tag: str, name: str) -> Any:
    return importlib.import_module(f"{client.__name__}.api.{tag}.{name}")


def models(client: Any) -> Any:
    return importlib.import_module(f"{client.__name__}.models")


def test_every_route_gives_a_typed_answer(deployed: Deployed, client: Any, document: Path) -> None:
    m = models(client)
    url, callers = deployed.invoke_url, deployed.callers
    user = client.AuthenticatedClient(base_url=url, token=callers.user_token, timeout=35)
    tenant = client.AuthenticatedClient(base_url=url, token=callers.tenant_key, timeout=35)
    operator = client.Client(base_url=url, headers=callers.signed("GET", f"{url}/health", None), timeout=35)
    image = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
    summary = m.SummaryRequest(text=TEXT, max_sentences=1)
    dispatch = m.DispatchRequest.from_dict({"service": "language.summary", "input": {"text": TEXT}})
    pages = {"pages": [{"image": image}]}
    called: dict[str, Any] = {}

    def call(caller: Any, tag: str, name: str, **arguments: Any) -> Any:
        called[name] = answer = operation(client, tag, name).sync(client=caller, **arguments)
        return answer

    with user, tenant, operator:
        assert "TOTAL" in call(user, "vision", "vision_text", body=m.TextRequest(image=image)).text.upper()
        assert call(user, "vision", "vision_labels", body=m.LabelsRequest(image=image)).width > 0
        preview = call(user, "vision", "vision_preview", body=m.PreviewRequest(image=image, max_side=64))
        assert base64.b64decode(preview.preview).startswith(b"\x89PNG")
        assert (
            call(user, "language", "language_analysis", body=m.AnalysisRequest(text=TEXT)).language.code
            == "en"
        )
        styled = m.StyledSummaryRequest(text=TEXT, max_sentences=1)
        assert call(user, "language", "language_summary", body=styled).model
        assert (
            call(user, "embeddings", "embeddings", body=m.EmbeddingsRequest(inputs=[TEXT])).dimensions == 512
        )
        similarity = m.SimilarityRequest(query="a pet", candidates=["a cat", "a train"])
        assert call(user, "embeddings", "embeddings_similarity", body=similarity).results[0].index == 0
        assert call(user, "embeddings", "embeddings_summary", body=summary).summary
        assert call(user, "workflows", "workflows_summary", body=summary).summary
        document_answer = call(user, "workflows", "workflows_document", body=m.DocumentRequest(image=image))
        assert document_answer.answer is None
        assert document_answer.analysis.language.code == "en"
        assert document_answer.failed == []
        assert {
            one["name"] for one in call(user, "orchestrator", "orchestrator_services").to_dict()["services"]
        } > {"vision.text"}
        assert (
            call(user, "orchestrator", "orchestrator_dispatch", body=dispatch).service == "language.summary"
        )
        assert call(tenant, "orchestrator", "orchestrator_dispatch", body=dispatch).output["summary"]
        assert call(operator, "orchestrator", "health").status == "ok"
        greeting = m.GreetingRequest(text="Hello")
        assert call(user, "greeting", "greeting", body=greeting).text == "Hello"
        message = m.Message.from_dict({"jsonrpc": "2.0", "id": 1, "method": "ping"})
        called["mcp"] = answer = operation(client, "mcp", "mcp").sync_detailed(client=user, body=message)
        assert json.loads(answer.content)["result"] == {}
        request = m.JobRequest.from_dict({"input": pages})
        job = call(
            user,
            "jobs",
            "jobs_start",
            workflow="document",
            body=request,
            idempotency_key=secrets.token_hex(8),
        )
        assert (job.workflow, job.status) == ("document", m.JobStatus.RUNNING)
        assert call(user, "jobs", "jobs_status", job=job.id).id == job.id
        decision = m.ApprovalRequest.from_dict({"decision": "approved"})
        refused = call(user, "jobs", "jobs_approval", job=job.id, body=decision)
        assert (type(refused), refused.code) == (m.Error, "approval_closed")
        assert [one.name for one in call(user, "jobs", "jobs_workflows").workflows] == [
            "document",
            "receipt",
        ]

    documented = {
        one["operationId"]
        for path in json.loads(document.read_text(encoding="utf-8"))["paths"].values()
        for one in path.values()
    }
    assert set(called) == documented


def test_errors_are_typed(deployed: Deployed, client: Any) -> None:
    m = models(client)
    user = client.AuthenticatedClient(
        base_url=deployed.invoke_url, token=deployed.callers.user_token, timeout=35
    )
    anonymous = client.AuthenticatedClient(base_url=deployed.invoke_url, token="none", timeout=35)
    summary = operation(client, "language", "language_summary")
    for caller, body, status, code in (
        (anonymous, m.SummaryRequest(text=TEXT), 401, "unauthorized"),
        (user, m.SummaryRequest(text=TEXT, max_sentences=99), 400, "invalid_request"),
    ):
        with caller:
            answer = summary.sync_detailed(client=caller, body=body)
        assert (int(answer.status_code), type(answer.parsed), answer.parsed.code) == (status, m.Error, code)


CALLS = """
import { createClient } from "./index.js";

const client = createClient(process.env.URL!, process.env.TOKEN!);
const { data, error } = await client.POST("/language/summary", { body: { text: process.env.TEXT!, max_sentences: 1 } });
if (error) throw new Error(error.message);
const refused = await createClient(process.env.URL!, "none").GET("/workflows");
const code: string | undefined = refused.error?.code;
console.log(JSON.stringify([data.summary, refused.response.status, code]));
"""
TSC = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "--types", "node")


def test_the_typescript_client_knows_every_route_and_calls(
    deployed: Deployed, document: Path, tmp_path: Path
) -> None:
    node, modules = shutil.which("node"), PROJECT / "node_modules"
    if node is None or not modules.exists():
        pytest.skip("node_modules is needed: make install-cli")
    folder = generate_typescript(document, tmp_path / "typescript")
    types = (folder / "api.ts").read_text(encoding="utf-8")
    for path in json.loads(document.read_text(encoding="utf-8"))["paths"]:
        assert f'"{path}": {{' in types
    (folder / "node_modules").symlink_to(modules)
    (folder / "calls.ts").write_text(CALLS, encoding="utf-8")
    compiled = subprocess.run(
        [modules / ".bin" / "tsc", *TSC, "calls.ts"], cwd=folder, capture_output=True, text=True
    )
    assert compiled.returncode == 0, compiled.stdout
    variables = {"URL": deployed.invoke_url, "TOKEN": deployed.callers.user_token, "TEXT": TEXT}
    called = subprocess.run(
        [node, "calls.js"], cwd=folder, env=os.environ | variables, capture_output=True, text=True
    )
    assert called.returncode == 0, called.stderr
    summary, status, code = json.loads(called.stdout)
    assert summary in TEXT
    assert (status, code) == (401, "unauthorized")
