"""The Lambda handler of the orchestrator: lists the AI services, calls them by name, says that it is up."""

from __future__ import annotations

import os
from collections.abc import Callable

from handlers.common.errors import UnknownOperation, UnknownService
from handlers.common.invocation import Invocation
from handlers.common.once import Once
from handlers.common.service import Service
from handlers.orchestrator.catalogue import Catalogue
from handlers.orchestrator.functions import Functions
from handlers.orchestrator.models import DispatchRequest, DispatchResponse, HealthResponse, ServicesResponse


def create_service(functions: Callable[[], Functions]) -> Service:
    """The orchestrator.

    Args:
        functions: Gives the service functions; it is asked when the first of them is needed.
    """
    service = Service("orchestrator")
    catalogue = Once(lambda: Catalogue(functions()))

    @service.operation(
        "orchestrator.services",
        method="GET",
        path="/ai-service",
        summary="Lists the AI services, with the JSON schemas of their inputs and outputs.",
    )
    def list_services(invocation: Invocation) -> ServicesResponse:
        listing = catalogue().listing(deadline=invocation.deadline)
        return ServicesResponse(services=listing.services, unavailable=listing.unavailable)

    def call_by_name(request: DispatchRequest, invocation: Invocation) -> DispatchResponse:
        name, deadline = request.service, invocation.deadline
        key = name.partition(".")[0]
        event = {"operation": name, "input": request.input, "requestId": invocation.request_id}
        try:
            if key not in functions().keys:
                raise UnknownOperation
            output = functions().call(key, event, deadline=deadline)
        except UnknownOperation as error:
            names = ", ".join(catalogue().names(deadline=deadline))
            raise UnknownService(
                f"There is no service of this name. There is: {names}.", detail=error.detail
            ) from None
        return DispatchResponse(service=name, output=output)

    @service.operation(
        "orchestrator.dispatch",
        path="/ai-service",
        summary="Calls an AI service by its name, with the input that its schema asks for.",
    )
    def dispatch(request: DispatchRequest, invocation: Invocation) -> DispatchResponse:
        return call_by_name(request, invocation)

    @service.operation(
        "orchestrator.dispatch_for_partner",
        path="/partners/ai-service",
        summary="The same for partners, who have a token and a metered key.",
    )
    def dispatch_for_partner(request: DispatchRequest, invocation: Invocation) -> DispatchResponse:
        return call_by_name(request, invocation)

    @service.operation(
        "health",
        method="GET",
        path="/health",
        summary="Says that the orchestrator is up, without asking any service.",
    )
    def health() -> HealthResponse:
        return HealthResponse(
            status="ok", version=os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") or "unpublished"
        )

    return service


service = create_service(Once(Functions.from_environment))
handler = service.handler
