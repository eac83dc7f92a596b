"""The vision archive with its real networks, run as Lambda runs it: what is drawn is read, what is shown is named."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tests.support.paths import SAMPLES

Invoke = Callable[[str, dict[str, object]], dict[str, Any]]

PROSE = [
    "The quick brown fox jumps over the lazy dog.",
    "Invoice No. 2024-0815, due 31/12/2025",
    "Total: $1,234.56 (incl. 19% VAT)",
    "contact@example.com, +49 30 123456",
]
RECEIPT = [
    "CORNER COFFEE",
    "12 Station Road",
    "2026-03-14 09:41 No. 1087",
    "Espresso 2.80",
    "Cappuccino large 3.60",
    "Blueberry muffin 2.95",
    "TOTAL 9.35",
    "Card **** 4242 9.35",
    "Thank you, see you soon!",
]


def drawn(
    lines: list[str], *, size: float = 24, ink: str = "black", paper: str = "white", margin: int = 20
) -> Image.Image:
    font = ImageFont.load_default(size=size)
    width = int(max(font.getlength(line) for line in lines)) + 2 * margin
    page = Image.new("RGB", (width, int(len(lines) * size * 1.5) + 2 * margin), paper)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((margin, margin + number * size * 1.5), line, font=font, fill=ink)
    return page


def columns() -> tuple[Image.Image, list[str]]:
    left = [
        "The left column begins here",
        "and it goes on for some lines",
        "until the reader comes to",
        "its very end at last.",
    ]
    right = [
        "Only then the right column",
        "is to be read, which also",
        "has a few lines of prose",
        "before everything ends.",
    ]
    page = Image.new("RGB", (900, 300), "white")
    draw = ImageDraw.Draw(page)
    draw.text(
        (250, 15), "A headline that crosses both columns", font=ImageFont.load_default(size=28), fill="black"
    )
    font = ImageFont.load_default(size=22)
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        draw.text((30, 90 + number * 36), one, font=font, fill="black")
        draw.text((500, 90 + number * 36), other, font=font, fill="black")
    return page, ["A headline that crosses both columns", *left, *right]


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def direct(operation: str, data: bytes, **others: object) -> dict[str, object]:
    return {"operation": operation, "input": {"image": base64.b64encode(data).decode(), **others}}


def proxied(path: str, body: str, content_type: str, *, is_base64: bool) -> dict[str, object]:
    return {
        "httpMethod": "POST",
        "resource": path,
        "path": path,
        "headers": {"Content-Type": content_type},
        "queryStringParameters": None,
        "body": body,
        "isBase64Encoded": is_base64,
        "requestContext": {"requestId": "request-1"},
    }


def edits(found: str, expected: str) -> int:
    """Return the number of characters to insert, remove or replace to get from one text to the other."""
    row = list(range(len(expected) + 1))
    for number, character in enumerate(found, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(expected, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (character != other)),
            )
    return row[-1]


def error_rate(found: str, expected: list[str]) -> float:
    """The share of wrong characters, spaces apart."""
    read, wanted = "".join(found.split()), "".join("".join(expected).split())
    return edits(read, wanted) / len(wanted)


def askew(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


PAGES: dict[str, tuple[Callable[[], Image.Image], float]] = {
    "plain": (lambda: drawn(PROSE), 0.01),
    "5 degrees askew": (lambda: askew(drawn(PROSE, size=28, margin=60), 5), 0.01),
    "12 degrees the other way": (lambda: askew(drawn(PROSE, size=28, margin=60), -12), 0.01),
    "on its side": (lambda: drawn(PROSE).transpose(Image.Transpose.ROTATE_90), 0.01),
    "on its other side": (lambda: drawn(PROSE).transpose(Image.Transpose.ROTATE_270), 0.01),
    "upside down": (lambda: drawn(PROSE).transpose(Image.Transpose.ROTATE_180), 0.01),
    "small": (lambda: drawn(PROSE, size=11, margin=8), 0.03),
    "large": (lambda: drawn(PROSE, size=150), 0.01),
    "low contrast": (lambda: drawn(PROSE, ink="#9a9a9a", paper="#b4b4b4"), 0.01),
    "light on dark": (lambda: drawn(PROSE, ink="white", paper="navy"), 0.01),
    "blurred": (lambda: drawn(PROSE, size=28).filter(ImageFilter.GaussianBlur(1.8)), 0.02),
}


@pytest.mark.parametrize("page", PAGES)
def test_drawn_text_is_read(invoke_archive: Invoke, page: str) -> None:
    make, most_errors = PAGES[page]
    image = make()
    answer = invoke_archive("vision", direct("vision.text", file_of(image)))
    assert error_rate(answer["text"], PROSE) <= most_errors, answer["text"]
    assert (answer["width"], answer["height"], answer["model"]) == (*image.size, "PP-OCRv6 small")
    assert all(0.5 <= line["confidence"] <= 1 for line in answer["lines"])


def test_the_sample_receipt_is_read_row_by_row(invoke_archive: Invoke) -> None:
    answer = invoke_archive("vision", direct("vision.text", (SAMPLES / "receipt.png").read_bytes()))
    rows = answer["text"].split("\n")
    assert error_rate(answer["text"], RECEIPT) <= 0.02, answer["text"]
    assert len(rows) == len(RECEIPT)
    assert rows[6].startswith("TOTAL")
    assert rows[6].endswith("9.35")


def test_columns_are_read_one_after_the_other(invoke_archive: Invoke) -> None:
    page, expected = columns()
    answer = invoke_archive("vision", direct("vision.text", file_of(page)))
    assert error_rate(answer["text"], expected) <= 0.01, answer["text"]


def test_lines_are_where_they_were_drawn(invoke_archive: Invoke) -> None:
    page = Image.new("RGB", (800, 400), "white")
    font = ImageFont.load_default(size=40)
    ImageDraw.Draw(page).text((200, 100), "Somewhere", font=font, fill="black")
    left, top, right, bottom = ImageDraw.Draw(page).textbbox((200, 100), "Somewhere", font=font)
    (line,) = invoke_archive("vision", direct("vision.text", file_of(page)))["lines"]
    box = line["bounding_box"]
    assert box["left"] * 800 == pytest.approx(left, abs=12)
    assert box["top"] * 400 == pytest.approx(top, abs=12)
    assert (box["left"] + box["width"]) * 800 == pytest.approx(right, abs=12)
    assert (box["top"] + box["height"]) * 400 == pytest.approx(bottom, abs=12)
    assert line["polygon"][0] == pytest.approx({"x": box["left"], "y": box["top"]}, abs=0.01)


def test_a_raw_photo_on_its_side_is_turned_by_its_exif(invoke_archive: Invoke) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = drawn(PROSE).transpose(Image.Transpose.ROTATE_90)
    body = base64.b64encode(file_of(stored, "JPEG", quality=90, exif=exif)).decode()
    response = invoke_archive("vision", proxied("/vision/text", body, "image/jpeg", is_base64=True))
    answer = json.loads(response["body"])
    assert response["statusCode"] == 200
    assert error_rate(answer["text"], PROSE) <= 0.01, answer["text"]
    assert (answer["width"], answer["height"]) == (stored.height, stored.width)
    assert answer["lines"][0]["polygon"][0]["x"] < 0.2
    assert answer["lines"][0]["polygon"][0]["y"] < 0.2


def test_an_image_without_text_has_none(invoke_archive: Invoke) -> None:
    answer = invoke_archive("vision", direct("vision.text", (SAMPLES / "cat.jpg").read_bytes()))
    assert (answer["text"], answer["lines"]) == ("", [])


def test_the_largest_image_allowed_is_read(invoke_archive: Invoke) -> None:
    page = Image.new("RGB", (5000, 5000), "white")
    ImageDraw.Draw(page).text(
        (500, 2000), "As large as it gets", font=ImageFont.load_default(size=300), fill="black"
    )
    answer = invoke_archive("vision", direct("vision.text", file_of(page.convert("1"))))
    assert error_rate(answer["text"], ["As large as it gets"]) <= 0.06, answer["text"]


@pytest.mark.parametrize("size", [(1, 1), (20_000, 3), (3, 20_000)])
@pytest.mark.parametrize("operation", ["vision.text", "vision.labels"])
def test_images_of_odd_shapes_do_no_harm(
    invoke_archive: Invoke, operation: str, size: tuple[int, int]
) -> None:
    answer = invoke_archive("vision", direct(operation, file_of(Image.new("RGB", size, "white"))))
    assert (answer["width"], answer["height"]) == size


@pytest.mark.parametrize(
    ("sample", "name", "parents"),
    [("cat.jpg", "cat", ["mammal", "animal"]), ("coffee.jpg", "espresso", ["coffee", "drink"])],
)
def test_photos_are_labelled(invoke_archive: Invoke, sample: str, name: str, parents: list[str]) -> None:
    answer = invoke_archive("vision", direct("vision.labels", (SAMPLES / sample).read_bytes(), max_labels=5))
    found = {label["name"]: label for label in answer["labels"]}
    assert found[name]["confidence"] > 0.8, answer
    assert found[name]["parents"] == parents
    confidences = [label["confidence"] for label in answer["labels"]]
    assert confidences == sorted(confidences, reverse=True)
    assert len(confidences) <= 5
    assert min(confidences) >= 0.2
    assert answer["model"] == "EfficientNet-lite0"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_the_format_of_a_photo_does_not_matter(invoke_archive: Invoke, kind: str) -> None:
    cat = Image.open(SAMPLES / "cat.jpg")
    answer = invoke_archive("vision", direct("vision.labels", file_of(cat, kind)))
    assert "cat" in {label["name"] for label in answer["labels"]}, answer


def test_few_labels_can_be_asked_for(invoke_archive: Invoke) -> None:
    cat = (SAMPLES / "cat.jpg").read_bytes()
    answer = invoke_archive("vision", direct("vision.labels", cat, max_labels=2, min_confidence=0.9))
    assert len(answer["labels"]) == 2


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"canary-90aa", 415, "unsupported_media_type"),
        (file_of(Image.new("RGB", (9, 9)))[:30], 422, "unprocessable_input"),
        (file_of(Image.new("1", (6000, 6000))), 413, "payload_too_large"),
    ],
)
@pytest.mark.parametrize("path", ["/vision/text", "/vision/labels"])
def test_bad_images_get_a_problem(
    invoke_archive: Invoke, path: str, data: bytes, status: int, code: str
) -> None:
    body = json.dumps({"image": base64.b64encode(data).decode()})
    response = invoke_archive("vision", proxied(path, body, "application/json", is_base64=False))
    problem = json.loads(response["body"])
    assert (response["statusCode"], problem["code"]) == (status, code)
    assert set(problem) == {"code", "message", "requestId"}
    assert "canary" not in response["body"]
