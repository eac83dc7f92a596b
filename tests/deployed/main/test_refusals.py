"""Rejections of the deployed API: one form for each reason, and CORS headers for browsers."""

from __future__ import annotations

import json

import pytest

from tests.support.deployment import Deployed
from tools.calls import Call, error
from tools.demo_calls import judge, request
from tools.refusals import limited_tenant, preflights, refusals

REASONS = 14


@pytest.mark.parametrize("number", range(REASONS))
def test_each_reason_is_answered_as_it_should(deployed: Deployed, number: int) -> None:
    sent = refusals(deployed.callers)[number]
    status, content, headers, _ = request(deployed.invoke_url, sent, deployed.callers)
    assert judge(sent, status, content), sent.title
    assert set(json.loads(content)) == {"code", "message", "requestId"}
    # Workflows answer without a function, which would set the header.
    assert headers.get("cache-control") == (
        None if sent.path.startswith("/workflows/summary") else "no-store"
    )


def test_there_are_as_many_reasons(deployed: Deployed) -> None:
    assert len(refusals(deployed.callers)) == REASONS


@pytest.mark.parametrize(
    ("limits", "code"), [({"quota": 1}, "quota_exceeded"), ({"burst": 1}, "too_many_requests")]
)
def test_a_key_beyond_its_limits_waits(deployed: Deployed, limits: dict[str, int], code: str) -> None:
    with limited_tenant(deployed.callers, deployed.outputs, **limits) as sent:
        first, *_ = request(deployed.invoke_url, sent, deployed.callers)
        status, content, headers, _ = request(deployed.invoke_url, sent, deployed.callers)
    assert first == 200
    assert (status, json.loads(content)["code"]) == (429, code)
    assert int(headers["retry-after"]) > 0


def test_a_page_is_told_whether_it_may_call(deployed: Deployed) -> None:
    for sent, check in preflights("http://localhost:3000", "https://elsewhere.example"):
        status, _, headers, _ = request(deployed.invoke_url, sent, deployed.callers)
        assert status == 204
        assert check(headers)


def test_answers_and_errors_can_be_read_by_the_page(deployed: Deployed) -> None:
    page = {"Origin": "http://localhost:3000"}
    for sent in (
        Call("", "POST", "/language/summary", str, body={"text": "One sentence."}, headers=page),
        Call("", "POST", "/workflows/summary", str, body={"text": "One sentence."}, headers=page),
        Call("", "POST", "/language/summary", error("invalid_request"), body={}, headers=page),
        Call(
            "", "POST", "/language/summary", error("unauthorized"), body={}, headers=page, caller="anonymous"
        ),
    ):
        status, _, headers, _ = request(deployed.invoke_url, sent, deployed.callers)
        assert headers["access-control-allow-origin"] == "http://localhost:3000", (sent.path, status)
