"""`make soak`: ten thousand metered calls of many tenants, and whether ledger, budgets and answers agree to the last unit.

    python -m tools.benchmarks.soak_meter [--requests 10000] [--concurrency 24]

Deploys a copy of `main.py` to a local cloud of its own. Services, the dispatcher, workflows, jobs and language models, whole
and streamed, are called by tenants with a budget for the day; every fifth has one that is soon used up. Afterwards:

- the ledger has a row for each answer, of the right operation, with the tokens that the answer states (a call that failed
  with 503 or 504 may have been counted);
- the use of each budget is the sum of its tenant's rows, nothing is reserved, and no call is open;
- no budget has been exceeded, and those of the poor tenants have refused calls.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from constructs_lib.metering.tenant_records import TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from deploy_tools import interrupts
from deploy_tools.callers import Callers
from deploy_tools.console import heading, step
from deploy_tools.deploy import deploy
from deploy_tools.errors import DeploymentError, TerraformError
from tools.benchmarks.project_copy import project_copy
from tools.calls import SAMPLES, TEXT, Call
from tools.demo_calls import request

REQUESTS: Final = 10_000
CONCURRENCY: Final = 24
TENANTS: Final = 20
_POOR: Final = 5
"""One tenant of so many has a small budget."""
_RICH_BUDGET, _POOR_BUDGET = "tenant/day/usd=100", "tenant/day/usd=0.0001"
_JOB_SECONDS: Final = 300
_SWEEP_SECONDS: Final = 900
"""Within this time, the reservations of calls that died end, and the schedule settles them."""
_BUSY_SECONDS: Final = 120
_PICTURE: Final = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
_CHAT: Final = {"model": "fast", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4}


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of call.

    Attributes:
        operation: Operation in the ledger.
        path: Path of the route; below `/v1/`, of the API of language models.
        body: Body of the request.
        share: How many of a thousand calls are of this kind.
        status: Status of the answer, unless a budget refuses the call.
        is_metered: Whether the answer has a row in the ledger.
    """

    operation: str
    path: str
    body: Mapping[str, Any]
    share: int
    status: int = 200
    is_metered: bool = True


KINDS: Final = (
    Kind("language.summary", "/language/summary", {"text": TEXT}, 330),
    Kind("language.analysis", "/language/analysis", {"text": TEXT}, 140),
    Kind("language.summary", "/ai-service", {"service": "language.summary", "input": {"text": TEXT}}, 110),
    Kind("chat.embeddings", "/v1/embeddings", {"model": "embeddings", "input": "a cat"}, 210),
    Kind("workflows.summary", "/workflows/summary", {"text": TEXT}, 60),
    Kind("chat.completions", "/v1/chat/completions", _CHAT, 30),
    Kind(
        "chat.completions",
        "/v1/chat/completions",
        {**_CHAT, "stream": True, "stream_options": {"include_usage": True}},
        30,
    ),
    Kind(
        "jobs.start", "/workflows/document/jobs", {"input": {"pages": [{"image": _PICTURE}]}}, 2, status=202
    ),
    Kind("", "/language/summary", {"text": ""}, 88, status=400, is_metered=False),
)


