"""The agent's job of `main.py`, with a scripted model: it reads a receipt, waits for a person, and ends at its bounds."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from constructs_lib.metering.tenant_records import TenantAccess
from local_cloud.console.timeline import timeline
from tests.support.deployment import Deployed
from tests.support.paths import PROJECT
from tests.support.waiting import eventually
from tools import scripted_model
from tools.calls import Call
from tools.demo_calls import request
from workflows.contract import APPROVE

PICTURE = base64.b64encode((PROJECT / "samples" / "receipt.png").read_bytes()).decode()


@pytest.fixture(scope="module")
def boss(deployed: Deployed) -> dict[str, str]:
    """Headers of a tenant who may approve."""
    with deployed.callers.tenants() as register:
        key = register.add(f"boss-{secrets.token_hex(3)}", TenantAccess(scopes=[APPROVE])).value
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def model(deployed: Deployed) -> Iterator[None]:
    """The scripted model, at the address that the stack has for its server."""
    address = urlsplit(deployed.workspace.environment["MODEL_BASE_URL"])
    with scripted_model.serving(address.port or 0):
        yield


def send(
    deployed: Deployed, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    call = Call("", method, path, lambda _: "", body=body, headers=headers or {})  # type: ignore[arg-type]
    status, content, *_ = request(deployed.invoke_url, call, deployed.callers)
    return status, json.loads(content)


def start(deployed: Deployed) -> str:
    key = {"Idempotency-Key": secrets.token_hex(8), **deployed.callers.headers("user", "POST", "", None)}
    status, job = send(deployed, "POST", "/workflows/receipt/jobs", {"input": {"image": PICTURE}}, key)
    assert status == 202, job
    return str(job["id"])


def job_of(deployed: Deployed, job_id: str, headers: Mapping[str, str] | None = None) -> Any:
    status, job = send(deployed, "GET", f"/jobs/{job_id}", headers=headers)
    assert status == 200, job
    return job


def ended(deployed: Deployed, job_id: str) -> Any:
    def look() -> Any:
        job = job_of(deployed, job_id)
        return None if job["status"] == "running" else job

    return eventually(look)


def open_approval(deployed: Deployed, job_id: str) -> Any:
    def look() -> Any:
        job = job_of(deployed, job_id)
        assert job["status"] == "running", job["error"]
        return job["approvals"]

    (approval,) = eventually(look)
    return approval


def test_an_agent_reads_a_receipt_and_a_person_approves_its_total(
    deployed: Deployed, boss: dict[str, str], model: None
) -> None:
    job_id = start(deployed)
    approval = open_approval(deployed, job_id)
    read = {"shop": "Corner Coffee", "date": "2026-03-14", "total": 9.35}
    assert (approval["question"], approval["about"]) == ("Pay this receipt?", {"receipt": read})
    assert approval["you_may_decide"] is False
    assert job_of(deployed, job_id, boss)["approvals"][0]["you_may_decide"] is True
    decision = {"decision": "approved"}
    assert send(deployed, "POST", f"/jobs/{job_id}/approval", decision)[0] == 403
    assert send(deployed, "POST", f"/jobs/{job_id}/approval", decision, boss)[0] == 200
    again = send(deployed, "POST", f"/jobs/{job_id}/approval", {"decision": "rejected"}, boss)
    assert (again[0], again[1]["code"]) == (409, "approval_closed")
    job = ended(deployed, job_id)
    assert job["result"] == {
        "receipt": read,
        "approval": "approved",
        "complete": True,
        "ended_by": "answer",
        "steps": [{"tool": "vision.text", "status": "ok"}],
    }
    states, row, decided, parts = found_in_records(deployed, job_id)
    assert [state for state in states if state.startswith("read the receipt: ")] == [
        "read the receipt: begin",
        "read the receipt: model",
        "read the receipt: next",
        "read the receipt: vision.text",
        "read the receipt: model",
        "read the receipt: next",
        "read the receipt: end",
    ]
    assert (row["calls:chat.turn"], row["calls:vision.text"]) == ({"N": "2"}, {"N": "1"})
    assert int(row["used"]["M"]["nano_usd"]["N"]) <= 50_000_000
    assert [(one["operation"]["S"], one["subject"]["S"]) for one in parts] == [
        ("chat.turn", "agent/read the receipt"),
        ("vision.text", "agent/read the receipt"),
        ("chat.turn", "agent/read the receipt"),
    ]
    for unit in ("tokens", "nano_usd"):
        assert sum(int(one["used"]["M"][unit]["N"]) for one in parts) == int(row["used"]["M"][unit]["N"])
    assert (decided["outcome"]["S"], decided["subject"]["S"]) == (
        "approved",
        f"job/{job_id}/approve the total",
    )
    assert decided["tenant"]["S"].startswith("boss-")


def test_a_rejected_receipt_ends_the_job(deployed: Deployed, boss: dict[str, str], model: None) -> None:
    job_id = start(deployed)
    open_approval(deployed, job_id)
    assert send(deployed, "POST", f"/jobs/{job_id}/approval", {"decision": "rejected"}, boss)[0] == 200
    assert ended(deployed, job_id)["error"]["code"] == "approval_rejected"


def test_without_a_model_the_job_fails(deployed: Deployed) -> None:
    job = ended(deployed, start(deployed))
    assert (job["status"], job["error"]["code"]) == ("failed", "backend_unavailable")


def found_in_records(deployed: Deployed, job_id: str) -> tuple[list[str], Any, Any, list[Any]]:
    """Return the states of a job's execution, its row in the ledger, the row of the decision, and those of the agent's calls."""
    with closing(deployed.callers.client("stepfunctions")) as states:
        machines = states.list_state_machines()["stateMachines"]
        (arn,) = [one["stateMachineArn"] for one in machines if one["name"].endswith("jobs-receipt")]
        executions = states.list_executions(stateMachineArn=arn)["executions"]
        (execution,) = [one["executionArn"] for one in executions if f":{job_id}-" in one["executionArn"]]
        events = states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    with closing(deployed.callers.client("dynamodb")) as tables:
        (table,) = [name for name in tables.list_tables()["TableNames"] if name.endswith("meter-ledger")]
        rows = [
            row for page in tables.get_paginator("scan").paginate(TableName=table) for row in page["Items"]
        ]
    (row,) = [one for one in rows if one.get("request_id", {}).get("S") == job_id]
    (decided,) = [one for one in rows if job_id in one.get("subject", {}).get("S", "")]
    whole = f"{row['account']['S']}/{row['row']['S']}"
    parts = [one for one in rows if one.get("part_of", {}).get("S") == whole]
    parts.sort(key=lambda one: str(one["row"]["S"]))
    return [one.state for one in timeline(events)], row, decided, parts
