"""Routes of a service: one method for each operation of its contract."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from constructs_lib.api.openapi_document import RouteDocumentation
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.service_contract import check_contract

if TYPE_CHECKING:
    from constructs_lib.api.api_context import ApiContext
    from constructs_lib.api.integration import Integration
    from constructs_lib.api.method import Method
    from constructs_lib.api.resource import Resource
    from constructs_lib.authorization.kinds import Authorization
    from constructs_lib.service_contract import ServiceContract, ServiceOperation


class Service(Protocol):
    """A contract, and the integration that implements it."""

    @property
    def contract(self) -> ServiceContract:
        """The contract."""

    @property
    def integration(self) -> Integration | Mapping[str, Integration]:
        """The integration of all its routes, or one for each by the names of the operations."""


def add_operations(
    context: ApiContext,
    root: Resource,
    where: str,
    contract: ServiceContract,
    integration: Integration | Mapping[str, Integration],
    *,
    authorization: Mapping[str, Authorization],
    api_key_required: Collection[str],
) -> tuple[Method, ...]:
    """Add the routes of a contract; see `RestApi.add_service`."""
    check_paths(where, [contract], {"authorization": authorization, "api_key_required": api_key_required})
    routed = [operation for operation in contract.operations if operation.path is not None]
    integrations = (
        integration
        if isinstance(integration, Mapping)
        else {operation.name: integration for operation in routed}
    )
    names = {operation.name for operation in routed}
    if names != integrations.keys():
        wrong = sorted(names ^ integrations.keys())[0]
        raise InvalidArgumentError(
            where,
            f"integration has no entry for '{wrong}'"
            if wrong in names
            else f"integration names '{wrong}', which is not a routed operation of the service '{contract.name}'",
            f"pass one integration for each of {', '.join(sorted(names))}",
        )
    context.tags[contract.name] = contract.summary
    for operation in routed:
        if operation.path is not None and root.cors is not None:
            root.resource_for(operation.path).allow_headers(operation.request_headers)
    for operation in routed:
        if operation.answers_other_methods and operation.path is not None:
            root.resource_for(operation.path).add_method(
                "ANY",
                integrations[operation.name],
                authorization=authorization.get(operation.path),
                documentation=RouteDocumentation(hidden=True),
            )
    return tuple(
        _add(
            root,
            operation,
            path,
            integrations[operation.name],
            authorization.get(path),
            True if path in api_key_required else None,
        )
        for operation in routed
        if (path := operation.path) is not None
    )


def check_paths(
    where: str, contracts: Sequence[ServiceContract], arguments: Mapping[str, Collection[str]]
) -> None:
    """Check that arguments name routes of services only.

    Args:
        where: The path of the API.
        contracts: The services' contracts.
        arguments: Paths by the names of the arguments.

    Raises:
        InvalidArgumentError: A path is not a route of the services.
    """
    for contract in contracts:
        check_contract(where, contract)
    service_paths = [
        operation.path
        for contract in contracts
        for operation in contract.operations
        if operation.path is not None
    ]
    for argument, paths in arguments.items():
        for path in paths:
            if path not in service_paths:
                names = ", ".join(f"'{contract.name}'" for contract in contracts)
                raise InvalidArgumentError(
                    where,
                    f"{argument} names '{path}', which is not a route of {names}",
                    f"use one of {', '.join(service_paths)}",
                )


def _add(
    root: Resource,
    operation: ServiceOperation,
    path: str,
    integration: Integration,
    authorization: Authorization | None,
    api_key_required: bool | None,
) -> Method:
    has_body = operation.request_model is not None
    return root.resource_for(path).add_method(
        operation.method,
        integration,
        authorization=authorization,
        api_key_required=api_key_required,
        request_model=operation.request_model,
        validate_body=operation.gateway_validates,
        request_parameters={
            **{f"header.{name}": needed for name, needed in operation.request_headers.items()},
            **{f"querystring.{name}": False for name in operation.query},
        },
        other_media_types=tuple(operation.raw_bodies),
        response_model=operation.response_model,
        event_model=operation.event_model,
        documentation=RouteDocumentation(
            operation_id=operation.name.replace(".", "_"),
            summary=operation.summary,
            tag=operation.service,
            status=operation.status,
            max_body_bytes=operation.max_body_bytes if has_body else None,
            request_example=operation.request_example,
            error_schema=operation.error_schema,
        ),
    )
