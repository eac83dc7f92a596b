"""Unexpected bodies, sent over HTTP to the real handlers."""

from __future__ import annotations

import base64
import json
import struct
import zipfile
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.real_api import SHOP, RealApi, picture, problem_of

CANARY = "qzcanary7q"
ANALYSIS = "/language/analysis"
INVALID_BODY = "The request's body is not valid."
REFUSALS = {400, 413, 415, 422}


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


MALFORMED = {
    "nothing": b"",
    "blank": b" \r\n",
    "half": b'{"text": "a"',
    "no object": b"[]",
    "a string": b'"text"',
    "null": b"null",
    "100,000 levels": b'{"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an integer of 5,000 digits": b'{"text": ' + b"9" * 5_000 + b"}",
    "a fraction of 5,000 digits": b'{"text": 0.' + b"9" * 5_000 + b"}",
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": -Infinity}',
    "1e999": b'{"text": 1e999}',
    "bytes that are not UTF-8": b'{"text": "\xff\xfe"}',
    "half a surrogate pair": b'{"text": "\\ud800"}',
    "a byte order mark": b'\xef\xbb\xbf{"text": "a"}',
    "a key twice": b'{"text": "a", "text": "b"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_a_400(real: RealApi, checked: RealApi, body: bytes) -> None:
    for api in (real, checked):
        answer = api.post(ANALYSIS, body)
        assert answer.status == 400
        assert problem_of(answer)["code"] in {"invalid_json", "invalid_request"}


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "a/b", None]
)
def test_the_model_is_for_every_content_type(checked: RealApi, content_type: str | None) -> None:
    before = len(checked.invoked)
    answer = checked.post(ANALYSIS, b'{"txt": "a"}', content_type=content_type)
    assert (answer.status, problem_of(answer)["message"]) == (400, INVALID_BODY)
    assert len(checked.invoked) == before


def test_what_fits_the_model_and_is_no_json_by_its_type_is_a_415(checked: RealApi) -> None:
    answer = checked.post(ANALYSIS, b'{"text": "a"}', content_type="text/plain")
    assert (answer.status, problem_of(answer)["code"]) == (415, "unsupported_media_type")


def test_without_a_content_type_a_body_is_json_over_http(real: RealApi, checked: RealApi) -> None:
    for api in (real, checked):
        assert api.post(ANALYSIS, {"text": "London"}, content_type=None).status == 200


@given(body=st.binary(max_size=60) | st.text(max_size=30).map(str.encode), content_type=st.sampled_from(
    ["application/json", "text/plain", "image/png", "application/json; charset=utf-16", ""]))  # fmt: skip
def test_any_body_is_answered_with_a_problem(real: RealApi, body: bytes, content_type: str) -> None:
    for path in (ANALYSIS, "/vision/text", "/ai-service"):
        answer = real.post(path, body + CANARY.encode(), content_type=content_type)
        assert answer.status in REFUSALS
        problem_of(answer)
        assert CANARY not in answer.content.decode()


@given(
    request=st.dictionaries(
        st.sampled_from(["text", "language", CANARY]),
        st.none()
        | st.integers()
        | st.text(max_size=8)
        | st.just(CANARY)
        | st.lists(st.integers(), max_size=2),
    )
)
def test_the_gateway_and_the_handler_agree_on_what_is_valid(
    real: RealApi, checked: RealApi, request: dict[str, object]
) -> None:
    alone, behind_the_model = real.post(ANALYSIS, request), checked.post(ANALYSIS, request)
    assert alone.status in {200, 400}
    assert behind_the_model.status == alone.status
    assert CANARY not in (alone.content + behind_the_model.content).decode()


def test_a_body_above_10_mb_is_a_413_that_no_gateway_response_changes(real: RealApi) -> None:
    for length in (10 * 2**20 + 1, 2**31):
        headers = {"Content-Length": str(length), "Origin": SHOP, "Connection": "close"}
        answer = real.call("POST", ANALYSIS, headers=headers)
        assert (answer.status, answer.headers["Content-Type"]) == (413, "text; charset=utf-8")
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_an_event_that_lambda_would_not_take_is_a_413(real: RealApi) -> None:
    answer = real.post("/vision/text", b"\x89PNG\r\n\x1a\n" + bytes(5_000_000), content_type="image/png")
    assert (answer.status, problem_of(answer)["code"]) == (413, "payload_too_large")


def test_the_handlers_own_limit_lies_below_lambdas(real: RealApi) -> None:
    raw = b"\x89PNG\r\n\x1a\n" + bytes(4_550_000)
    as_bytes = real.post("/vision/text", raw, content_type="image/png", Origin=SHOP)
    assert (as_bytes.status, problem_of(as_bytes)["code"]) == (413, "payload_too_large")
    as_json = real.post("/language/analysis", {"text": "a" * 300_000})
    assert (as_json.status, problem_of(as_json)["code"]) == (413, "payload_too_large")


def _zipped() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/passwd", bytes(1_000_000))
    return file.getvalue()


HARMFUL = {
    "50,000 by 50,000 pixels": png(50_000, 50_000, zlib.compress(bytes(10_000))),
    "cut off": picture()[:40],
    "a page": b"<html><script>alert(1)</script></html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "GIF and script": b"GIF89a/*" + b"*/=1;alert(1)",
    "a PDF": b"%PDF-1.7\n",
    "an archive": _zipped(),
    "a program": b"\x7fELF" + bytes(100),
    "PNG's name alone": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("data", HARMFUL.values(), ids=HARMFUL)
@pytest.mark.parametrize("path", ["/vision/text", "/vision/labels"])
def test_what_is_no_harmless_image_is_refused(real: RealApi, path: str, data: bytes) -> None:
    for answer in (
        real.post(path, data, content_type="image/png"),
        real.post(path, {"image": base64.b64encode(data).decode()}),
    ):
        assert answer.status in REFUSALS
        problem_of(answer)


def test_archives_and_documents_have_no_route(real: RealApi) -> None:
    for content_type in ("application/zip", "application/pdf", "application/octet-stream"):
        answer = real.post("/vision/text", _zipped(), content_type=content_type)
        assert (answer.status, problem_of(answer)["code"]) == (415, "unsupported_media_type")


@given(data=st.binary(max_size=200), start=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP", b""]))  # fmt: skip
def test_any_bytes_as_an_image_are_refused(real: RealApi, data: bytes, start: bytes) -> None:
    answer = real.post("/vision/labels", start + data, content_type="image/jpeg")
    assert answer.status in REFUSALS
    problem_of(answer)


def test_an_image_in_both_forms_is_read(real: RealApi) -> None:
    for answer in (
        real.post("/vision/text", picture(), content_type="image/png"),
        real.post("/vision/text", {"image": base64.b64encode(picture()).decode()}),
    ):
        assert answer.status == 200, answer.content
        assert json.loads(answer.content)["text"] == "hello"
