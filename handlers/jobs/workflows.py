"""The state machines that jobs run on: what there is, starting one, and how far it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.budgets import Amounts
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError

_CHOICES = (Tries(3, 1, 3), Tries(2, 1, 2), Tries(1, 0.5, 1))
_EVENTS = 1_000
_ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


class _Started(ServiceError):
    """Step Functions knows an execution of this name: an earlier attempt got that far."""


@dataclass(frozen=True, slots=True)
class JobWorkflow:
    """A workflow that can be run as a job.

    Attributes:
        state_machine: The ARN of its state machine.
        each: The field of the input whose items are objects that are worked on one by one; None where there is none.
        max_items: The most items it takes.
        timeout_seconds: The time limit of its executions.
        nano_usd: Upper bound of what its tasks may cost besides those of the items, in billionths of a US dollar.
        tokens: The same in tokens.
        nano_usd_each: Upper bound of what the tasks of an item may cost.
        tokens_each: The same in tokens.
        approvals: Whether it asks for approvals.
    """

    state_machine: str
    each: str | None = None
    max_items: int = 40
    timeout_seconds: int = 3_600
    nano_usd: int = 0
    tokens: int = 0
    nano_usd_each: int = 0
    tokens_each: int = 0
    approvals: bool = False

    def bound(self, items: int) -> Amounts:
        """Return the upper bound of an execution with that many items."""
        return {
            "nano_usd": self.nano_usd + items * self.nano_usd_each,
            "tokens": self.tokens + items * self.tokens_each,
        }


@dataclass(frozen=True, slots=True)
class ExecutionState:
    """State of an execution.

    Attributes:
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
        states_done: How many of its states have ended; of more than a thousand events the last are not counted.
        error: The name of the error that it ended with, if there is one.
    """

    status: str
    states_done: int
    error: str | None = None

    @property
    def failed(self) -> bool:
        """True if it ended, and not well."""
        return self.status in _ENDED_BADLY


class JobWorkflows:
    """The workflows of JOB_WORKFLOWS.

    Args:
        workflows: The workflows by name.
        api: Step Functions; made from the environment when left out.
    """

    def __init__(self, workflows: Mapping[str, JobWorkflow], *, api: AwsApi | None = None) -> None:
        self._workflows = dict(workflows)
        self._api = api or AwsApi("stepfunctions", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> JobWorkflows:
        """The workflows of JOB_WORKFLOWS, a JSON object: `{"document": {"state_machine": ARN, "each": "pages"}}`.

        Raises:
            ValueError: It is something else.
        """
        configured = json.loads(os.environ.get("JOB_WORKFLOWS") or "{}")
        try:
            return cls({name: JobWorkflow(**fields) for name, fields in configured.items()})
        except (AttributeError, TypeError):
            raise ValueError("JOB_WORKFLOWS should be a JSON object of workflows") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the workflows."""
        return tuple(sorted(self._workflows))

    @property
    def longest_seconds(self) -> int:
        """The longest time limit of a workflow."""
        return max((workflow.timeout_seconds for workflow in self._workflows.values()), default=3_600)

    @property
    def any_approvals(self) -> bool:
        """True if one of them asks for approvals."""
        return any(workflow.approvals for workflow in self._workflows.values())

    def named(self, name: str) -> JobWorkflow | None:
        """Return the workflow of a name; None where there is none."""
        return self._workflows.get(name)

    def start(
        self, workflow: JobWorkflow, name: str, value: Mapping[str, object], *, deadline: Deadline
    ) -> None:
        """Start an execution, unless it was started already.

        Raises:
            ServiceError: Step Functions fails.
        """
        try:
            self._api.call(
                "start_execution",
                {"stateMachineArn": workflow.state_machine, "name": name, "input": json.dumps(value)},
                deadline=deadline,
                refusals={"ExecutionAlreadyExists": _Started},
            )
        except _Started:
            return

    def state(self, workflow: JobWorkflow, name: str, *, deadline: Deadline) -> ExecutionState:
        """Return the status of an execution.

        Raises:
            ServiceError: Step Functions fails.
        """
        arn = workflow.state_machine.replace(":stateMachine:", ":execution:") + f":{name}"
        described = self._api.call("describe_execution", {"executionArn": arn}, deadline=deadline)
        history = self._api.call(
            "get_execution_history",
            {"executionArn": arn, "maxResults": _EVENTS, "includeExecutionData": False},
            deadline=deadline,
        )
        with reading_answer("stepfunctions.get_execution_history"):
            done = sum(str(event["type"]).endswith("StateExited") for event in history["events"])
            return ExecutionState(str(described["status"]), done, described.get("error"))
