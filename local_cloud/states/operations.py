"""The operations of the Step Functions API that moto lacks, or answers with less than AWS does.

Written against moto 5.2.5: it has no StartSyncExecution, ValidateStateMachineDefinition, ListStateMachineVersions,
PublishStateMachineVersion and DeleteStateMachineVersion; it lets UpdateStateMachine and DescribeStateMachine answer
without a revision; it forgets error and cause of StopExecution and SendTaskFailure, and the pages of a history; and
the errors of its interpreter go out without a name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import InvalidToken, StateMachineDoesNotExist, ValidationException
from moto.stepfunctions.parser import api
from moto.stepfunctions.responses import StepFunctionResponse

from local_cloud.moto_backends import page_of
from local_cloud.patches import extends, replaces
from local_cloud.service_models import faults_of, service_model, validation_message
from local_cloud.states.execution import parsed
from local_cloud.states.validation import diagnose

_PAGE = 100

# Members of a state machine that are passed on as they are, and moto's names of them in an update.
_CONFIGURATIONS = {
    "encryptionConfiguration": "encryption_configuration",
    "loggingConfiguration": "logging_configuration",
    "tracingConfiguration": "tracing_configuration",
}


StepFunctionResponse._validate_routing_configuration = lambda *_: None  # the backend checks it


def _add_message(original: Callable[..., None], error: Any, message: str = "", **options: Any) -> None:
    original(error, message or f"{error.TYPE}: see the history of the execution", **options)


for _error in list(vars(api).values()):
    if isinstance(_error, type) and issubclass(_error, AWSError) and _error is not AWSError:
        _error.TYPE = _error.code  # type: ignore[attr-defined]
        if "__init__" not in vars(_error):
            extends(_error, "__init__")(_add_message)


def answer(response: Any) -> Any:
    """Answer a call whose parameters fit the model of the service."""
    shape = service_model("states").operation_model(response._get_action()).input_shape
    if faults := list(faults_of(json.loads(response.body or "{}"), shape)):
        raise ValidationException(validation_message(faults))
    return super(StepFunctionResponse, response).call_action()


def _answers(operation: Callable[[Any, Any], dict[str, Any] | None]) -> Callable[..., Any]:
    """Let a function answer the operation of its name: from the backend and a reader of the parameters."""

    def answer(response: Any) -> Any:
        return ActionResult(operation(response.stepfunction_backend, response._get_param))

    replaces(StepFunctionResponse, operation.__name__.removeprefix("_"))(answer)
    return operation


@_answers
def _create_state_machine(backend: Any, given: Any) -> dict[str, Any]:
    publish, description = _new_version(given)
    names = ("name", "definition", "roleArn", "tags", *_CONFIGURATIONS)
    machine = backend.create_state_machine(
        publish=False, sm_type=given("type"), **{name: given(name) for name in names}
    )
    answer = {"creationDate": machine.creation_date, "stateMachineArn": machine.arn}
    if publish:
        answer["stateMachineVersionArn"] = backend.publish_version(machine.arn, description).arn
    return answer


@_answers
def _update_state_machine(backend: Any, given: Any) -> dict[str, Any]:
    publish, description = _new_version(given)
    arn = given("stateMachineArn")
    if arn.count(":") > 6:  # a version or an alias
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
    machine = backend.update_state_machine(
        arn,
        definition=given("definition"),
        role_arn=given("roleArn"),
        publish=publish,
        version_description=description,
        **{member: given(name) for name, member in _CONFIGURATIONS.items()},
    )
    answer = {"updateDate": machine.update_date}
    if machine.revision_id is not None:
        answer["revisionId"] = machine.revision_id
    if publish:
        answer["stateMachineVersionArn"] = machine.latest_version.arn
    return answer


def _new_version(given: Any) -> tuple[bool, str | None]:
    """Return whether a version is to be published, and its description."""
    publish, description = given("publish"), given("versionDescription")
    if description and not publish:
        raise ValidationException("Version description can only be set when publish is true")
    return bool(publish), description


@_answers
def _describe_state_machine(backend: Any, given: Any) -> dict[str, Any]:
    machine = backend.describe_state_machine(given("stateMachineArn"))
    return _described(machine) | {
        "creationDate": machine.creation_date,
        "status": "ACTIVE",
        "type": machine.type,
        **({"description": machine.description} if machine.description else {}),
    }


@_answers
def _describe_state_machine_for_execution(backend: Any, given: Any) -> dict[str, Any]:
    machine = backend.describe_execution(given("executionArn")).state_machine
    return _described(machine) | {"updateDate": machine.update_date}


def _described(machine: Any) -> dict[str, Any]:
    answer = {
        "definition": machine.definition,
        "name": machine.name,
        "roleArn": machine.roleArn,
        "stateMachineArn": machine.arn,
        **{name: getattr(machine, name) for name in _CONFIGURATIONS},
    }
    if machine.revision_id is not None:
        answer["revisionId"] = machine.revision_id
    if references := parsed(machine.definition).references:
        answer["variableReferences"] = references
    return answer


@_answers
def _list_state_machine_versions(backend: Any, given: Any) -> dict[str, Any]:
    versions = backend.list_versions(given("stateMachineArn"))
    return _page(given, "stateMachineVersions", [_version(item) for item in versions])


@_answers
def _list_state_machine_aliases(backend: Any, given: Any) -> dict[str, Any]:
    aliases = backend.describe_state_machine(given("stateMachineArn")).aliases.values()
    items = [{"creationDate": item.creation_date, "stateMachineAliasArn": item.arn} for item in aliases]
    return _page(given, "stateMachineAliases", items)


@_answers
def _publish_state_machine_version(backend: Any, given: Any) -> dict[str, Any]:
    arn, revision = given("stateMachineArn"), given("revisionId")
    machine = backend.describe_state_machine(arn)
    if revision and revision != (machine.revision_id or "INITIAL"):
        raise api.ConflictException(
            f"Failed to publish the State Machine version for revision {revision}. The current State Machine revision "
            f"is {machine.revision_id}."
        )
    return _version(backend.publish_version(arn, given("description")))


def _version(version: Any) -> dict[str, Any]:
    return {"creationDate": version.creation_date, "stateMachineVersionArn": version.arn}


@_answers
def _delete_state_machine_version(backend: Any, given: Any) -> None:
    backend.delete_version(given("stateMachineVersionArn"))


@_answers
def _validate_state_machine_definition(_: Any, given: Any) -> dict[str, Any]:
    found = diagnose(given("definition"), given("type") or "STANDARD")
    most = given("maxResults") or _PAGE
    diagnostics = [
        {"code": item.code, "message": item.message, "severity": "ERROR"}
        | ({"location": item.location} if item.location else {})
        for item in found[:most]
    ]
    result = "FAIL" if found else "OK"
    return {"result": result, "diagnostics": diagnostics, "truncated": len(found) > most}


@replaces(StepFunctionResponse)
def _start_execution(response: Any) -> Any:
    execution = response.stepfunction_backend.start_execution(*_start_parameters(response))
    return ActionResult({"executionArn": execution.exec_arn, "startDate": execution.start_date})


@replaces(StepFunctionResponse)
def _start_sync_execution(response: Any) -> Any:
    execution = response.stepfunction_backend.start_sync_execution(*_start_parameters(response))
    return ActionResult(execution.describe_sync())


def _start_parameters(response: Any) -> list[Any]:
    trace_header = response._get_param("traceHeader") or response.headers.get("X-Amzn-Trace-Id")
    return [*(response._get_param(name) for name in ("stateMachineArn", "name", "input")), trace_header]


@_answers
def _stop_execution(backend: Any, given: Any) -> dict[str, Any]:
    execution = backend.stop_execution(given("executionArn"), given("error"), given("cause"))
    return {"stopDate": execution.stop_date}


@_answers
def _describe_execution(backend: Any, given: Any) -> dict[str, Any]:
    description: dict[str, Any] = backend.describe_execution(given("executionArn")).describe()
    return description


@_answers
def _list_executions(backend: Any, given: Any) -> dict[str, Any]:
    executions = backend.list_all_executions(given("stateMachineArn"), given("statusFilter"))
    return _page(given, "executions", [execution.list_item() for execution in executions])


@_answers
def _get_execution_history(backend: Any, given: Any) -> dict[str, Any]:
    events = backend.get_execution_history(given("executionArn"))["events"]
    if given("reverseOrder"):
        events.reverse()
    if given("includeExecutionData") is False:
        for event in events:
            for details in event.values():
                if isinstance(details, dict):
                    for name in ("input", "output", "parameters"):
                        details.pop(name, None)
    return _page(given, "events", events)


@_answers
def _get_activity_task(backend: Any, given: Any) -> dict[str, Any]:
    task: dict[str, Any] = backend.get_activity_task(given("activityArn"), given("workerName"))
    return task


@_answers
def _send_task_failure(backend: Any, given: Any) -> None:
    backend.send_task_failure(given("taskToken"), error=given("error"), cause=given("cause"))


def _page(given: Any, name: str, items: list[Any]) -> dict[str, Any]:
    """Return one page of a list; a page begins where the token says."""
    token = given("nextToken")
    try:
        page, following = page_of(items, given("maxResults") or _PAGE, token)
    except ValueError:
        raise InvalidToken("'Invalid token'") from None
    return {name: page} | ({"nextToken": following} if following else {})
