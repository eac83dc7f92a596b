"""The Lambda handler of the dispatcher: lists the services, calls them by name, reports health."""

from __future__ import annotations

import os
from collections.abc import Callable

from handlers.common.functions import Functions
from handlers.common.invocation import Invocation
from handlers.common.metering import MeteredBy
from handlers.common.once import Once
from handlers.common.service import Service
from handlers.orchestrator.catalogue import Catalogue
from handlers.orchestrator.contract import (
    call_service,
    list_services,
    orchestrator,
    read_health,
)
from handlers.orchestrator.models import DispatchRequest, DispatchResponse, HealthResponse, ServicesResponse


def create_service(catalogue: Callable[[], Catalogue], functions: Callable[[], Functions]) -> Service:
    """Return the dispatcher.

    Args:
        catalogue: Returns the catalogue.
        functions: Returns the functions of the services; called when the first of them is needed.
    """
    service = Service(orchestrator)

    @service.implements(list_services)
    def handle_list(invocation: Invocation) -> ServicesResponse:
        return ServicesResponse(services=catalogue().operations_for(invocation.caller))

    @service.implements(call_service)
    def handle_call(request: DispatchRequest, invocation: Invocation) -> DispatchResponse:
        operation = catalogue().operation(request.service, invocation.caller)
        event = invocation.event(request.service, request.input)
        metered = invocation.metered
        if operation.get("metered_by") is not None:
            measure = MeteredBy.from_json(operation["metered_by"])
            metered.use_operation(request.service, measure, request.input)
        output = functions().call(str(operation["service"]), event, deadline=invocation.deadline)
        metered.result(output)
        return DispatchResponse(service=request.service, output=output)

    @service.implements(read_health)
    def handle_health() -> HealthResponse:
        return HealthResponse(
            status="ok", version=os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") or "unpublished"
        )

    return service


service = create_service(Once(Catalogue.from_file), Once(Functions.from_environment))
handler = service.handler
