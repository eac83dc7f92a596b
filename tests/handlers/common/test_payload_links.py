"""Inputs and outputs behind presigned URLs: what is read and written, what is refused, and that no URL gets out."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest

from handlers.common.contract import Contract
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidRequest,
    PayloadLinkExpired,
    ServiceError,
)
from handlers.common.payload_links import PayloadLinks
from handlers.common.service import Service
from handlers.common.strict_json import MAX_VALUES
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.jobs.payloads import LINK_SECONDS, Payloads
from handlers.language.summarizer import LexRank
from tests.support.events import Context
from tests.support.jobs import NOW, Jobs
from tests.support.moto_state import mock_aws

HOST = "https://payloads.s3.eu-west-1.amazonaws.com"
SECRET = "f00dcafe5ec7e7"


def link(key: str) -> str:
    return f"{HOST}/{key}?X-Amz-Credential=ASIAEXAMPLE&X-Amz-Security-Token={SECRET}&X-Amz-Signature={SECRET}"


class Storage:
    """S3 as far as a presigned URL shows it; fails as configured, one failure a request."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = {f"/jobs/1/{name}": body for name, body in objects.items()}
        self.failures: list[tuple[int, bytes] | Exception] = []
        self.sent: list[tuple[str, str]] = []

    def send(self, method: str, url: SplitResult, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        assert 0 < seconds <= 5
        self.sent.append((method, url.path))
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        if body is not None:
            self.objects[url.path] = body
            return 200, b""
        found = self.objects.get(url.path)
        return (404, b"<Code>NoSuchKey</Code>") if found is None else (200, found)


@pytest.fixture
def storage() -> Storage:
    return Storage(
        input=b'{"text": "One sentence."}', page=b'{"lines": 2, "text": "A. B."}', broken=b"no JSON"
    )


@pytest.fixture
def service(storage: Storage) -> Service:
    pauses: list[float] = []
    links = PayloadLinks(send=storage.send, pause=pauses.append, endpoint_url="http://127.0.0.1:4566")
    contract = Contract("probe")
    probe = contract.post("/probe", SummaryRequest, SummaryResponse, summary="Summarizes.")
    service = Service(contract, payloads=lambda: links)

    @service.implements(probe)
    def summarize(request: SummaryRequest) -> SummaryResponse:
        return LexRank().summarize(request.text, max_sentences=1, deadline=Deadline.after(20))

    return service


def called(service: Service, **event: Any) -> dict[str, object]:
    with redirect_stdout(io.StringIO()) as log:
        try:
            return service.handler({"operation": "probe", **event}, Context())
        finally:
            assert SECRET not in log.getvalue()
            assert "ASIAEXAMPLE" not in log.getvalue()


def test_no_data_travels_and_no_url_comes_back(service: Service, storage: Storage) -> None:
    answer = called(service, inputFrom=link("jobs/1/input"), outputTo=link("jobs/1/output"))
    stored = storage.objects["/jobs/1/output"]
    assert stored == b'{"summary":"One sentence.","model":"lexrank"}'
    assert answer == {"bytes": len(stored)}
    assert storage.sent == [("GET", "/jobs/1/input"), ("PUT", "/jobs/1/output")]


def test_an_output_of_more_values_than_a_request_may_hold_is_read(service: Service, storage: Storage) -> None:
    page = {"lines": [0] * (2 * MAX_VALUES), "text": "One sentence."}
    storage.objects["/jobs/1/page"] = json.dumps(page).encode()
    assert called(service, inputFrom={"text": link("jobs/1/page") + "#text"})["model"] == "lexrank"


def test_fields_come_from_where_they_are(service: Service, storage: Storage) -> None:
    source = {"text": link("jobs/1/page") + "#text"}
    assert called(service, inputFrom=source, input={"max_sentences": 2})["model"] == "lexrank"
    assert len(storage.sent) == 1
    for wrong, message in (
        (
            {"text": link("jobs/1/page") + "#words"},
            "The object that the event refers to has no such field.",
        ),
        ({"text": 5}, "inputFrom should be a URL, or for each field its URL#FIELD."),
        ([], "inputFrom should be a URL, or for each field its URL#FIELD."),
    ):
        with pytest.raises(InvalidRequest) as refused:
            called(service, inputFrom=wrong)
        assert str(refused.value) == message


@pytest.mark.parametrize(
    "url",
    [
        "jobs/1/input.json",
        "https://example.com/jobs/1/input?X-Amz-Signature=1",
        "https://payloads.s3.eu-west-1.amazonaws.com.example.com/input?X-Amz-Signature=1",
        "http://payloads.s3.eu-west-1.amazonaws.com/input?X-Amz-Signature=1",
        "https://169.254.169.254/latest?X-Amz-Signature=1",
        "http://127.0.0.1:4567/payloads/input?X-Amz-Signature=1",
        "file:///etc/passwd?X-Amz-Signature=1",
        f"{HOST}/jobs/1/input",
        "https://[::1/",
        "",
        5,
    ],
)
def test_what_is_no_presigned_url_of_s3_is_not_called(
    service: Service, storage: Storage, url: object
) -> None:
    for event in ({"inputFrom": {"text": f"{url}#text"}}, {"input": {"text": "A."}, "outputTo": url}):
        with pytest.raises(InvalidRequest) as refused:
            called(service, **event)
        assert str(refused.value) == "A reference should be a presigned URL of S3."
    assert storage.sent == []


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b"<Code>NoSuchKey</Code>", InvalidRequest),
        (403, b"<Code>AccessDenied</Code><Message>Request has expired</Message>", PayloadLinkExpired),
        (400, b"<Code>ExpiredToken</Code>", PayloadLinkExpired),
        (403, b"<Code>AccessDenied</Code>", BackendError),
        (301, b"", BackendError),
    ],
)
def test_what_storage_refuses_is_asked_once(
    service: Service, storage: Storage, status: int, body: bytes, error: type[ServiceError]
) -> None:
    storage.failures = [(status, body + SECRET.encode())]
    with pytest.raises(error) as refused:
        called(service, inputFrom=link("jobs/1/input"))
    assert type(refused.value) is error
    assert SECRET not in f"{refused.value} {refused.value.detail}"
    assert len(storage.sent) == 1