@dataclass(slots=True)
class Tally:
    """Answers to one tenant.

    Attributes:
        answered: Successful answers by operation.
        tokens: Tokens that they state, by operation.
        refused: Calls that a budget refused.
        failed: Calls that were answered with 503 or 504, by operation.
        jobs: Ids of jobs.
        wrong: Answers that are neither.
    """

    answered: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    jobs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Tenant:
    """Tenant with a key and a budget for the day.

    Args:
        name: Its id.
        key: Its key.
        urls: URL of each API, up to its stage: `/v1` for that of language models, and `` for the other.
        callers: Callers of the deployment.
    """

    def __init__(self, name: str, key: str, urls: Mapping[str, str], callers: Callers) -> None:
        self.name = name
        self.tally = Tally()
        self._headers = {"Authorization": f"Bearer {key}"}
        self._urls = urls
        self._callers = callers

    def call(self, kind: Kind, number: int) -> None:
        """Send a call, and count its answer."""
        status, content = self._send("POST", kind.path, kind.body, **{"Idempotency-Key": f"{number:08}"})
        tally = self.tally
        if status == 429 and b"budget_exceeded" in content:
            tally.refused += 1
        elif status in (503, 504):
            tally.failed[kind.operation] += 1
        elif status != kind.status:
            tally.wrong.append(f"{kind.path} answered {status} instead of {kind.status}: {content[:200]!r}")
        elif kind.is_metered:
            tally.answered[kind.operation] += 1
            answer = _last_event(content) if kind.body.get("stream") else json.loads(content)
            tally.tokens[kind.operation] += answer.get("usage", {}).get("total_tokens", 0)
            if kind.status == 202:
                tally.jobs.append(answer["id"])

    def wait_for_jobs(self) -> None:
        """Wait for the end of its jobs."""
        deadline = time.monotonic() + _JOB_SECONDS
        for job in self.tally.jobs:
            while (state := self.get(f"/jobs/{job}")["status"]) == "running" and time.monotonic() < deadline:
                time.sleep(0.5)
            if state == "running":
                self.tally.wrong.append(f"job {job} has not ended after {_JOB_SECONDS} seconds")

    def wait_for_sweep(self) -> None:
        """Wait until nothing is reserved: the sweeper settles what failed calls have left open."""
        deadline = time.monotonic() + _SWEEP_SECONDS
        while self.get("/v1/usage")["limits"][0]["reserved"] and time.monotonic() < deadline:
            time.sleep(5)

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a GET, which a busy machine may answer with 503 or 504 at first."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while (answered := self._send("GET", path, None))[0] in (503, 504) and time.monotonic() < deadline:
            time.sleep(1)
        status, content = answered
        if status != 200:
            raise DeploymentError(f"GET {path} answered {status}: {content[:200]!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, **headers: str
    ) -> tuple[int, bytes]:
        url = self._urls["/v1" if path.startswith("/v1/") else ""]
        order = Call(
            "",
            method,
            path,
            check=str,
            body=body,
            caller="anonymous",
            headers=self._headers | headers,
        )
        status, content, _, _ = request(url, order, self._callers, timeout_seconds=120)
        return status, content


def _last_event(stream: bytes) -> dict[str, Any]:
    """Return the last event of a stream before `[DONE]`, which has the usage."""
    events = [line for line in stream.splitlines() if line.startswith(b"data: {")]
    last: dict[str, Any] = json.loads(events[-1].removeprefix(b"data: "))
    return last


def plan(requests: int) -> list[Kind]:
    """Return the kinds of the calls, in a mixed order that is the same each time."""
    each = [kind for kind in KINDS for _ in range(max(1, round(requests * kind.share / 1000)))]
    random.Random(1).shuffle(each)  # noqa: S311 - an order, not a secret
    return each


def differences(tenant: Tenant, usage: Mapping[str, Any]) -> Iterator[str]:
    """Return where the ledger and the budget differ from the answers.

    Args:
        tenant: The tenant, whose calls have all ended.
        usage: Answer of `GET /v1/usage?group_by=operation`.
    """
    rows = {row["group"]: row for row in usage["data"]}
    tally = tenant.tally
    for operation in sorted(tally.answered.keys() | rows.keys()):
        row = rows.get(operation, {"requests": 0, "tokens": 0, "open": 0})
        answered, tokens, failed = tally.answered[operation], tally.tokens[operation], tally.failed[operation]
        if not answered <= row["requests"] <= answered + failed:
            yield f"{tenant.name}: {answered} answers of {operation}, {row['requests']} rows in the ledger"
        if operation.startswith("chat.") and (
            row["tokens"] < tokens or (row["tokens"] > tokens and not failed)
        ):
            yield f"{tenant.name}: {tokens} tokens in answers of {operation}, {row['tokens']} in the ledger"
        if row["open"]:
            yield f"{tenant.name}: {row['open']} calls of {operation} are open"
    (limit,) = usage["limits"]
    spent = sum(row["nano_usd"] for row in rows.values())
    if limit["used"] != spent:
        yield f"{tenant.name}: the budget has {limit['used']}, the rows {spent} nano-USD"
    if limit["reserved"]:
        yield f"{tenant.name}: {limit['reserved']} nano-USD are reserved"
    if limit["used"] > limit["limit"]:
        yield f"{tenant.name}: {limit['used']} nano-USD used of {limit['limit']}"


