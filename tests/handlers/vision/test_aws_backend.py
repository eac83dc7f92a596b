"""Rekognition behind the same contract, checked by botocore against Rekognition's own shapes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from PIL import Image

from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    PayloadTooLarge,
    ServiceError,
    UnprocessableInput,
)
from handlers.vision.aws_backend import RekognitionVision, encoded
from handlers.vision.images import Picture, read_picture

PICTURE = Picture(Image.new("RGB", (400, 200), "white"), 400, 200)
IMAGE = {"Bytes": ANY}


@pytest.fixture
def rekognition() -> Iterator[tuple[RekognitionVision, Stubber]]:
    client: Any = boto3.client(
        "rekognition", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stubber:
        yield RekognitionVision(AwsApi("rekognition", make_client=lambda name, tries: client)), stubber
        stubber.assert_no_pending_responses()


def deadline() -> Deadline:
    return Deadline.after(60)


def detection(
    text: str, polygon: list[tuple[float, float]], kind: str = "LINE", confidence: float = 99.5
) -> dict[str, Any]:
    xs, ys = zip(*polygon, strict=True)
    return {
        "DetectedText": text,
        "Type": kind,
        "Id": 0,
        "Confidence": confidence,
        "Geometry": {
            "BoundingBox": {
                "Left": min(xs),
                "Top": min(ys),
                "Width": max(xs) - min(xs),
                "Height": max(ys) - min(ys),
            },
            "Polygon": [{"X": x, "Y": y} for x, y in polygon],
        },
    }


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_lines_become_the_contracts_lines_in_reading_order(
    rekognition: tuple[RekognitionVision, Stubber],
) -> None:
    backend, stubber = rekognition
    answer = {
        "TextDetections": [
            detection("9.35", box(0.8, 0.5, 0.9, 0.6)),
            detection("COFFEE", box(0.1, 0.1, 0.5, 0.2)),
            detection("TOTAL", box(0.1, 0.5, 0.3, 0.6), confidence=80),
            detection("COFFEE", box(0.1, 0.1, 0.5, 0.2), kind="WORD"),
        ],
        "TextModelVersion": "3.0",
    }
    stubber.add_response("detect_text", answer, {"Image": IMAGE})
    found = backend.read_text(PICTURE, deadline=deadline())
    assert found.text == "COFFEE\nTOTAL 9.35"
    assert [(line.text, line.confidence) for line in found.lines] == [
        ("COFFEE", 0.995),
        ("TOTAL", 0.8),
        ("9.35", 0.995),
    ]
    assert found.lines[0].model_dump() == {
        "text": "COFFEE",
        "confidence": 0.995,
        "bounding_box": {"left": 0.1, "top": 0.1, "width": 0.4, "height": 0.1},
        "polygon": [{"x": 0.1, "y": 0.1}, {"x": 0.5, "y": 0.1}, {"x": 0.5, "y": 0.2}, {"x": 0.1, "y": 0.2}],
    }
    assert (found.width, found.height, found.model) == (400, 200, "Amazon Rekognition DetectText 3.0")
    assert (found.complete, found.unread_regions) == (True, 0)


@pytest.mark.parametrize(("words", "expected"), [(99, (True, 0)), (100, (False, None))])
def test_as_many_words_as_rekognition_finds_at_most_may_not_be_all(
    words: int, expected: tuple[bool, int | None], rekognition: tuple[RekognitionVision, Stubber]
) -> None:
    backend, stubber = rekognition
    word = detection("a", box(0.1, 0.1, 0.5, 0.2), kind="WORD")
    stubber.add_response("detect_text", {"TextDetections": [word] * words}, {"Image": IMAGE})
    found = backend.read_text(PICTURE, deadline=deadline())
    assert (found.complete, found.unread_regions) == expected


def test_coordinates_outside_of_the_image_are_brought_to_its_edge(
    rekognition: tuple[RekognitionVision, Stubber],
) -> None:
    backend, stubber = rekognition
    line = detection("edge", [(-0.02, 0.9), (1.1, 0.9), (1.1, 1.3), (-0.02, 1.3)])
    stubber.add_response("detect_text", {"TextDetections": [line]}, {"Image": IMAGE})
    (found,) = backend.read_text(PICTURE, deadline=deadline()).lines
    assert [(point.x, point.y) for point in found.polygon] == [(0, 0.9), (1, 0.9), (1, 1), (0, 1)]
    assert found.bounding_box.model_dump() == {"left": 0, "top": 0.9, "width": 1, "height": 0.1}


def test_without_a_polygon_the_box_is_taken(rekognition: tuple[RekognitionVision, Stubber]) -> None:
    backend, stubber = rekognition
    line = detection("box", box(0.1, 0.1, 0.5, 0.2))
    del line["Geometry"]["Polygon"]
    stubber.add_response("detect_text", {"TextDetections": [line]}, {"Image": IMAGE})
    (found,) = backend.read_text(PICTURE, deadline=deadline()).lines
    assert [(point.x, point.y) for point in found.polygon] == box(0.1, 0.1, 0.5, 0.2)


def test_an_image_without_text_has_none(rekognition: tuple[RekognitionVision, Stubber]) -> None:
    backend, stubber = rekognition
    stubber.add_response("detect_text", {"TextDetections": []}, {"Image": IMAGE})
    found = backend.read_text(PICTURE, deadline=deadline())
    assert (found.text, found.lines, found.model) == ("", [], "Amazon Rekognition DetectText")


def test_labels_have_confidences_from_0_to_1_and_parents(
    rekognition: tuple[RekognitionVision, Stubber],
) -> None:
    backend, stubber = rekognition
    answer = {
        "Labels": [
            {
                "Name": "Tabby",
                "Confidence": 71.5,
                "Instances": [],
                "Parents": [{"Name": "Cat"}, {"Name": "Animal"}],
            },
            {"Name": "Cat", "Confidence": 98.76, "Instances": [], "Parents": [{"Name": "Animal"}]},
            {"Name": "Plant", "Confidence": 55.0},
        ],
        "LabelModelVersion": "3.0",
    }
    stubber.add_response("detect_labels", answer, {"Image": IMAGE, "MaxLabels": 5, "MinConfidence": 55.0})
    found = backend.find_labels(PICTURE, max_labels=5, min_confidence=0.55, deadline=deadline())
    assert [(label.name, label.confidence, label.parents) for label in found.labels] == [
        ("Cat", 0.9876, ["Animal"]),
        ("Tabby", 0.715, ["Cat", "Animal"]),
        ("Plant", 0.55, []),
    ]
    assert (found.width, found.height, found.model) == (400, 200, "Amazon Rekognition DetectLabels 3.0")


REFUSALS: list[tuple[str, int, type[ServiceError], str]] = [
    ("ImageTooLargeException", 400, PayloadTooLarge, "The image is too large for the AI backend. Send it with fewer pixels."),
    ("InvalidImageFormatException", 400, UnprocessableInput, "The AI backend cannot work on this image. It may have too few pixels."),
    ("InvalidParameterException", 400, UnprocessableInput, "The AI backend cannot work on this image. It may have too few pixels."),
    ("ProvisionedThroughputExceededException", 400, BackendUnavailable, "The AI backend is busy. Try again later."),
    ("ThrottlingException", 400, BackendUnavailable, "The AI backend is busy. Try again later."),
    ("InternalServerError", 500, BackendUnavailable, "The AI backend is busy. Try again later."),
    ("AccessDeniedException", 400, BackendError, "The AI backend refused the call."),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status", "error", "message"), REFUSALS, ids=[case[0] for case in REFUSALS])
@pytest.mark.parametrize("operation", ["detect_text", "detect_labels"])
def test_what_rekognition_refuses_becomes_our_error(
    rekognition: tuple[RekognitionVision, Stubber],
    operation: str,
    code: str,
    status: int,
    error: type[ServiceError],
    message: str,
) -> None:
    backend, stubber = rekognition
    stubber.add_client_error(
        operation, code, "arn:aws:iam::123456789012:role/secret", http_status_code=status
    )
    calls: dict[str, Callable[[], object]] = {
        "detect_text": lambda: backend.read_text(PICTURE, deadline=deadline()),
        "detect_labels": lambda: backend.find_labels(
            PICTURE, max_labels=5, min_confidence=0.5, deadline=deadline()
        ),
    }
    with pytest.raises(error) as caught:
        calls[operation]()
    assert type(caught.value) is error
    assert caught.value.message == message
    assert "secret" not in str(caught.value.detail)


def test_an_answer_of_another_shape_is_a_backend_error(
    rekognition: tuple[RekognitionVision, Stubber],
) -> None:
    backend, stubber = rekognition
    stubber.add_response(
        "detect_labels", {"Labels": [{"Name": "Cat"}]}, {"Image": IMAGE, "MaxLabels": 5, "MinConfidence": 0.0}
    )
    with pytest.raises(BackendError) as caught:
        backend.find_labels(PICTURE, max_labels=5, min_confidence=0, deadline=deadline())
    assert caught.value.message == "The AI backend's answer cannot be used."


def test_nothing_is_called_when_no_time_is_left(rekognition: tuple[RekognitionVision, Stubber]) -> None:
    backend, _ = rekognition
    with pytest.raises(BackendTimeout):
        backend.read_text(PICTURE, deadline=Deadline.after(0))


def test_rekognition_gets_pixels_and_nothing_else() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    photo = io.BytesIO()
    Image.new("RGB", (50, 40), "red").save(photo, "JPEG", exif=exif, comment=b"taken at home")
    assert photo.getvalue().count(b"taken at home") == 2
    data = encoded(read_picture(photo.getvalue()))
    assert b"taken at home" not in data
    again = Image.open(io.BytesIO(data))
    assert (again.format, again.size, dict(again.getexif())) == ("JPEG", (50, 40), {})


def test_an_image_is_encoded_as_well_as_fits() -> None:
    noise = Picture(Image.effect_noise((300, 300), 120).convert("RGB"), 300, 300)
    best = encoded(noise)
    poorer = encoded(noise, max_bytes=len(best) - 1)
    assert len(poorer) < len(best)
    with pytest.raises(PayloadTooLarge) as caught:
        encoded(noise, max_bytes=2_000)
    assert caught.value.message == "The image is too large for the AI backend. Send it with fewer pixels."
