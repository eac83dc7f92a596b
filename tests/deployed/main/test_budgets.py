"""Budgets of tenants on every kind of route: what was used is in the ledger, and what would be too much is refused."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import pytest

from constructs_lib.metering.tenant_records import TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from deploy_tools.ledger_export import export
from tests.support.deployment import Deployed
from tools.calls import SAMPLES, TEXT, Call
from tools.demo_calls import request

PICTURE = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
CHAT = {"model": "fast", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
SUMMARY = 1_000
"""Price of a summary of a short text by the local backend, in billionths of a US dollar."""


class Tenant:
    """A tenant of one test, with a budget."""

    def __init__(self, deployed: Deployed, *limits: str) -> None:
        self.name = f"t{secrets.token_hex(4)}"
        access = TenantAccess(limits=[UsageLimit.parse(limit) for limit in limits])
        with deployed.callers.tenants() as register:
            key = register.add(self.name, access).value
        self._deployed = deployed
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        v1 = path.startswith("/v1/")
        url = (
            str(self._deployed.outputs["openai_base_url"]).removesuffix("/v1")
            if v1
            else self._deployed.invoke_url
        )
        call = Call(
            "",
            "GET" if body is None else "POST",
            path,
            check=lambda _: "",
            body=body,
            caller="anonymous",
            headers=self._headers | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        status, content, answered, _ = request(url, call, self._deployed.callers)
        return status, content if body and body.get("stream") else json.loads(content), answered

    def used(self) -> dict[str, int]:
        """Return what the tenant has used, by operation."""
        _, answer, _ = self.ask("/v1/usage?group_by=operation")
        return {one["group"]: one["nano_usd"] for one in answer["data"]}

    def limit(self) -> tuple[int, int]:
        """Return what is used and reserved of the tenant's only limit."""
        _, answer, _ = self.ask("/v1/usage")
        (one,) = answer["limits"]
        return one["used"], one["reserved"]


@pytest.fixture
def tenant(deployed: Deployed) -> Callable[..., Tenant]:
    return lambda *limits: Tenant(deployed, *limits)


def test_every_kind_of_route_is_in_the_ledger_and_settled(tenant: Callable[..., Tenant]) -> None:
    acme = tenant("tenant/day/usd=1")
    written = {"text": TEXT, "style": "abstractive"}
    for body in ({"text": TEXT}, written):
        assert acme.ask("/language/summary", body)[0] == 200
        assert acme.ask("/ai-service", {"service": "language.summary", "input": body})[0] == 200
    assert acme.ask("/workflows/summary", {"text": TEXT})[0] == 200
    assert acme.ask("/v1/embeddings", {"model": "embeddings", "input": "a cat"})[0] == 200
    assert acme.ask("/v1/chat/completions", CHAT)[0] == 200
    status, stream, _ = acme.ask("/v1/chat/completions", {**CHAT, "stream": True})
    assert (status, stream.rstrip().endswith(b"[DONE]")) == (200, True)
    used = acme.used()
    assert set(used) == {
        "language.summary",
        "workflows.summary",
        "chat.answer",
        "chat.embeddings",
        "chat.completions",
    }
    assert used["language.summary"] == 4 * SUMMARY
    # The row of the workflow has its model's answer too, and once: that of one call, where chat.answer has two.
    assert SUMMARY < used["workflows.summary"] < SUMMARY + used["chat.answer"]
    assert acme.limit() == (sum(used.values()), 0)


def test_a_job_is_reserved_while_it_runs_and_settled_when_it_has_ended(tenant: Callable[..., Tenant]) -> None:
    acme = tenant("tenant/day/usd=1")
    pages = {"input": {"pages": [{"image": PICTURE}, {"image": "bm90IGFuIGltYWdl"}]}}
    status, job, _ = acme.ask("/workflows/document/jobs", pages, Idempotency_Key="one")
    assert status == 202
    assert acme.limit()[1] > 0
    deadline = time.monotonic() + 120
    while job["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.3)
        _, job, _ = acme.ask(f"/jobs/{job['id']}")
    assert job["status"] == "succeeded"
    used, reserved = acme.limit()
    assert reserved == 0
    assert acme.used() == {"jobs.start": used}
    assert used >= 10_000 + 3 * SUMMARY  # the page, and what was made of its text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/language/summary", {"text": TEXT}),
        ("/ai-service", {"service": "language.summary", "input": {"text": TEXT}}),
        ("/language/summary", {"text": TEXT, "style": "abstractive"}),
        ("/ai-service", {"service": "language.summary", "input": {"text": TEXT, "style": "abstractive"}}),
        ("/workflows/summary", {"text": TEXT}),
        ("/workflows/document/jobs", {"input": {"pages": [{"image": PICTURE}]}}),
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
    ],
)
def test_what_is_too_much_is_refused_on_every_kind_of_route(
    path: str, body: dict[str, Any], tenant: Callable[..., Tenant]
) -> None:
    acme = tenant(f"tenant/day/usd=0.00000{SUMMARY - 1:04}")
    status, answer, headers = acme.ask(path, body, Idempotency_Key="one")
    answer = json.loads(answer) if isinstance(answer, bytes) else answer
    problem = answer["error"] if path.startswith("/v1/") else answer
    assert (status, problem["code"]) == (429, "budget_exceeded")
    assert problem["message"].startswith("The tenant's budget of 0.000000999 US dollars a day is less than ")
    assert int(headers["retry-after"]) > 0
    assert acme.used() == {}


def test_a_budget_is_used_up_and_says_when_it_resets(tenant: Callable[..., Tenant]) -> None:
    acme = tenant(f"tenant/day/usd=0.00000{2 * SUMMARY}")
    statuses = [acme.ask("/language/summary", {"text": TEXT})[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    _, answer, headers = acme.ask("/workflows/summary", {"text": TEXT})
    assert answer["message"].endswith("that this request may use. Ask for less.")
    assert headers["retry-after"].isdecimal()
    assert acme.limit() == (2 * SUMMARY, 0)


def test_requests_a_minute_of_a_key(tenant: Callable[..., Tenant]) -> None:
    acme = tenant("key/minute/requests=1", "key/day/requests=1")
    statuses = [acme.ask("/language/summary", {"text": TEXT})[0] for _ in range(2)]
    assert statuses == [200, 429]
    status, answer, headers = acme.ask("/ai-service")
    assert (status, answer["code"]) == (429, "budget_exceeded")
    assert headers["x-ratelimit-remaining-requests"] == "0"


def test_the_ledger_is_exported(deployed: Deployed, tenant: Callable[..., Tenant]) -> None:
    assert tenant().ask("/language/summary", {"text": TEXT})[0] == 200
    clients = [deployed.callers.client(name) for name in ("s3", "dynamodb")]
    with closing(clients[0]) as s3, closing(clients[1]) as dynamodb:
        s3.create_bucket(Bucket="exports")
        count = export(dynamodb, str(deployed.outputs["ledger_table"]), "exports", "usage")
        (entry,) = s3.list_objects_v2(Bucket="exports")["Contents"]
    assert count > 0
    assert entry["Key"].startswith("usage/AWSDynamoDB/")
