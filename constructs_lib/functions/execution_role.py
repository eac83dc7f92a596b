"""Execution role of a function, with its basic permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.functions.asynchronous_calls import AsynchronousCalls
from constructs_lib.functions.vpc_access import VpcAccess
from constructs_lib.iam.role import Role
from constructs_lib.logs.log_group import LogGroup

if TYPE_CHECKING:
    from constructs_lib.kms.encryption_key import EncryptionKey


def make_execution_role(
    scope: Construct,
    stack: AwsStack,
    *,
    log_group: LogGroup,
    tracing: bool,
    variables_key: EncryptionKey | None,
    vpc: VpcAccess | None,
    asynchronous_calls: AsynchronousCalls | None,
) -> Role:
    """Create a function's role, with a policy for each of the other arguments.

    Args:
        scope: Function of the role.
        stack: Stack of the function.
        log_group: Log group that it may write to.
        tracing: Whether it may send traces to X-Ray.
        variables_key: Key of its environment variables. None if AWS's own key encrypts them.
        vpc: VPC that it may join. None: no VPC.
        asynchronous_calls: Destinations of failed calls that it may send to. None: no destinations.
    """
    role = Role(scope, "role", service="lambda.amazonaws.com")
    log_group.grant_write(role)
    if tracing:
        role.allow_tracing()
    if variables_key is not None:
        variables_key.grant_decrypt(role)
    if vpc is not None:
        place = {"partition": stack.partition, "region": stack.region, "account_id": stack.account_id}
        role.add_policy("vpc", *vpc.permissions(**place))
    for destination in () if asynchronous_calls is None else asynchronous_calls.destinations:
        destination.grant_send(role)
    return role
