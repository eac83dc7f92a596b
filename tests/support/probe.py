"""A service that the tests of the common part ask: it has a bit of everything and no backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, field_validator

from handlers.common.admission import Admission
from handlers.common.contract import Contract
from handlers.common.errors import BackendUnavailable
from handlers.common.invocation import Invocation
from handlers.common.models import Base64Data, NotBlank, RequestModel, ResponseModel, is_none
from handlers.common.service import Service


class Point(RequestModel):
    x: float
    y: float = 0.0


class ProbeRequest(RequestModel):
    text: Annotated[str, Field(max_length=20), NotBlank()]
    count: Annotated[int, Field(ge=1, le=9)] = 1
    mode: Literal["plain", "fancy"] = "plain"
    points: Annotated[list[Point], Field(max_length=2, default_factory=list)]
    labels: Annotated[dict[str, int], Field(default_factory=dict)]

    @field_validator("mode")
    @classmethod
    def _fancy_is_not_ready(cls, mode: str) -> str:
        if mode == "fancy":
            raise ValueError("cannot be fancy yet")
        return mode


class ProbeResponse(ResponseModel):
    size: int
    request_id: str
    score: float | None = Field(default=None, exclude_if=is_none)
    nothing: str | None = None


class PictureRequest(RequestModel):
    picture: Base64Data
    most: Annotated[int, Field(ge=1, le=9)] = 5
    deep: bool = False


class PictureResponse(ResponseModel):
    size: int
    most: int
    deep: bool


contract = Contract("probe")
measure_text = contract.post(
    "/probe", ProbeRequest, ProbeResponse, summary="Measure a text.", max_body_bytes=10_000
)
measure_picture = contract.post(
    "/probe/picture",
    PictureRequest,
    PictureResponse,
    name="probe.picture",
    summary="Measure a picture.",
    raw_bodies={"image/png": "picture", "image/jpeg": "picture"},
    max_body_bytes=1_000,
)
read_state = contract.get("/probe", None, name="probe.state", summary="Return the state.")
be_busy = contract.get("/probe/busy", None, name="probe.busy", summary="Be busy.")


def probe_service(
    work: Callable[[str], object] | None = None, *, admission: Admission | None = None
) -> Service:
    """The service; `work` is done on the text and may fail."""
    service = Service(contract, admission=admission)

    @service.implements(measure_text)
    def probe(request: ProbeRequest, invocation: Invocation) -> ProbeResponse:
        if work is not None:
            work(request.text)
        return ProbeResponse(size=len(request.text) * request.count, request_id=invocation.request_id)

    @service.implements(measure_picture)
    def picture(request: PictureRequest) -> PictureResponse:
        return PictureResponse(size=len(request.picture), most=request.most, deep=request.deep)

    @service.implements(read_state)
    def state() -> dict[str, object]:
        return {"state": "well"}

    @service.implements(be_busy)
    def busy() -> dict[str, object]:
        raise BackendUnavailable(retry_after_seconds=7, detail="probe.call: Throttled 429")

    return service


def fail(text: str) -> None:
    """Work that fails with exceptions whose text is the input."""
    try:
        int(text)
    except ValueError as error:
        raise KeyError(text) from error
