"""The vision function's events: JSON, raw images and direct calls in; answers, problems and schemas out."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendTimeout, ServiceError, UnprocessableInput
from handlers.vision.app import create_service
from handlers.vision.backend import FoundLabel, FoundText, labels_response, text_response
from handlers.vision.images import Picture
from handlers.vision.models import LabelsResponse, TextResponse

CANARY = "canary-7c31"


def file_of(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind)
    return file.getvalue()


class FakeBackend:
    """Backend that records its calls and answers with one line and two labels, or with an error."""

    def __init__(self, error: ServiceError | None = None) -> None:
        self.error = error
        self.pictures: list[Picture] = []
        self.limits: list[tuple[int, float]] = []
        self.deadlines: list[Deadline] = []

    def read_text(self, picture: Picture, *, deadline: Deadline) -> TextResponse:
        self.pictures.append(picture)
        self.deadlines.append(deadline)
        if self.error is not None:
            raise self.error
        line = FoundText("hello", 0.9, ((4, 3), (20, 3), (20, 6), (4, 6)))
        return text_response([line], picture=picture, model="fake")

    def find_labels(
        self, picture: Picture, *, max_labels: int, min_confidence: float, deadline: Deadline
    ) -> LabelsResponse:
        self.pictures.append(picture)
        self.deadlines.append(deadline)
        self.limits.append((max_labels, min_confidence))
        found = [FoundLabel("cat", 0.9, ("animal",)), FoundLabel("animal", 0.95, ())]
        return labels_response(
            found, picture=picture, max_labels=max_labels, min_confidence=min_confidence, model="fake"
        )


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def vision(backend: FakeBackend) -> Any:
    return create_service(lambda: backend)


def proxy_event(
    path: str,
    body: bytes | dict[str, object],
    content_type: str = "application/json",
    query: dict[str, str] | None = None,
) -> dict[str, object]:
    is_json = isinstance(body, dict)
    return {
        "httpMethod": "POST",
        "resource": path,
        "path": path,
        "headers": {"Content-Type": content_type},
        "multiValueHeaders": {"Content-Type": [content_type]},
        "queryStringParameters": query,
        "body": json.dumps(body) if isinstance(body, dict) else base64.b64encode(body).decode(),
        "isBase64Encoded": not is_json,
        "requestContext": {"requestId": "gateway-1"},
    }


def in_json(data: bytes, **others: object) -> dict[str, object]:
    return {"image": base64.b64encode(data).decode(), **others}


def test_text_of_an_image_in_json(vision: Any, backend: FakeBackend) -> None:
    response = vision.handler(proxy_event("/vision/text", in_json(file_of())), Context())
    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {
        "text": "hello",
        "lines": [
            {
                "text": "hello",
                "confidence": 0.9,
                "bounding_box": {"left": 0.1, "top": 0.1, "width": 0.4, "height": 0.1},
                "polygon": [
                    {"x": 0.1, "y": 0.1},
                    {"x": 0.5, "y": 0.1},
                    {"x": 0.5, "y": 0.2},
                    {"x": 0.1, "y": 0.2},
                ],
            }
        ],
        "width": 40,
        "height": 30,
        "model": "fake",
        "complete": True,
        "unread_regions": 0,
    }
    assert 0 < backend.deadlines[0].seconds_left() < 10


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_raw_image_is_taken_in_every_format(vision: Any, backend: FakeBackend, kind: str) -> None:
    event = proxy_event("/vision/text", file_of(kind), f"image/{kind.lower()}")
    assert vision.handler(event, Context())["statusCode"] == 200
    assert backend.pictures[0].pixels.size == (40, 30)


def test_labels_of_a_raw_image_with_limits_in_the_query(vision: Any, backend: FakeBackend) -> None:
    event = proxy_event(
        "/vision/labels", file_of(), "image/png", {"max_labels": "1", "min_confidence": "0.5"}
    )
    response = vision.handler(event, Context())
    assert backend.limits == [(1, 0.5)]
    assert json.loads(response["body"]) == {
        "labels": [{"name": "animal", "confidence": 0.95, "parents": []}],
        "width": 40,
        "height": 30,
        "model": "fake",
    }


def test_labels_have_defaults(vision: Any, backend: FakeBackend) -> None:
    vision.handler({"operation": "vision.labels", "input": in_json(file_of())}, Context())
    assert backend.limits == [(10, 0.2)]


def test_labels_decode_a_large_jpeg_small(vision: Any, backend: FakeBackend) -> None:
    event = {"operation": "vision.labels", "input": in_json(file_of("JPEG", (4000, 3000)))}
    answer = vision.handler(event, Context())
    assert (answer["width"], answer["height"]) == (4000, 3000)
    assert backend.pictures[0].pixels.width < 4000


@pytest.mark.parametrize(
    ("size", "preview"), [((40, 30), (40, 30)), ((4000, 3000), (64, 48)), ((30, 4000), (1, 64))]
)
def test_a_preview_is_a_small_png(
    vision: Any, backend: FakeBackend, size: tuple[int, int], preview: tuple[int, int]
) -> None:
    event = proxy_event("/vision/preview", in_json(file_of("JPEG", size), max_side=64))
    response = vision.handler(event, Context())
    answer = json.loads(response["body"])
    assert (response["statusCode"], answer["width"], answer["height"]) == (200, *size)
    image = Image.open(io.BytesIO(base64.b64decode(answer["preview"])))
    assert (image.format, image.size) == ("PNG", preview)
    assert backend.pictures == []


def test_text_decodes_all_pixels(vision: Any, backend: FakeBackend) -> None:
    vision.handler({"operation": "vision.text", "input": in_json(file_of("JPEG", (4000, 3000)))}, Context())
    assert backend.pictures[0].pixels.size == (4000, 3000)


WRONG: list[tuple[str, str, dict[str, object], str]] = [
    ("no image", "/vision/text", {}, "image is required."),
    ("not base64", "/vision/text", {"image": f"{CANARY}!"}, "image should be standard base64 with padding, without line breaks or a data: prefix."),
    ("empty", "/vision/text", {"image": ""}, "image should not be empty."),
    ("a number", "/vision/labels", {"image": 5}, "image should be a base64 string."),
    ("no labels", "/vision/labels", {"image": "AAAA", "max_labels": 0}, "max_labels should be at least 1."),
    ("too many labels", "/vision/labels", {"image": "AAAA", "max_labels": 101}, "max_labels should be at most 100."),
    ("a text", "/vision/labels", {"image": "AAAA", "max_labels": "5"}, "max_labels should be an integer."),
    ("too sure", "/vision/labels", {"image": "AAAA", "min_confidence": 1.5}, "min_confidence should be at most 1.0."),
    ("below zero", "/vision/labels", {"image": "AAAA", "min_confidence": -1}, "min_confidence should be at least 0.0."),
    ("an unknown field", "/vision/text", {"image": "AAAA", CANARY: 1}, "the request has a field that is not known; it takes image."),
]  # fmt: skip


@pytest.mark.parametrize(("case", "path", "body", "message"), WRONG, ids=[case[0] for case in WRONG])
def test_wrong_requests_are_refused_without_loading_the_backend(
    case: str, path: str, body: dict[str, object], message: str
) -> None:
    def no_backend() -> FakeBackend:
        raise AssertionError("the backend was loaded")

    response = create_service(no_backend).handler(proxy_event(path, body), Context())
    assert response["statusCode"] == 400
    assert json.loads(str(response["body"])) == {
        "code": "invalid_request",
        "message": message,
        "requestId": "gateway-1",
    }


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (CANARY.encode(), 415, "unsupported_media_type"),
        (file_of()[:40] + CANARY.encode(), 422, "unprocessable_input"),
        (file_of()[:16] + b"\0\0\xff\xff\0\0\xff\xff" + file_of()[24:], 413, "payload_too_large"),
    ],
)
@pytest.mark.parametrize("path", ["/vision/text", "/vision/labels"])
def test_bad_images_are_refused_without_an_echo(
    vision: Any, path: str, data: bytes, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for event in (proxy_event(path, in_json(data)), proxy_event(path, data, "image/png")):
        response = vision.handler(event, Context())
        assert (response["statusCode"], json.loads(response["body"])["code"]) == (status, code)
        assert CANARY not in response["body"]
    assert CANARY not in capsys.readouterr().out


def test_other_media_types_are_refused(vision: Any) -> None:
    response = vision.handler(proxy_event("/vision/text", file_of("TIFF"), "image/tiff"), Context())
    assert response["statusCode"] == 415
    assert json.loads(response["body"])["message"] == (
        "Send application/json or image/png or image/jpeg or image/webp or image/gif."
    )


def test_a_direct_call_raises_errors_by_their_names(vision: Any) -> None:
    half = base64.b64encode(file_of()[:40]).decode()
    with pytest.raises(UnprocessableInput, match="The image is damaged or incomplete"):
        vision.handler({"operation": "vision.text", "input": {"image": half}}, Context())


def test_what_the_backend_refuses_is_passed_on() -> None:
    handler = create_service(lambda: FakeBackend(BackendTimeout("Too slow."))).handler
    response = handler(proxy_event("/vision/text", in_json(file_of())), Context())
    assert response["statusCode"] == 504
    assert json.loads(str(response["body"]))["message"] == "Too slow."
