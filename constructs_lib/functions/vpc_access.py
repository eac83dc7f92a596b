"""Access of a function to a VPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.templates import is_list_reference

_WHERE: Final = "VpcAccess"


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcAccess:
    """The subnets and security groups of a function.

    Without a NAT gateway or VPC endpoints, a function in a VPC reaches nothing outside it, not even AWS's
    APIs. Its network interfaces are deleted about 20 minutes after the function.

    Attributes:
        subnet_ids: Ids of two or more subnets in different zones. May be a reference to a list, such as
            `data.ids` of a data source.
        security_group_ids: Ids of security groups, at least one.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> access = VpcAccess(subnet_ids=["subnet-0a", "subnet-0b"], security_group_ids=["sg-0c"])
        >>> private = Function(stack, "private", archive=archive, vpc=access)
    """

    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]

    def __post_init__(self) -> None:
        for name, values, least in (
            ("subnet_ids", self.subnet_ids, 2),
            ("security_group_ids", self.security_group_ids, 1),
        ):
            if is_list_reference(values):
                object.__setattr__(self, name, tuple(values))
                continue
            if isinstance(values, str) or not isinstance(values, Sequence) or len(values) < least:
                raise InvalidArgumentError(
                    _WHERE,
                    f"{name} {values!r} is not a list of {least} or more ids",
                    f"pass at least {least}",
                )
            if len(set(values)) < len(values):
                raise ConflictError(_WHERE, f"{name} has an id twice", "remove one of the two")
            object.__setattr__(self, name, tuple(values))

    def permissions(self, *, partition: str, region: str, account_id: str) -> tuple[PolicyStatement, ...]:
        """Return the permissions of the function's role by which Lambda creates network interfaces."""
        ec2 = f"arn:{partition}:ec2:{region}:{account_id}"
        interfaces = f"{ec2}:network-interface/*"
        return (
            PolicyStatement(
                actions=["ec2:CreateNetworkInterface"],
                resources=[
                    interfaces,
                    *_arns(partition, region, account_id, "subnet", self.subnet_ids),
                    *_arns(partition, region, account_id, "security-group", self.security_group_ids),
                ],
            ),
            PolicyStatement(
                actions=[
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:DeleteNetworkInterface",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                resources=[interfaces],
            ),
            PolicyStatement(
                actions=["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], resources=["*"]
            ),
        )


def _arns(partition: str, region: str, account_id: str, kind: str, ids: Sequence[str]) -> list[str]:
    if not is_list_reference(ids):
        return [f"arn:{partition}:ec2:{region}:{account_id}:{kind}/{one}" for one in ids]
    from cdktf import Fn, Token

    # The policy joins the list in place.
    return list(
        Token.as_list(Fn.formatlist(f"arn:%s:ec2:{region}:%s:{kind}/%s", [partition, account_id, list(ids)]))
    )
