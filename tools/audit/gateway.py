"""Audit rules for stages: limits, logs, canaries, and the account's role for logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from tools.audit.configuration import Configuration, Resource, reference

Found = Iterator[tuple[str, str, str]]

_HARMLESS: Final = re.compile(
    r"\$context\.authorizer\.(caller|tenant|key|error|latency|status|integrationLatency|integrationStatus|principalId"
    r"|requestId)"
)
"""Authorizer context that is not secret; `caller` is a keyed hash."""

_SECRET: Final = re.compile(
    r"\$context\.(authorizer\.[\w.-]+|authorize\.[\w.-]+|identity\.(apiKey(?!Id)|cognito|clientCert)[\w.-]*"
    r"|requestOverride\.[\w.-]+|path\b)"
)
_METHOD_PATH: Final = re.compile(r"\*/\*|[^/]+/[A-Z*]+")


def _settings_of(configuration: Configuration, stage: Resource) -> list[Resource]:
    return [
        one
        for one in configuration.all("api_gateway_method_settings")
        if configuration.target(one.body.get("stage_name")) is stage
        or (
            one.body.get("stage_name") == stage.body.get("stage_name")
            and one.body.get("rest_api_id") == stage.body.get("rest_api_id")
        )
    ]


def throttle_missing(configuration: Configuration) -> Found:
    """The provider's default is -1: only the limit of the account, which all its APIs share."""
    for stage in configuration.all("api_gateway_stage"):
        limits = [
            one.block("settings")
            for one in _settings_of(configuration, stage)
            if one.text("method_path") == "*/*"
        ]
        wanted = ("throttling_rate_limit", "throttling_burst_limit")
        if not limits or any(float(limits[0].get(name) or -1) <= 0 for name in wanted):
            yield (
                stage.where,
                "has no limits of its own, so that one client can use up the limit of the account",
                "set rate and burst for '*/*' in its method settings",
            )


def method_settings_path(configuration: Configuration) -> Found:
    """A path that is not encoded is rejected or ignored. Concurrent settings overwrite each other."""
    for one in configuration.all("api_gateway_method_settings"):
        path = one.text("method_path")
        if not _METHOD_PATH.fullmatch(path):
            yield (
                one.where,
                f"method_path '{path}' is not encoded",
                "write it without the first '/', with '~1' for each other one, such as 'orders~1{id}/GET'",
            )
        everything = {
            other.address
            for other in configuration.all("api_gateway_method_settings")
            if other.text("method_path") == "*/*"
            and other.body.get("rest_api_id") == one.body.get("rest_api_id")
        }
        if path != "*/*" and everything and not everything & one.awaited:
            yield (
                one.where,
                "is created at the same time as the settings of '*/*', which overwrite it",
                f"add {min(everything)} to its depends_on",
            )


def data_trace(configuration: Configuration) -> Found:
    """Bodies of requests and responses are logged."""
    for one in configuration.all("api_gateway_method_settings"):
        if one.block("settings").get("data_trace_enabled") is True:
            yield one.where, "logs whole requests and responses", "set data_trace_enabled to false"


def execution_log_group(configuration: Configuration) -> Found:
    """API Gateway creates a missing log group without a retention."""
    for stage in configuration.all("api_gateway_stage"):
        api = reference(stage.body.get("rest_api_id"))[0]
        levels = {
            one.block("settings").get("logging_level", "OFF") for one in _settings_of(configuration, stage)
        }
        name = f"API-Gateway-Execution-Logs_${{{api}.id}}/{stage.text('stage_name')}"
        groups = {
            one.address for one in configuration.all("cloudwatch_log_group") if one.text("name") == name
        }
        if levels - {"OFF"} and not groups & stage.awaited:
            yield (
                stage.where,
                "does not depend on the log group of its executions, so API Gateway creates it without a retention",
                f"create an aws_cloudwatch_log_group named '{name}' and add it to depends_on",
            )


def access_log(configuration: Configuration) -> Found:
    """Without an access log, calls cannot be investigated."""
    for stage in configuration.all("api_gateway_stage"):
        if not stage.block("access_log_settings").get("destination_arn"):
            yield stage.where, "logs no requests", "pass account=... to the Stage, and leave access_log out"


def access_log_fields(configuration: Configuration) -> Found:
    """Claims, keys and paths with values must not be logged."""
    for stage in configuration.all("api_gateway_stage"):
        line = str(stage.block("access_log_settings").get("format", ""))
        for found in _SECRET.finditer(line):
            if not _HARMLESS.fullmatch(found[0]):
                yield (
                    stage.where,
                    f"its access log has {found[0]}, which may hold a secret",
                    "take the field out",
                )
        if line and "$context.requestId" not in line and "$context.extendedRequestId" not in line:
            yield stage.where, "its access log has no $context.requestId, which AWS requires", "add it"


def account_order(configuration: Configuration) -> Found:
    """AWS rejects a stage with logs until the region has a role for logs."""
    for account in configuration.all("api_gateway_account"):
        for one in configuration.all("api_gateway_stage", "api_gateway_method_settings"):
            if account.address not in one.awaited:
                yield (
                    one.where,
                    f"does not depend on {account.address}, without which AWS rejects it",
                    "pass account=... to the Stage",
                )


def account_once(configuration: Configuration) -> Found:
    """There is one such setting for each account and region; a second one overwrites the first."""
    accounts = configuration.all("api_gateway_account")
    for account in accounts[1:]:
        yield (
            account.where,
            f"overwrites {accounts[0].where}: there is one such setting in a region",
            "keep one of the two",
        )


def stage_deployment(configuration: Configuration) -> Found:
    """A canary without its own deployment serves the stage's."""
    for stage in configuration.all("api_gateway_stage"):
        for canary in stage.blocks("canary_settings"):
            if not canary.get("deployment_id"):
                yield (
                    stage.where,
                    "its canary has no deployment of its own",
                    "set deployment_id in canary_settings",
                )
            elif canary["deployment_id"] == stage.body.get("deployment_id"):
                yield (
                    stage.where,
                    "its canary serves the same deployment as the stage",
                    "pin the stage to the deployment that it served before",
                )


def tracing(configuration: Configuration) -> Found:
    """Without tracing, slow requests cannot be analysed."""
    for stage in configuration.all("api_gateway_stage"):
        if stage.body.get("xray_tracing_enabled") is not True:
            yield stage.where, "is not traced by X-Ray", "set xray_tracing_enabled"


def access_log_json(configuration: Configuration) -> Found:
    """Lines that are not JSON cannot be queried, and clients can forge them."""
    for stage in configuration.all("api_gateway_stage"):
        line = stage.block("access_log_settings").get("format")
        if line is not None and not _is_json(str(line)):
            yield stage.where, "its access log is not JSON", "write one JSON object a line"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


RULES: Final = {
    "throttle-missing": throttle_missing,
    "method-settings-path": method_settings_path,
    "data-trace": data_trace,
    "execution-log-group": execution_log_group,
    "access-log": access_log,
    "access-log-fields": access_log_fields,
    "access-log-json": access_log_json,
    "account-order": account_order,
    "account-once": account_once,
    "canary": stage_deployment,
    "tracing": tracing,
}
