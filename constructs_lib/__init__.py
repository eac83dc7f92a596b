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

lazy_bindings.install()  # Without this line, the first import of a binding loads all bindings of the provider.

if TYPE_CHECKING:
    from constructs_lib.api.access_log import AccessLog
    from constructs_lib.api.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
    from constructs_lib.api.aws_integration import AwsIntegration
    from constructs_lib.api.cache import Cache
    from constructs_lib.api.canary import Canary
    from constructs_lib.api.cors import Cors
    from constructs_lib.api.deployment import Deployment
    from constructs_lib.api.domain_name import DomainName, MutualTls
    from constructs_lib.api.gateway_responses import GatewayResponses
    from constructs_lib.api.http_integration import HttpIntegration
    from constructs_lib.api.integration import Integration
    from constructs_lib.api.lambda_integration import LambdaIntegration
    from constructs_lib.api.method import Method
    from constructs_lib.api.openapi_document import RouteDocumentation
    from constructs_lib.api.resource import Resource
    from constructs_lib.api.rest_api import RestApi
    from constructs_lib.api.stage import Stage
    from constructs_lib.api.step_functions_integration import StepFunctionsIntegration
    from constructs_lib.api.throttle import Throttle
    from constructs_lib.archive import Archive
    from constructs_lib.authorization.authorizer import Authorizer
    from constructs_lib.authorization.cognito_authorizer import CognitoAuthorizer
    from constructs_lib.authorization.kinds import Authorization, IamAuthorization, Public
    from constructs_lib.authorization.lambda_authorizer import LambdaAuthorizer
    from constructs_lib.authorization.user_pool import UserPool
    from constructs_lib.aws_stack import AwsStack
    from constructs_lib.environment import Environment
    from constructs_lib.errors import (
        ConflictError,
        ConstructError,
        ConstructWarning,
        InvalidArgumentError,
        LimitExceededError,
        UnsafeSettingError,
    )
    from constructs_lib.functions.archive_bucket import ArchiveBucket
    from constructs_lib.functions.asynchronous_calls import AsynchronousCalls, FailureDestination
    from constructs_lib.functions.cold_start import Gradual
    from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
    from constructs_lib.functions.event_rule import EventRule
    from constructs_lib.functions.existing_function import ExistingFunction
    from constructs_lib.functions.function import Function
    from constructs_lib.functions.queue import Queue
    from constructs_lib.functions.vpc_access import VpcAccess
    from constructs_lib.iam.policy import PolicyStatement
    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey
    from constructs_lib.kms.hmac_key import HmacKey
    from constructs_lib.kms.signing_key import SigningKey
    from constructs_lib.logs.log_group import LogGroup
    from constructs_lib.metering.api_key import ApiKey
    from constructs_lib.metering.tenant_records import TenantAccess
    from constructs_lib.metering.usage_limit import UsageLimit
    from constructs_lib.metering.usage_plan import Quota, UsagePlan
    from constructs_lib.monitoring.alarms import Alarms, Thresholds
    from constructs_lib.monitoring.budget import Budget
    from constructs_lib.monitoring.dashboard import Dashboard
    from constructs_lib.monitoring.paid_calls import PaidCalls
    from constructs_lib.notifications.alarm_topic import AlarmTopic
    from constructs_lib.patterns.ai_service import AiService
    from constructs_lib.patterns.bedrock_guardrail import BedrockGuardrail
    from constructs_lib.patterns.chat_service import ChatService
    from constructs_lib.patterns.dispatcher import Dispatcher
    from constructs_lib.patterns.guardrail import Guardrail
    from constructs_lib.patterns.job_runner import JobRunner
    from constructs_lib.patterns.mcp_server import McpServer
    from constructs_lib.patterns.meter import Meter
    from constructs_lib.patterns.model_route import BedrockModel, ModelRoute, OfflineModel, OpenAiModel
    from constructs_lib.patterns.protection import Protection
    from constructs_lib.patterns.tenants import Tenants
    from constructs_lib.patterns.workflow_service import WorkflowService
    from constructs_lib.routes.definitions import ApiDefinition, RouteDefinition
    from constructs_lib.security.web_acl import WebAcl
    from constructs_lib.service_contract import ServiceContract, ServiceOperation
    from constructs_lib.stack_defaults import StackDefaults
    from constructs_lib.state import S3State
    from constructs_lib.storage.payload_bucket import PayloadBucket
    from constructs_lib.storage.private_bucket import PrivateBucket
    from constructs_lib.storage.replica import Replica
    from constructs_lib.storage.table import Table
    from constructs_lib.workflows.agent import Agent, AgentTool
    from constructs_lib.workflows.approval import Approval
    from constructs_lib.workflows.branches import Map, Parallel
    from constructs_lib.workflows.chat_task import ChatTask
    from constructs_lib.workflows.circuit_breaker import CircuitBreaker
    from constructs_lib.workflows.expressions import Expression, Input, Item, Jsonata, Variable
    from constructs_lib.workflows.failures import Catch, Retry
    from constructs_lib.workflows.http_errors import HttpError
    from constructs_lib.workflows.service_tasks import (
        BedrockInvokeModel,
        DynamoDbDeleteItem,
        DynamoDbGetItem,
        DynamoDbPutItem,
        DynamoDbUpdateItem,
        S3GetObject,
        S3PutObject,
        SqsSendMessage,
        StartExecution,
    )
    from constructs_lib.workflows.step import Step
    from constructs_lib.workflows.steps import Choice, Continue, Fail, GoTo, Pass, Succeed, Wait
    from constructs_lib.workflows.tasks import LambdaTask, Task
    from constructs_lib.workflows.workflow import Workflow
    from lambda_archives import ArchiveError, LambdaArchive, Target

