"""Settings of a Lambda function that moto drops or does not show, and function URLs.

moto 5.2.5 drops `LoggingConfig`, `DeadLetterConfig` and `SnapStart`. Its UpdateFunctionConfiguration ignores tracing, storage,
logging, the key, and an environment that is emptied. It shows no reserved concurrency of zero, which is how a function is
switched off. For all of these Terraform plans the same change for ever. moto takes no new architecture with new code.
It creates function URLs, and nothing answers at their addresses.
"""

from __future__ import annotations

from typing import Any, NoReturn

from moto.awslambda.models import LambdaBackend, LambdaFunction


def apply() -> None:
    """Store and show the settings on the function, where versions copy them from; reject `CreateFunctionUrlConfig`."""
    original_init = LambdaFunction.__init__
    original_configuration = LambdaFunction.get_configuration
    original_update = LambdaFunction.update_configuration
    original_code = LambdaFunction.update_function_code

    def init(function: Any, account_id: str, spec: dict[str, Any], *arguments: Any, **options: Any) -> None:
        original_init(function, account_id, spec, *arguments, **options)
        function.logging_config = _logging(spec.get("LoggingConfig"), function.function_name)
        function.dead_letter_config = spec.get("DeadLetterConfig")
        function.snap_start = spec.get("SnapStart")

    def get_configuration(function: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        configuration: dict[str, Any] = original_configuration(function, *arguments, **options)
        configuration["LoggingConfig"] = function.logging_config
        configuration["SnapStart"] = _snap_start(function)
        if target := (function.dead_letter_config or {}).get("TargetArn"):
            configuration["DeadLetterConfig"] = {"TargetArn": target}
        return configuration

    def update_configuration(function: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
        updates = dict(config_updates)
        if (environment := updates.get("Environment")) is not None:
            updates["Environment"] = {"Variables": environment.get("Variables") or {}}
        _update(function, updates)
        original_update(function, updates)
        return get_configuration(function)

    def update_function_code(function: Any, updated_spec: dict[str, Any]) -> dict[str, Any]:
        if not updated_spec.get("DryRun") and (architectures := updated_spec.get("Architectures")):
            function.architectures = architectures
        original_code(function, updated_spec)
        return get_configuration(function)

    LambdaFunction.__init__ = init
    LambdaFunction.get_configuration = get_configuration
    LambdaFunction.update_configuration = update_configuration
    LambdaFunction.update_function_code = update_function_code
    _apply_to_descriptions()


def _apply_to_descriptions() -> None:
    """Show the reserved concurrency whenever there is one, and reject function URLs."""
    original_code_description = LambdaFunction.get_code

    def get_code(function: Any) -> dict[str, Any]:
        description: dict[str, Any] = original_code_description(function)
        if function.reserved_concurrency is not None:
            description["Concurrency"] = {"ReservedConcurrentExecutions": int(function.reserved_concurrency)}
        return description

    LambdaFunction.get_code = get_code

    def create_function_url_config(self: LambdaBackend, name_or_arn: str, config: dict[str, Any]) -> NoReturn:
        raise NotImplementedError("function URLs; put the function behind a REST API")

    LambdaBackend.create_function_url_config = create_function_url_config


def _update(function: Any, updates: dict[str, Any]) -> None:
    """Carry out the updates that moto ignores."""
    if "TracingConfig" in updates:
        function.tracing_config = updates["TracingConfig"]
    if "EphemeralStorage" in updates:
        function.ephemeral_storage = updates["EphemeralStorage"]["Size"]
    if "LoggingConfig" in updates:
        function.logging_config = _logging(updates["LoggingConfig"], function.function_name)
    if "DeadLetterConfig" in updates:
        function.dead_letter_config = updates["DeadLetterConfig"]
    if "SnapStart" in updates:
        function.snap_start = updates["SnapStart"]
    if "KMSKeyArn" in updates:
        function.kms_key_arn = updates["KMSKeyArn"] or None


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
