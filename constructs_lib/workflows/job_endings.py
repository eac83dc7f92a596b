"""States around the steps of a job: they record how it ended, notify the client, and report what cannot be recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
from constructs_lib.functions.function import Function
from constructs_lib.workflows.branches import Parallel
from constructs_lib.workflows.expressions import Input, Jsonata, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.service_tasks import SqsSendMessage
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Fail, Succeed
from constructs_lib.workflows.tasks import LambdaTask

RETRY: Final = Retry(max_attempts=4, interval_seconds=1, max_delay_seconds=20)
"""Retries of the function that records ends."""

_SEND_SECONDS: Final = 5
_OWNER: Final = {"owner": Input("owner"), "job_id": Input("job_id")}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEndings:
    """The end of every job of a `JobRunner`.

    Attributes:
        finish: The function that records results and errors, and notifies clients.
        queue: The queue for ends that could not be recorded or reported.
        kms_key_arn: The key that encrypts the queue; None for the queue's own.
    """

    finish: Function
    queue: DeadLetterQueue
    kms_key_arn: str | None

    def after(self, steps: Step) -> Step:
        """Return the steps, followed by the states that record their result or error and notify the client."""
        lost = self._lost("the end is lost", "JobNotNoted", Variable("problem"))
        failed = (
            self._record("note the failure", {"error": Variable("problem")}, lost)
            >> self._notify("tell of the failure")
            >> Fail("failed", error=Variable("problem.Error"))
        )
        work = Parallel(
            "work",
            {"work": steps},
            result="done",
            catch=[Catch(to=failed, result="problem")],
        )
        unnoted = self._lost("the result is lost", "JobNotNoted", Variable("trouble"))
        note = self._record("note the result", {"result": Variable("done.work")}, unnoted)
        return work >> note >> self._notify("tell of the result") >> Succeed("done", output=_OWNER)

    def _record(self, name: str, ending: Mapping[str, Any], unrecorded: Step) -> LambdaTask:
        return LambdaTask(
            name,
            self.finish,
            input={
                "operation": "jobs.finish",
                "input": {**_OWNER, "output_key": Input("output_key"), **ending},
            },
            retry=[RETRY],
            catch=[Catch(to=unrecorded, result="trouble")],
            result="noted",
        )

    def _notify(self, name: str) -> Step:
        """Notify the client. A failure does not change how the job ended."""
        unreported = self._send(f"{name}, in vain", problem="the callback was not taken")
        call = LambdaTask(
            name,
            self.finish,
            input={"operation": "jobs.callback", "input": _OWNER},
            retry=[
                Retry(errors=["CallbackRefused"], max_attempts=0),
                Retry(max_attempts=5, interval_seconds=2, max_delay_seconds=60),
            ],
            result="told",
        )
        return call.or_else(unreported)

    def _lost(self, name: str, error: str, problem: Variable) -> Step:
        send = self._send(
            f"{name}: keep", problem="the end could not be noted", error=Jsonata(f"{problem.code}.Error")
        )
        return send >> Fail(name, error=error)

    def _send(self, name: str, **report: object) -> SqsSendMessage:
        return SqsSendMessage(
            name,
            # Otherwise the state machines, and the functions that start them, would wait for the queue.
            self.queue.names,
            body={**_OWNER, **report},
            kms_key_arn=self.kms_key_arn,
            timeout_seconds=_SEND_SECONDS,
            result="kept",
        )