_MODULES = {
    "AccessLog": "constructs_lib.api.access_log",
    "Agent": "constructs_lib.workflows.agent",
    "AgentTool": "constructs_lib.workflows.agent",
    "AiService": "constructs_lib.patterns.ai_service",
    "AlarmTopic": "constructs_lib.notifications.alarm_topic",
    "Alarms": "constructs_lib.monitoring.alarms",
    "ApiDefinition": "constructs_lib.routes.definitions",
    "ApiGatewayAccount": "constructs_lib.api.api_gateway_account",
    "ApiKey": "constructs_lib.metering.api_key",
    "Approval": "constructs_lib.workflows.approval",
    "Archive": "constructs_lib.archive",
    "ArchiveBucket": "constructs_lib.functions.archive_bucket",
    "ArchiveError": "lambda_archives",
    "AsynchronousCalls": "constructs_lib.functions.asynchronous_calls",
    "Authorization": "constructs_lib.authorization.kinds",
    "Authorizer": "constructs_lib.authorization.authorizer",
    "AwsIntegration": "constructs_lib.api.aws_integration",
    "AwsStack": "constructs_lib.aws_stack",
    "BedrockInvokeModel": "constructs_lib.workflows.service_tasks",
    "BedrockGuardrail": "constructs_lib.patterns.bedrock_guardrail",
    "BedrockModel": "constructs_lib.patterns.model_route",
    "Budget": "constructs_lib.monitoring.budget",
    "Cache": "constructs_lib.api.cache",
    "McpServer": "constructs_lib.patterns.mcp_server",
    "Meter": "constructs_lib.patterns.meter",
    "Canary": "constructs_lib.api.canary",
    "Catch": "constructs_lib.workflows.failures",
    "ChatService": "constructs_lib.patterns.chat_service",
    "ChatTask": "constructs_lib.workflows.chat_task",
    "Choice": "constructs_lib.workflows.steps",
    "CircuitBreaker": "constructs_lib.workflows.circuit_breaker",
    "CognitoAuthorizer": "constructs_lib.authorization.cognito_authorizer",
    "ConflictError": "constructs_lib.errors",
    "ConstructError": "constructs_lib.errors",
    "ConstructWarning": "constructs_lib.errors",
    "Continue": "constructs_lib.workflows.steps",
    "Cors": "constructs_lib.api.cors",
    "Dashboard": "constructs_lib.monitoring.dashboard",
    "DeadLetterQueue": "constructs_lib.functions.dead_letter_queue",
    "Deployment": "constructs_lib.api.deployment",
    "Dispatcher": "constructs_lib.patterns.dispatcher",
    "DomainName": "constructs_lib.api.domain_name",
    "DynamoDbDeleteItem": "constructs_lib.workflows.service_tasks",
    "DynamoDbGetItem": "constructs_lib.workflows.service_tasks",
    "DynamoDbPutItem": "constructs_lib.workflows.service_tasks",
    "DynamoDbUpdateItem": "constructs_lib.workflows.service_tasks",
    "EncryptionKey": "constructs_lib.kms.encryption_key",
    "Environment": "constructs_lib.environment",
    "EventRule": "constructs_lib.functions.event_rule",
    "ExistingApiGatewayAccount": "constructs_lib.api.api_gateway_account",
    "ExistingFunction": "constructs_lib.functions.existing_function",
    "Expression": "constructs_lib.workflows.expressions",
    "Fail": "constructs_lib.workflows.steps",
    "FailureDestination": "constructs_lib.functions.asynchronous_calls",
    "Function": "constructs_lib.functions.function",
    "GatewayResponses": "constructs_lib.api.gateway_responses",
    "GoTo": "constructs_lib.workflows.steps",
    "Gradual": "constructs_lib.functions.cold_start",
    "Guardrail": "constructs_lib.patterns.guardrail",
    "HmacKey": "constructs_lib.kms.hmac_key",
    "HttpError": "constructs_lib.workflows.http_errors",
    "HttpIntegration": "constructs_lib.api.http_integration",
    "IamAuthorization": "constructs_lib.authorization.kinds",
    "Input": "constructs_lib.workflows.expressions",
    "Integration": "constructs_lib.api.integration",
    "InvalidArgumentError": "constructs_lib.errors",
    "Item": "constructs_lib.workflows.expressions",
    "JobRunner": "constructs_lib.patterns.job_runner",
    "Jsonata": "constructs_lib.workflows.expressions",
    "LambdaArchive": "lambda_archives",
    "LambdaAuthorizer": "constructs_lib.authorization.lambda_authorizer",
    "LambdaIntegration": "constructs_lib.api.lambda_integration",
    "LambdaTask": "constructs_lib.workflows.tasks",
    "LimitExceededError": "constructs_lib.errors",
    "LogGroup": "constructs_lib.logs.log_group",
    "Map": "constructs_lib.workflows.branches",
    "Method": "constructs_lib.api.method",
    "ModelRoute": "constructs_lib.patterns.model_route",
    "MutualTls": "constructs_lib.api.domain_name",
    "OfflineModel": "constructs_lib.patterns.model_route",
    "OpenAiModel": "constructs_lib.patterns.model_route",
    "PaidCalls": "constructs_lib.monitoring.paid_calls",
    "Parallel": "constructs_lib.workflows.branches",
    "Pass": "constructs_lib.workflows.steps",
    "PayloadBucket": "constructs_lib.storage.payload_bucket",
    "PolicyStatement": "constructs_lib.iam.policy",
    "PrivateBucket": "constructs_lib.storage.private_bucket",
    "Protection": "constructs_lib.patterns.protection",
    "Public": "constructs_lib.authorization.kinds",
    "Queue": "constructs_lib.functions.queue",
    "Quota": "constructs_lib.metering.usage_plan",
    "Replica": "constructs_lib.storage.replica",
    "Resource": "constructs_lib.api.resource",
    "RestApi": "constructs_lib.api.rest_api",
    "Retry": "constructs_lib.workflows.failures",
    "Role": "constructs_lib.iam.role",
    "RouteDefinition": "constructs_lib.routes.definitions",
    "RouteDocumentation": "constructs_lib.api.openapi_document",
    "S3GetObject": "constructs_lib.workflows.service_tasks",
    "S3PutObject": "constructs_lib.workflows.service_tasks",
    "S3State": "constructs_lib.state",
    "ServiceContract": "constructs_lib.service_contract",
    "ServiceOperation": "constructs_lib.service_contract",
    "SigningKey": "constructs_lib.kms.signing_key",
    "SqsSendMessage": "constructs_lib.workflows.service_tasks",
    "StackDefaults": "constructs_lib.stack_defaults",
    "Stage": "constructs_lib.api.stage",
    "StartExecution": "constructs_lib.workflows.service_tasks",
    "Step": "constructs_lib.workflows.step",
    "StepFunctionsIntegration": "constructs_lib.api.step_functions_integration",
    "Succeed": "constructs_lib.workflows.steps",
    "Table": "constructs_lib.storage.table",
    "Target": "lambda_archives",
    "Task": "constructs_lib.workflows.tasks",
    "TenantAccess": "constructs_lib.metering.tenant_records",
    "Tenants": "constructs_lib.patterns.tenants",
    "Thresholds": "constructs_lib.monitoring.alarms",
    "Throttle": "constructs_lib.api.throttle",
    "UnsafeSettingError": "constructs_lib.errors",
    "UsageLimit": "constructs_lib.metering.usage_limit",
    "UsagePlan": "constructs_lib.metering.usage_plan",
    "UserPool": "constructs_lib.authorization.user_pool",
    "Variable": "constructs_lib.workflows.expressions",
    "VpcAccess": "constructs_lib.functions.vpc_access",
    "Wait": "constructs_lib.workflows.steps",
    "WebAcl": "constructs_lib.security.web_acl",
    "Workflow": "constructs_lib.workflows.workflow",
    "WorkflowService": "constructs_lib.patterns.workflow_service",
}