def soak(requests: int, concurrency: int) -> list[str]:
    """Deploy, send the calls, and print the sums; return what is wrong."""
    with project_copy() as app:
        deployed = deploy(app, 0)
        stack = deployed.with_outputs("invoke_url", "openai_base_url", "tenants_table", purpose="soak")
        outputs = stack.outputs
        callers = Callers(deployed.cloud.url, outputs)
        urls = {"": str(outputs["invoke_url"]), "/v1": str(outputs["openai_base_url"]).removesuffix("/v1")}
        tenants = []
        with callers.tenants() as register:
            for number in range(TENANTS):
                budget = UsageLimit.parse(_RICH_BUDGET if number % _POOR else _POOR_BUDGET)
                key = register.add(f"tenant-{number}", TenantAccess(limits=[budget])).value
                tenants.append(Tenant(f"tenant-{number}", key, urls, callers))
        kinds = plan(requests)
        started = time.monotonic()
        with step(f"{len(kinds):,} calls, {concurrency} at a time") as current:
            with ThreadPoolExecutor(concurrency) as pool:
                done = (
                    pool.submit(tenants[number % TENANTS].call, kind, number)
                    for number, kind in enumerate(kinds)
                )
                for one in list(done):
                    one.result()
            current.note(f"{len(kinds) / (time.monotonic() - started):.1f} a second")
        with step("jobs end"):
            for tenant in tenants:
                tenant.wait_for_jobs()
        with step("reservations of failed calls end"):
            for tenant in tenants:
                tenant.wait_for_sweep()
        with step("ledger and budgets"):
            usages = [tenant.get("/v1/usage?group_by=operation") for tenant in tenants]
    _show(tenants, usages)
    problems = [problem for tenant in tenants for problem in tenant.tally.wrong]
    for tenant, usage in zip(tenants, usages, strict=True):
        problems += differences(tenant, usage)
    if not all(tenant.tally.refused for tenant in tenants[::_POOR]):
        problems.append("a small budget has refused nothing")
    return problems


def _show(tenants: Sequence[Tenant], usages: Sequence[Mapping[str, Any]]) -> None:
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for tenant, usage in zip(tenants, usages, strict=True):
        for operation, count in tenant.tally.answered.items():
            sums[operation]["answers"] += count
            sums[operation]["stated"] += tenant.tally.tokens[operation]
        for row in usage["data"]:
            sums[row["group"]].update({name: row[name] for name in ("requests", "tokens", "nano_usd")})
    print(
        f"\n  {'operation':<20}{'answers':>9}{'rows':>9}{'tokens stated':>15}{'in rows':>10}{'nano-USD':>15}"
    )
    for operation, row in sorted(sums.items()):
        print(
            f"  {operation:<20}{row['answers']:>9,}{row['requests']:>9,}{row['stated']:>15,}{row['tokens']:>10,}"
            f"{row['nano_usd']:>15,}"
        )
    budgets = sum(usage["limits"][0]["used"] for usage in usages)
    refused = sum(tenant.tally.refused for tenant in tenants)
    failed = sum(tenant.tally.failed.total() for tenant in tenants)
    print(f"  {'budgets':<54}{budgets:>24,}")
    print(f"  refused by budgets: {refused:,}; failed with 503 or 504: {failed:,}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; return the exit status, 1 if the sums differ."""
    parser = argparse.ArgumentParser(description="Metered calls of many tenants against a copy of main.py.")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"at least 100; default: {REQUESTS:,}")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help=f"default: {CONCURRENCY}")
    options = parser.parse_args(arguments)
    if options.requests < 100 or not 1 <= options.concurrency <= 64:
        parser.error("use at least 100 requests, and a concurrency from 1 to 64")
    heading(f"Soak of the meter: {options.requests:,} calls of {TENANTS} tenants")
    problems = soak(options.requests, options.concurrency)
    for problem in problems[:20]:
        print(f"  WRONG  {problem}")
    print(f"  {len(problems) or 'nothing'} wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main, DeploymentError, TerraformError))
