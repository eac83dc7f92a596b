"""Every endpoint of the deployed API over HTTP, with correct and with wrong input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Deployed
from tools.calls import Call, calls
from tools.demo import call, judge


@pytest.mark.parametrize("asked", calls(), ids=lambda asked: f"{asked.method} {asked.path}: {asked.title}")
def test_the_demo_calls_are_answered_right(deployed: Deployed, asked: Call) -> None:
    status, content, _ = call(deployed.invoke_url, asked)
    assert judge(asked, status, content)


ENDPOINTS = ("/vision/text", "/vision/labels", "/language/analysis", "/embeddings", "/embeddings/similarity")
WRONG: list[tuple[str, bytes | None, str, int, str]] = [
    ("not JSON", b"{", "application/json", 400, "invalid_json"),
    ("no body", None, "application/json", 400, "invalid_json"),
    ("not an object", b"[1, 2]", "application/json", 400, "invalid_request"),
    ("an empty object", b"{}", "application/json", 400, "invalid_request"),
    ("an unknown field", b'{"canary-51f0": 1}', "application/json", 400, "invalid_request"),
    ("not a number", b'{"text": NaN}', "application/json", 400, "invalid_json"),
    (
        "deep nesting",
        b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "application/json",
        400,
        "invalid_json",
    ),
    ("a long integer", b'{"text": ' + b"9" * 5_000 + b"}", "application/json", 400, "invalid_json"),
    ("another media type", b"<text/>", "application/xml", 415, "unsupported_media_type"),
]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("case", "body", "content_type", "status", "code"), WRONG, ids=[case[0] for case in WRONG]
)
def test_wrong_input_is_refused(
    deployed: Deployed, path: str, case: str, body: bytes | None, content_type: str, status: int, code: str
) -> None:
    asked = Call(case, "POST", path, check=lambda answer: "", body=body, content_type=content_type)
    answered, content, _ = call(deployed.invoke_url, asked)
    answer: dict[str, Any] = json.loads(content)
    assert (answered, answer["code"]) == (status, code), content
    assert set(answer) == {"code", "message", "requestId"}
    assert b"canary-51f0" not in content


@pytest.mark.parametrize("path", ENDPOINTS)
def test_another_method_is_not_routed(deployed: Deployed, path: str) -> None:
    status, content, _ = call(deployed.invoke_url, Call("", "DELETE", path, check=lambda answer: ""))
    assert (status, json.loads(content)) == (403, {"message": "Missing Authentication Token"})


def test_the_orchestrator_says_which_methods_it_takes(deployed: Deployed) -> None:
    status, content, _ = call(deployed.invoke_url, Call("", "DELETE", "/ai-service", check=lambda answer: ""))
    assert (status, json.loads(content)["code"]) == (405, "method_not_allowed")


def test_the_orchestrator_passes_on_what_a_service_refuses(deployed: Deployed) -> None:
    body = {"service": "language.analysis", "input": {"text": ""}}
    status, content, _ = call(
        deployed.invoke_url, Call("", "POST", "/ai-service", check=lambda answer: "", body=body)
    )
    assert (status, json.loads(content)["code"]) == (400, "invalid_request")
