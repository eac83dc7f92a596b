r"""Changes to the way moto's interpreter goes through the states.

Written against moto 5.2.5, where a stopped or timed-out execution waits for the call that its state is making, or for
the pause before a retry; a call that was given up still writes its end into the history; `States.ALL` catches what it
cannot catch on AWS; an error of the states language cannot leave a branch or an iteration; a Map of a thousand items
exhausts Python's stack; `$$.Map.Item` is unknown inside of the iteration; a definition that could not be
parsed leaves its query language to all that are parsed later; and the strings of a definition keep the escapes of JSON
(`\"`, `\n`).
"""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.api import StateMachineType
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.parse import preprocessor

from local_cloud.patches import checks, extends, replaces
from local_cloud.states import jsonata, parser
from local_cloud.states.failures import runtime_error
from local_cloud.states.functions import trace_with

EXPRESS_SECONDS = 300
"""How long an Express execution may take, as on AWS."""

_MOST_PARALLEL_ITERATIONS = 40  # of an inline Map, as on AWS
_SECONDS_TO_END = 5.0  # for an execution that timed out to write its last event
_PAUSE_SLICE_SECONDS = 0.05


@replaces(preprocessor.Preprocessor, "__init__")
def _own_scopes(visitor: Any) -> None:
    visitor._query_language_per_scope = []


@replaces(preprocessor.Preprocessor, "_inner_string_of")
@replaces(preprocessor, "from_string_literal")
def _string(parser_rule_context: Any) -> str | None:
    """Read a string of a definition, or null."""
    text = parser_rule_context.getText()
    if text == "null":
        return None
    return str(json.loads(text, strict=False)) if text.startswith('"') else str(text)


@replaces(Program, "eval")
def _evaluate_program(program: Any, env: Any) -> None:
    """Run a state machine, a branch or an iteration; branches and iterations have threads already."""
    env.next_state_name = program.start_at.start_at_name
    seconds = program.timeout_seconds.timeout_seconds if program.timeout_seconds else None
    if not env.is_frame() and env.execution_type == StateMachineType.EXPRESS:
        seconds = min(seconds or EXPRESS_SECONDS, EXPRESS_SECONDS)
    if env.is_frame() or seconds is None:
        parser.EvalComponent.eval(program, env)
        return
    thread = threading.Thread(
        target=parser.EvalComponent.eval, args=(program, env), daemon=True, name="execution"
    )
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        env.set_timed_out()
        thread.join(_SECONDS_TO_END)


class _Alarm:
    """Stands in for the event by which an environment says that its state changed: ends the wait for a task."""

    def __init__(self, done: threading.Event) -> None:
        self._done = done

    def set(self) -> None:
        self._done.set()

    def clear(self) -> None:
        """The wait is over once and for all."""

    def wait(self, timeout: float | None = None) -> bool:
        return self._done.wait(timeout)


@replaces(parser.TimeoutSecondsPath, "_eval_seconds")
def _seconds_of_path(timeout: Any, env: Any) -> Any:
    """Return what a TimeoutSecondsPath leads to; `_evaluate_with_timeout` checks it."""
    timeout.string_sampler.eval(env=env)
    return env.stack.pop()


@replaces(parser.ExecutionState, "_evaluate_with_timeout")
def _evaluate_with_timeout(state: Any, env: Any) -> None:
    """Run a Task, Parallel or Map state until it ends, times out, or the execution is stopped."""
    state.timeout.eval(env=env)
    seconds = env.stack.pop()
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        raise runtime_error(env, f"The time limit {seconds!r} is not a positive integer.")
    frame = env.open_frame()
    frame.states.reset(input_value=env.states.get_input())
    frame.stack = copy.deepcopy(env.stack)
    done = threading.Event()
    frame.program_state_event = _Alarm(done)
    outputs: list[Any] = []
    errors: list[Exception] = []

    def execute() -> None:
        trace_with(frame.cloud_watch_logging_session.trace_header)
        try:
            state._eval_execution(frame)
            outputs.extend(frame.stack)
        except Exception as error:  # noqa: BLE001 - every error is raised again on the thread that waits
            errors.append(error)
        done.set()

    threading.Thread(target=execute, daemon=True, name=f"state {state.name}").start()
    done.wait(min(seconds, threading.TIMEOUT_MAX))
    ended = bool(outputs or errors)
    if not ended:  # its further events are not part of the history
        frame.event_manager = parser.EventManager()
        for inner in frame._frames:
            with suppress(Exception):
                inner.set_stop(stop_date=datetime.now(UTC), cause=None, error=None)
    frame.set_ended()
    env.close_frame(frame)
    if errors:
        raise errors[0]
    if not ended:
        if env.is_running():
            raise parser.EvalTimeoutError
        return
    _take_result(state, env, outputs.pop())


