"""Settings of a Lambda function that moto drops or does not show, and function URLs.

moto 5.2.5 drops `LoggingConfig`, `DeadLetterConfig` and `SnapStart`. Its UpdateFunctionConfiguration ignores tracing, storage,
logging, the key, and an environment that is emptied. It shows no reserved concurrency of zero, which is how a function is
switched off. For all of these Terraform plans the same change for ever. moto takes no new architecture with new code.
It creates function URLs, and nothing answers at their addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from moto.awslambda.models import LambdaBackend, LambdaFunction

from local_cloud.patches import extends, replaces

# Settings that moto's update ignores, and the attributes that hold them.
_IGNORED = {
    "TracingConfig": "tracing_config",
    "DeadLetterConfig": "dead_letter_config",
    "SnapStart": "snap_start",
    "KMSKeyArn": "kms_key_arn",
}


@extends(LambdaFunction, "__init__")
def _store_settings(
    original: Callable[..., None],
    function: Any,
    account_id: str,
    spec: dict[str, Any],
    *arguments: Any,
    **options: Any,
) -> None:
    """Store the settings on the function, where versions copy them from."""
    original(function, account_id, spec, *arguments, **options)
    function.logging_config = _logging(spec.get("LoggingConfig"), function.function_name)
    function.dead_letter_config = spec.get("DeadLetterConfig")
    function.snap_start = spec.get("SnapStart")


@extends(LambdaFunction)
def _get_configuration(
    original: Callable[..., Any], function: Any, *arguments: Any, **options: Any
) -> dict[str, Any]:
    configuration: dict[str, Any] = original(function, *arguments, **options)
    configuration["LoggingConfig"] = function.logging_config
    configuration["SnapStart"] = _snap_start(function)
    if target := (function.dead_letter_config or {}).get("TargetArn"):
        configuration["DeadLetterConfig"] = {"TargetArn": target}
    return configuration


@extends(LambdaFunction)
def _update_configuration(original: Callable[..., Any], function: Any, config_updates: dict[str, Any]) -> Any:
    updates = dict(config_updates)
    if (environment := updates.get("Environment")) is not None:
        updates["Environment"] = {"Variables": environment.get("Variables") or {}}
    if "EphemeralStorage" in updates:
        function.ephemeral_storage = updates["EphemeralStorage"]["Size"]
    if "LoggingConfig" in updates:
        function.logging_config = _logging(updates["LoggingConfig"], function.function_name)
    for name, attribute in _IGNORED.items():
        if name in updates:
            setattr(function, attribute, updates[name] or None)
    original(function, updates)
    return function.get_configuration()


@extends(LambdaFunction)
def _update_function_code(original: Callable[..., Any], function: Any, updated_spec: dict[str, Any]) -> Any:
    if not updated_spec.get("DryRun") and (architectures := updated_spec.get("Architectures")):
        function.architectures = architectures
    original(function, updated_spec)
    return function.get_configuration()


@extends(LambdaFunction)
def _get_code(original: Callable[[Any], dict[str, Any]], function: Any) -> dict[str, Any]:
    description = original(function)
    if function.reserved_concurrency is not None:
        description["Concurrency"] = {"ReservedConcurrentExecutions": int(function.reserved_concurrency)}
    return description


@replaces(LambdaBackend)
def _create_function_url_config(*_: Any) -> NoReturn:
    raise NotImplementedError("function URLs; put the function behind a REST API")


def _logging(config: dict[str, Any] | None, function_name: str) -> dict[str, Any]:
    """Return a logging configuration with AWS's defaults filled in."""
    filled = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function_name}", **(config or {})}
    if filled["LogFormat"] == "JSON":
        filled.setdefault("ApplicationLogLevel", "INFO")
        filled.setdefault("SystemLogLevel", "INFO")
    return filled


def _snap_start(function: Any) -> dict[str, str]:
    """Return SnapStart's setting; only a published version is ever optimized."""
    applied = (function.snap_start or {}).get("ApplyOn") or "None"
    optimized = applied == "PublishedVersions" and str(function.version) != "$LATEST"
    return {"ApplyOn": applied, "OptimizationStatus": "On" if optimized else "Off"}
