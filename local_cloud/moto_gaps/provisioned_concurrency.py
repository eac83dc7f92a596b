"""Provisioned concurrency of a function's version or alias.

moto 5.2.5 has none of its operations. Here it is ready at once, as the local cloud keeps processes warm anyway: the setting is
kept so that Terraform finds it, and what AWS refuses is refused.
"""

from __future__ import annotations

import json
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.awslambda.urls import url_paths

from local_cloud.moto_gaps.lambda_event_invoke import addressed
from local_cloud.patches import replaces

_NOT_FOUND = "No Provisioned Concurrency Config found for this function"


url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/provisioned-concurrency/?$"] = (
    LambdaResponse.dispatch
)


@replaces(LambdaResponse)
def _put_provisioned_concurrency_config(response: Any) -> tuple[int, dict[str, str], str]:
    function, qualifier = addressed(response)
    wanted = response.json_body.get("ProvisionedConcurrentExecutions")
    _check(response.backend, function, qualifier, wanted)
    config = {"executions": int(wanted), "modified": function.last_modified}
    function.provisioned_concurrency = {**_configs(function), qualifier: config}
    return 202, {"content-type": "application/json"}, json.dumps(_description(config))


@replaces(LambdaResponse)
def _get_provisioned_concurrency_config(response: Any) -> str:
    function, qualifier = addressed(response)
    return json.dumps(_description(_required(function, qualifier)))


@replaces(LambdaResponse)
def _delete_provisioned_concurrency_config(response: Any) -> tuple[int, dict[str, Any], str]:
    function, qualifier = addressed(response)
    _required(function, qualifier)
    function.provisioned_concurrency = {
        name: config for name, config in _configs(function).items() if name != qualifier
    }
    return 204, {"status": 204}, ""


@replaces(LambdaResponse)
def _list_provisioned_concurrency_configs(response: Any) -> str:
    function, _ = addressed(response)
    described = [
        {"FunctionArn": f"{function.function_arn}:{qualifier}", **_description(config)}
        for qualifier, config in _configs(function).items()
    ]
    return json.dumps({"ProvisionedConcurrencyConfigs": described})


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
