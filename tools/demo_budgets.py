"""Budgets in `make demo`: a tenant with a small one, its first call, its usage, and the stream that uses the rest up."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from constructs_lib.metering.tenant_records import TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from deploy_tools.console import heading
from tools.calls import TEXT, Call, WrongAnswer
from tools.demo_calls import Demo, request

BUDGET: Final = UsageLimit("tenant", "day", "usd", "0.000008")
"""Enough for a summary and a few short conversations, with the nominal prices of the local models."""

_MOST_STREAMS: Final = 20

_CHAT: Final = {
    "model": "fast",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 16,
    "stream": True,
}


def show_budgets(demo: Demo) -> None:
    """Create a tenant, use its budget up, and show what is refused then."""
    heading("Budgets")
    name = f"shop-{secrets.token_hex(3)}"
    with demo.callers.tenants() as register:
        key = register.add(name, TenantAccess(limits=[BUDGET])).value
    print(f"  tenant {name} with a key of its own, {BUDGET}")
    tenant = {"Authorization": f"Bearer {key}"}

    def call(
        title: str, path: str, check: Any, body: dict[str, Any] | None = None, status: int = 200
    ) -> Call:
        method = "GET" if body is None else "POST"
        return Call(title, method, path, check, status=status, body=body, headers=tenant, caller="anonymous")

    demo.refuse(call("its first call", "/language/summary", lambda answer: answer["summary"], {"text": TEXT}))
    demo.refuse(call("its usage", "/v1/usage", _usage))
    stream = call("one more stream", "/v1/chat/completions", _refusal, _CHAT, status=429)
    streams = 0
    while streams < _MOST_STREAMS:
        status, body, _, _ = request(demo.v1_url, stream, demo.callers)
        if status != 200:
            break
        streams += 1
        text = "".join(_pieces(body.decode()))
        if streams == 1:
            demo.refuse(call(f"after a stream: {text[:22].strip()!r}", "/v1/usage", _usage))
    demo.refuse(call(f"after {streams} streams", "/v1/usage", _usage))
    demo.refuse(stream)


def _usage(answer: Any) -> str:
    (limit,) = answer["limits"]
    if limit["reserved"]:
        raise WrongAnswer(f"expected that nothing is reserved, got {limit}")
    return f"{limit['used']:,} of {limit['limit']:,} nano-dollars a day, until {limit['resets_at']}"


def _refusal(answer: Any) -> str:
    problem = answer["error"]
    if problem["code"] != "budget_exceeded":
        raise WrongAnswer(f"expected budget_exceeded, got {problem}")
    return str(problem["message"])


def _pieces(stream: str) -> list[str]:
    events = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: {")]
    choices = [choice for event in events for choice in json.loads(event).get("choices", ())]
    return [choice["delta"].get("content") or "" for choice in choices]
