"""The operations of the Step Functions API that moto lacks, or answers with less than AWS does.

Written against moto 5.2.5: it has no StartSyncExecution, ValidateStateMachineDefinition, ListStateMachineVersions,
PublishStateMachineVersion and DeleteStateMachineVersion; it lets UpdateStateMachine and DescribeStateMachine answer
without a revision; it forgets error and cause of StopExecution and SendTaskFailure, and the pages of a history; and
the errors of its interpreter go out without a name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.exceptions import InvalidToken, StateMachineDoesNotExist, ValidationException
from moto.stepfunctions.parser import api
from moto.stepfunctions.responses import StepFunctionResponse

from local_cloud.moto_backends import page_of
from local_cloud.patches import extends, replaces
from local_cloud.states.validation import diagnose

_PAGE = 100
_LARGEST_PAGE = 1000


StepFunctionResponse._validate_routing_configuration = lambda *_: None  # the backend checks it


def _add_message(original: Callable[..., None], error: Any, message: str = "", **options: Any) -> None:
    original(error, message or f"{error.TYPE}: see the history of the execution", **options)


for _error in list(vars(api).values()):
    if isinstance(_error, type) and issubclass(_error, AWSError) and _error is not AWSError:
        _error.TYPE = _error.code  # type: ignore[attr-defined]
        if "__init__" not in vars(_error):
            extends(_error, "__init__")(_add_message)


@replaces(StepFunctionResponse)
def _create_state_machine(response: Any) -> Any:
    given = response._get_param
    publish, description = _new_version(response)
    backend = response.stepfunction_backend
    machine = backend.create_state_machine(
        name=given("name"),
        definition=given("definition"),
        roleArn=given("roleArn"),
        tags=given("tags"),
        publish=False,
        loggingConfiguration=given("loggingConfiguration"),
        tracingConfiguration=given("tracingConfiguration"),
        encryptionConfiguration=given("encryptionConfiguration"),
        sm_type=given("type"),
    )
    answer = {"creationDate": machine.creation_date, "stateMachineArn": machine.arn}
    if publish:
        answer["stateMachineVersionArn"] = backend.publish_version(machine.arn, description).arn
    return ActionResult(answer)


@replaces(StepFunctionResponse)
def _update_state_machine(response: Any) -> Any:
    given = response._get_param
    publish, description = _new_version(response)
    if given("stateMachineArn").count(":") > 6:  # a version or an alias
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{given('stateMachineArn')}'")
    machine = response.stepfunction_backend.update_state_machine(
        arn=given("stateMachineArn"),
        definition=given("definition"),
        role_arn=given("roleArn"),
        tracing_configuration=given("tracingConfiguration"),
        encryption_configuration=given("encryptionConfiguration"),
        logging_configuration=given("loggingConfiguration"),
        publish=publish,
        version_description=description,
    )
    answer = {"revisionId": machine.revision_id, "updateDate": machine.update_date}
    if publish:
        answer["stateMachineVersionArn"] = machine.latest_version.arn
    return ActionResult(answer)


def _new_version(response: Any) -> tuple[bool, str | None]:
    """Return whether a version is to be published, and its description."""
    publish, description = response._get_param("publish"), response._get_param("versionDescription")
    if description and not publish:
        raise ValidationException("Version description can only be set when publish is true")
    return bool(publish), description


@replaces(StepFunctionResponse)
def _describe_state_machine(response: Any) -> Any:
    arn = response._get_param("stateMachineArn")
    return ActionResult(_described(response.stepfunction_backend.describe_state_machine(arn)))


@replaces(StepFunctionResponse)
def _describe_state_machine_for_execution(response: Any) -> Any:
    execution = _execution(response)
    answer = _described(execution.state_machine)
    answer["updateDate"] = execution.state_machine.update_date
    for unknown in ("creationDate", "status", "type", "description"):
        answer.pop(unknown, None)
    return ActionResult(answer)


def _execution(response: Any) -> Any:
    return response.stepfunction_backend.describe_execution(response._get_param("executionArn"))


def _described(machine: Any) -> dict[str, Any]:
    answer = {
        "creationDate": machine.creation_date,
        "definition": machine.definition,
        "encryptionConfiguration": machine.encryptionConfiguration,
        "loggingConfiguration": machine.loggingConfiguration,
        "name": machine.name,
        "roleArn": machine.roleArn,
        "stateMachineArn": machine.arn,
        "status": "ACTIVE",
        "tracingConfiguration": machine.tracingConfiguration,
        "type": machine.type,
    }
    if machine.description:
        answer["description"] = machine.description
    if machine.revision_id is not None:
        answer["revisionId"] = machine.revision_id
    return answer


@replaces(StepFunctionResponse)
def _list_state_machine_versions(response: Any) -> Any:
    versions = response.stepfunction_backend.list_versions(response._get_param("stateMachineArn"))
    items = [{"creationDate": item.creation_date, "stateMachineVersionArn": item.arn} for item in versions]
    return _page(response, "stateMachineVersions", items)


@replaces(StepFunctionResponse)
def _publish_state_machine_version(response: Any) -> Any:
    arn, description = response._get_param("stateMachineArn"), response._get_param("description")
    revision = response._get_param("revisionId")
    machine = response.stepfunction_backend.describe_state_machine(arn)
    if revision and revision != (machine.revision_id or "INITIAL"):
        raise api.ConflictException(
            f"Failed to publish the State Machine version for revision {revision}. The current State Machine revision "
            f"is {machine.revision_id}."
        )
    version = response.stepfunction_backend.publish_version(arn, description)
    return ActionResult({"creationDate": version.creation_date, "stateMachineVersionArn": version.arn})


@replaces(StepFunctionResponse)
def _delete_state_machine_version(response: Any) -> Any:
    response.stepfunction_backend.delete_version(response._get_param("stateMachineVersionArn"))
    return EmptyResult()


@replaces(StepFunctionResponse)
def _validate_state_machine_definition(response: Any) -> Any:
    found = diagnose(response._get_param("definition"), response._get_param("type") or "STANDARD")
    most = int(response._get_param("maxResults") or _PAGE)
    diagnostics = [
        {"code": item.code, "message": item.message, "severity": "ERROR"}
        | ({"location": item.location} if item.location else {})
        for item in found[:most]
    ]
    result = "FAIL" if found else "OK"
    return ActionResult({"result": result, "diagnostics": diagnostics, "truncated": len(found) > most})


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


@replaces(StepFunctionResponse)
def _stop_execution(response: Any) -> Any:
    given = response._get_param
    execution = response.stepfunction_backend.stop_execution(
        given("executionArn"), given("error"), given("cause")
    )
    return ActionResult({"stopDate": execution.stop_date})


@replaces(StepFunctionResponse)
def _describe_execution(response: Any) -> Any:
    return ActionResult(_execution(response).describe())


@replaces(StepFunctionResponse)
def _list_executions(response: Any) -> Any:
    executions = response.stepfunction_backend.list_all_executions(
        response._get_param("stateMachineArn"), response._get_param("statusFilter")
    )
    return _page(response, "executions", [execution.list_item() for execution in executions])


@replaces(StepFunctionResponse)
def _get_execution_history(response: Any) -> Any:
    execution = _execution(response)
    events = execution.to_history_output()["events"]
    if response._get_param("reverseOrder"):
        events.reverse()
    if response._get_param("includeExecutionData") is False:
        for event in events:
            for details in event.values():
                if isinstance(details, dict):
                    for name in ("input", "output", "parameters"):
                        details.pop(name, None)
    return _page(response, "events", events)


@replaces(StepFunctionResponse)
def _get_activity_task(response: Any) -> Any:
    given = response._get_param
    return ActionResult(
        response.stepfunction_backend.get_activity_task(given("activityArn"), given("workerName"))
    )


@replaces(StepFunctionResponse)
def _send_task_failure(response: Any) -> Any:
    given = response._get_param
    response.stepfunction_backend.send_task_failure(
        given("taskToken"), error=given("error"), cause=given("cause")
    )
    return EmptyResult()


def _page(response: Any, name: str, items: list[Any]) -> Any:
    """Answer one page of a list; a page begins where the token says."""
    size, token = (
        min(int(response._get_param("maxResults") or _PAGE), _LARGEST_PAGE),
        response._get_param("nextToken"),
    )
    try:
        page, following = page_of(items, size, token)
    except ValueError:
        raise InvalidToken(f"'{token}'") from None
    return ActionResult({name: page} | ({"nextToken": following} if following else {}))
