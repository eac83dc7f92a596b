"""Alias of a function: the versions that receive calls, and provisioned instances."""

from __future__ import annotations

from typing import Final

from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias, LambdaAliasRoutingConfig
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction
from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.functions.cold_start import Gradual
from constructs_lib.partitions import partition_of
from constructs_lib.references import address, attribute, make

ALIAS: Final = "live"
"""Alias that callers use. It points to the latest published version."""


def make_alias(scope: Construct, function: LambdaFunction, gradual: Gradual | None) -> LambdaAlias:
    """Create the alias of a function (`aws_lambda_alias`).

    Args:
        scope: Parent construct.
        function: The function, which publishes a version with each change.
        gradual: Shares of the last two versions. None: the newest receives all calls.
    """
    version = attribute(function, "version")
    return make(
        LambdaAlias,
        scope,
        ALIAS,
        name=ALIAS,
        description="The version that callers use",
        function_name=attribute(function, "function_name"),
        function_version=version if gradual is None else gradual.stable_version,
        routing_config=None
        if gradual is None
        else LambdaAliasRoutingConfig(additional_version_weights={version: gradual.weight}),
        # AWS deletes the aliases of a replaced function, but Terraform's state would still list this one.
        lifecycle={"replace_triggered_by": [f"{address(function)}.id"]},
    )


def alias_arn(stack: AwsStack, function_name: str) -> str:
    """Return the ARN of a function's alias, composed of names.

    The attribute `arn` would make the deployment depend on the function. Terraform would then create the
    replacement of the function before it destroys the old one, under the same name (docs/decisions/0011).

    Args:
        stack: The function's stack.
        function_name: The function's name in AWS.
    """
    partition, region = partition_of(stack.region), stack.region
    return f"arn:{partition}:lambda:{region}:{stack.account_id}:function:{function_name}:{ALIAS}"


def gateway_uri(stack: AwsStack, function_arn: str, *, stream: bool = False) -> str:
    """Return the ARN by which API Gateway invokes a function.

    Args:
        stack: The stack of the API.
        function_arn: The function's ARN, with its alias or version.
        stream: Whether API Gateway sends the response to the client while the function produces it. Default: False.
    """
    gateway = f"arn:{partition_of(stack.region)}:apigateway:{stack.region}"
    if stream:
        return f"{gateway}:lambda:path/2021-11-15/functions/{function_arn}/response-streaming-invocations"
    return f"{gateway}:lambda:path/2015-03-31/functions/{function_arn}/invocations"


def keep_started(scope: Construct, function: LambdaFunction, alias: LambdaAlias, instances: int) -> None:
    """Provision instances of an alias (`aws_lambda_provisioned_concurrency_config`).

    Args:
        scope: Parent construct.
        function: The function.
        alias: Alias of the function.
        instances: Number of instances.
    """
    # Most functions do not need this import.
    from cdktf_cdktf_provider_aws.lambda_provisioned_concurrency_config import (
        LambdaProvisionedConcurrencyConfig,
    )

    make(
        LambdaProvisionedConcurrencyConfig,
        scope,
        "provisioned-concurrency",
        function_name=attribute(function, "function_name"),
        qualifier=attribute(alias, "name"),
        provisioned_concurrent_executions=instances,
        lifecycle={"replace_triggered_by": [f"{address(alias)}.id"]},
    )