__all__ = [
    "AccessLog",
    "Agent",
    "AgentTool",
    "AiService",
    "AlarmTopic",
    "Alarms",
    "ApiDefinition",
    "ApiGatewayAccount",
    "ApiKey",
    "Approval",
    "Archive",
    "ArchiveBucket",
    "ArchiveError",
    "AsynchronousCalls",
    "Authorization",
    "Authorizer",
    "AwsIntegration",
    "AwsStack",
    "BedrockGuardrail",
    "BedrockInvokeModel",
    "BedrockModel",
    "Budget",
    "Cache",
    "Canary",
    "Catch",
    "ChatService",
    "ChatTask",
    "Choice",
    "CircuitBreaker",
    "CognitoAuthorizer",
    "ConflictError",
    "ConstructError",
    "ConstructWarning",
    "Continue",
    "Cors",
    "Dashboard",
    "DeadLetterQueue",
    "Deployment",
    "Dispatcher",
    "DomainName",
    "DynamoDbDeleteItem",
    "DynamoDbGetItem",
    "DynamoDbPutItem",
    "DynamoDbUpdateItem",
    "EncryptionKey",
    "Environment",
    "EventRule",
    "ExistingApiGatewayAccount",
    "ExistingFunction",
    "Expression",
    "Fail",
    "FailureDestination",
    "Function",
    "GatewayResponses",
    "GoTo",
    "Gradual",
    "Guardrail",
    "HmacKey",
    "HttpError",
    "HttpIntegration",
    "IamAuthorization",
    "Input",
    "Integration",
    "InvalidArgumentError",
    "Item",
    "JobRunner",
    "Jsonata",
    "LambdaArchive",
    "LambdaAuthorizer",
    "LambdaIntegration",
    "LambdaTask",
    "LimitExceededError",
    "LogGroup",
    "Map",
    "McpServer",
    "Meter",
    "Method",
    "ModelRoute",
    "MutualTls",
    "OfflineModel",
    "OpenAiModel",
    "PaidCalls",
    "Parallel",
    "Pass",
    "PayloadBucket",
    "PolicyStatement",
    "PrivateBucket",
    "Protection",
    "Public",
    "Queue",
    "Quota",
    "Replica",
    "Resource",
    "RestApi",
    "Retry",
    "Role",
    "RouteDefinition",
    "RouteDocumentation",
    "S3GetObject",
    "S3PutObject",
    "S3State",
    "ServiceContract",
    "ServiceOperation",
    "SigningKey",
    "SqsSendMessage",
    "StackDefaults",
    "Stage",
    "StartExecution",
    "Step",
    "StepFunctionsIntegration",
    "Succeed",
    "Table",
    "Target",
    "Task",
    "TenantAccess",
    "Tenants",
    "Thresholds",
    "Throttle",
    "UnsafeSettingError",
    "UsageLimit",
    "UsagePlan",
    "UserPool",
    "Variable",
    "VpcAccess",
    "Wait",
    "WebAcl",
    "Workflow",
    "WorkflowService",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
