"""Things that are gone must be answered with 404, or Terraform cannot see that they are.

moto 5.2.5 answers for a missing integration with an empty object, says 400 for missing deployments and validators, and
fails inside where a missing thing is deleted. Some of its messages differ from AWS's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.apigateway import exceptions
from moto.apigateway.exceptions import BadRequestException, NotFoundException
from moto.apigateway.models import APIGatewayBackend, RestAPI

from local_cloud.patches import checks, extends, replaces

exceptions.NotFoundException.code = 404
exceptions.NoIntegrationDefined.code = 400


@replaces(APIGatewayBackend)
def _get_rest_api(backend: Any, function_id: str) -> Any:
    if function_id not in backend.apis:
        raise NotFoundException(f"Invalid API identifier specified {backend.account_id}:{function_id}")
    return backend.apis[function_id]


@replaces(RestAPI)
def _get_deployment(api: Any, deployment_id: str) -> Any:
    if deployment_id not in api.deployments:
        raise NotFoundException("Invalid Deployment identifier specified")
    return api.deployments[deployment_id]


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


@extends(
    APIGatewayBackend,
    *("delete_method", "delete_method_response", "delete_integration", "delete_integration_response"),
    "delete_vpc_link",
)
def _delete(original: Callable[..., Any], backend: Any, *arguments: Any, **options: Any) -> Any:
    """Let a deletion fail as the look-up of the same thing does."""
    getattr(backend, original.__name__.replace("delete", "get"))(*arguments, **options)
    return original(backend, *arguments, **options)


@checks(APIGatewayBackend, "delete_gateway_response")
def _check_gateway_response_is_set(backend: Any, rest_api_id: str, response_type: str) -> None:
    if response_type not in backend.get_rest_api(rest_api_id).gateway_responses:
        raise NotFoundException("Gateway response type not defined on api")


@checks(APIGatewayBackend, "create_request_validator")
def _check_api_of_validator(backend: Any, restapi_id: str, *_: Any, **__: Any) -> None:
    if restapi_id not in backend.apis:
        raise BadRequestException("Invalid REST API identifier specified")


def _names(message: str, *look_ups: str) -> None:
    """Let look-ups answer with a message when the thing, or the API that it would be in, is missing."""

    @extends(APIGatewayBackend, *look_ups)
    def look_up(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return original(*arguments, **options)
        except (KeyError, NotFoundException, exceptions.RequestValidatorNotFound):
            raise NotFoundException(message.format(*arguments[2:], *options.values())) from None


_names("Invalid Resource identifier specified", "get_resource", "delete_resource")
_names("Invalid model name specified: {0}", "get_model", "delete_model")
_names("Invalid Vpc Link identifier specified", "get_vpc_link")
_names("Invalid Authorizer identifier specified", "get_authorizer", "delete_authorizer")
_names("Invalid Usage Plan ID specified", "delete_usage_plan")
_names("Invalid Usage Plan Key specified", "delete_usage_plan_key")
_names(
    "Invalid Request Validator identifier specified",
    *("get_request_validator", "delete_request_validator", "update_request_validator"),
)
