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
    from constructs_lib.access_log import AccessLog
    from constructs_lib.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
    from constructs_lib.api_key import ApiKey
    from constructs_lib.archive import Archive
    from constructs_lib.archive_bucket import ArchiveBucket
    from constructs_lib.authorization import Authorization, IamAuthorization, Public
    from constructs_lib.authorizer import Authorizer
    from constructs_lib.aws_stack import AwsStack
    from constructs_lib.cognito_authorizer import CognitoAuthorizer
    from constructs_lib.cors import Cors
    from constructs_lib.deployment import Deployment
    from constructs_lib.errors import (
        ConflictError,
        ConstructError,
        ConstructWarning,
        InvalidArgumentError,
        LimitExceededError,
        UnsafeSettingError,
    )
    from constructs_lib.function import Function
    from constructs_lib.gateway_responses import GatewayResponses
    from constructs_lib.integration import Integration
    from constructs_lib.lambda_authorizer import LambdaAuthorizer
    from constructs_lib.lambda_integration import LambdaIntegration
    from constructs_lib.log_group import LogGroup
    from constructs_lib.method import Method
    from constructs_lib.policy import PolicyStatement
    from constructs_lib.resource import Resource
    from constructs_lib.rest_api import RestApi
    from constructs_lib.role import Role
    from constructs_lib.routes import ApiDefinition, RouteDefinition
    from constructs_lib.stage import Stage, Throttle
    from constructs_lib.usage_plan import Quota, UsagePlan
    from lambda_archives import ArchiveError, LambdaArchive, Target

_MODULES = {
    "AccessLog": "constructs_lib.access_log",
    "ApiDefinition": "constructs_lib.routes",
    "ApiGatewayAccount": "constructs_lib.api_gateway_account",
    "ApiKey": "constructs_lib.api_key",
    "Archive": "constructs_lib.archive",
    "ArchiveBucket": "constructs_lib.archive_bucket",
    "ArchiveError": "lambda_archives",
    "Authorization": "constructs_lib.authorization",
    "Authorizer": "constructs_lib.authorizer",
    "AwsStack": "constructs_lib.aws_stack",
    "CognitoAuthorizer": "constructs_lib.cognito_authorizer",
    "ConflictError": "constructs_lib.errors",
    "ConstructError": "constructs_lib.errors",
    "ConstructWarning": "constructs_lib.errors",
    "Cors": "constructs_lib.cors",
    "Deployment": "constructs_lib.deployment",
    "ExistingApiGatewayAccount": "constructs_lib.api_gateway_account",
    "Function": "constructs_lib.function",
    "GatewayResponses": "constructs_lib.gateway_responses",
    "IamAuthorization": "constructs_lib.authorization",
    "Integration": "constructs_lib.integration",
    "InvalidArgumentError": "constructs_lib.errors",
    "LambdaArchive": "lambda_archives",
    "LambdaAuthorizer": "constructs_lib.lambda_authorizer",
    "LambdaIntegration": "constructs_lib.lambda_integration",
    "LimitExceededError": "constructs_lib.errors",
    "LogGroup": "constructs_lib.log_group",
    "Method": "constructs_lib.method",
    "PolicyStatement": "constructs_lib.policy",
    "Public": "constructs_lib.authorization",
    "Quota": "constructs_lib.usage_plan",
    "Resource": "constructs_lib.resource",
    "RestApi": "constructs_lib.rest_api",
    "Role": "constructs_lib.role",
    "RouteDefinition": "constructs_lib.routes",
    "Stage": "constructs_lib.stage",
    "Target": "lambda_archives",
    "Throttle": "constructs_lib.stage",
    "UnsafeSettingError": "constructs_lib.errors",
    "UsagePlan": "constructs_lib.usage_plan",
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
