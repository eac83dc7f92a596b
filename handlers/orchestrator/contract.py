"""Contract of the dispatcher: the list of services, a call by name, and health."""

from __future__ import annotations

from handlers.common.contract import LARGEST_BODY_BYTES, Contract
from handlers.common.metering import BY_CALLED
from handlers.orchestrator.models import DispatchRequest, DispatchResponse, HealthResponse, ServicesResponse

orchestrator = Contract(
    "orchestrator",
    summary="All services by name.",
    max_body_bytes=LARGEST_BODY_BYTES,
    # What it calls is checked by name.
    for_all_callers=True,
)
list_services = orchestrator.get(
    "/ai-service",
    ServicesResponse,
    name="orchestrator.services",
    summary="List the services that the caller may use, with the JSON schemas of their inputs and outputs.",
)
call_service = orchestrator.post(
    "/ai-service",
    DispatchRequest,
    DispatchResponse,
    name="orchestrator.dispatch",
    metered_by=BY_CALLED,
    answers_other_methods=True,
    summary="Call a service by its name, with the input that its schema describes.",
    request_example={
        "service": "language.summary",
        "input": {"text": "The museum opened a new wing on Monday."},
    },
)
read_health = orchestrator.get(
    "/health",
    HealthResponse,
    name="health",
    summary="Return whether the dispatcher is up, without calling a service.",
)
