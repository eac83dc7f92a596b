"""Requests and responses of the orchestrator."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from handlers.common.models import RequestModel, ResponseModel


class DispatchRequest(RequestModel):
    """A call of a service by its name."""

    service: Annotated[
        str, Field(min_length=1, max_length=64, description="A name that GET lists, such as `vision.text`.")
    ]
    input: Annotated[dict[str, Any], Field(description="The service's input, as its schema says.")]


class DispatchResponse(ResponseModel):
    """A service's answer."""

    service: str = Field(description="The name of the service that answered.")
    output: dict[str, Any] = Field(description="Its output, as its schema says.")


class ServicesResponse(ResponseModel):
    """All services that can be called."""

    services: list[dict[str, Any]] = Field(
        description="Each with its name, method, path, description, content types, largest body and the schemas of "
        "input and output."
    )


class HealthResponse(ResponseModel):
    """That the function runs. It says nothing of the services behind it."""

    status: Literal["ok"]
    version: str = Field(description="The published version of the function that answered.")
