"""Stacks that `tools.benchmarks.synth` measures and the tests of `lazy_bindings` compare.

    python -m tools.benchmarks.stacks small DIRECTORY              a REST API, a function, its role, a stage
    python -m tools.benchmarks.stacks resources DIRECTORY 100      a hundred resources of four types
    python -m tools.benchmarks.stacks routes DIRECTORY 300 30      routes and functions, the project's constructs
    python -m tools.benchmarks.stacks every DIRECTORY              every resource type the constructs use, and more

With LAZY_BINDINGS=off in the environment the same program takes the stock import path.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import typing
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from cdktf import App, TerraformElement, TerraformStack

import lazy_bindings
from tools.benchmarks.peer_stacks import terraform_cdk

lazy_bindings.install()

PROVIDER = "cdktf_cdktf_provider_aws"
PROJECT = Path(__file__).parents[2]

PLANNED = (
    "acm_certificate",
    "acm_certificate_validation",
    "api_gateway_api_key",
    "api_gateway_authorizer",
    "api_gateway_base_path_mapping",
    "api_gateway_client_certificate",
    "api_gateway_domain_name",
    "api_gateway_gateway_response",
    "api_gateway_integration_response",
    "api_gateway_method_response",
    "api_gateway_model",
    "api_gateway_request_validator",
    "api_gateway_rest_api_policy",
    "api_gateway_usage_plan",
    "api_gateway_usage_plan_key",
    "api_gateway_vpc_link",
    "appautoscaling_policy",
    "appautoscaling_target",
    "cloudwatch_dashboard",
    "cloudwatch_event_rule",
    "cloudwatch_log_resource_policy",
    "cloudwatch_metric_alarm",
    "cognito_resource_server",
    "cognito_user_pool",
    "cognito_user_pool_client",
    "cognito_user_pool_domain",
    "data_aws_iam_policy_document",
    "data_aws_region",
    "data_aws_route53_zone",
    "dynamodb_table",
    "kms_alias",
    "kms_key",
    "lambda_event_source_mapping",
    "lambda_layer_version",
    "lambda_provisioned_concurrency_config",
    "route53_record",
    "s3_bucket_lifecycle_configuration",
    "s3_bucket_versioning",
    "sfn_state_machine",
    "sns_topic",
    "sns_topic_subscription",
    "sqs_queue",
    "sqs_queue_redrive_policy",
    "wafv2_web_acl",
    "wafv2_web_acl_association",
    "wafv2_web_acl_logging_configuration",
)
"""Namespaces that no construct uses yet."""

UNCOMMON = ("instance", "data_aws_ami", "eks_cluster")
"""Namespaces outside the services that `lazy_bindings` keeps at hand; imported when resources exist."""

_TRACE = "creation_stack"  # names temporary folders
_DEPTH = 5  # levels of structures that get values; deeper ones are all inside WAF statements


def small(directory: Path) -> None:
    """Synthesize the stack that AWS CDK and cdktn are measured with too."""
    terraform_cdk("cdktf", PROVIDER, str(directory))


def resources(directory: Path, count: str) -> None:
    """Synthesize `count` resources: a quarter each of API resources, methods, integrations, permissions."""
    from cdktf_cdktf_provider_aws.api_gateway_integration import ApiGatewayIntegration
    from cdktf_cdktf_provider_aws.api_gateway_method import ApiGatewayMethod
    from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
    from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission

    app, stack = _new_stack(directory)

    def resource(index: int) -> None:
        ApiGatewayResource(stack, f"resource{index}", rest_api_id="api", parent_id="root", path_part="x")

    def method(index: int) -> None:
        ApiGatewayMethod(
            stack,
            f"method{index}",
            rest_api_id="api",
            resource_id="resource",
            http_method="ANY",
            authorization="NONE",
        )

    def integration(index: int) -> None:
        ApiGatewayIntegration(
            stack,
            f"integration{index}",
            rest_api_id="api",
            resource_id="resource",
            http_method="ANY",
            type="AWS_PROXY",
            integration_http_method="POST",
            uri="arn",
        )

    def permission(index: int) -> None:
        LambdaPermission(
            stack,
            f"permission{index}",
            function_name="function",
            action="lambda:InvokeFunction",
            principal="apigateway.amazonaws.com",
        )

    kinds: tuple[Callable[[int], None], ...] = (resource, method, integration, permission)
    for index in range(int(count)):
        kinds[index % len(kinds)](index)
    app.synth()


def routes(directory: Path, count: str, functions: str) -> None:
    """Synthesize an API with the project's constructs: `count` routes, shared among `functions` functions.

    Each path has two routes, because a REST API has at most 300 paths.
    """
    from constructs_lib import (
        AwsStack,
        Deployment,
        ExistingApiGatewayAccount,
        Function,
        LambdaArchive,
        LambdaIntegration,
        Public,
        RestApi,
        Stage,
        Target,
    )

    code = PROJECT / "examples" / "hello" / "service"
    archive = LambdaArchive(code, target=Target.this_machine(), cache=directory / "archives")

    app = App(outdir=str(directory / "out"))
    stack = AwsStack(app, "bench", region="us-east-1")
    api = RestApi(stack, "api", name="bench")
    handlers = [
        Function(stack, f"function{index}", archive=archive, handler="app.handler")
        for index in range(int(functions))
    ]
    for index in range(int(count)):
        resource = api.resource_for(f"/path{index // 2}")
        integration = LambdaIntegration(handlers[index // 2 % len(handlers)])
        resource.add_method(("GET", "POST")[index % 2], integration, authorization=Public())
    deployment = Deployment(stack, "deployment", api=api)
    Stage(stack, "stage", deployment=deployment, stage_name="v1", account=ExistingApiGatewayAccount())
    app.synth()


def every(directory: Path) -> None:
    """Synthesize one resource of every type, with every argument set, and read every attribute.

    The attributes go to `attributes.json` beside the output of the synth.
    """
    app, stack = _new_stack(directory, provider=False)
    attributes = {}
    for name in (*sorted({*used_namespaces(PROJECT / "constructs_lib"), *PLANNED}), *UNCOMMON):
        element = _main_class(name)
        resource = element(stack, name, **_arguments(element, _DEPTH))
        attributes[name] = _read(resource, 1)
    app.synth()
    (directory / "attributes.json").write_text(json.dumps(attributes, indent=1, sort_keys=True), "utf-8")


def used_namespaces(folder: Path) -> set[str]:
    """Return the namespaces of the provider that Python files in `folder` import."""
    found = set()
    for file in folder.rglob("*.py"):
        source = file.read_text("utf-8")
        for node in ast.walk(ast.parse(source)) if PROVIDER in source else ():
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{PROVIDER}."):
                found.add(node.module.split(".")[1])
            elif isinstance(node, ast.ImportFrom) and node.module == PROVIDER:
                found.update(alias.name for alias in node.names)
    return found


def _new_stack(directory: Path, *, provider: bool = True) -> tuple[App, TerraformStack]:
    app = App(outdir=str(directory), skip_validation=True)
    stack = TerraformStack(app, "bench")
    if provider:
        from cdktf_cdktf_provider_aws.provider import AwsProvider

        AwsProvider(stack, "aws", region="us-east-1")
    return app, stack


def _main_class(namespace: str) -> Any:
    module = import_module(f"{PROVIDER}.{namespace}")
    (main,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TerraformElement)
    )
    return main


def _arguments(element: Any, depth: int) -> dict[str, Any]:
    """Return values for the arguments of a resource or structure; below `depth`, for required ones only."""
    hints = typing.get_type_hints(element.__init__)
    identifying = ("scope_", "id_") if "scope_" in hints else ("scope", "id_" if "id_" in hints else "id")
    values = {}
    for name, parameter in inspect.signature(element.__init__).parameters.items():
        demanded = parameter.default is parameter.empty
        if name == "self" or (issubclass(element, TerraformElement) and name in identifying):
            continue
        if (demanded or depth > 0) and (value := _value(hints[name], name, depth)) is not None:
            values[name] = value
    return values


def _value(hint: Any, name: str, depth: int) -> Any:
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Union else (hint,)
    for choice in choices:
        value = _plain_value(choice, name, depth)
        if value is not None:
            return value
    return None


def _plain_value(hint: Any, name: str, depth: int) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (str, bool, int, typing.Any):
        return {str: name, bool: True, int: 7, typing.Any: {"any": name}}[hint]
    if origin is not None and issubclass(origin, dict):
        return None  # a structure as a dictionary: given as its class
    if origin is not None and arguments and hasattr(origin, "keys"):
        return {"key": _value(arguments[1], name, depth)}
    if origin is not None and len(arguments) == 1:
        item = _value(arguments[0], name, depth)
        return None if item is None else [item]
    if isinstance(hint, type) and hint.__module__.startswith(PROVIDER):
        return hint(**_arguments(hint, depth - 1))
    return None  # cdktf's own: tokens, counts, lifecycles


def _read(resource: object, depth: int) -> dict[str, object]:
    read: dict[str, object] = {}
    for name in sorted(dir(type(resource))):
        if name != _TRACE and isinstance(getattr(type(resource), name, None), property):
            try:
                value = getattr(resource, name)
            except Exception as error:  # noqa: BLE001 - an error is an answer too
                value = f"{type(error).__name__}: {error}"
            read[name] = _shown(value, depth)
    return read


def _shown(value: object, depth: int) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_shown(item, depth) for item in value]
    if isinstance(value, dict):
        return {str(key): _shown(item, depth) for key, item in value.items()}
    if depth and type(value).__module__.startswith(PROVIDER):
        return {"class": type(value).__name__, **_read(value, depth - 1)}
    return type(value).__name__


def main(arguments: list[str]) -> int:
    """Synthesize the stack in the first argument to the directory in the second."""
    name, directory, *sizes = arguments
    STACKS[name](Path(directory), *sizes)
    return 0


STACKS: dict[str, Callable[..., None]] = {
    "small": small,
    "resources": resources,
    "routes": routes,
    "every": every,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
