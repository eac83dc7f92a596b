"""Changes to the tasks that call functions and other services.

Written against moto 5.2.5, where a task with a function's ARN as its resource calls every refusal of Lambda
`Exception`, a task with `.sync` looks for the end of what it started twice a second, `InvocationType` is lost, and the
names of parameters and results are not translated between Step Functions (`StateMachineArn`) and boto3
(`stateMachineArn`), for which LocalStack's code asks its own library. The same goes for the names of services: few
are translated to boto3's, and few errors get theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

from botocore.exceptions import ClientError, UnknownServiceError
from moto.stepfunctions.parser.api import (
    HistoryEventType,
    LambdaFunctionFailedEventDetails,
    TaskFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_callback,
    state_task_service_lambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_unsupported import (
    StateTaskServiceUnsupported,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from local_cloud.states import clients, functions

_POLL_SECONDS = 0.02
_WITHOUT_METADATA = ("aws-sdk", "apigateway", "http")
_MODEL_REGION = "us-east-1"  # a service's model is the same in every region

# Names in resources that differ from boto3's, and from those in the errors.
_BOTO3_NAMES = {"bedrockruntime": "bedrock-runtime", "cloudwatchlogs": "logs", "eventbridge": "events"}
_ERROR_NAMES = {
    "bedrockruntime": "BedrockRuntime",
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "eventbridge": "EventBridge",
    "secretsmanager": "SecretsManager",
}


def apply() -> None:
    """Change moto's classes."""
    StateTaskService._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES.update(_BOTO3_NAMES)
    aws_sdk = state_task_service_aws_sdk.StateTaskServiceAwsSdk
    aws_sdk._normalise_service_error_name = staticmethod(_error_name)
    aws_sdk._validate_service_integration_is_supported = _require_operation
    StateTaskServiceUnsupported.__init__ = _waiting_for_everything
    StateTaskServiceUnsupported._eval_service_task = _refuse
    StateTaskService._eval_execution = _execute
    StateTaskServiceUnsupported._from_error = _naming_service(StateTaskServiceUnsupported._from_error)
    lambda_eval_utils._invoke_lambda_function = functions.invoke
    state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS["invoke"].add("InvocationType")
    state_task_service_callback._DELAY_SECONDS_SYNC_CONDITION_CHECK = _POLL_SECONDS
    StateTaskService._normalise_parameters = _to_boto3
    StateTaskService._normalise_response = _from_boto3
    StateTaskLambda._from_error = _naming_refusals(StateTaskLambda._from_error)


def _execute(task: Any, env: Any) -> None:
    """Call the service of a task; results of optimized integrations have the metadata of the answer."""
    task.resource.eval(env=env)
    part = env.stack.pop()
    given = task._eval_parameters(env=env)
    credentials = task._eval_state_credentials(env=env)
    task._before_eval_execution(
        env=env, resource_runtime_part=part, raw_parameters=given, state_credentials=credentials
    )
    parameters = copy.deepcopy(given)
    task._normalise_parameters(parameters)
    task._eval_service_task(env, part, parameters, credentials)
    output = env.stack[-1]
    task._normalise_response(output)
    if isinstance(output, dict) and task.resource.service_name not in _WITHOUT_METADATA:
        output.update(clients.metadata())
    task._after_eval_execution(
        env=env, resource_runtime_part=part, normalised_parameters=parameters, state_credentials=credentials
    )


def _waiting_for_everything(task: Any) -> None:
    """Let a service that is not here be named with any pattern, so that the call is what fails."""
    patterns = {ResourceCondition.WaitForTaskToken, ResourceCondition.Sync, ResourceCondition.Sync2}
    StateTaskServiceCallback.__init__(task, supported_integration_patterns=patterns)


def _to_boto3(
    task: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    operation = _operation(task, boto_service_name, service_action_name)
    if operation is not None and operation.input_shape is not None:
        task._to_boto_request(parameters, operation.input_shape)


def _from_boto3(
    task: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    operation = _operation(task, boto_service_name, service_action_name)
    if operation is not None and operation.output_shape is not None:
        task._from_boto_response(response, operation.output_shape)


def _operation(task: Any, service: str | None, action: str | None) -> Any:
    """Return boto3's model of the operation that a task calls; None if there is no such operation."""
    client = lambda_eval_utils.boto_client_for(_MODEL_REGION, task._get_boto_service_name(service))
    name = client.meta.method_to_api_mapping.get(task._get_boto_service_action(action))
    return None if name is None else client.meta.service_model.operation_model(name)


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


def _error_name(service: str) -> str:
    known = {**state_task_service_aws_sdk._SERVICE_ERROR_NAMES, **_ERROR_NAMES}
    return str(known.get(service.lower()) or service[:1].upper() + service[1:])


class _NotHere(Exception):
    """A task calls a service that has nothing here to answer for it."""


def _refuse(task: Any, *_: Any) -> None:
    raise _NotHere(
        f"The local cloud has no {task.resource.api_name} to answer {task.resource.resource_arn}. "
        f"Let a Catch lead to a state that works without it, or use a function."
    )


def _naming_service(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let a service that is not here look as one without permission, so that a fallback can be tried out."""

    @wraps(original)
    def from_error(task: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, _NotHere):
            return original(task, env, ex)
        error = f"{_error_name(task.resource.api_name)}.AccessDeniedException"
        details = TaskFailedEventDetails(
            error=error,
            cause=str(ex),
            resource=task._get_sfn_resource(),
            resourceType=task._get_sfn_resource_type(),
        )
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )

    return from_error


def _naming_refusals(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def from_error(task: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return original(task, env, ex)
        error, cause = StateTaskServiceLambda._error_cause_from_client_error(ex)
        details = LambdaFunctionFailedEventDetails(error=error, cause=cause)
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(error),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(lambdaFunctionFailedEventDetails=details),
        )

    return from_error
