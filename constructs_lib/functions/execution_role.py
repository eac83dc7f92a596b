"""The role that a function runs as: what it may do before anything else is granted."""

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
        scope: The function that it belongs to.
        stack: The function's stack.
        log_group: Where it may write its log.
        tracing: Whether it may send traces.
        variables_key: The key by which it may read its environment variables; None where AWS's own encrypts them.
        vpc: The private network that it may join, if any.
        asynchronous_calls: Where it may send calls that failed; None where AWS forgets them.
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