def _take_result(state: Any, env: Any, result: Any) -> None:
    env.stack.append(result)
    if not state._is_language_query_jsonpath():
        env.states.set_result(result)
    if state.assign_decl:
        state.assign_decl.eval(env=env)
    if state.result_selector:
        state.result_selector.eval(env=env)
    if state.result_path:
        state.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


@replaces(parser.RetrierDecl, "_eval_body")
def _retry(retrier: Any, env: Any) -> None:
    retrier.error_equals.eval(env)
    if not env.stack.pop():
        env.stack.append(parser.RetrierOutcome.Skipped)
        return
    retrier.max_attempts.eval(env=env)
    if env.stack.pop() == parser.MaxAttemptsOutcome.EXHAUSTED:
        env.stack.append(parser.RetrierOutcome.Failed)
        return
    retrier.interval_seconds.eval(env=env)
    retrier.backoff_rate.eval(env=env)
    retrier.max_delay_seconds.eval(env=env)
    retrier.jitter_strategy.eval(env=env)
    end = time.monotonic() + env.stack.pop()
    while env.is_running() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _PAUSE_SLICE_SECONDS))
    env.stack.append(parser.RetrierOutcome.Executed)


@extends(parser.ErrorEqualsDecl, "_eval_body")
def _catch_less(original: Callable[..., None], decl: Any, env: Any) -> None:
    """Let `States.ALL` pass the errors that it does not catch on AWS; nothing catches `States.Runtime`."""
    error = env.stack[-1].error_name if env.stack[-1] is not None else None
    is_named = any(name.error_name == error for name in decl.error_names)
    if error == "States.Runtime" or (error == "States.DataLimitExceeded" and not is_named):
        env.stack[-1] = False
    else:
        original(decl, env)


@replaces(iteration_worker.IterationWorker, "_eval_pool")
def _iterate(worker: Any, job: Any, worker_frame: Any) -> None:
    """Work on iterations of a Map until there are no more; moto does it by recursion."""
    while job is not None:
        frame = worker_frame.open_inner_frame()
        worker._eval_job(env=frame, job=job)
        worker_frame.close_frame(frame)
        failed = isinstance(job.job_output, Exception) or worker.stopped()
        following = None if failed else worker._job_pool.next_job()
        if following is None:
            if not failed:
                last = frame.event_history_context.last_published_event_id
                worker_frame.event_history_context.source_event_id = last
            worker._env.close_frame(worker_frame)
            worker._job_pool.close_job(job)
            return
        worker._job_pool.close_job(job)
        job = following
    worker._env.close_frame(worker_frame)


@extends(parser.InlineIterationComponent, "_eval_body")
def _iterate_within_limits(original: Callable[..., None], component: Any, env: Any) -> None:
    """Bound the threads of a Map, and stop the other iterations when one failed."""
    given = env.stack[-1]
    wanted = given.max_concurrency or _MOST_PARALLEL_ITERATIONS
    given.max_concurrency = max(1, min(wanted, _MOST_PARALLEL_ITERATIONS, len(given.input_items)))
    try:
        original(component, env)
    except Exception:
        for frame in list(env._frames):
            frame.set_stop(stop_date=datetime.now(UTC), cause=None, error=None)
        raise


_original_frame = parser.Environment.as_inner_frame_of


def _as_inner_frame_of(_: Any, env: Any, *arguments: Any, **options: Any) -> Any:
    """Let an inner frame know the item of the Map."""
    frame = _original_frame(env, *arguments, **options)
    outer = env.states.context_object.context_object_data
    if "Map" in outer:
        frame.states.context_object.context_object_data["Map"] = outer["Map"]
    return frame


parser.Environment.as_inner_frame_of = classmethod(_as_inner_frame_of)


@checks(parser.StringJSONata, "__init__")
def _check_expression(_component: Any, expression: str) -> None:
    """Reject an expression that is not JSONata when the definition is read."""
    jsonata.check(expression)


@replaces(parser.StringJSONata, "_eval_body")
@replaces(parser.StringVariableSample, "_eval_body")
def _evaluate_expression(component: Any, env: Any) -> None:
    variables = {**env.variable_store._outer_scope, **env.variable_store._inner_scope}
    env.stack.append(jsonata.evaluate(component.expression, {**variables, "states": env.states._states_data}))
