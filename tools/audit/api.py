"""Audit rules for routes, integrations, permissions and deployments."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from typing import Final

from tools.audit.configuration import Configuration, Resource, Route, addresses_in, reference

Found = Iterator[tuple[str, str, str]]

PRINCIPAL: Final = "apigateway.amazonaws.com"
MAX_RESOURCES: Final = 300
MAX_TIMEOUT_MS: Final = 29_000
_IN_SNAPSHOT: Final = (
    "api_gateway_authorizer",
    "api_gateway_gateway_response",
    "api_gateway_integration",
    "api_gateway_integration_response",
    "api_gateway_method",
    "api_gateway_method_response",
    "api_gateway_model",
    "api_gateway_request_validator",
    "api_gateway_rest_api_policy",
)
_LAMBDA_URIS: Final = {"invoke_arn", "response_streaming_invoke_arn"}


def apis(configuration: Configuration) -> tuple[Resource, ...]:
    """Return the REST APIs."""
    return configuration.all("api_gateway_rest_api")


def called_function(configuration: Configuration, uri: str) -> Resource | None:
    """Return the function that a URI invokes, directly or by its alias."""
    target = configuration.invoked(uri)
    if target is not None and target.kind == "lambda_alias":
        target = configuration.target(target.body.get("function_name"))
    return target if target is not None and target.kind == "lambda_function" else None


def _lambda_routes(configuration: Configuration) -> Iterator[tuple[Route, Resource]]:
    for api in apis(configuration):
        for route in configuration.routes(api):
            function = called_function(configuration, route.uri)
            if function is not None:
                yield route, function


def _permissions(
    configuration: Configuration, function: Resource, api: str
) -> Iterator[tuple[Resource, str]]:
    """Return the permissions of an API to call a function, each with the end of its source ARN."""
    for permission in configuration.all("lambda_permission"):
        if permission.body.get("principal") not in (PRINCIPAL, "*"):
            continue
        if configuration.target(permission.body.get("function_name")) is not function:
            continue
        start, _, rest = permission.text("source_arn").partition("}")
        if not start or reference(f"{start}}}") == (api, "execution_arn"):
            yield permission, rest if start else "/*"


def permission_missing(configuration: Configuration) -> Found:
    """Without the permission, plan and apply succeed, and every call gets a 500."""
    for route, function in _lambda_routes(configuration):
        granted = _permissions(configuration, function, route.api)
        if not any(fnmatch.fnmatchcase(route.source, source) for _, source in granted):
            yield (
                route.where,
                f"nothing allows API Gateway to call function {function.where} for {route.http_method} {route.path}",
                f"add an aws_lambda_permission with a source_arn that ends with '{route.source}'",
            )


def permission_too_wide(configuration: Configuration) -> Found:
    """A permission for more than one method of one path lets other methods, or other APIs, call the function."""
    needed: dict[tuple[str, str], set[str]] = {}
    for route, function in _lambda_routes(configuration):
        needed.setdefault((route.api, function.address), set()).add(route.source)
    for api in apis(configuration):
        for function in configuration.all("lambda_function"):
            for permission, source in _permissions(configuration, function, api.address):
                exact = needed.get((api.address, function.address), set())
                # An API in one document has no authorizer resources that a permission could refer to.
                authorizer = "/authorizers/" if api.body.get("body") else "/authorizers/$"
                if source not in exact and not source.startswith(authorizer):
                    yield (
                        permission.where,
                        f"allows '{source}', which is not one method that calls function {function.where}",
                        "allow '/*/METHOD/path' of each method that calls it",
                    )


def permission_alias(configuration: Configuration) -> Found:
    """Permission and integration must be for the same alias, or both for the function."""
    for route, function in _lambda_routes(configuration):
        alias = configuration.invoked(route.uri)
        name = alias.address if alias is not None and alias.kind == "lambda_alias" else ""
        for permission, source in _permissions(configuration, function, route.api):
            qualifier = reference(permission.body.get("qualifier"))[0] or permission.text("qualifier")
            if source == route.source and qualifier != name:
                yield (
                    permission.where,
                    (
                        f"is for {qualifier or 'the function without an alias'}, and {route.http_method} {route.path} calls "
                        f"{name or 'the function without an alias'}"
                    ),
                    "set qualifier to the name of the alias that the integration calls",
                )


def permission_lifetime(configuration: Configuration) -> Found:
    """AWS deletes permissions with the alias, but Terraform's state still lists them."""
    for permission in configuration.all("lambda_permission"):
        alias = reference(permission.body.get("qualifier"))[0]
        if alias and f"{alias}.id" not in permission.lifecycle.get("replace_triggered_by", ()):
            yield (
                permission.where,
                f"is not made anew with {alias}",
                f"add '{alias}.id' to its replace_triggered_by",
            )


