"""Provisioned concurrency of a function's version or alias.

moto 5.2.5 has none of its operations. Here it is ready at once, as the local cloud keeps processes warm anyway: the setting is
kept so that Terraform finds it, and what AWS refuses is refused.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.awslambda.urls import url_paths

_NOT_FOUND = "No Provisioned Concurrency Config found for this function"


def apply() -> None:
    """Add the three operations on one setting, and the list."""
    url_paths[
        r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/provisioned-concurrency/?$"
    ] = LambdaResponse.dispatch
    LambdaResponse.put_provisioned_concurrency_config = _put
    LambdaResponse.get_provisioned_concurrency_config = _get
    LambdaResponse.delete_provisioned_concurrency_config = _delete
    LambdaResponse.list_provisioned_concurrency_configs = _list


def _put(response: Any) -> tuple[int, dict[str, str], str]:
    function, qualifier = _addressed(response)
    wanted = response.json_body.get("ProvisionedConcurrentExecutions")
    _check(response.backend, function, qualifier, wanted)
    config = {"executions": int(wanted), "modified": function.last_modified}
    function.provisioned_concurrency = {**_configs(function), qualifier: config}
    return 202, {"content-type": "application/json"}, json.dumps(_description(config))


def _get(response: Any) -> str:
    function, qualifier = _addressed(response)
    return json.dumps(_description(_required(function, qualifier)))


def _delete(response: Any) -> tuple[int, dict[str, Any], str]:
    function, qualifier = _addressed(response)
    _required(function, qualifier)
    function.provisioned_concurrency = {
        name: config for name, config in _configs(function).items() if name != qualifier
    }
    return 204, {"status": 204}, ""


def _list(response: Any) -> str:
    function, _ = _addressed(response)
    described = [
        {"FunctionArn": f"{function.function_arn}:{qualifier}", **_description(config)}
        for qualifier, config in _configs(function).items()
    ]
    return json.dumps({"ProvisionedConcurrencyConfigs": described})


def _addressed(response: Any) -> tuple[Any, str]:
    """Return the function that a request names, and the qualifier."""
    name = unquote(response.path.split("/functions/", 1)[1].split("/", 1)[0])
    return response.backend.get_function(name), response.querystring.get("Qualifier", ["$LATEST"])[0]


def _configs(function: Any) -> dict[str, dict[str, Any]]:
    configs: dict[str, dict[str, Any]] = getattr(function, "provisioned_concurrency", None) or {}
    return configs


def _required(function: Any, qualifier: str) -> dict[str, Any]:
    config = _configs(function).get(qualifier)
    if config is None:
        error = LambdaClientError("ProvisionedConcurrencyConfigNotFoundException", _NOT_FOUND)
        error.code = 404
        raise error
    return config


def _check(backend: Any, function: Any, qualifier: str, wanted: Any) -> None:
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
    if reserved is not None and int(wanted) > int(reserved):
        raise InvalidParameterValueException(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )


def _description(config: dict[str, Any]) -> dict[str, Any]:
    executions = config["executions"]
    return {
        "RequestedProvisionedConcurrentExecutions": executions,
        "AvailableProvisionedConcurrentExecutions": executions,
        "AllocatedProvisionedConcurrentExecutions": executions,
        "Status": "READY",
        "LastModified": config["modified"],
    }
