"""Dispatcher: a service that lists other services and invokes them by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.api.lambda_integration import LambdaIntegration
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import path_below
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.patterns.ai_service import AiService
from constructs_lib.patterns.service_archive import service_archive

if TYPE_CHECKING:
    from constructs_lib.archive import Archive
    from constructs_lib.service_contract import ServiceContract


class Dispatcher(AiService):
    """Service that invokes the operations of other services by name.

    Its archive contains the catalogue of the services (`catalogue.json` beside its handler), so that it can list them
    without invoking them. `AI_SERVICES` has their ARNs as JSON, by name. It may invoke exactly these functions.

    Args:
        scope: The construct that it belongs to.
        contract: The dispatcher's contract. Its name is the id in `scope`.
        services: The services.
        memory_mb: Memory in MB, 128-10240. Default: 512.
        timeout_seconds: Timeout, longer than that of the services, 1-28. Default: 28.
        archive: Its code. Default: the archive of `handlers/<name>` with the catalogue as `catalogue.json`.

    Raises:
        ConstructError: An argument is not valid, or a service is in another stack.
        ArchiveError: The archive cannot be built.

    Example:
        >>> service = AiService(stack, contract, archive=archive)
        >>> dispatcher = Dispatcher(stack, dispatcher_contract, services=[service], archive=archive)
        >>> list(dispatcher.services)
        ['greeting']
    """

    def __init__(
        self,
        scope: Construct,
        contract: ServiceContract,
        *,
        services: Iterable[AiService],
        memory_mb: int = 512,
        timeout_seconds: int = 28,
        archive: Archive | None = None,
    ) -> None:
        dispatched = {service.contract.name: service for service in services}
        if not dispatched:
            raise InvalidArgumentError(
                path_below(scope, contract.name), "services is empty", "pass at least one AiService"
            )
        operations = [
            operation.describe()
            for service in dispatched.values()
            for operation in service.contract.operations
        ]
        catalogue = {
            f"handlers/{contract.name}/catalogue.json": json.dumps(operations, ensure_ascii=False).encode()
        }
        super().__init__(
            scope,
            contract,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            calls=dispatched,
            archive=archive or service_archive(AwsStack.of(scope), contract.name, generated=catalogue),
        )
        self._services = dispatched

    @cached_property
    def integration(self) -> LambdaIntegration:
        """The integration of its routes."""
        return LambdaIntegration(self)

    @property
    def services(self) -> Mapping[str, AiService]:
        """The services by name."""
        return MappingProxyType(self._services)
