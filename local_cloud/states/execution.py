"""One execution of a state machine: starts it, waits for it, and says what came of it as the API does.

Written against moto 5.2.5, whose execution parses its definition again each time (100 ms for a small one), forgets why
it was stopped, stays `RUNNING` for ever when the interpreter itself fails, and keeps every thread that it ever started.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser import utils as parser_utils
from moto.stepfunctions.parser.api import (
    ExecutionStartedEventDetails,
    ExecutionStatus,
    HistoryEventExecutionDataDetails,
    HistoryEventType,
)
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from local_cloud.states import parser
from local_cloud.states.distributed_maps import attach_batchers, make_readable
from local_cloud.states.status_events import tell

_log = logging.getLogger(__name__)

_BILLED_MEMORY_MB = 64
_LISTED = (
    "executionArn", "name", "startDate", "stateMachineAliasArn", "stateMachineArn", "stateMachineVersionArn", "status", "stopDate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parsed:
    """Definition that was parsed.

    Attributes:
        program: Program of the interpreter; what a run remembers is kept outside of it, so that runs can share it.
        express_error: Error of the definition as one of an Express workflow, or None.
        references: Variables that the states read, by the names of the states.
    """

    program: Any
    express_error: str | None
    references: dict[str, list[str]]


@lru_cache(maxsize=256)
def parsed(definition: str) -> Parsed:
    """Parse a definition, which takes 0.3 s for one of 20 KB, and analyse it."""
    program, tree = parser.AmazonStateLanguageParser.parse(_unescaped(definition))
    attach_batchers(program, json.loads(definition))
    express_error = None
    try:
        parser.ExpressStaticAnalyser().visit(tree)
    except ValueError as error:
        express_error = str(error)
    references = parser.VariableReferencesStaticAnalyser()
    if '"Assign"' in definition:
        references.visit(tree)
    found = {state: sorted(names) for state, names in references.get_variable_references().items()}
    return Parsed(program, express_error, found)


def _unescaped(definition: str) -> str:
    """Write a definition as moto's parser can read it: without escapes that are not needed, and fields it lacks."""
    content = json.loads(definition)
    make_readable(content)
    return json.dumps(content, ensure_ascii=False)


class _Communication(BaseExecutionWorkerCommunication):  # type: ignore[misc] # moto ships no types
    def terminated(self) -> None:
        state = self.execution.exec_worker.env.program_state()
        with self.execution.outcome:  # moto sets the status first
            self._reflect_execution_status()
            if isinstance(state, parser.ProgramStopped):
                self.execution.error, self.execution.cause = state.error, state.cause
            elif self.execution.express and self.execution.exec_status == ExecutionStatus.TIMED_OUT:
                self.execution.error = "States.Timeout"
        self.execution.ended.set()


class _Worker(ExecutionWorker):  # type: ignore[misc] # moto ships no types
    def prepare(self) -> Any:
        program = parsed(self._evaluation_details.state_machine_details.definition).program
        self.env = self._get_evaluation_environment()
        self.env.next_state_name = program.start_at.start_at_name
        self.env.states.context_object.context_object_data["Execution"]["RedriveCount"] = 0
        return program

    def run(self, program: Any) -> None:
        details = self._evaluation_details
        self.env.event_manager.add_event(
            context=self.env.event_history_context,
            event_type=HistoryEventType.ExecutionStarted,
            event_details=parser.EventDetails(
                executionStartedEventDetails=ExecutionStartedEventDetails(
                    input=self._execution_communication.execution.execution_input,
                    inputDetails=HistoryEventExecutionDataDetails(truncated=False),
                    roleArn=details.aws_execution_details.role_arn,
                )
            ),
            update_source_event_id=False,
        )
        program.eval(self.env)
        self._execution_communication.terminated()


@dataclass(frozen=True, slots=True)
class _PastWorker:
    """Placeholder for the interpreter of an execution of an earlier local cloud."""

    history: list[Any]
    callback_pool_manager: Mapping[str, Any] = field(default_factory=dict)

    @property
    def env(self) -> _PastWorker:
        """Itself, as moto looks up the history in the environment's event manager."""
        return self

    event_manager = env

    def get_event_history(self) -> list[Any]:
        """Return the events."""
        return self.history


