"""The Lambda handler of the vision function: decodes the image and asks the backend."""

from __future__ import annotations

from collections.abc import Callable

from handlers.common.backend_choice import BackendChoice
from handlers.common.invocation import Invocation
from handlers.common.service import Service
from handlers.vision.backend import VisionBackend
from handlers.vision.contract import find_labels, make_preview, read_text, vision
from handlers.vision.images import png_of, read_picture
from handlers.vision.models import (
    LabelsRequest,
    LabelsResponse,
    PreviewRequest,
    PreviewResponse,
    TextRequest,
    TextResponse,
)

_PIXELS_FOR_LABELS = 512


def create_service(backend: Callable[[], VisionBackend]) -> Service:
    """The vision service.

    Args:
        backend: Returns the backend; called only for a valid image.
    """
    service = Service(vision)

    @service.implements(read_text)
    def handle_text(request: TextRequest, invocation: Invocation) -> TextResponse:
        picture = read_picture(request.image)
        return backend().read_text(picture, deadline=invocation.deadline)

    @service.implements(find_labels)
    def handle_labels(request: LabelsRequest, invocation: Invocation) -> LabelsResponse:
        picture = read_picture(request.image, enough=_PIXELS_FOR_LABELS)
        return backend().find_labels(
            picture,
            max_labels=request.max_labels,
            min_confidence=request.min_confidence,
            deadline=invocation.deadline,
        )

    @service.implements(make_preview)
    def handle_preview(request: PreviewRequest) -> PreviewResponse:
        picture = read_picture(request.image, enough=request.max_side)
        preview = png_of(picture, max_side=request.max_side)
        return PreviewResponse(preview=preview, width=picture.width, height=picture.height)

    return service


def _local() -> VisionBackend:
    from handlers.vision.local_backend import LocalVision

    return LocalVision.from_weights()


def _aws() -> VisionBackend:
    from handlers.vision.aws_backend import RekognitionVision

    return RekognitionVision()


service = create_service(BackendChoice(local=_local, aws=_aws))
handler = service.handler
