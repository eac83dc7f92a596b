"""Every endpoint of the deployed API over HTTP, with correct and with wrong input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.deployment import Deployed
from tools.calls import Call, calls
from tools.demo_calls import Demo, call, judge
from tools.demo_mcp import tool_calls
from tools.demo_models import model_calls, read_receipt, stream_story


@pytest.mark.parametrize(
    "example",
    [*calls(), *tool_calls()],
    ids=lambda example: f"{example.method} {example.path}: {example.title}",
)
def test_the_demo_calls_are_answered_right(deployed: Deployed, example: Call) -> None:
    status, content, _ = call(deployed.invoke_url, example, deployed.callers)
    assert judge(example, status, content)


@pytest.mark.parametrize("example", model_calls(), ids=lambda example: example.title)
def test_the_demo_calls_of_models_are_answered_right(deployed: Deployed, example: Call) -> None:
    url = deployed.openai_base_url.removesuffix("/v1")
    status, content, _ = call(url, example, deployed.callers)
    assert judge(example, status, content)


def test_the_demo_reads_a_receipt_and_streams(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    demo = Demo(deployed.outputs, deployed.callers)
    read_receipt(demo)
    stream_story(demo)
    assert (demo.right, demo.wrong) == (3, 0), capsys.readouterr().out


ENDPOINTS = ("/vision/text", "/vision/labels", "/language/analysis", "/embeddings", "/embeddings/similarity")
JSON = "application/json"
WRONG: list[tuple[str, bytes | None, str]] = [
    ("not JSON", b"{", JSON),
    ("no body", None, JSON),
    ("not an object", b"[1, 2]", JSON),
    ("an empty object", b"{}", JSON),
    ("an unknown field", b'{"canary-51f0": 1}', JSON),
    ("not a number", b'{"text": NaN}', JSON),
    ("deep nesting", b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON),
    ("a long integer", b'{"text": ' + b"9" * 5_000 + b"}", JSON),
    ("another media type", b"<text/>", "application/xml"),
]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(("case", "body", "content_type"), WRONG, ids=[case[0] for case in WRONG])
def test_wrong_input_is_refused(
    deployed: Deployed, path: str, case: str, body: bytes | None, content_type: str
) -> None:
    request = Call(case, "POST", path, check=lambda answer: "", body=body, content_type=content_type)
    answered, content, _ = call(deployed.invoke_url, request, deployed.callers)
    answer: dict[str, Any] = json.loads(content)
    # API Gateway checks what it takes for JSON; pictures come as they are, so that the service looks at their type.
    picture = content_type != JSON and path.startswith("/vision/")
    expected = (415, "unsupported_media_type") if picture else (400, "invalid_request")
    assert (answered, answer["code"]) == expected, content
    assert set(answer) == {"code", "message", "requestId"}
    assert b"canary-51f0" not in content


@pytest.mark.parametrize("path", ENDPOINTS)
def test_another_method_is_not_routed(deployed: Deployed, path: str) -> None:
    status, content, _ = call(
        deployed.invoke_url, Call("", "DELETE", path, check=lambda answer: ""), deployed.callers
    )
    assert (status, json.loads(content)["code"]) == (403, "forbidden")


def test_the_orchestrator_says_which_methods_it_takes(deployed: Deployed) -> None:
    status, content, _ = call(
        deployed.invoke_url, Call("", "DELETE", "/ai-service", check=lambda answer: ""), deployed.callers
    )
    assert (status, json.loads(content)["code"]) == (405, "method_not_allowed")


def test_the_orchestrator_passes_on_what_a_service_refuses(deployed: Deployed) -> None:
    body = {"service": "language.analysis", "input": {"text": ""}}
    status, content, _ = call(
        deployed.invoke_url,
        Call("", "POST", "/ai-service", check=lambda answer: "", body=body),
        deployed.callers,
    )
    assert (status, json.loads(content)["code"]) == (400, "invalid_request")
