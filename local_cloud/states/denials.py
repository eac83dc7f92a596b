"""The errors of tasks that the state machine's role does not allow.

Access that is denied is no error that the models of most services know. On AWS an optimised integration then fails with
the error that stands for all of the service's, such as `Lambda.AWSLambdaException`, and the cause says which permission
is missing. Written against moto 5.2.5, which makes names such as `StepFunctions.AccessDeniedExceptionException`. The
names for Lambda and DynamoDB are those that AWS is known to give, the others follow their pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sqs import (
    StateTaskServiceSqs,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

_CODES = ("AccessDenied", "AccessDeniedException")

# The error that stands for all of a service's, and the name of the service in the cause.
_NAMES = {
    StateTaskServiceDynamoDB: ("DynamoDB.AmazonDynamoDBException", "AmazonDynamoDBv2"),
    StateTaskServiceSfn: ("StepFunctions.AWSStepFunctionsException", "AWSStepFunctions"),
    StateTaskServiceSqs: ("SQS.AmazonSQSException", "AmazonSQS"),
}


def apply() -> None:
    """Change moto's classes."""
    original = StateTaskServiceLambda._error_cause_from_client_error
    StateTaskServiceLambda._error_cause_from_client_error = staticmethod(_naming_lambda(original))
    for task, (error, service) in _NAMES.items():
        task._from_error = _naming(task._from_error, error, service)


def _naming_lambda(original: Callable[[Any], tuple[str, str]]) -> Callable[[Any], tuple[str, str]]:
    @wraps(original)
    def error_and_cause(client_error: Any) -> tuple[str, str]:
        error, cause = original(client_error)
        return ("Lambda.AWSLambdaException" if _is_denial(client_error) else error), cause

    return error_and_cause


def _naming(original: Callable[..., Any], error: str, service: str) -> Callable[..., Any]:
    @wraps(original)
    def from_error(task: Any, env: Any, ex: Exception) -> Any:
        if not _is_denial(ex):
            return original(task, env, ex)
        answer = ex.response  # type: ignore[attr-defined]
        metadata = answer["ResponseMetadata"]
        cause = (
            f"{answer['Error']['Message']} (Service: {service}; Status Code: {metadata['HTTPStatusCode']}; "
            f"Error Code: {answer['Error']['Code']}; Request ID: {metadata.get('RequestId')}; Proxy: null)"
        )
        details = TaskFailedEventDetails(
            error=error,
            cause=cause,
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


def _is_denial(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _CODES
