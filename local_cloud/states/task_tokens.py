"""Tasks of external workers: their tokens, and activities that workers poll.

Written against moto 5.2.5, whose activities never get a task, where a heartbeat is refused unless the state has a limit
for it, a second outcome of a task replaces the first or is an invalid token, and a state with a limit for heartbeats does not notice
an outcome that comes before its call has ended.
"""

from __future__ import annotations

import json
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

from moto.stepfunctions.exceptions import InvalidToken
from moto.stepfunctions.parser.api import InvalidOutput, TaskTimedOut

from local_cloud.patches import extends
from local_cloud.states import parser

_POLL_SECONDS = 60.0
_SLICE_SECONDS = 1.0


class _Waiting(SimpleQueue[Any]):
    """The tasks of an activity that no worker has taken."""

    def add_task(self, task: Any) -> None:
        """Add a task; the interpreter calls this."""
        self.put(task)


class _ActivityTasks(dict[str, _Waiting]):
    """The waiting tasks by activity, as the interpreter looks them up."""

    def __init__(self, backend: Any) -> None:
        super().__init__()
        self._backend = backend

    def get(self, arn: str, _default: Any = None) -> _Waiting:
        """Return the tasks of an activity."""
        self._backend.describe_activity(arn)
        return self.setdefault(arn, _Waiting())


class TaskTokens:
    """The part of the backend that knows tasks by their tokens."""

    _outcomes = threading.Lock()
    _stopping = False
    _tasks: _ActivityTasks | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what outlives the local cloud: no task does."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_stopping", "_tasks")}

    @property
    def activity_tasks(self) -> _ActivityTasks:
        """The tasks that wait for workers."""
        with self._outcomes:
            if self._tasks is None:
                self._tasks = _ActivityTasks(self)
            return self._tasks

    def get_activity_task(self, arn: str, worker_name: str | None) -> dict[str, str]:
        """Return a task of an activity; nothing if there is none within a minute."""
        waiting = self.activity_tasks.get(arn)
        end = time.monotonic() + _POLL_SECONDS
        while not self._stopping and (left := end - time.monotonic()) > 0:
            try:
                task = waiting.get(timeout=min(left, _SLICE_SECONDS))
                endpoint = self._endpoint(task.task_token)
            except (Empty, TaskTimedOut):
                continue
            if isinstance(endpoint, parser.ActivityCallbackEndpoint):
                endpoint.notify_activity_task_start(worker_name)
                return {"taskToken": task.task_token, "input": task.task_input}
        return {}

    def stop_polls(self) -> None:
        """Let workers that wait for a task go."""
        self._stopping = True

    def send_task_heartbeat(self, task_token: str) -> None:
        """Note that a task is worked on."""
        with self._outcomes:
            self._endpoint(task_token).notify_heartbeat()

    def send_task_success(self, task_token: str, outcome: str) -> None:
        """End a task with its output."""
        self._endpoint(task_token)
        try:
            json.loads(outcome)
        except (TypeError, ValueError):
            raise InvalidOutput(f"Invalid Output: '{outcome}' is not valid JSON") from None
        self._end(task_token, parser.CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    def send_task_failure(self, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        """End a task with an error."""
        self._end(task_token, parser.CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    def _end(self, token: str, outcome: Any) -> None:
        with self._outcomes:
            self._endpoint(token).notify(outcome=outcome)

    def _endpoint(self, token: str) -> Any:
        executions: list[Any] = self._get_executions()  # type: ignore[attr-defined] # moto's
        for execution in executions:
            endpoint = execution.exec_worker.env.callback_pool_manager.get(token)
            if endpoint is None:
                continue
            if execution.status != "RUNNING" or endpoint._notify_event.is_set():
                raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
            return endpoint
        raise InvalidToken("Invalid Token: 'Invalid token'")


@extends(parser.CallbackEndpoint)
def _setup_heartbeat_endpoint(original: Any, endpoint: Any, heartbeat_seconds: int) -> Any:
    """Notice an outcome that came before."""
    heartbeats = original(endpoint, heartbeat_seconds)
    if endpoint._notify_event.is_set():
        heartbeats.notify()
    return heartbeats


parser.ActivityTaskStartEndpoint._outcome = None  # or a task that no worker takes ends with an AttributeError
