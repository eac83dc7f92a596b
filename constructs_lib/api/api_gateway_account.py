"""The one setting that all REST APIs of an account and region share: the role by which they write logs."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.api_gateway_account import ApiGatewayAccount as ApiGatewayAccountResource
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import path_below
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.iam.role import Role
from constructs_lib.references import attribute


@dataclass(frozen=True, slots=True)
class ExistingApiGatewayAccount:
    """Says that API Gateway may write logs in this account and region already, by a role made elsewhere.

    Example:
        >>> account = ExistingApiGatewayAccount()
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
    """


class ApiGatewayAccount(AwsConstruct):
    """Lets API Gateway write logs in this account and region (`aws_api_gateway_account`), by a role of its own.

    There is one such setting in an account and region, and every REST API there uses it. So it belongs into
    one stack, the one that is destroyed last; all others pass `ExistingApiGatewayAccount()` to their stages.
    When it is destroyed, releases 6 of the provider reset the setting, and releases 5 leave it.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.

    Example:
        >>> account = ApiGatewayAccount(stack, "account")
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        stack = AwsStack.of(scope)
        stack.claim(
            path_below(scope, construct_id),
            "the API Gateway account of region",
            stack.region,
            "pass it to the stages of that stack, and ExistingApiGatewayAccount() or cloudwatch_role='existing' to all "
            "others",
        )
        super().__init__(scope, construct_id)
        # API Gateway tries the role before it accepts it: it wants all of these, and it does not say for
        # which account it acts.
        self._role = Role(self, "role", service="apigateway.amazonaws.com", same_account_only=False)
        self._role.add_policy(
            "logs",
            PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:FilterLogEvents",
                    "logs:GetLogEvents",
                    "logs:PutLogEvents",
                ],
                resources=[f"arn:{stack.partition}:logs:{stack.region}:{stack.account_id}:*"],
            ),
        )
        self._resource = self._create(
            ApiGatewayAccountResource,
            "Resource",
            cloudwatch_role_arn=attribute(self._role.resource, "arn"),
        )
        self._role.used_by(self._resource, first=True)

    @property
    def role(self) -> Role:
        """The role by which API Gateway writes logs."""
        return self._role

    @property
    def resource(self) -> ApiGatewayAccountResource:
        """The `aws_api_gateway_account`."""
        return self._resource