class LocalExecution(Execution):  # type: ignore[misc] # moto ships no types
    """An execution, Standard or Express.

    Attributes:
        ended: Is set when the execution has ended.
        outcome: Lock of the status and of what goes with it.
        trace_header: The X-Ray header of the caller.
        passed_on: The X-Ray header that tasks pass on: the caller's, or one with a new root.
    """

    def __init__(
        self,
        *,
        source_arn: str,
        version_arn: str | None,
        alias_arn: str | None,
        express: bool,
        passed_on: str,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.ended = threading.Event()
        self.outcome = threading.Lock()
        self.state_machine_arn = source_arn
        self.version_arn = version_arn
        self.alias_arn = alias_arn
        self.express = express
        self.passed_on = passed_on

    def start(self) -> None:
        """Run on a thread of its own."""
        program = self._prepare()
        threading.Thread(
            target=self._run, args=(program,), daemon=True, name=f"execution {self.name}"
        ).start()

    def run(self) -> None:
        """Run, and return when it has ended."""
        self._run(self._prepare())

    def stop(
        self, stop_date: datetime, error: str | None, cause: str | None, *, wait_seconds: float = 5
    ) -> None:
        """Stop it, unless it has ended, and wait until it has."""
        if not self.ended.is_set():
            self.exec_worker.stop(stop_date=stop_date, error=error, cause=cause)
            self.ended.wait(wait_seconds)

    def __getstate__(self) -> dict[str, Any]:
        """Return what outlives the local cloud: all but the interpreter. What still runs is aborted."""
        worker = self.exec_worker
        history = [] if worker is None else worker.env.event_manager.get_event_history()
        state = self.__dict__ | {
            "exec_worker": _PastWorker(list(history)),
            "_cloud_watch_logging_session": None,
            "_activity_store": {},
        }
        if not self.ended.is_set():
            ended = threading.Event()
            ended.set()
            state |= {
                "ended": ended,
                "exec_status": ExecutionStatus.ABORTED,
                "stop_date": datetime.now(self.start_date.tzinfo),
                "cause": "The local cloud was stopped",
            }
        return state

    def get_start_execution_details(self) -> Any:
        """Return the execution's details for the context object."""
        details = super().get_start_execution_details()
        details.start_time = self.start_date.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return details

    def describe(self) -> dict[str, Any]:
        """Return the answer of DescribeExecution."""
        with self.outcome:
            answer = self.to_describe_output() | {
                "input": self.execution_input,
                "stateMachineAliasArn": self.alias_arn,
                "stateMachineArn": self.state_machine_arn,
                "stateMachineVersionArn": self.version_arn,
                "status": self.status,
            }
        return {name: value for name, value in answer.items() if value is not None}

    def describe_sync(self) -> dict[str, Any]:
        """Return the answer of StartSyncExecution for an ended execution."""
        answer = {"outputDetails": {"included": True}, **self.describe()}
        for name in ("stateMachineAliasArn", "stateMachineVersionArn"):
            answer.pop(name, None)
        if answer["status"] == "ABORTED":
            answer["status"] = "FAILED"
        milliseconds = (self.stop_date - self.start_date).total_seconds() * 1000
        answer["billingDetails"] = {
            "billedDurationInMilliseconds": math.ceil(milliseconds / 100) * 100,
            "billedMemoryUsedInMB": _BILLED_MEMORY_MB,
        }
        return answer

    def list_item(self) -> dict[str, Any]:
        """Return its item of ListExecutions."""
        described = self.describe()
        return {key: described[key] for key in _LISTED if key in described}

    def _prepare(self) -> Any:
        self.exec_worker = self._get_start_execution_worker()
        program = self.exec_worker.prepare()
        self.exec_status = ExecutionStatus.RUNNING
        tell(self)
        return program

    def _run(self, program: Any) -> None:
        try:
            self.exec_worker.run(program)
        except Exception as error:  # noqa: BLE001 - the execution must end after any exception
            _log.exception("execution %s ended by an error of the interpreter", self.exec_arn)
            with self.outcome:
                self.error, self.cause = "States.Runtime", f"{type(error).__name__}: {error}"
                self.stop_date = datetime.now(self.start_date.tzinfo)
                self.exec_status = ExecutionStatus.FAILED
            self.ended.set()
        finally:
            parser_utils.TMP_THREADS.clear()
            tell(self)

    def _get_start_execution_worker(self) -> Any:
        details = super()._get_start_execution_worker()
        return _Worker(
            evaluation_details=details._evaluation_details,
            exec_comm=_Communication(self),
            cloud_watch_logging_session=self._cloud_watch_logging_session,
            activity_store=self._activity_store,
        )
