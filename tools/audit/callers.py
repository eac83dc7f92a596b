"""Audit rules for authorizers, API keys and usage plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.audit.configuration import Configuration, reference, strings

Found = Iterator[tuple[str, str, str]]

_MAX_TTL_SECONDS: Final = 300


def authorizer_missing(configuration: Configuration) -> Found:
    """AWS accepts the method, but its callers cannot use it."""
    for api in configuration.all("api_gateway_rest_api"):
        for route in configuration.routes(api):
            if route.authorization not in {"CUSTOM", "COGNITO_USER_POOLS"} or api.body.get("body"):
                continue
            authorizer = configuration.get(route.authorizer)
            if authorizer is None:
                yield (
                    route.where,
                    f"has authorization {route.authorization} and no authorizer",
                    "set authorizer_id",
                )
            elif (route.authorization == "COGNITO_USER_POOLS") != (
                authorizer.text("type") == "COGNITO_USER_POOLS"
            ):
                yield (
                    route.where,
                    f"has authorization {route.authorization} and an authorizer of type {authorizer.text('type')}",
                    "use the authorization that goes with the authorizer",
                )


def authorizer_cache(configuration: Configuration) -> Found:
    """A revoked caller stays authorized while the result is cached, and methods share cached results."""
    for authorizer in configuration.all("api_gateway_authorizer"):
        ttl = authorizer.body.get("authorizer_result_ttl_in_seconds")
        if ttl is None:
            yield (
                authorizer.where,
                "leaves the cache at the provider's 300 s",
                "set 0, or a number of seconds",
            )
        elif int(ttl) > _MAX_TTL_SECONDS:
            yield (
                authorizer.where,
                f"reuses an answer for {ttl} s: a token that was revoked is good for as long",
                f"use 0, or at most {_MAX_TTL_SECONDS}",
            )


def authorizer_order(configuration: Configuration) -> Found:
    """API Gateway answers changes of two authorizers at once with a ConflictException."""
    for api in configuration.all("api_gateway_rest_api"):
        authorizers = configuration.of_api("api_gateway_authorizer", api.address)
        addresses = {one.address for one in authorizers}
        before = [tuple(sorted(one.awaited & addresses)) for one in authorizers]
        for place, one in enumerate(authorizers):
            if before.count(before[place]) > 1:
                yield one.where, "is changed at the same time as another one", "make each wait for the next"


def authorizer_identity(configuration: Configuration) -> Found:
    """Without a pattern, every malformed token invokes the function and is billed."""
    for authorizer in configuration.all("api_gateway_authorizer"):
        if authorizer.text("type") == "TOKEN" and not authorizer.text("identity_validation_expression"):
            yield (
                authorizer.where,
                "invokes its function for any value of the header",
                "set identity_validation_expression",
            )


def preflight_open(configuration: Configuration) -> Found:
    """Browsers send preflights without credentials, so all would be rejected, and all calls of web pages with them."""
    for api in configuration.all("api_gateway_rest_api"):
        for route in configuration.routes(api):
            if route.http_method == "OPTIONS" and (route.authorization != "NONE" or route.api_key_required):
                yield (
                    route.where,
                    "requires credentials of preflights, and browsers send none",
                    "leave it open",
                )


def key_alone(configuration: Configuration) -> Found:
    """API keys identify the customer for metering; they are not credentials."""
    for api in configuration.all("api_gateway_rest_api"):
        for route in configuration.routes(api):
            if route.api_key_required and route.authorization == "NONE":
                yield route.where, "requires only an API key", "add an authorization"


def key_without_plan(configuration: Configuration) -> Found:
    """Without a usage plan for the stage, every call is rejected."""
    planned = {
        reference(stage.get("api_id"))[0]
        for plan in configuration.all("api_gateway_usage_plan")
        for stage in plan.blocks("api_stages")
    }
    for api in configuration.all("api_gateway_rest_api"):
        for route in configuration.routes(api):
            if route.api_key_required and api.address not in planned:
                yield route.where, "requires an API key, and no usage plan is for its API", "add a UsagePlan"


def key_shown(configuration: Configuration) -> Found:
    """The value would be in the plan, in the logs of CI, and in every program that reads the outputs."""
    for name, output in configuration.json.get("output", {}).items():
        if any("aws_api_gateway_api_key." in text and ".value}" in text for text in strings(output)):
            yield (
                f"output {name}",
                "shows the value of an API key",
                "output its id and read the value by it",
            )
    for key in configuration.all("api_gateway_api_key"):
        if key.body.get("value"):
            yield key.where, "has its value in the configuration", "let AWS generate it"


def plan_limits(configuration: Configuration) -> Found:
    """A usage plan without limits has no effect."""
    for plan in configuration.all("api_gateway_usage_plan"):
        limits = plan.block("throttle_settings")
        if not all(float(limits.get(name) or 0) > 0 for name in ("rate_limit", "burst_limit")):
            yield plan.where, "has no throttle", "set rate_limit and burst_limit"


def plan_stage(configuration: Configuration) -> Found:
    """With the stage's name as a string, the plan is created before the stage and does not follow a replaced one."""
    for plan in configuration.all("api_gateway_usage_plan"):
        for stage in plan.blocks("api_stages"):
            address, attribute = reference(stage.get("stage"))
            if not address.startswith("aws_api_gateway_stage.") or attribute != "stage_name":
                yield (
                    plan.where,
                    f"names stage '{stage.get('stage')}' instead of referring to it",
                    "use the stage's stage_name",
                )


def client_password(configuration: Configuration) -> Found:
    """A password in a request can be logged on its way; SRP does not send it."""
    for client in configuration.all("cognito_user_pool_client"):
        flows = client.body.get("explicit_auth_flows") or ()
        if {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"} & set(flows):
            yield client.where, "lets users send their password", "use ALLOW_USER_SRP_AUTH alone"


RULES: Final = {
    "authorizer-missing": authorizer_missing,
    "authorizer-cache": authorizer_cache,
    "authorizer-order": authorizer_order,
    "authorizer-identity": authorizer_identity,
    "client-password": client_password,
    "preflight-open": preflight_open,
    "key-alone": key_alone,
    "key-without-plan": key_without_plan,
    "key-shown": key_shown,
    "plan-limits": plan_limits,
    "plan-stage": plan_stage,
}
