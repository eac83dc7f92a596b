"""Contract of the vision service."""

from __future__ import annotations

from handlers.common.contract import LARGEST_BODY_BYTES, Contract
from handlers.common.metering import per_call
from handlers.vision.models import (
    LabelsRequest,
    LabelsResponse,
    PreviewRequest,
    PreviewResponse,
    TextRequest,
    TextResponse,
)

MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")

vision = Contract(
    "vision",
    summary="Text and objects in images.",
    raw_bodies=dict.fromkeys(MEDIA_TYPES, "image"),
    max_body_bytes=LARGEST_BODY_BYTES,
    read_only=True,
    aws_actions=["rekognition:DetectLabels", "rekognition:DetectText"],
)
read_text = vision.post(
    "/vision/text",
    TextRequest,
    TextResponse,
    name="vision.text",
    metered_by=per_call("image"),
    summary="Read the text of an image, in reading order and with the place of each line.",
)
find_labels = vision.post(
    "/vision/labels",
    LabelsRequest,
    LabelsResponse,
    name="vision.labels",
    metered_by=per_call("image"),
    summary="Name what an image shows. The local backend knows things, animals and food, but not people.",
)
make_preview = vision.post(
    "/vision/preview",
    PreviewRequest,
    PreviewResponse,
    name="vision.preview",
    metered_by=per_call("image"),
    summary="Return a small, upright copy of an image, for a page or for a model that reads images.",
)
