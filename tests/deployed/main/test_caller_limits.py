"""The limit of requests a minute: one for all routes of a user, and none of other users."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from deploy_tools.callers import Callers
from tests.support.deployment import Deployed
from tools.calls import SAMPLES, TEXT, Call
from tools.demo_calls import call, request

TABLE = "ai-orchestrator-local-callers"
PICTURE = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
ROUTES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "/ai-service": ("GET", None),
    "/language/analysis": ("POST", {"text": TEXT}),
    "/workflows/document/jobs": ("POST", {"input": {"pages": [{"image": PICTURE}]}}),
    "/workflows/document": ("POST", {"image": PICTURE}),
    "/workflows/summary": ("POST", {"text": TEXT}),
}


class Counts:
    """The counted requests of a user in this minute and the next."""

    def __init__(self, callers: Callers) -> None:
        claims = callers.user_token.split(".")[1]
        self._user = json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]
        self._dynamodb = callers.client("dynamodb")
        minute = int(time.time() // 60)
        self._keys = [{"id": {"S": f"requests#cognito:{self._user}#{minute + later}"}} for later in range(5)]

    def fill(self) -> None:
        for key in self._keys:
            self._dynamodb.put_item(TableName=TABLE, Item={**key, "requests": {"N": "10000"}})

    def counted(self) -> int:
        items = [self._dynamodb.get_item(TableName=TABLE, Key=key).get("Item") for key in self._keys]
        return sum(int(item["requests"]["N"]) for item in items if item is not None)


@pytest.fixture
def other_user(deployed: Deployed) -> Callers:
    """A user of this test alone."""
    return Callers(deployed.workspace.cloud.url, deployed.outputs)


@pytest.mark.parametrize("path", ROUTES)
def test_beyond_the_limit_every_route_answers_429(deployed: Deployed, other_user: Callers, path: str) -> None:
    Counts(other_user).fill()
    method, body = ROUTES[path]
    asked = Call("", method, path, check=lambda answer: "", body=body, headers={"Idempotency-Key": "limited"})
    status, content, headers, _ = request(deployed.invoke_url, asked, other_user)
    assert (status, json.loads(content)["code"]) == (429, "too_many_requests")
    assert 1 <= int(headers["retry-after"]) <= 60


def test_services_and_workflows_count_into_one_item_and_each_user_for_itself(
    deployed: Deployed, other_user: Callers
) -> None:
    counts = Counts(other_user)
    for path in ("/language/analysis", "/workflows/summary"):
        method, body = ROUTES[path]
        asked = Call("", method, path, check=lambda answer: "", body=body)
        assert call(deployed.invoke_url, asked, other_user)[0] == 200
    assert counts.counted() == 2
    counts.fill()
    asked = Call("", "GET", "/ai-service", check=lambda answer: "")
    assert call(deployed.invoke_url, asked, other_user)[0] == 429
    assert call(deployed.invoke_url, asked, deployed.callers)[0] == 200
