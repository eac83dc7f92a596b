"""Things that are gone must be answered with 404, or Terraform cannot see that they are.

moto 5.2.5 answers for a missing integration with an empty object, says 400 for missing deployments and validators, and
fails inside where a missing thing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.apigateway import exceptions
from moto.apigateway.exceptions import NotFoundException
from moto.apigateway.models import APIGatewayBackend, RestAPI


def apply() -> None:
    """Make the backend raise AWS's errors."""
    exceptions.NotFoundException.code = 404
    exceptions.NoIntegrationDefined.code = 400
    RestAPI.get_request_validator = _get_request_validator
    RestAPI.get_deployment = _get_deployment
    APIGatewayBackend.get_integration = _get_integration
    APIGatewayBackend.get_method_response = _get_method_response
    for name, look_up in (
        ("delete_method_response", "get_method_response"),
        ("delete_integration", "get_integration"),
        ("delete_integration_response", "get_integration_response"),
    ):
        setattr(APIGatewayBackend, name, _looking_up_first(getattr(APIGatewayBackend, name), look_up))
    for owner, name in (
        (APIGatewayBackend, "delete_resource"),
        (APIGatewayBackend, "delete_authorizer"),
        (APIGatewayBackend, "delete_usage_plan"),
        (APIGatewayBackend, "delete_usage_plan_key"),
        (RestAPI, "delete_request_validator"),
        (RestAPI, "update_request_validator"),
    ):
        setattr(owner, name, _answering_not_found(getattr(owner, name)))


def _get_deployment(api: Any, deployment_id: str) -> Any:
    if deployment_id not in api.deployments:
        raise NotFoundException("Invalid Deployment identifier specified")
    return api.deployments[deployment_id]


def _get_request_validator(api: Any, validator_id: str) -> Any:
    if validator_id not in api.request_validators:
        raise NotFoundException("Invalid Request Validator identifier specified")
    return api.request_validators[validator_id]


def _get_integration(backend: Any, function_id: str, resource_id: str, method_type: str) -> Any:
    integration = backend.get_method(function_id, resource_id, method_type).method_integration
    if integration is None:
        raise NotFoundException("Invalid Integration identifier specified")
    return integration


def _get_method_response(
    backend: Any, function_id: str, resource_id: str, method_type: str, response_code: str
) -> Any:
    response = backend.get_method(function_id, resource_id, method_type).get_response(response_code)
    if response is None:
        raise NotFoundException("Invalid Response status code specified")
    return response


def _looking_up_first(original: Callable[..., Any], look_up: str) -> Callable[..., Any]:
    """Let a deletion fail as the look-up of the same thing does."""

    @wraps(original)
    def method(backend: Any, *arguments: Any) -> Any:
        getattr(backend, look_up)(*arguments)
        return original(backend, *arguments)

    return method


def _answering_not_found(original: Callable[..., Any]) -> Callable[..., Any]:
    """Turn moto's KeyError for a thing that is not there into AWS's answer."""

    @wraps(original)
    def method(*arguments: Any, **options: Any) -> Any:
        try:
            return original(*arguments, **options)
        except KeyError:
            raise NotFoundException("Invalid identifier specified") from None

    return method
