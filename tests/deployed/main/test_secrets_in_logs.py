"""Marked secrets through the deployed stack, whose functions are the real archives, are in no log."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy_tools.callers import CallerKind
from tests.support.deployment import Deployed
from tests.support.secrets import IMAGE, MARK, PROMPT, SENT, in_files, log_lines, marked
from tests.support.waiting import eventually

BODIES = (
    {"text": PROMPT},
    {"inputs": [PROMPT]},
    {"query": PROMPT, "candidates": [PROMPT]},
    {"service": "language.analysis", "input": {"text": PROMPT}},
    {"input": {"text": PROMPT, MARK: MARK}, "callback_url": f"https://{MARK}.example/"},
    {"image": base64.b64encode(IMAGE).decode()},
    {MARK: MARK},
    PROMPT,
)


@pytest.fixture
def operations(deployed: Deployed) -> list[tuple[str, str]]:
    """The method and path of every operation in the OpenAPI documents of both APIs."""
    stack = deployed.workspace.project / "cdktf.out" / "stacks" / "ai-orchestrator"
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(stack.glob("*openapi.json"))]
    assert len(documents) == 2
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for document in documents
        for path, methods in document["paths"].items()
        for method in methods
        if method in {"get", "post", "put", "delete", "patch"}
    ]


def requests(deployed: Deployed, operations: list[tuple[str, str]]) -> Iterator[tuple[str, str, Any, Any]]:
    base = urlsplit(deployed.invoke_url).path.rstrip("/")
    others = {name: value for name, value in SENT.items() if name not in {"Authorization", "x-api-key"}}
    for method, path in operations:
        target = f"{base}{path}?token={MARK}"
        bodies = [None, None] if method == "GET" else [json.dumps(content).encode() for content in BODIES]
        kinds: tuple[CallerKind, ...] = ("user", "tenant")
        # Each body once: users and tenants differ in front of the functions only.
        for kind, body in zip(cycle(kinds), bodies, strict=False):
            headers = deployed.callers.headers(kind, method, target, body)
            yield method, target, body, {**others, **headers, "Content-Type": "application/json"}
        yield method, target, bodies[0], {**SENT, "Content-Type": "application/json"}
        yield method, target, IMAGE, {**SENT, "Content-Type": "image/png"}
    yield "GET", f"{base}/nowhere", None, SENT


def test_secrets_are_in_no_log_of_the_deployed_stack(
    deployed: Deployed, operations: list[tuple[str, str]]
) -> None:
    parts = urlsplit(deployed.invoke_url)
    callers = deployed.callers
    secrets = [callers.user_token, callers.tenant_key, callers.tenant_key.rpartition("_")[2]]
    statuses = set()
    for method, target, body, headers in requests(deployed, operations):
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        statuses.add(answer.status)
        if answer.status >= 400:
            assert not marked(content), f"{method} {target}: {content}"
        assert not marked(str(answer.headers)), f"{method} {target}"
        assert answer.status not in {500, 502}, f"{method} {target}: {content}"
    assert {200, 400, 401, 403} <= statuses
    logs = callers.client("logs")
    assert eventually(lambda: any('"status"' in line for line in log_lines(logs)))
    assert not [line for line in log_lines(logs) if marked(line) or any(one in line for one in secrets)]
    folder = deployed.workspace.cloud.directory / "logs"
    assert in_files(folder) == {}
    for file in folder.rglob("*.log"):
        text = file.read_text(errors="replace")
        assert not any(one in text for one in secrets), file.name
