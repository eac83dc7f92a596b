"""Things that are gone must be answered with 404, or Terraform cannot see that they are.

moto 5.2.5 answers for a missing integration with an empty object, says 400 for missing deployments and validators, and
fails inside where a missing thing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.apigateway import exceptions
from moto.apigateway.exceptions import NotFoundException
from moto.apigateway.models import APIGatewayBackend, RestAPI

from local_cloud.patches import extends, replaces

exceptions.NotFoundException.code = 404
exceptions.NoIntegrationDefined.code = 400


@replaces(RestAPI)
def _get_deployment(api: Any, deployment_id: str) -> Any:
    if deployment_id not in api.deployments:
        raise NotFoundException("Invalid Deployment identifier specified")
    return api.deployments[deployment_id]


@replaces(RestAPI)
def _get_request_validator(api: Any, validator_id: str) -> Any:
    if validator_id not in api.request_validators:
        raise NotFoundException("Invalid Request Validator identifier specified")
    return api.request_validators[validator_id]


@replaces(APIGatewayBackend)
def _get_integration(backend: Any, function_id: str, resource_id: str, method_type: str) -> Any:
    integration = backend.get_method(function_id, resource_id, method_type).method_integration
    if integration is None:
        raise NotFoundException("Invalid Integration identifier specified")
    return integration


@replaces(APIGatewayBackend)
def _get_method_response(
    backend: Any, function_id: str, resource_id: str, method_type: str, response_code: str
) -> Any:
    response = backend.get_method(function_id, resource_id, method_type).get_response(response_code)
    if response is None:
        raise NotFoundException("Invalid Response status code specified")
    return response


@extends(APIGatewayBackend, "delete_method_response", "delete_integration", "delete_integration_response")
def _delete(original: Callable[..., Any], backend: Any, *arguments: Any) -> Any:
    """Let a deletion fail as the look-up of the same thing does."""
    getattr(backend, original.__name__.replace("delete", "get"))(*arguments)
    return original(backend, *arguments)


@extends(
    APIGatewayBackend, "delete_resource", "delete_authorizer", "delete_usage_plan", "delete_usage_plan_key"
)
@extends(RestAPI, "delete_request_validator", "update_request_validator")
def _answer_not_found(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Turn moto's KeyError for a thing that is not there into AWS's answer."""
    try:
        return original(*arguments, **options)
    except KeyError:
        raise NotFoundException("Invalid identifier specified") from None
