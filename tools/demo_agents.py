"""Agent of `make demo`: a job in which a model reads a receipt by calling a service, and a person approves its total."""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from constructs_lib.metering.tenant_records import TenantAccess
from deploy_tools.console import heading
from handlers.jobs.contract import decide_approval, read_job, start_job
from settings import settings_from
from tools import scripted_model
from tools.calls import SAMPLES, Call, WrongAnswer, expect
from tools.demo_calls import Demo, judge, request
from workflows.contract import AGENT_MODEL, APPROVE

_PATIENCE_SECONDS: Final = 120


def run_agent(demo: Demo) -> None:
    """Start the job, decide its approval as another caller, and show the result."""
    heading("Let an agent work")
    with _model() as scripted:
        picture = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
        start = Call.of(
            start_job,
            "an agent reads a receipt, as a job",
            _started,
            parameters={"workflow": "receipt"},
            body={"input": {"image": picture}},
            headers={"Idempotency-Key": f"demo-{secrets.token_hex(8)}"},
            shown="samples/receipt.png as base64 in JSON",
        )
        content = demo.make(start)
        if not content:
            return
        named = {"job": json.loads(content)["id"]}
        look = Call.of(
            read_job, "the job waits for a person", open_approval(scripted=scripted), parameters=named
        )
        if not _wait(demo, look):
            return
    own = Call.of(
        decide_approval,
        "who started it may not approve it",
        lambda answer: str(answer["message"]),
        status=403,
        parameters=named,
        body={"decision": "approved"},
    )
    demo.make(own)
    with _approver(demo) as headers:
        approve = Call.of(
            decide_approval,
            "a tenant with the scope approves it",
            _decided,
            parameters=named,
            body={"decision": "approved"},
            headers=headers,
        )
        demo.make(approve)
    result = Call.of(read_job, "its result", _result, parameters=named)
    _wait(demo, result)


@contextmanager
def _model() -> Iterator[bool]:
    """Serve the scripted model where the stack expects a server, unless one listens there; yield whether it is scripted."""
    routes = {
        name: one for one in settings_from(os.environ).model_routes for name in (one.name, *one.aliases)
    }
    target = routes[AGENT_MODEL].targets[0].as_dict()
    place = target.get("base_url", target["model"])
    with ExitStack() as serving:
        try:
            if "base_url" in target:
                serving.enter_context(scripted_model.serving(urlsplit(place).port or 80))
        except OSError:
            target = {}
        if "base_url" not in target:
            print(f"  The model at {place} answers.")
            yield False
            return
        print(f"  No model listens at {place}: a scripted one answers, which reads receipts by patterns.")
        yield True


@contextmanager
def _approver(demo: Demo) -> Iterator[Mapping[str, str]]:
    """Add a tenant with the scope; yield the headers with its key."""
    name = f"approver-{secrets.token_hex(3)}"
    with demo.callers.tenants() as register:
        key = register.add(name, TenantAccess(services=["jobs"], scopes=[APPROVE])).value
        yield {"Authorization": f"Bearer {key}"}
        register.delete(name)


def _wait(demo: Demo, call: Call) -> bool:
    """Poll without printing until a call has its answer, then make it; return whether it was right."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status, content, *_ = request(demo.invoke_url, call, demo.callers)
        try:
            judge(call, status, content)
        except WrongAnswer:
            if json.loads(content).get("status") != "running":
                break
        else:
            break
        time.sleep(0.5)
    return bool(demo.make(call))


def _started(answer: Any) -> str:
    expect(answer.get("status") == "running", "a job that runs", answer)
    return f"job {answer['id']} is running"


def open_approval(*, scripted: bool) -> Callable[[Any], str]:
    """Return the check of a job that waits for the approval of the receipt."""

    def check(answer: Any) -> str:
        approval = answer["approvals"][0]
        receipt = approval["about"]["receipt"]
        expect(approval["status"] == "open", "an open approval", answer)
        expect(not scripted or receipt["total"] == 9.35, "the total of the receipt", answer)
        return f"{approval['question']} {receipt['shop']}, {receipt['date']}, {receipt['total']:.2f}"

    return check


def _decided(answer: Any) -> str:
    approval = answer["approvals"][0]
    expect(approval["status"] == "approved", "an approval that is given", answer)
    return f"{approval['name']}: {approval['status']}"


def _result(answer: Any) -> str:
    expect(answer["status"] == "succeeded", "a job that has succeeded", answer)
    result = answer["result"]
    expect(result["approval"] == "approved", "an approved receipt", answer)
    steps = ", ".join(f"{step['tool']} {step['status']}" for step in result["steps"])
    return f"{result['receipt']['shop']}, {result['receipt']['total']:.2f}, approved; tools: {steps}"
