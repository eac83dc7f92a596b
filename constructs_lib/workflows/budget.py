"""States around the steps of a workflow that reserve what its tasks may use, and settle what they used.

Each task gets the reservation as `charge` in its event, and takes its part of it. However the steps end, the states settle;
an execution that times out settles by the sweeper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from constructs_lib.workflows.branches import Parallel
from constructs_lib.workflows.expressions import Input, Jsonata, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.http_errors import BUDGET_EXCEEDED
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Choice, Continue, Fail, Pass, Succeed
from constructs_lib.workflows.tasks import CalledFunction, LambdaTask, Place, ServiceCall

CHARGE: Final = Jsonata("$reserved.charge")
"""The reservation, in the states around which a `WorkflowBudget` is."""

EXECUTION_CHARGE: Final = Jsonata("$states.context.Execution.Input.charge")
"""The reservation, in an execution that was started with one."""

_RESERVE_SECONDS: Final = 8
"""Time for the ledger to reserve, the cold start of its function included."""

_SETTLE_SECONDS: Final = 4
_TOLD: Final = ("key", "kind", "limits", "principal", "pseudonym", "tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowBudget:
    """Reservation of a workflow.

    Attributes:
        ledger: The ledger's function.
        operation: Name of the workflow's operation.
        nano_usd: Upper bound of its tasks, in billionths of a US dollar.
        tokens: Upper bound of its tasks, in tokens.
        timeout_seconds: Longest duration of an execution.
    """

    ledger: CalledFunction
    operation: str
    nano_usd: int
    tokens: int
    timeout_seconds: int

    def around(self, steps: Step) -> Step:
        """Return the steps between the reservation and the settlement."""
        uncounted = Fail(
            "budget not reserved",
            error="BackendUnavailable",
            cause="The ledger did not reserve the budget of the workflow, so that it is not run.",
        )
        caller = ", ".join(
            f'"{name}": $exists({Input(f"caller.{name}").code}) ? {Input(f"caller.{name}").code} : ""'
            for name in _TOLD
        )
        reserve = _LedgerTask(
            "reserve the budget",
            self.ledger,
            input={
                "operation": "ledger.reserve",
                "input": {
                    "operation": self.operation,
                    "caller": Jsonata(f"{{{caller}}}"),
                    "request_id": Input("requestId"),
                    "started_at": Jsonata("$toMillis($states.context.Execution.StartTime)"),
                    "lasts_seconds": self.timeout_seconds,
                    "nano_usd": self.nano_usd,
                    "tokens": self.tokens,
                },
            },
            timeout_seconds=_RESERVE_SECONDS,
            retry=[Retry.on_throttling(max_attempts=1)],
            catch=[Catch(to=uncounted)],
            result="reserved",
        )
        refused = Fail("budget exceeded", error=BUDGET_EXCEEDED, cause=Variable("reserved.refused"))
        enough = Choice(
            "enough budget?",
            [(Jsonata("$exists($reserved.refused)").equals(Jsonata("true")), refused)],
            default=Continue(),
        )
        failed = self._settle("settle the failure", error=Variable("problem")) >> Fail(
            "failed", error=Variable("problem.Error"), cause=Variable("problem.Cause")
        )
        work = Parallel(
            "metered",
            {"work": steps},
            result="done",
            catch=[Catch(to=failed, result="problem")],
        )
        settle = self._settle("settle the budget")
        return reserve >> enough >> work >> settle >> Succeed("metered answer", output=Variable("done.work"))

    def _settle(self, name: str, **more: Any) -> Step:
        """Return the state that settles. If it fails, the sweeper settles."""
        task = _LedgerTask(
            name,
            self.ledger,
            input={"operation": "ledger.settle", "input": {"charge": CHARGE, **more}},
            timeout_seconds=_SETTLE_SECONDS,
            retry=[Retry.on_throttling(max_attempts=1)],
            result="settled",
        )
        return task.or_else(Pass(f"{name} later", variables={"settled": False}))


class _LedgerTask(LambdaTask):
    """Invokes the ledger, which is not charged."""

    __slots__ = ()

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`."""
        return LambdaTask.call(self, replace(place, charge=None))


def called_operations(
    asl: Mapping[str, Any], *, each: bool = False
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield the operations that the tasks of a definition invoke, their input, and whether it is for each item of a Map.

    Args:
        asl: The definition.
        each: Whether it is the definition of an iteration. Default: False.
    """
    for state in asl["States"].values():
        payload = state.get("Arguments", {})
        payload = payload.get("Payload") if isinstance(payload, Mapping) else None
        if isinstance(payload, Mapping) and isinstance(payload.get("operation"), str):
            given = payload.get("input")
            yield payload["operation"], given if isinstance(given, Mapping) else {}, each
        for branch in state.get("Branches", ()):
            yield from called_operations(branch, each=each)
        for name in ("ItemProcessor", "Iterator"):
            if name in state:
                yield from called_operations(state[name], each=True)