def integration_uri(configuration: Configuration) -> Found:
    """API Gateway calls Lambda by `invoke_arn`; with `arn` the apply fails."""
    for api in apis(configuration):
        for route in configuration.routes(api):
            address, attribute = reference(route.uri)
            is_lambda = address.startswith(("aws_lambda_alias.", "aws_lambda_function."))
            if is_lambda and attribute not in _LAMBDA_URIS:
                yield route.where, f"its integration calls {address} by {attribute}", "use invoke_arn"


def integration_missing(configuration: Configuration) -> Found:
    """API Gateway refuses to deploy a method without an integration."""
    for api in apis(configuration):
        for route in configuration.routes(api):
            if not route.integration:
                yield route.where, "has no integration, and AWS refuses to deploy it", "add one, or remove it"


def integration_timeout(configuration: Configuration) -> Found:
    """The caller gets a 504, while the function runs on and is billed."""
    for route, function in _lambda_routes(configuration):
        seconds = int(function.body.get("timeout") or 3)
        if seconds * 1000 >= route.timeout_ms:
            yield (
                route.where,
                f"function {function.where} may run {seconds} s and API Gateway waits {route.timeout_ms} ms",
                "lower the function's timeout, or do the work in the background",
            )
    for authorizer in configuration.all("api_gateway_authorizer"):
        called = called_function(configuration, authorizer.text("authorizer_uri"))
        if called is not None and int(called.body.get("timeout") or 3) * 1000 >= MAX_TIMEOUT_MS:
            yield (
                authorizer.where,
                f"function {called.where} may run {called.body.get('timeout')} s and API Gateway waits 29 s",
                "lower its timeout; every request waits for it",
            )


def deployment_order(configuration: Configuration) -> Found:
    """A deployment is a snapshot: parts that are created after it are not served, or AWS rejects it."""
    for deployment in configuration.all("api_gateway_deployment"):
        api = reference(deployment.body.get("rest_api_id"))[0]
        parts = {one.address for kind in _IN_SNAPSHOT for one in configuration.of_api(kind, api)}
        if missing := sorted(parts - deployment.awaited):
            yield deployment.where, _not_awaited(missing), "add every part of the API to depends_on"


def stage_order(configuration: Configuration) -> Found:
    """A stage that exists before the permissions answers 500."""
    for stage in configuration.all("api_gateway_stage"):
        api = reference(stage.body.get("rest_api_id"))[0]
        permissions = {
            one.address
            for one in configuration.all("lambda_permission")
            if reference(f"{one.text('source_arn').partition('}')[0]}}}")[0] == api
        }
        if missing := sorted(permissions - stage.awaited):
            yield stage.where, _not_awaited(missing), "add the API's permissions to depends_on"


def _not_awaited(missing: list[str]) -> str:
    return f"does not depend on {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}"


def deployment_triggers(configuration: Configuration) -> Found:
    """Without a trigger, changes never reach the stage; one with a reference changes again after the first apply."""
    for deployment in configuration.all("api_gateway_deployment"):
        triggers = deployment.block("triggers")
        if not triggers:
            yield (
                deployment.where,
                "has no triggers, so that no change of the API is ever deployed",
                "set a trigger to a hash of the API's definition",
            )
        elif any("${" in str(value) for value in triggers.values()):
            yield (
                deployment.where,
                "has a trigger that only Terraform knows, so that it changes after the first apply",
                "hash the API's definition while synthesizing",
            )


def deployment_replacement(configuration: Configuration) -> Found:
    """AWS rejects deleting a deployment that a stage uses. A stage_name in the deployment replaces the stage."""
    for deployment in configuration.all("api_gateway_deployment"):
        if deployment.lifecycle.get("create_before_destroy") is not True:
            yield (
                deployment.where,
                "is destroyed before its successor is made, which AWS refuses while a stage points to it",
                "set create_before_destroy",
            )
        if "stage_name" in deployment.body:
            yield (
                deployment.where,
                "makes a stage by stage_name, whose settings are lost with each deployment",
                "use an aws_api_gateway_stage",
            )


def api_mixed(configuration: Configuration) -> Found:
    """An API with a `body` overwrites resources that are created beside it."""
    for api in apis(configuration):
        kinds = ("api_gateway_method", "api_gateway_integration", "api_gateway_resource")
        if api.body.get("body") and any(configuration.of_api(kind, api.address) for kind in kinds):
            yield api.where, "has a body and resources of its own beside it", "use one of the two forms"


def api_size(configuration: Configuration) -> Found:
    """AWS rejects the 301st resource, and the provider retries silently until it times out."""
    for api in apis(configuration):
        paths = {
            "/".join(route.path.split("/")[: depth + 1])
            for route in configuration.routes(api)
            for depth in range(1, route.path.count("/") + 1)
        }
        count = 1 + max(len(configuration.of_api("api_gateway_resource", api.address)), len(paths - {"/"}))
        if count > MAX_RESOURCES:
            yield (
                api.where,
                f"has {count} resources and API Gateway allows {MAX_RESOURCES}",
                "let one {proxy+} resource take several paths, or divide the API",
            )


