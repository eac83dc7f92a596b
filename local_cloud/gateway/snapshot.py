"""Snapshots of deployments: moto stores none, so a later change of the API would be served at once.

Written against moto 5.2.5, whose `Deployment` holds a description only. A snapshot lives as long as moto's own object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from moto.apigateway.models import RestAPI

from local_cloud.gateway.body_models import BodyModels
from local_cloud.gateway.definition import (
    DEFAULT_TIMEOUT_SECONDS,
    ApiDefinition,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
)
from local_cloud.gateway.routing import Router
from local_cloud.moto_backends import boolean
from local_cloud.patches import extends

_snapshots: WeakKeyDictionary[Any, ApiDefinition] = WeakKeyDictionary()


@extends(RestAPI)
def create_deployment(original: Any, api: Any, *arguments: Any, **options: Any) -> Any:
    """Take the snapshot of a deployment that moto makes."""
    deployment = original(api, *arguments, **options)
    _snapshots[deployment] = take_snapshot(api, deployment.id)
    return deployment


def snapshot_of(deployment: Any) -> ApiDefinition | None:
    """Return the snapshot of one of moto's deployments."""
    return _snapshots.get(deployment)


def every() -> list[tuple[Any, ApiDefinition]]:
    """Return all of moto's deployments with their snapshots, so that they can be saved."""
    return list(_snapshots.items())


def restore(snapshots: Iterable[tuple[Any, ApiDefinition]]) -> None:
    """Take over saved snapshots, with the deployments that were saved with them."""
    _snapshots.update(snapshots)


def take_snapshot(api: Any, deployment_id: str) -> ApiDefinition:
    """Copy what is defined in one of moto's REST APIs at this moment."""
    return ApiDefinition(
        api_id=api.id,
        name=api.name,
        account_id=api.account_id,
        region=api.region_name,
        deployment_id=deployment_id,
        router=Router((method.resource_path, method.http_method, method) for method in _methods(api)),
        binary_media_types=tuple(api.binaryMediaTypes),
        gateway_responses=_frozen(
            {key: _gateway_response(value) for key, value in api.gateway_responses.items()}
        ),
        authorizers=_frozen({key: _frozen(value.to_json()) for key, value in api.authorizers.items()}),
        body_models=BodyModels(
            api.id, {model.name: model.schema or "{}" for model in list(api.models.values())}
        ),
        api_key_source=api.api_key_source,
        endpoint_types=tuple(api.endpoint_configuration.get("types") or ()),
        policy=api.policy or None,
        execute_api_disabled=bool(api.disableExecuteApiEndpoint),
        compression_bytes=None if api.minimum_compression_size is None else int(api.minimum_compression_size),
    )


def _methods(api: Any) -> Iterator[Method]:
    for resource in list(api.resources.values()):
        path = resource.get_path()
        for method in list(resource.resource_methods.values()):
            yield Method(
                resource_id=resource.id,
                resource_path=path,
                http_method=method.http_method,
                authorization=method.authorization_type,
                authorizer_id=method.authorizer_id,
                authorization_scopes=tuple(method.authorization_scopes or ()),
                api_key_required=boolean(method.api_key_required),
                validates_body=_validates(api, method, "body"),
                validates_parameters=_validates(api, method, "parameters"),
                request_models=_frozen(method.request_models),
                request_parameters=_frozen(
                    {k: boolean(v) for k, v in (method.request_parameters or {}).items()}
                ),
                operation_name=method.operation_name,
                integration=_integration(method.method_integration),
                response_statuses=frozenset(str(status) for status in method.method_responses),
            )


def _integration(integration: Any) -> Integration | None:
    if integration is None:
        return None
    milliseconds = integration.timeout_in_millis
    return Integration(
        kind=integration.integration_type,
        uri=integration.uri or "",
        http_method=integration.http_method,
        timeout_seconds=DEFAULT_TIMEOUT_SECONDS if milliseconds is None else int(milliseconds) / 1000,
        credentials=integration.credentials,
        request_templates=_frozen(integration.request_templates),
        content_handling=integration.content_handling,
        connection_type=integration.connection_type,
        passthrough=integration.passthrough_behaviour or "WHEN_NO_MATCH",
        request_parameters=_frozen(integration.request_parameters),
        streams=getattr(integration, "response_transfer_mode", None) == "STREAM",
        responses=tuple(
            IntegrationResponse(
                status=str(response.status_code),
                selection_pattern=response.selection_pattern,
                parameters=_frozen(response.response_parameters),
                templates=_frozen({k: v or "" for k, v in (response.response_templates or {}).items()}),
                content_handling=response.content_handling,
            )
            for response in (integration.integration_responses or {}).values()
        ),
    )


def _validates(api: Any, method: Any, part: str) -> bool:
    validator = api.request_validators.get(method.request_validator_id)
    return validator is not None and boolean(getattr(validator, f"validate_request_{part}"))


def _gateway_response(response: Any) -> GatewayResponse:
    return GatewayResponse(
        status=int(response.status_code) if response.status_code else None,
        parameters=_frozen(response.response_parameters),
        templates=_frozen(response.response_templates),
    )


def _frozen(content: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(dict(content or {}))
