"""Tasks that call functions and other services.

Written against moto 5.2.5, where a task with `.sync` looks for the end of what it started twice a second, `InvocationType`
is lost, and names of parameters and results are not translated between Step Functions (`StateMachineArn`) and boto3
(`stateMachineArn`), for which LocalStack's code asks its own library. Names of services are not translated to boto3's. An
attempt that follows another one has the same task token, which has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, UnknownServiceError
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
    state_task_service_lambda,
)

from local_cloud.patches import extends, replaces
from local_cloud.service_models import boto3_name, missing_members
from local_cloud.states import clients, functions, parser
from local_cloud.states.task_errors import TaskError, service_name

_POLL_SECONDS = 0.02
_WITHOUT_METADATA = ("aws-sdk", "apigateway", "http")
_MODEL_REGION = "us-east-1"  # a service's model is the same in every region

lambda_eval_utils._invoke_lambda_function = functions.invoke
state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS["invoke"].add("InvocationType")
state_task_service_callback._DELAY_SECONDS_SYNC_CONDITION_CHECK = _POLL_SECONDS


@extends(parser.StateTaskService, "_eval_execution")
def _with_own_token(original: Callable[..., None], task: Any, env: Any) -> None:
    """Give each attempt a token of its own: that of the attempt before has ended with it."""
    context = env.states.context_object
    used = env.callback_pool_manager.get(context.context_object_data.get("Task", {}).get("Token"))
    if used is not None and used._notify_event.is_set():
        env.callback_pool_manager.add(context.update_task_token())
    original(task, env)


@replaces(parser.StateTaskServiceUnsupported, "__init__")
def _waiting_for_everything(task: Any) -> None:
    """Let a service that is not here be named with any pattern, so that the call is what fails."""
    patterns = {
        parser.ResourceCondition.WaitForTaskToken,
        parser.ResourceCondition.Sync,
        parser.ResourceCondition.Sync2,
    }
    parser.StateTaskServiceCallback.__init__(task, supported_integration_patterns=patterns)


@replaces(parser.StateTaskService, "_get_boto_service_name")
def _service_of(task: Any, service: str | None = None) -> str:
    return boto3_name(service or task.resource.api_name)


@replaces(parser.StateTaskService, "_normalise_parameters")
def _to_boto3(
    task: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    operation = _operation(task, boto_service_name, service_action_name)
    if operation is not None and operation.input_shape is not None:
        _drop_nulls(parameters, operation.input_shape)
        task._to_boto_request(parameters, operation.input_shape)
        if missing := missing_members(operation.input_shape, parameters):
            metadata = {"HTTPStatusCode": 400, "RequestId": str(uuid4())}
            error = {"Code": "ValidationException", "Message": missing}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, operation.name)


@replaces(parser.StateTaskService, "_normalise_response")
def _from_boto3(
    task: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """Translate a response; results of optimized integrations have the metadata of the answer too."""
    operation = _operation(task, boto_service_name, service_action_name)
    if operation is not None and operation.output_shape is not None:
        task._from_boto_response(response, operation.output_shape)
        _to_texts(response)
    is_result = service_action_name is None and isinstance(response, dict)
    if is_result and task.resource.service_name not in _WITHOUT_METADATA:
        response.update(clients.metadata())


def _drop_nulls(value: Any, shape: Any) -> None:
    """Remove the parameters that are null: to AWS's SDK they are not set. Null is a payload of its own, however."""
    if shape.type_name == "list" and isinstance(value, list):
        for item in value:
            _drop_nulls(item, shape.member)
    elif shape.type_name == "map" and isinstance(value, dict):
        for item in value.values():
            _drop_nulls(item, shape.value)
    elif shape.type_name == "structure" and isinstance(value, dict):
        members = {name.lower(): member for name, member in shape.members.items()}
        for name, item in list(value.items()):
            member = members.get(name.lower())
            if member is None or member.type_name == "blob":
                continue
            if item is None:
                del value[name]
            else:
                _drop_nulls(item, member)


def _to_texts(value: Any) -> None:
    """Write the times and bytes of a response as texts, as AWS does."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, datetime):
            whole = "seconds" if item.microsecond == 0 else "milliseconds"
            value[key] = item.astimezone(UTC).isoformat(timespec=whole).replace("+00:00", "Z")
        elif isinstance(item, bytes):
            value[key] = item.decode("utf-8", "replace")
        elif isinstance(item, dict | list):
            _to_texts(item)


def _operation(task: Any, service: str | None, action: str | None) -> Any:
    """Return boto3's model of the operation that a task calls; None if there is no such operation."""
    client = lambda_eval_utils.boto_client_for(_MODEL_REGION, task._get_boto_service_name(service))
    name = client.meta.method_to_api_mapping.get(task._get_boto_service_action(action))
    return None if name is None else client.meta.service_model.operation_model(name)


@replaces(parser.StateTaskServiceAwsSdk, "_validate_service_integration_is_supported")
def _require_operation(task: Any) -> None:
    """Refuse a definition whose resource names a service or an operation that does not exist."""
    try:
        if _operation(task, None, None) is not None:
            return
    except UnknownServiceError:
        pass
    raise ValueError(
        f"The resource provided {task.resource.resource_arn} is not recognized. The value is not a valid resource ARN, "
        f"or the resource is not available in this region."
    )


@replaces(parser.StateTaskServiceUnsupported, "_eval_service_task")
def _refuse(task: Any, **_: Any) -> None:
    raise TaskError(  # as without permission, so that a fallback can be tried out
        f"{service_name(task.resource.api_name)}.AccessDeniedException",
        f"The local cloud has no {task.resource.api_name} to answer {task.resource.resource_arn}. "
        f"Let a Catch lead to a state that works without it, or use a function.",
    )
