"""Account setting of API Gateway: the role that writes the logs of all REST APIs of an account and region."""

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
    """Account setting that another stack manages: API Gateway has a role for logs already.

    Example:
        >>> account = ExistingApiGatewayAccount()
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
    """


class ApiGatewayAccount(AwsConstruct):
    """Role by which API Gateway writes logs in this account and region (`aws_api_gateway_account`).

    An account has one such setting for each region, which all REST APIs there use. Create it in one stack,
    the one that is destroyed last. All other stacks pass `ExistingApiGatewayAccount()` to their stages. On
    destroy, version 6 of the provider resets the setting and version 5 leaves it.

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
        # API Gateway tries the role before it accepts it. It requires all of these actions, and sends no
        # source account.
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
