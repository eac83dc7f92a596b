"""Checks of a function's role when a function or an event source mapping is created, as on AWS.

A role that is not known here may do everything.
"""

from __future__ import annotations

from moto.awslambda.exceptions import InvalidParameterValueException

from local_cloud.iam.enforcement import refused_role
from local_cloud.iam.permissions import Need
from local_cloud.iam.sessions import may_be_assumed

_STREAM_ACTIONS = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
_READING = {
    "dynamodb": _STREAM_ACTIONS,
    "kinesis": _STREAM_ACTIONS,
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
}
_SENDING = {"sns": "Publish", "sqs": "SendMessage"}


def require_trust(role_arn: str, function_arn: str) -> None:
    """Refuse a role that Lambda may not assume."""
    if not may_be_assumed(role_arn, "lambda.amazonaws.com", source_arn=function_arn):
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")


def require_reading(role_arn: str, source_arn: str) -> None:
    """Refuse an event source that the role of the function may not read."""
    service = source_arn.split(":")[2]
    missing = next((name for name in _READING.get(service, ()) if not _may(role_arn, name, source_arn)), None)
    if missing is None:
        return
    if service == "sqs":
        raise _lacking(missing, service)
    raise InvalidParameterValueException(
        f"Cannot access stream {source_arn}. Please ensure the role can perform the GetRecords, GetShardIterator, "
        f"DescribeStream, and ListStreams Actions on your stream in IAM."
    )


def require_sending(role_arn: str, target_arn: str) -> None:
    """Refuse a dead-letter queue that the role of the function may not send to."""
    service = target_arn.split(":")[2]
    action = _SENDING.get(service)
    if action is not None and not _may(role_arn, action, target_arn):
        raise _lacking(action, service)


def _may(role_arn: str, action: str, resource: str) -> bool:
    _, _, service, region, _ = resource.split(":", 4)
    # ListStreams has no resource of its own for DynamoDB and Kinesis; permission on any resource is enough
    resources = () if action == "ListStreams" else (resource,)
    return refused_role(role_arn, Need(f"{service}:{action}", resources), region=region) is None


def _lacking(action: str, service: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"The provided execution role does not have permissions to call {action} on {service.upper()}"
    )
