"""Approval: states of a job that wait until a person has decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol, get_args

from constructs_lib.checks import check_mapping, check_range, check_scope
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.workflows.expressions import Expression, Input, Jsonata, Variable
from constructs_lib.workflows.failures import Retry
from constructs_lib.workflows.step import Chain, Step
from constructs_lib.workflows.steps import Choice, Continue, Fail
from constructs_lib.workflows.structure import machines_in
from constructs_lib.workflows.tasks import CalledFunction, LambdaTask, Place, ServiceCall

Decision = Literal["approved", "rejected"]

ASK: Final = "jobs.ask"
"""Operation that records the approval of a waiting state."""

_DAY_SECONDS: Final = 86_400
_LONGEST_SECONDS: Final = 30 * _DAY_SECONDS
_MOST_ROUNDS: Final = 96
_MIN_HEARTBEAT_SECONDS: Final = 60
_RETRY: Final = Retry(max_attempts=4, interval_seconds=1, max_delay_seconds=20)


class AskingRunner(Protocol):
    """Runner of the job that asks, such as a `JobRunner`."""

    @property
    def finish_function(self) -> CalledFunction:
        """Function that records approvals."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Ask(LambdaTask):
    """State that waits for the decision (`waitForTaskToken`)."""

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`."""
        call = LambdaTask.call(self, replace(place, charge=None))
        return replace(call, action="lambda:invoke.waitForTaskToken", answer="$states.result")


class Approval(Chain):
    """Step of a job that waits until a person has decided (`waitForTaskToken`).

    `GET /jobs/{job}` shows the question, `POST /jobs/{job}/approval` decides. If it is approved, the job continues with the next
    step. The first decision counts; later ones get 409, also those after the time limit or the end of the job. The ledger has who
    decided, when, and on what. The topic of `Protection` is notified.

    Every heartbeat the state asks again, with a new token, and finds what was decided meanwhile. So a decision is not lost if
    Step Functions could not be reached.

    Args:
        name: Name of the state and of the approval, unique in the workflow; not inside a `Map`.
        runner: The runner of the job.
        question: The question, a plain text: notices contain it.
        about: What it is about, which `GET /jobs/{job}` shows. Default: nothing.
        scope: Scope that a caller needs to decide; `TenantAccess(scopes=…)` gives it to a tenant or a group of users.
        by_requester: Whether who started the job may decide. All keys of a tenant are one requester. Default: False.
        expires_seconds: For how long it can be decided, 2-2592000 (30 days). Default: 86400 (a day).
        otherwise: What counts without a decision in time: `approved` or `rejected`. Default: `rejected`.
        heartbeat_seconds: Longest time between two heartbeats. Default: a 96th of `expires_seconds`, at least 60.
        rejected: Step after a rejection. Default: the job fails with `ApprovalRejected` or `ApprovalExpired`.
        result: Variable for the decision: `{"approved": bool, "status": "approved" | "rejected" | "expired"}`.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> total = {"total": Variable("receipt.total")}
        >>> approval = Approval("approve it", runner, question="Pay it?", about=total, scope="pay", result="approval")
        >>> [step.name for step in approval.steps]
        ['approve it', 'approve it: approved?']
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        runner: AskingRunner,
        *,
        question: str,
        about: Mapping[str, Any] | None = None,
        scope: str,
        by_requester: bool = False,
        expires_seconds: int = _DAY_SECONDS,
        otherwise: Decision = "rejected",
        heartbeat_seconds: int | None = None,
        rejected: Step | None = None,
        result: str = "approval",
    ) -> None:
        where = f"Approval '{name}'"
        if isinstance(question, Expression) or not isinstance(question, str) or not question.strip():
            raise InvalidArgumentError(
                where, "question is not a text", "pass a text, and what callers sent as about={…}"
            )
        if not hasattr(runner, "finish_function"):
            raise InvalidArgumentError(
                where, f"runner is of type {type(runner).__name__}", "pass the JobRunner of the job"
            )
        check_mapping(where, "about", about)
        check_scope(where, scope)
        check_range(where, "expires_seconds", expires_seconds, 2, _LONGEST_SECONDS)
        if otherwise not in get_args(Decision):
            raise InvalidArgumentError(
                where, f"otherwise is {otherwise!r}", f"use {' or '.join(map(repr, get_args(Decision)))}"
            )
        heartbeat = _heartbeat(where, expires_seconds, heartbeat_seconds)
        ask = _Ask(
            name,
            runner.finish_function,
            input={
                "operation": ASK,
                "input": {
                    "owner": Input("owner"),
                    "job_id": Input("job_id"),
                    "output_key": Input("output_key"),
                    "name": name,
                    "question": question,
                    "about": dict(about or {}),
                    "scope": scope,
                    "by_requester": by_requester,
                    "otherwise": otherwise,
                    "seconds": expires_seconds,
                    "asked_at": Jsonata("$states.context.State.EnteredTime"),
                    "token": Jsonata("$states.context.Task.Token"),
                },
            },
            timeout_seconds=expires_seconds,
            heartbeat_seconds=heartbeat,
            retry=[_asking_again(expires_seconds, heartbeat), _RETRY],
            result=result,
        )
        expired = Jsonata(f'${result}.status = "expired" ? "ApprovalExpired" : "ApprovalRejected"')
        approved = Variable(f"{result}.approved").equals(True)
        after = rejected or Fail(f"{name}: rejected", error=expired)
        steps = (ask, Choice(f"{name}: approved?", [(approved, Continue())], default=after))
        object.__setattr__(self, "steps", steps)


def longest_approval(where: str, asl: Mapping[str, Any]) -> int:
    """Return the longest time limit of the approvals in a definition, in seconds; 0 if there is none.

    Args:
        where: Path of the workflow.
        asl: The definition.

    Raises:
        ConflictError: An approval is in a Map, whose iterations would share it.
    """
    found = list(_approvals(asl, in_map=False))
    shared = next((name for name, _, in_map in found if in_map), None)
    if shared is not None:
        raise ConflictError(
            f"{where}/{shared}",
            "an approval in a Map would be one for all items",
            "ask once, after the Map, about all of them",
        )
    return max((seconds for _, seconds, _ in found), default=0)


def _approvals(machine: Mapping[str, Any], *, in_map: bool) -> Iterator[tuple[str, int, bool]]:
    for name, state in machine["States"].items():
        payload = state.get("Arguments", {})
        payload = payload.get("Payload") if isinstance(payload, Mapping) else None
        if isinstance(payload, Mapping) and payload.get("operation") == ASK:
            yield name, state["TimeoutSeconds"], in_map
        for inner in machines_in(state):
            yield from _approvals(inner, in_map=in_map or state["Type"] == "Map")


def _heartbeat(where: str, expires_seconds: int, wanted: int | None) -> int:
    """Return the time between two heartbeats with which the last one comes when the time to decide is over."""
    if wanted is None:
        wanted = max(_MIN_HEARTBEAT_SECONDS, -(-expires_seconds // _MOST_ROUNDS))
    check_range(where, "heartbeat_seconds", wanted, -(-expires_seconds // _MOST_ROUNDS), _LONGEST_SECONDS)
    return -(-expires_seconds // max(2, math.ceil(expires_seconds / wanted)))


def _asking_again(expires_seconds: int, heartbeat_seconds: int) -> Retry:
    return Retry(
        errors=["States.HeartbeatTimeout", "States.Timeout"],
        max_attempts=-(-expires_seconds // heartbeat_seconds) + 1,
        interval_seconds=1,
        backoff_rate=1,
        max_delay_seconds=2,
        jitter=False,
    )
