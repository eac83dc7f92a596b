"""The errors of the interpreter by kind, and what Retry and Catch of a state guard.

Written against moto 5.2.5, where an error of the interpreter takes the name of the first handler that it
passes, and the Output of a state is evaluated beyond its Retry and Catch. Here every error has one of four
names:

| error | of |
|---|---|
| `States.QueryEvaluationError` | an expression of JSONata, with the field that it stands in |
| `States.IntrinsicFailure` | an intrinsic function |
| `States.ResultPathMatchFailure` | a ResultPath without a place in the input |
| `States.Runtime` | everything else, such as a path that leads nowhere; `States.ALL` does not catch it |
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from local_cloud.json_paths import PathMatchError, compile_path
from local_cloud.patches import extends, replaces
from local_cloud.states import parser
from local_cloud.states.jsonata import QueryError

_FIELDS = (
    (parser.Output, "Output"),
    (parser.AssignDecl, "Assign"),
    (parser.Parargs, "Arguments"),
    (parser.Timeout, "TimeoutSeconds"),
    (parser.Heartbeat, "HeartbeatSeconds"),
    (parser.Items, "Items"),
    (parser.ConditionStringJSONata, "Condition"),
    (parser.SecondsJSONata, "Seconds"),
    (parser.CauseDecl, "Cause"),
    (parser.ErrorDecl, "Error"),
)
_PATH_FIELDS = ("InputPath", "OutputPath", "TimeoutSecondsPath", "HeartbeatSecondsPath")
_FAILED_EVENTS = {
    parser.StateMap: HistoryEventType.MapStateFailed,
    parser.StateParallel: HistoryEventType.ParallelStateFailed,
}


def runtime_error(env: Any, cause: str) -> Exception:
    """Return the error that no Retry and no Catch of `States.ALL` handles."""
    return failure(env, "States.Runtime", cause, HistoryEventType.ExecutionFailed)


def task_error(env: Any, error: str, cause: str) -> Exception:
    """Return an error of the interpreter that Retry and Catch handle."""
    return failure(env, error, f"{_where(env)}{cause}", HistoryEventType.TaskFailed)


def evaluation_error(env: Any, cause: str, field: str) -> Exception:
    """Return the error of a field that JSONata computes."""
    error, kind = "States.QueryEvaluationError", HistoryEventType.EvaluationFailed
    return failure(env, error, cause, kind, state=env.next_state_name, location=field)


def missing_path(env: Any, error: Any) -> Exception:
    """Return the error for a path that leads nowhere."""
    field, path = getattr(error, "field", env.next_field_name), error.json_path
    if field in _PATH_FIELDS:
        where = compile_path(path.replace("$$", "$", 1)).missing(error.data)
        return runtime_error(env, f"Invalid path '{path}' : {where}")
    return runtime_error(
        env,
        f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input "
        f"'{to_json_str(error.data)}'",
    )


def failure(env: Any, error: str, cause: str, kind: HistoryEventType, **details: Any) -> Exception:
    """Return an error of the state that is evaluated."""
    event = failure_event(env, error, cause, kind, **details)
    event.source_event_id = _entry(env)
    named: Exception = parser.FailureEventException(failure_event=event)
    return named


def failure_event(env: Any, error: str, cause: str, kind: HistoryEventType, **details: Any) -> Any:
    """Return the event of an error."""
    member = f"{kind.value[:1].lower()}{kind.value[1:]}EventDetails"
    return parser.FailureEvent(
        env, error_name(error), kind, {member: {"error": error, "cause": cause, **details}}
    )


@replaces(branches_decl, "CustomErrorName")
@replaces(iteration_worker, "CustomErrorName")
def error_name(error_name: str | None) -> Any:
    """Name an error, which may be one of the states language, also that of a branch or an iteration."""
    try:
        return parser.StatesErrorName(typ=parser.StatesErrorNameType.from_name(error_name or ""))
    except ValueError:
        return parser.CustomErrorName(error_name=error_name)


@extends(parser.CommonStateField, "_eval_state_input")
def _note_entry(original: Any, state: Any, env: Any) -> None:
    env.entered_event_id = env.event_history_context.source_event_id
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    env.states.context_object.context_object_data["State"]["EnteredTime"] = now
    original(state, env)


def _entry(env: Any) -> int:
    return int(getattr(env, "entered_event_id", env.event_history_context.source_event_id))


def _where(env: Any) -> str:
    return f"An error occurred while executing the state '{env.next_state_name}' (entered at the event id #{_entry(env)}). "


@replaces(parser.EvalComponent, "eval")
def _evaluate(component: Any, env: Any) -> None:
    """Evaluate anything; names the error of what cannot be."""
    if not env.is_running():
        return
    if (name := component._field_name()) is not None:
        env.next_field_name = name
    try:
        component._eval_body(env)
    except Exception as error:
        evaluate_failed = _state_failed if isinstance(component, parser.CommonStateField) else _part_failed
        named = evaluate_failed(component, env, error)
        if named is error:
            raise
        raise named from None


def _state_failed(state: Any, env: Any, error: Exception) -> Any:
    """Name an error that leaves a state; those that its Retry and Catch have seen are in the history already."""
    if isinstance(error, NoSuchJsonPathError):
        return missing_path(env, error)
    if isinstance(error, QueryError):
        _locate(state, error)
        error = evaluation_error(env, error.cause(error.field), error.field)
    elif isinstance(state, parser.ExecutionState):
        return error
    if (
        isinstance(error, parser.FailureEventException)
        and error.failure_event.event_type == HistoryEventType.EvaluationFailed
    ):
        _record(env, error)
    return error


def _part_failed(component: Any, env: Any, error: Exception) -> Any:
    """Name an error in a part of a state."""
    if isinstance(component, parser.BranchesDecl) and isinstance(error, parser.FailureEventException):
        error.failure_event.event_type = HistoryEventType.ParallelStateFailed
    if (
        isinstance(component, parser.InputPath | parser.OutputPath | parser.HeartbeatSecondsPath)
        and error.__context__ is not None
    ):
        error = error.__context__  # type: ignore[assignment] # moto has named it already
    if isinstance(error, NoSuchJsonPathError) and not hasattr(error, "field"):
        error.field = env.next_field_name
    if isinstance(error, parser.FailureEventException | NoSuchJsonPathError):
        return error
    if isinstance(error, PathMatchError):
        cause = f"Unable to apply ReferencePath {component.result_path_src} to the input: {error}."
        return task_error(env, "States.ResultPathMatchFailure", cause)
    query = getattr(component, "string_jsonata", None)
    if not isinstance(error, QueryError):
        if query is None:
            return runtime_error(env, str(error) or type(error).__name__)
        error = QueryError(query.expression, f"returned an unexpected result type: {error}")
    _locate(component, error)
    return error


def _locate(component: Any, error: QueryError) -> None:
    """Note on an error of an expression in which field of the definition the expression is."""
    label = next((label for kind, label in _FIELDS if isinstance(component, kind)), None)
    if isinstance(component, parser.JSONataTemplateBinding | parser.AssignTemplateBinding):
        label = component.identifier
    elif isinstance(component, parser.JSONataTemplateValueArray):
        label = f"[{component.values.index(error.component)}]"
    elif isinstance(component, parser.StateChoice) and isinstance(error.component, parser.ChoiceRule):
        label = f"Choices[{component.choices_decl.rules.index(error.component)}]"
    error.component = component
    if label is not None:
        separator = "" if not error.field or error.field.startswith("[") else "/"
        error.field = f"{label}{separator}{error.field}"


@extends(parser.ItemsPath, "_eval_body")
def _require_array(original: Any, component: Any, env: Any) -> None:
    original(component, env)
    if not isinstance(env.stack[-1], list):
        path = component.string_sampler.literal_value
        raise runtime_error(env, f'Reference path "{path}" must point to array.')


@replaces(parser.ExecutionState, "_eval_state")
@replaces(parser.StateMap, "_eval_state")
@replaces(parser.StateParallel, "_eval_state")
def _guarded(state: Any, env: Any) -> None:
    """Run a Task, Map or Parallel state until it succeeds, its error is caught, or nothing handles the error."""
    env.states.context_object.context_object_data["State"]["RetryCount"] = 0
    given = copy.deepcopy(env.stack)
    while env.is_running():
        try:
            env.stack[:] = copy.deepcopy(given)
            if isinstance(state, parser.StateParallel) and state.parargs is not None:
                state.parargs.eval(env=env)
            state._evaluate_with_timeout(env)
            if env.is_running():
                parser.CommonStateField._eval_state_output(state, env)
            return
        except Exception as error:  # noqa: BLE001 - every exception gets a name
            named = _named(state, env, error)
            group = _FAILED_EVENTS.get(type(state))
            if group is None:
                _record(env, named)
            output = state._construct_error_output_value(failure_event=named.failure_event)
            env.states.set_error_output(output)
            env.states.set_result(output)
            if (
                state.retry
                and state._handle_retry(env=env, failure_event=named.failure_event)
                == parser.RetryOutcome.CanRetry
            ):
                continue
            if group is not None:
                _record(env, named, group)
            if state.catch:
                state._handle_catch(env=env, failure_event=named.failure_event)
                if env.stack[-1] == parser.CatchOutcome.Caught:
                    return
            state._handle_uncaught(env=env, failure_event=named.failure_event)


def _named(state: Any, env: Any, error: Exception) -> Any:
    """Return an error as one that the interpreter handles: of the service that a task calls, or of the interpreter."""
    if isinstance(error, parser.FailureEventException):
        return error
    if isinstance(error, QueryError):
        return evaluation_error(env, error.cause(error.field), error.field)
    if isinstance(error, NoSuchJsonPathError):
        return missing_path(env, error)
    return parser.FailureEventException(failure_event=state._from_error(env=env, ex=error))


def _record(env: Any, named: Any, group: HistoryEventType | None = None) -> None:
    """Write an error into the history; `States.Runtime` is in the end of the execution only."""
    kind, details = named.failure_event.event_type, named.failure_event.event_details
    if kind == HistoryEventType.ExecutionFailed:
        return
    if kind == HistoryEventType.EvaluationFailed:
        details = parser.EventDetails(
            evaluationFailedEventDetails=named.get_evaluation_failed_event_details()
        )
    elif group is not None:
        details = None
    context, add_event = env.event_history_context, env.event_manager.add_event
    if details is not None:
        add_event(context=context, event_type=kind, event_details=details)
    if group is not None:
        add_event(context=context, event_type=group)


@replaces(parser.ExecutionState, "_eval_state_output")
def _evaluated_already(state: Any, env: Any) -> None:
    """Do nothing: Retry and Catch guard the output, so `_guarded` has evaluated it."""