def api_policy(configuration: Configuration) -> Found:
    """A policy in the API with the API's ARN is a cycle. The short form of the ARN differs in every plan."""
    for api in apis(configuration):
        if api.body.get("policy"):
            yield api.where, "has its policy in itself", "use an aws_api_gateway_rest_api_policy"
    for policy in configuration.all("api_gateway_rest_api_policy"):
        if "execute-api:/" in policy.text("policy"):
            yield (
                policy.where,
                "names methods in the short form 'execute-api:/', which AWS writes otherwise: every plan differs",
                "start with the API's execution_arn",
            )


def model_missing(configuration: Configuration) -> Found:
    """Without a request model, every body reaches the function."""
    for api in apis(configuration):
        for route in configuration.routes(api):
            if route.http_method in {"POST", "PUT", "PATCH"} and not route.models:
                yield route.where, "has no request model, so that any body reaches the integration", "add one"


def model_content_types(configuration: Configuration) -> Found:
    """A body of a content type without a model is passed on unchecked."""
    for api in apis(configuration):
        for route in configuration.routes(api):
            if route.models and "$default" not in route.models and "*/*" not in route.models:
                yield (
                    route.where,
                    f"has a model for {', '.join(sorted(route.models))} only, and any other content type slips past",
                    "add the model under '$default'",
                )


def model_enforced(configuration: Configuration) -> Found:
    """A model without a request validator is documentation."""
    for api in apis(configuration):
        for route in configuration.routes(api):
            if route.models and not route.validates_body:
                yield (
                    route.where,
                    "has a model and no validator that checks bodies against it",
                    "set request_validator_id to one with validate_request_body",
                )


def gateway_responses(configuration: Configuration) -> Found:
    """API Gateway's own errors differ from the handlers' errors, and have no CORS headers."""
    for api in apis(configuration):
        found = {
            one.text("response_type"): one.block("response_parameters")
            for one in configuration.of_api("api_gateway_gateway_response", api.address)
        }
        if api.body.get("body"):
            written = json.loads(api.text("body")).get("x-amazon-apigateway-gateway-responses", {})
            found |= {kind: one.get("responseParameters", {}) for kind, one in written.items()}
        missing = [kind for kind in ("DEFAULT_4XX", "DEFAULT_5XX") if kind not in found]
        if missing:
            yield (
                api.where,
                f"has no gateway response {' and '.join(missing)}, so that its errors differ from the handlers'",
                "pass gateway_responses=GatewayResponses() to the RestApi",
            )
        has_preflights = any(
            route.http_method == "OPTIONS" and route.integration == "MOCK"
            for route in configuration.routes(api)
        )
        header = "gatewayresponse.header.Access-Control-Allow-Origin"
        for kind, parameters in found.items():
            if has_preflights and header not in parameters:
                yield (
                    api.where,
                    f"its error {kind} has no Access-Control-Allow-Origin, so that web pages cannot read it",
                    "pass cors=Cors(...) to the RestApi, which puts it there",
                )


def cors_origin(configuration: Configuration) -> Found:
    """Every web page may call it with the user's credentials."""
    for one in configuration.all("api_gateway_gateway_response", "api_gateway_integration_response"):
        parameters = one.block("response_parameters")
        if any(
            name.lower().endswith(".access-control-allow-origin") and value == "'*'"
            for name, value in parameters.items()
        ):
            yield one.where, "allows every origin", "name the origins, such as 'https://shop.example'"
    for api in apis(configuration):
        text = api.text("body")
        if 'Access-Control-Allow-Origin": "\'*\'"' in text or 'Access-Control-Allow-Origin":"\'*\'"' in text:
            yield api.where, "allows every origin", "name the origins, such as 'https://shop.example'"


def policy_deployed(configuration: Configuration) -> Found:
    """A changed policy applies only with the next deployment."""
    for policy in configuration.all("api_gateway_rest_api_policy"):
        api = reference(policy.body.get("rest_api_id"))[0]
        for deployment in configuration.of_api("api_gateway_deployment", api):
            if policy.address not in addresses_in(deployment.lifecycle.get("replace_triggered_by", ())) and (
                "policy" not in deployment.block("triggers")
            ):
                yield (
                    deployment.where,
                    f"does not notice when {policy.address} changes, and the stage keeps the old one",
                    "add extra_triggers={'policy': a hash of it} to the Deployment",
                )


RULES: Final = {
    "permission-missing": permission_missing,
    "permission-too-wide": permission_too_wide,
    "permission-alias": permission_alias,
    "permission-lifetime": permission_lifetime,
    "integration-uri": integration_uri,
    "integration-missing": integration_missing,
    "integration-timeout": integration_timeout,
    "deployment-order": deployment_order,
    "stage-order": stage_order,
    "deployment-triggers": deployment_triggers,
    "deployment-replacement": deployment_replacement,
    "api-mixed": api_mixed,
    "api-size": api_size,
    "api-policy": api_policy,
    "policy-deployed": policy_deployed,
    "model-missing": model_missing,
    "model-content-types": model_content_types,
    "model-enforced": model_enforced,
    "gateway-responses": gateway_responses,
    "cors-origin": cors_origin,
}
