"""The README's service answers: the stack that all tests call was deployed with them."""

from __future__ import annotations

import json

from tests.support.deployment import Deployed
from tools.calls import Call
from tools.demo_calls import call


def test_the_service_answers_at_its_own_route(deployed: Deployed) -> None:
    request = Call("", "POST", "/greeting", check=str, body={"text": "Hello"})
    status, content, _ = call(deployed.invoke_url, request, deployed.callers)
    assert (status, json.loads(content)) == (200, {"text": "Hello"})


def test_the_service_answers_through_the_orchestrator(deployed: Deployed) -> None:
    request = Call(
        "", "POST", "/ai-service", check=str, body={"service": "greeting", "input": {"text": "Hello"}}
    )
    status, content, _ = call(deployed.invoke_url, request, deployed.callers)
    assert (status, json.loads(content)["output"]) == (200, {"text": "Hello"})


def test_api_gateway_checks_by_its_model(deployed: Deployed) -> None:
    request = Call("", "POST", "/greeting", check=str, body={"text": 5})
    status, content, _ = call(deployed.invoke_url, request, deployed.callers)
    assert (status, json.loads(content)["code"]) == (400, "invalid_request")
