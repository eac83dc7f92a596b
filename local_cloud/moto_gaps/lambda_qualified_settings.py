"""Settings that a function has once for each version or alias: asynchronous invocations, and provisioned concurrency.

moto 5.2.5 appends each change of the first to the settings that there are, returns the oldest, and has no qualifiers. It has no
operation for the second. Provisioned concurrency is ready at once here, as the local cloud keeps processes warm anyway: the
setting is kept so that Terraform finds it, and what AWS refuses is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError, UnknownEventConfig
from moto.awslambda.models import EventInvokeConfig, LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.awslambda.urls import url_paths
from moto.core.responses import ActionResult

from local_cloud.patches import replaces

url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/provisioned-concurrency/?$"] = (
    LambdaResponse.dispatch
)
# Like `event_invoke_config`, a list with one entry for each qualifier, told apart by their `arn`.
LambdaFunction.provisioned_concurrency = ()


@dataclass(frozen=True, slots=True)
class _ProvisionedConcurrency:
    arn: str
    executions: int
    last_modified: str

    def response(self) -> dict[str, Any]:
        return {
            "FunctionArn": self.arn,
            "RequestedProvisionedConcurrentExecutions": self.executions,
            "AvailableProvisionedConcurrentExecutions": self.executions,
            "AllocatedProvisionedConcurrentExecutions": self.executions,
            "Status": "READY",
            "LastModified": self.last_modified,
        }


def _addressed(response: Any) -> tuple[Any, str]:
    """Return the function that a request names, and the ARN with the qualifier."""
    name = unquote(response.path.split("/functions/", 1)[1].split("/", 1)[0])
    function = response.backend.get_function(name)
    return function, f"{function.function_arn}:{response.querystring.get('Qualifier', ['$LATEST'])[0]}"


def _find(response: Any, attribute: str) -> Any:
    function, arn = _addressed(response)
    return next((entry for entry in getattr(function, attribute) if entry.arn == arn), None)


def _store(response: Any, attribute: str, stored: Any) -> Any:
    function, arn = _addressed(response)
    others = [entry for entry in getattr(function, attribute) if entry.arn != arn]
    setattr(function, attribute, [*others, stored])
    return ActionResult(stored.response())


def _answer(operation: str, attribute: str, member: str, missing: Callable[[str], Exception]) -> None:
    """Add the operations that describe, list and delete settings of a kind."""

    def required(response: Any) -> Any:
        found = _find(response, attribute)
        if found is None:
            raise missing(_addressed(response)[1])
        return found

    @replaces(LambdaResponse, f"get_{operation}")
    def describe(response: Any) -> Any:
        return ActionResult(required(response).response())

    @replaces(LambdaResponse, f"delete_{operation}")
    def delete(response: Any) -> tuple[int, dict[str, int], str]:
        function, gone = _addressed(response)[0], required(response)
        setattr(function, attribute, [entry for entry in getattr(function, attribute) if entry is not gone])
        return 204, {"status": 204}, ""

    @replaces(LambdaResponse, f"list_{operation}s")
    def describe_all(response: Any) -> Any:
        entries = getattr(_addressed(response)[0], attribute)
        return ActionResult({member: [entry.response() for entry in entries]})


def _not_provisioned(_arn: str) -> Exception:
    message = "No Provisioned Concurrency Config found for this function"
    error: Exception = LambdaClientError("ProvisionedConcurrencyConfigNotFoundException", message)
    error.code = 404  # type: ignore[attr-defined]
    return error


_answer(
    "function_event_invoke_config", "event_invoke_config", "FunctionEventInvokeConfigs", UnknownEventConfig
)
_answer(
    "provisioned_concurrency_config",
    "provisioned_concurrency",
    "ProvisionedConcurrencyConfigs",
    _not_provisioned,
)


@replaces(LambdaResponse, "put_function_event_invoke_config", "update_function_event_invoke_config")
def _set_event_invoke_config(response: Any) -> Any:
    function, arn = _addressed(response)
    present = _find(response, "event_invoke_config") if response._get_action().startswith("Update") else None
    config = {**(present.config if present else {}), **response.json_body}
    return _store(response, "event_invoke_config", EventInvokeConfig(arn, function.last_modified, config))


@replaces(LambdaResponse)
def _put_provisioned_concurrency_config(response: Any) -> Any:
    function, arn = _addressed(response)
    wanted = int(response.json_body["ProvisionedConcurrentExecutions"])
    _check(response.backend, function, arn.rpartition(":")[2], wanted)
    stored = _ProvisionedConcurrency(arn, wanted, function.last_modified)
    return _store(response, "provisioned_concurrency", stored)


def _check(backend: Any, function: Any, qualifier: str, wanted: int) -> None:
    """Refuse what AWS refuses: `$LATEST`, an alias with weights, more than the function reserves."""
    if qualifier == "$LATEST":
        raise InvalidParameterValueException(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    if not qualifier.isdigit():
        alias = backend.get_alias(qualifier, function.function_name)
        if (alias.routing_config or {}).get("AdditionalVersionWeights"):
            raise InvalidParameterValueException(
                "Alias with weights can not be used with Provisioned Concurrency"
            )
    reserved = function.reserved_concurrency
    if reserved is not None and wanted > int(reserved):
        raise InvalidParameterValueException(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )
