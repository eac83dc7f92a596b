"""How a function reaches a private network, for those that must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement

_WHERE: Final = "VpcAccess"


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcAccess:
    """The subnets and security groups of a function.

    A function in a VPC reaches nothing else, AWS's own APIs included, without a NAT gateway or endpoints there. Its
    network interfaces are removed some 20 minutes after it.

    Attributes:
        subnet_ids: The subnets; two or more, in different zones.
        security_group_ids: The security groups; at least one.

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
            if isinstance(values, str) or len(values) < least:
                raise InvalidArgumentError(
                    _WHERE, f"{name} {values!r} is no list of {least} or more ids", f"pass at least {least}"
                )
            if len(set(values)) < len(values):
                raise ConflictError(_WHERE, f"{name} has an id twice", "remove one of the two")
            object.__setattr__(self, name, tuple(values))

    def permissions(self, *, partition: str, region: str, account_id: str) -> tuple[PolicyStatement, ...]:
        """Returns what the function's role needs, so that Lambda can make network interfaces there."""
        ec2 = f"arn:{partition}:ec2:{region}:{account_id}"
        interfaces = f"{ec2}:network-interface/*"
        return (
            PolicyStatement(
                actions=["ec2:CreateNetworkInterface"],
                resources=[
                    interfaces,
                    *(f"{ec2}:subnet/{subnet}" for subnet in self.subnet_ids),
                    *(f"{ec2}:security-group/{group}" for group in self.security_group_ids),
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
