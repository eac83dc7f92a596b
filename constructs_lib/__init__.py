"""Constructs for a REST API on AWS: Lambda functions behind API Gateway, secure and observable by default.

Names are imported on first use, so that the parts that need no provider bindings (errors, archives, routes)
load at once.

Example:
    >>> chat = Function(stack, "chat", archive=archive, handler="chat.handler")
    >>> api = RestApi(stack, "api", name="shop")
    >>> method = api.resource_for("/chat").add_method("POST", LambdaIntegration(chat), authorization=Public())
    >>> deployment = Deployment(stack, "deployment", api=api)
    >>> account = ExistingApiGatewayAccount()
    >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import lazy_bindings

lazy_bindings.install()  # Take this line out, and all of the provider's bindings load at the first import of one.

if TYPE_CHECKING:
    from constructs_lib.api.access_log import AccessLog
    from constructs_lib.api.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
    from constructs_lib.api.cors import Cors
    from constructs_lib.api.deployment import Deployment
    from constructs_lib.api.gateway_responses import GatewayResponses
    from constructs_lib.api.integration import Integration
    from constructs_lib.api.lambda_integration import LambdaIntegration
    from constructs_lib.api.method import Method
    from constructs_lib.api.resource import Resource
    from constructs_lib.api.rest_api import RestApi
    from constructs_lib.api.routes import ApiDefinition, RouteDefinition
    from constructs_lib.api.stage import Stage, Throttle
    from constructs_lib.authorization.api_key import ApiKey
    from constructs_lib.authorization.authorizer import Authorizer
    from constructs_lib.authorization.cognito_authorizer import CognitoAuthorizer
    from constructs_lib.authorization.kinds import Authorization, IamAuthorization, Public
    from constructs_lib.authorization.lambda_authorizer import LambdaAuthorizer
    from constructs_lib.authorization.usage_plan import Quota, UsagePlan
    from constructs_lib.aws_stack import AwsStack
    from constructs_lib.errors import (
        ConflictError,
        ConstructError,
        ConstructWarning,
        InvalidArgumentError,
        LimitExceededError,
        UnsafeSettingError,
    )
    from constructs_lib.functions.archive import Archive
    from constructs_lib.functions.archive_bucket import ArchiveBucket
    from constructs_lib.functions.function import Function
    from constructs_lib.iam.policy import PolicyStatement
    from constructs_lib.iam.role import Role
    from constructs_lib.observability.log_group import LogGroup
    from lambda_archives import ArchiveError, LambdaArchive, Target

_MODULES = {
    "AccessLog": "constructs_lib.api.access_log",
    "ApiDefinition": "constructs_lib.api.routes",
    "ApiGatewayAccount": "constructs_lib.api.api_gateway_account",
    "ApiKey": "constructs_lib.authorization.api_key",
    "Archive": "constructs_lib.functions.archive",
    "ArchiveBucket": "constructs_lib.functions.archive_bucket",
    "ArchiveError": "lambda_archives",
    "Authorization": "constructs_lib.authorization.kinds",
    "Authorizer": "constructs_lib.authorization.authorizer",
    "AwsStack": "constructs_lib.aws_stack",
    "CognitoAuthorizer": "constructs_lib.authorization.cognito_authorizer",
    "ConflictError": "constructs_lib.errors",
    "ConstructError": "constructs_lib.errors",
    "ConstructWarning": "constructs_lib.errors",
    "Cors": "constructs_lib.api.cors",
    "Deployment": "constructs_lib.api.deployment",
    "ExistingApiGatewayAccount": "constructs_lib.api.api_gateway_account",
    "Function": "constructs_lib.functions.function",
    "GatewayResponses": "constructs_lib.api.gateway_responses",
    "IamAuthorization": "constructs_lib.authorization.kinds",
    "Integration": "constructs_lib.api.integration",
    "InvalidArgumentError": "constructs_lib.errors",
    "LambdaArchive": "lambda_archives",
    "LambdaAuthorizer": "constructs_lib.authorization.lambda_authorizer",
    "LambdaIntegration": "constructs_lib.api.lambda_integration",
    "LimitExceededError": "constructs_lib.errors",
    "LogGroup": "constructs_lib.observability.log_group",
    "Method": "constructs_lib.api.method",
    "PolicyStatement": "constructs_lib.iam.policy",
    "Public": "constructs_lib.authorization.kinds",
    "Quota": "constructs_lib.authorization.usage_plan",
    "Resource": "constructs_lib.api.resource",
    "RestApi": "constructs_lib.api.rest_api",
    "Role": "constructs_lib.iam.role",
    "RouteDefinition": "constructs_lib.api.routes",
    "Stage": "constructs_lib.api.stage",
    "Target": "lambda_archives",
    "Throttle": "constructs_lib.api.stage",
    "UnsafeSettingError": "constructs_lib.errors",
    "UsagePlan": "constructs_lib.authorization.usage_plan",
}

__all__ = [
    "AccessLog",
    "ApiDefinition",
    "ApiGatewayAccount",
    "ApiKey",
    "Archive",
    "ArchiveBucket",
    "ArchiveError",
    "Authorization",
    "Authorizer",
    "AwsStack",
    "CognitoAuthorizer",
    "ConflictError",
    "ConstructError",
    "ConstructWarning",
    "Cors",
    "Deployment",
    "ExistingApiGatewayAccount",
    "Function",
    "GatewayResponses",
    "IamAuthorization",
    "Integration",
    "InvalidArgumentError",
    "LambdaArchive",
    "LambdaAuthorizer",
    "LambdaIntegration",
    "LimitExceededError",
    "LogGroup",
    "Method",
    "PolicyStatement",
    "Public",
    "Quota",
    "Resource",
    "RestApi",
    "Role",
    "RouteDefinition",
    "Stage",
    "Target",
    "Throttle",
    "UnsafeSettingError",
    "UsagePlan",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
