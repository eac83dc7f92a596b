"""Routes of a service: one method for each operation of its contract."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from constructs_lib.api.openapi_document import RouteDocumentation
from constructs_lib.errors import InvalidArgumentError

if TYPE_CHECKING:
    from constructs_lib.api.api_context import ApiContext
    from constructs_lib.api.integration import Integration
    from constructs_lib.api.method import Method
    from constructs_lib.api.resource import Resource
    from constructs_lib.authorization.kinds import Authorization
    from constructs_lib.service_contract import ServiceContract, ServiceOperation


def add_operations(
    context: ApiContext,
    root: Resource,
    where: str,
    contract: ServiceContract,
    integration: Integration,
    *,
    authorization: Mapping[str, Authorization],
    api_key_required: Collection[str],
) -> tuple[Method, ...]:
    """Add the routes of a contract; see `RestApi.add_service`."""
    operations = {one.path: one for one in contract.operations if one.path is not None}
    for argument, paths in (("authorization", authorization), ("api_key_required", api_key_required)):
        for named in paths:
            if named not in operations:
                raise InvalidArgumentError(
                    where,
                    f"{argument} names '{named}', which is not a route of the service '{contract.name}'",
                    f"use one of {', '.join(operations)}",
                )
    context.tags[contract.name] = contract.summary
    return tuple(
        _add(root, operation, path, integration, authorization.get(path), path in api_key_required)
        for operation in contract.operations
        if (path := operation.path) is not None
    )


def _add(
    root: Resource,
    operation: ServiceOperation,
    path: str,
    integration: Integration,
    authorization: Authorization | None,
    api_key_required: bool,
) -> Method:
    has_body = operation.request_model is not None
    return root.resource_for(path).add_method(
        operation.method,
        integration,
        authorization=authorization,
        api_key_required=api_key_required,
        request_model=operation.request_model,
        request_parameters={f"header.{name}": needed for name, needed in operation.request_headers.items()},
        other_media_types=tuple(operation.raw_bodies),
        response_model=operation.response_model,
        documentation=RouteDocumentation(
            operation_id=operation.name.replace(".", "_"),
            summary=operation.summary,
            tag=operation.service,
            status=operation.status,
            max_body_bytes=operation.max_body_bytes if has_body else None,
            request_example=operation.request_example,
        ),
    )
