from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config

from handlers.common.aws_api import AI_CALL_TRIES, AwsApi, Tries, boto3_client, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    ServiceError,
    UnprocessableInput,
)
from tests.support import aws

NOT_IMPLEMENTED = "comprehend.detect_dominant_language is not implemented in this environment."
BUSY = "The AI backend is busy. Try again later."
REFUSED = "The AI backend refused the call."
UNREACHABLE = "The AI backend cannot be reached. Try again later."
SLOW = "The AI backend did not answer in time. Try again later."


def detect(api: AwsApi, seconds: float = 25.0) -> dict[str, Any]:
    return api.call(
        "detect_dominant_language",
        {"Text": "Hello"},
        deadline=Deadline.after(seconds),
        refusals={"InvalidRequestException": lambda: UnprocessableInput("Not this text.")},
    )


@pytest.mark.parametrize(
    ("code", "status", "error", "message"),
    [
        ("ThrottlingException", 400, BackendUnavailable, BUSY),
        ("TooManyRequestsException", 429, BackendUnavailable, BUSY),
        ("AnythingNew", 429, BackendUnavailable, BUSY),
        ("InternalServerException", 500, BackendUnavailable, BUSY),
        ("AnythingNew", 503, BackendUnavailable, BUSY),
        ("NotImplemented", 501, BackendError, NOT_IMPLEMENTED),
        ("InternalFailure", 501, BackendError, "The AI backend failed."),
        ("AccessDeniedException", 400, BackendError, REFUSED),
        ("UnrecognizedClientException", 403, BackendError, REFUSED),
        ("InvalidRequestException", 400, UnprocessableInput, "Not this text."),
    ],
)
def test_what_aws_refuses_is_our_error_without_its_words(
    code: str, status: int, error: type[ServiceError], message: str
) -> None:
    with aws.stubbed("comprehend") as (api, stub):
        stub.add_client_error(
            "detect_dominant_language",
            code,
            "arn:aws:iam::123456789012:role/secret",
            status,
            expected_params={"Text": "Hello"},
        )
        with pytest.raises(ServiceError) as raised:
            detect(api)
    assert type(raised.value) is error
    assert raised.value.message == message
    if error is not UnprocessableInput:
        assert raised.value.detail == f"comprehend.detect_dominant_language: {code} {status}"


def test_every_way_to_try_ends_before_what_was_left_for_it() -> None:
    assert [tries.slowest_seconds for tries in AI_CALL_TRIES] == [19.5, 9, 3.5, 1.5]


@pytest.mark.parametrize(("seconds", "attempts"), [(25, 3), (19, 2), (8, 1), (2, 1)])
def test_the_time_that_is_left_decides_how_often_is_tried(seconds: float, attempts: int) -> None:
    created: list[Tries] = []

    def make_client(name: str, tries: Tries) -> Any:
        created.append(tries)
        raise LookupError

    with pytest.raises(LookupError):
        detect(AwsApi("comprehend", make_client=make_client), seconds)
    assert created[0].attempts == attempts
    assert created[0].slowest_seconds <= seconds


def test_without_time_nothing_is_tried() -> None:
    with aws.stubbed("comprehend") as (api, _), pytest.raises(BackendTimeout) as raised:
        detect(api, 1.0)
    assert (raised.value.message, raised.value.detail) == (
        SLOW,
        "comprehend.detect_dominant_language: no time left",
    )


def test_a_client_is_made_once_for_each_way_to_try() -> None:
    created: list[Tries] = []

    class Client:
        def detect_dominant_language(self, **parameters: object) -> dict[str, Any]:
            return {"Languages": [], **parameters}

    def make_client(name: str, tries: Tries) -> Client:
        created.append(tries)
        return Client()

    api = AwsApi("comprehend", make_client=make_client)
    for seconds in (25, 25, 10, 25, 10):
        assert detect(api, seconds) == {"Languages": [], "Text": "Hello"}
    assert created == list(AI_CALL_TRIES[:2])


def test_a_boto3_client_is_made_as_it_should_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config = boto3_client("comprehend", Tries(3, 1, 4.5)).meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 4.5)
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)


class Server:
    """A local AWS that answers each call as the script says: a status, `slow`, `cut` or `reset`."""

    def __init__(self) -> None:
        self.script: list[int | str] = []
        self.calls = 0
        self.release = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.calls += 1
                step = server.script.pop(0)
                self.rfile.read(int(self.headers["Content-Length"]))
                if step == "slow":
                    server.release.wait(20)
                if not isinstance(step, int):
                    if step == "cut":
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                    self.close_connection = True
                    return
                code = {200: "", 429: "ThrottlingException"}.get(step, "InternalServerException")
                body = b'{"Languages": []}' if step == 200 else json.dumps({"__type": code}).encode()
                self.send_response(step)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def api(self, tries: Tries) -> AwsApi:
        def make_client(name: str, tries: Tries) -> Any:
            return aws.client(
                name,
                endpoint_url=f"http://127.0.0.1:{self.http.server_address[1]}",
                config=Config(
                    connect_timeout=tries.connect_timeout_seconds,
                    read_timeout=tries.read_timeout_seconds,
                    retries={"mode": "standard", "total_max_attempts": tries.attempts},
                ),
            )

        return AwsApi("comprehend", choices=(tries,), make_client=make_client)

    def close(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.mark.parametrize("trouble", [429, 500, 503, "reset"])
def test_trouble_that_passes_is_tried_again(server: Server, trouble: int | str) -> None:
    server.script = [trouble, 200]
    assert detect(server.api(Tries(2, 1, 5)))["Languages"] == []
    assert server.calls == 2


@pytest.mark.parametrize(
    ("trouble", "error", "message"),
    [
        (429, BackendUnavailable, BUSY),
        (500, BackendUnavailable, BUSY),
        ("reset", BackendUnavailable, UNREACHABLE),
        ("slow", BackendTimeout, SLOW),
    ],
)
def test_trouble_that_stays_is_a_503_or_504(
    server: Server, trouble: int | str, error: type[ServiceError], message: str
) -> None:
    server.script = [trouble]
    with pytest.raises(ServiceError) as raised:
        detect(server.api(Tries(1, 1, 0.3)))
    assert (type(raised.value), raised.value.message, server.calls) == (error, message, 1)


def test_what_is_not_implemented_is_not_tried_again(server: Server) -> None:
    server.script = [501, 200]
    with pytest.raises(BackendError) as raised:
        detect(server.api(Tries(2, 1, 5)))
    assert (raised.value.message, server.calls) == (NOT_IMPLEMENTED, 1)


def test_an_answer_that_breaks_off_is_a_backend_error(server: Server) -> None:
    server.script = ["cut"]
    with (
        pytest.raises(BackendError, match=r"^The AI backend's answer cannot be used\.$"),
        reading_answer("x"),
    ):
        detect(server.api(Tries(1, 1, 5)))["Languages"]


def test_nobody_listening_is_a_503(server: Server) -> None:
    api = server.api(Tries(1, 1, 1))
    server.http.server_close()
    with pytest.raises(BackendUnavailable, match=UNREACHABLE):
        detect(api)


def test_an_answer_of_another_shape_is_a_backend_error() -> None:
    for broken in (lambda: {}["Missing"], lambda: float("x"), lambda: len(3), lambda: None.get):  # type: ignore
        with pytest.raises(BackendError) as raised, reading_answer("comprehend.x"):
            broken()
        assert raised.value.message == "The AI backend's answer cannot be used."
        assert raised.value.detail == "comprehend.x: unforeseen answer"
