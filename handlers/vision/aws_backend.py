"""The backend that calls Amazon Rekognition: DetectText for text, DetectLabels for labels.

Rekognition gets the decoded image, encoded anew: it takes two of the four formats, and what else the file holds, such
as where a photo was taken, is none of its business.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from handlers.common.aws_api import AwsApi, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import PayloadTooLarge, ServiceError, UnprocessableInput
from handlers.vision.backend import FoundLabel, FoundText, labels_response, text_response
from handlers.vision.images import Picture
from handlers.vision.models import LabelsResponse, TextResponse

MAX_WORDS = 100
"""The words that DetectText finds at most. It does not say whether there are more."""

MAX_IMAGE_BYTES = 5_242_880
"""What Rekognition takes as the bytes of an image."""

_JPEG_QUALITIES = (95, 85, 70, 50)


def _too_large() -> ServiceError:
    return PayloadTooLarge("The image is too large for the AI backend. Send it with fewer pixels.")


def _unfit() -> ServiceError:
    return UnprocessableInput("The AI backend cannot work on this image. It may have too few pixels.")


_REFUSALS = {
    "ImageTooLargeException": _too_large,
    "InvalidImageFormatException": _unfit,
    "InvalidParameterException": _unfit,
}


class RekognitionVision:
    """Vision backend that reads and labels images with Amazon Rekognition.

    Args:
        api: Rekognition; made from the environment when left out.
    """

    def __init__(self, api: AwsApi | None = None) -> None:
        self._api = api or AwsApi("rekognition")

    def read_text(self, picture: Picture, *, deadline: Deadline) -> TextResponse:
        """Read the text of an image; see `VisionBackend`."""
        answer = self._call("detect_text", picture, {}, deadline)
        with reading_answer("rekognition.detect_text"):
            detections = answer["TextDetections"]
            words = sum(detection["Type"] == "WORD" for detection in detections)
            return text_response(
                [_found_text(detection, picture) for detection in detections if detection["Type"] == "LINE"],
                picture=picture,
                model=_model("DetectText", answer.get("TextModelVersion")),
                unread_regions=0 if words < MAX_WORDS else None,
            )

    def find_labels(
        self, picture: Picture, *, max_labels: int, min_confidence: float, deadline: Deadline
    ) -> LabelsResponse:
        """Name the things that an image shows; see `VisionBackend`."""
        limits = {"MaxLabels": max_labels, "MinConfidence": round(min_confidence * 100, 4)}
        answer = self._call("detect_labels", picture, limits, deadline)
        with reading_answer("rekognition.detect_labels"):
            found = [
                FoundLabel(
                    name=label["Name"],
                    confidence=label["Confidence"] / 100,
                    parents=tuple(parent["Name"] for parent in label.get("Parents", ())),
                )
                for label in answer["Labels"]
            ]
            return labels_response(
                found,
                picture=picture,
                max_labels=max_labels,
                min_confidence=min_confidence,
                model=_model("DetectLabels", answer.get("LabelModelVersion")),
            )

    def _call(
        self, operation: str, picture: Picture, parameters: Mapping[str, object], deadline: Deadline
    ) -> dict[str, Any]:
        image = {"Bytes": encoded(picture)}
        return self._api.call(
            operation, {"Image": image, **parameters}, deadline=deadline, refusals=_REFUSALS
        )


def encoded(picture: Picture, *, max_bytes: int = MAX_IMAGE_BYTES) -> bytes:
    """The picture as a JPEG, as good as fits.

    Args:
        picture: The picture.
        max_bytes: The most that fits.

    Raises:
        PayloadTooLarge: It does not even fit in poor quality.
    """
    for quality in _JPEG_QUALITIES:
        file = io.BytesIO()
        picture.pixels.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= max_bytes:
            return file.getvalue()
    raise _too_large()


def _found_text(detection: Mapping[str, Any], picture: Picture) -> FoundText:
    geometry = detection["Geometry"]
    shares = [(point["X"], point["Y"]) for point in geometry.get("Polygon", ())]
    if len(shares) != 4:
        box = geometry["BoundingBox"]
        left, top = box["Left"], box["Top"]
        right, bottom = left + box["Width"], top + box["Height"]
        shares = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return FoundText(
        text=detection["DetectedText"],
        confidence=detection["Confidence"] / 100,
        corners=tuple((x * picture.width, y * picture.height) for x, y in shares),
    )


def _model(operation: str, version: object) -> str:
    return f"Amazon Rekognition {operation} {version}" if version else f"Amazon Rekognition {operation}"