@pytest.mark.parametrize("failure", [(503, b"SlowDown"), (500, b""), OSError(link("x")), TimeoutError()])
def test_storage_that_is_busy_is_asked_three_times(service: Service, storage: Storage, failure: Any) -> None:
    storage.failures = [failure] * 2
    assert called(service, inputFrom=link("jobs/1/input"))["model"] == "lexrank"
    storage.failures = [failure] * 3
    with pytest.raises(BackendUnavailable) as refused:
        called(service, inputFrom=link("jobs/1/input"))
    assert SECRET not in f"{refused.value} {refused.value.detail}"


def test_without_time_nothing_is_asked(storage: Storage) -> None:
    with pytest.raises(BackendTimeout):
        PayloadLinks(send=storage.send).write(link("jobs/1/output"), {}, deadline=Deadline.after(0))
    assert storage.sent == []


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Payloads]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    with mock_aws():
        yield Payloads("payloads")


def test_a_link_is_for_one_object_one_method_and_a_quarter_of_an_hour(signed: Payloads) -> None:
    for url, headers in (
        (signed.link_to_read("jobs/1/input.json"), "host"),
        (signed.link_to_write("jobs/1/output.json"), "content-type;host"),
    ):
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.scheme == "https"
        assert parts.netloc == "payloads.s3.us-east-1.amazonaws.com"
        assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
        assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (str(LINK_SECONDS), headers)
        assert PayloadLinks()._checked(url) == parts


def test_links_on_this_machine_lead_to_its_cloud(signed: Payloads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    url = signed.link_to_read("jobs/1/input.json")
    assert url.startswith("http://127.0.0.1:4566/payloads/jobs/1/input.json?")
    assert PayloadLinks()._checked(url).path == "/payloads/jobs/1/input.json"


def test_a_state_machine_gets_links_of_its_own_job_only(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {}}, workflow="summary").body["id"]
    folder = f"jobs/{job_id}-{NOW}"

    def ask(**keys: dict[str, str]) -> Any:
        value = {"output_key": f"{folder}/result.json", **keys}
        with redirect_stdout(io.StringIO()) as log:
            answer = jobs.finish.handler({"operation": "jobs.links", "input": value}, Context())
        assert "X-Amz-Signature" not in log.getvalue()
        return answer

    answer = ask(read={"input": f"{folder}/input.json"}, write={"part": f"{folder}/items/0/a.json"})
    assert set(answer) == {"read", "write"}
    assert f"/{folder}/input.json?" in answer["read"]["input"]
    assert f"/{folder}/items/0/a.json?" in answer["write"]["part"]
    for key in (
        f"jobs/{job_id}-{NOW + 1}/input.json",
        f"{folder}-other/input.json",
        f"{folder}/../x/input.json",
        "other/input.json",
        f"{folder}/",
    ):
        for way in ("read", "write"):
            with pytest.raises(InvalidRequest):
                ask(**{way: {"one": key}})


@pytest.mark.parametrize("key", ["jobs/../1/input.json", "/etc/passwd", 5, ""])
def test_a_key_that_is_none_is_refused(signed: Payloads, key: object) -> None:
    for refused in (signed.link_to_read, signed.link_to_write):
        with pytest.raises(InvalidRequest) as error:
            refused(key)
        assert str(error.value) == (
            "A reference should be the key of an object, such as jobs/1f2e/input.json."
        )
