"""The server itself: what it answers, what it refuses, and what it passes to moto unchanged."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Map, Rule

from local_cloud.control_plane import ControlPlane, wsgi_environ
from local_cloud.errors import LocalCloudError
from local_cloud.messages import Request
from local_cloud.network_guard import OtherMachineError, _audit
from local_cloud.server import LocalCloud
from tests.support.cloud_in_thread import CloudInThread, FakeFunctions

ORIGIN = {"Origin": "https://evil.example"}


def test_the_health_page_names_this_start(cloud: CloudInThread) -> None:
    response = cloud.request("GET", "/_local_cloud/health")
    assert response.status == 200
    health = json.loads(response.content)
    assert health["status"] == "ready"
    assert health["instance"] == cloud.cloud.instance
    assert re.fullmatch(r"[0-9a-f]{16}", health["instance"])


def test_an_unknown_page_says_which_there_is(cloud: CloudInThread) -> None:
    response = cloud.request("GET", "/_local_cloud/other")
    assert response.status == 404
    assert json.loads(response.content) == {
        "message": "the local cloud has no page /_local_cloud/other; there is /_local_cloud/"
    }


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"secret-token\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=[
        "nul",
        "cr",
        "space",
        "fold",
        "cl and te",
        "two cl",
        "negative cl",
        "nul in path",
        "no http",
        "endless",
    ],
)
def test_what_is_no_clean_http_is_400_and_not_repeated(cloud: CloudInThread, request_head: bytes) -> None:
    answer = cloud.raw(request_head)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 Bad Request\r\n" in head
    assert json.loads(body) == {"message": "Bad Request"}


def test_a_request_behind_a_smuggled_body_is_not_answered(cloud: CloudInThread) -> None:
    answer = cloud.raw(
        b"POST /_local_cloud/health HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /_local_cloud/health HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.") == 1
    assert b"400 Bad Request" in answer


def test_a_client_that_waits_before_its_body_is_told_to_go_on(cloud: CloudInThread) -> None:
    with socket.create_connection(("127.0.0.1", cloud.cloud.port), timeout=10) as connection:
        connection.sendall(
            b"PUT /_local_cloud/health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_answers_carry_no_header_that_nobody_set(cloud: CloudInThread) -> None:
    response = cloud.request("GET", "/_local_cloud/health")
    names = sorted(name for name, _ in response.getheaders())
    assert names == ["Connection", "Content-Length", "Content-Type", "Date"]


# --- the AWS APIs -----------------------------------------------------------------------------------------------


def test_objects_come_back_as_they_were_sent(cloud: CloudInThread) -> None:
    storage = cloud.client("s3")
    storage.create_bucket(Bucket="server-tests")
    body = bytes(range(256)) * 20_000
    key = "a b/ü%2F+&.bin"
    storage.put_object(
        Bucket="server-tests", Key=key, Body=body, Metadata={"my_key": "1"}, ContentEncoding="gzip"
    )
    head = storage.head_object(Bucket="server-tests", Key=key)
    assert (head["ContentLength"], head["Metadata"], head["ContentEncoding"]) == (
        len(body),
        {"my_key": "1"},
        "gzip",
    )
    assert storage.get_object(Bucket="server-tests", Key=key)["Body"].read() == body
    assert [item["Key"] for item in storage.list_objects_v2(Bucket="server-tests")["Contents"]] == [key]


def test_the_account_is_the_one_of_the_arns(cloud: CloudInThread) -> None:
    assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_what_moto_lacks_is_501_and_named(cloud: CloudInThread, caplog: pytest.LogCaptureFixture) -> None:
    response = cloud.request(
        "POST",
        "/",
        body=b"{}",
        headers={
            "X-Amz-Target": "AWSStepFunctions.NoSuchOperation",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, a=b, c=d",
        },
    )
    assert response.status == 501
    content = json.loads(response.content)
    assert content["message"].startswith("AWSStepFunctions.NoSuchOperation: ")
    assert caplog.messages == ["AWSStepFunctions.NoSuchOperation failed"]


def test_calls_run_beside_each_other() -> None:
    async def measure() -> list[int]:
        started, release = 0, asyncio.Event()
        loop = asyncio.get_running_loop()
        plane = ControlPlane()

        def application(environ: dict[str, object], start_response: object) -> list[bytes]:
            nonlocal started
            started += 1
            if started == 40:
                loop.call_soon_threadsafe(release.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
            start_response("200 OK", [])  # type: ignore[operator]
            return [b""]

        plane._application = application
        request = Request("GET", "/", "", (), b"", "127.0.0.1", "HTTP/1.1", 1)
        answers = await asyncio.gather(*(plane.handle(request) for _ in range(40)))
        plane.close()
        return [answer.status for answer in answers]

    assert asyncio.run(measure()) == [200] * 40


def test_the_wsgi_environment_is_that_of_motos_own_server() -> None:
    headers = (
        ("Host", "h"),
        ("Content-Type", "t"),
        ("X-Amz-Meta-my_key", "1"),
        ("X_Forged", "2"),
        ("A", "1"),
        ("a", "2"),
    )
    environ = wsgi_environ(
        Request("PUT", "/b/%C3%BC%2F", "x=%20", headers, b"abc", "127.0.0.1", "HTTP/1.1", 4566)
    )
    assert environ["PATH_INFO"] == "/b/ü/".encode().decode("latin-1")
    assert environ["RAW_URI"] == "/b/%C3%BC%2F?x=%20"
    assert environ["QUERY_STRING"] == "x=%20"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["wsgi.input"].read() == b"abc"
    names = {key: value for key, value in environ.items() if key.startswith("HTTP_")}
    assert names == {"HTTP_HOST": "h", "HTTP_X_AMZ_META_MY_KEY": "1", "HTTP_A": "1,2"}
    assert environ["moto.preserved_header_names"] == {"HTTP_X_AMZ_META_MY_KEY": "X-Amz-Meta-my_key"}


# --- guards -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (ORIGIN, "the AWS APIs of the local cloud do not answer web pages"),
        ({"Sec-Fetch-Site": "cross-site"}, "the AWS APIs of the local cloud do not answer web pages"),
        (
            {"Host": "evil.example:4566"},
            "the AWS APIs of the local cloud do not answer under the host name evil.example",
        ),
        (
            {"Host": "127.0.0.1.evil.example"},
            "the AWS APIs of the local cloud do not answer under the host name 127.0.0.1.evil.example",
        ),
    ],
)
def test_web_pages_do_not_reach_the_aws_apis(
    cloud: CloudInThread, headers: dict[str, str], message: str
) -> None:
    response = cloud.request("POST", "/2015-03-31/functions", body=b"{}", headers=headers)
    assert response.status == 403
    assert json.loads(response.content) == {"__type": "AccessDeniedException", "message": message}


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "[::1]:2", "s3.us-east-1.amazonaws.com", "b.localhost"]
)
def test_own_host_names_are_answered(cloud: CloudInThread, host: str) -> None:
    assert cloud.request("GET", "/", headers={"Host": host}).status != 403


def test_web_pages_reach_deployed_apis(cloud: CloudInThread) -> None:
    response = cloud.request("GET", "/_aws/execute-api/none/stage/", headers=ORIGIN)
    assert json.loads(response.content) == {"message": "Forbidden"}
    assert response.headers["x-amzn-ErrorType"] == "ForbiddenException"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.1", "::1", "localhost", b"localhost", None, "0.0.0.0"],  # noqa: S104
)
def test_the_process_may_connect_to_this_machine(address: object) -> None:
    _audit("socket.getaddrinfo", (address, 80, 0, 0, 0))
    _audit("socket.connect", (None, (address, 80)))
    _audit("socket.connect", (None, "/run/some.socket"))


@pytest.mark.parametrize("address", ["192.0.2.1", "example.com", b"example.com", "2001:db8::1", "10.0.0.1"])
def test_the_process_may_not_connect_to_another_machine(address: object) -> None:
    with pytest.raises(OtherMachineError, match="does not look up other machines"):
        _audit("socket.getaddrinfo", (address, 80, 0, 0, 0))
    with pytest.raises(OtherMachineError, match="does not connect to other machines"):
        _audit("socket.connect", (None, (address, 80)))


def test_a_port_in_use_is_named_with_the_way_out(cloud: CloudInThread, tmp_path: Path) -> None:
    async def start() -> None:
        other = LocalCloud(
            host="127.0.0.1",
            port=cloud.cloud.port,
            directory=tmp_path,
            make_functions=lambda *_: FakeFunctions(),
        )
        await other.start()

    with pytest.raises(LocalCloudError) as caught:
        asyncio.run(start())
    assert str(caught.value) == (
        f"127.0.0.1:{cloud.cloud.port} is taken by another program. If that is a local cloud, end it with "
        f"`python -m local_cloud stop`; otherwise choose another port with --port (0 takes a free one)."
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the error for a foreign address differs elsewhere")
def test_an_address_of_another_machine_cannot_be_listened_on(tmp_path: Path) -> None:
    async def start() -> None:
        await LocalCloud(
            host="192.0.2.1",
            port=0,
            directory=tmp_path,
            make_functions=lambda *_: FakeFunctions(),
        ).start()

    with pytest.raises(LocalCloudError) as caught:
        asyncio.run(start())
    assert str(caught.value) == (
        "cannot listen on 192.0.2.1:0: Cannot assign requested address. "
        "Choose an address of this machine with --host."
    )


def test_routes_are_compiled_by_one_thread_at_a_time(cloud: CloudInThread) -> None:
    cloud.client("sts").get_caller_identity()  # so that moto's gaps are filled
    at_work: list[int] = []
    most = 0

    class SlowRule(Rule):
        def _compile_builder(self, append_unknown: bool = True) -> Any:
            nonlocal most
            at_work.append(1)
            most = max(most, len(at_work))
            time.sleep(0.005)
            at_work.pop()
            return super()._compile_builder(append_unknown)

    with ThreadPoolExecutor(8) as threads:
        maps = list(threads.map(lambda number: Map([SlowRule(f"/a/<b>/{number}")]), range(8)))
    assert [len(list(one.iter_rules())) for one in maps] == [1] * 8
    assert most == 1


def test_a_call_does_not_look_for_the_services_of_moto(
    cloud: CloudInThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = cloud.client("sts")
    expected = client.get_caller_identity()["Arn"]
    monkeypatch.setattr("moto.backends.list_of_moto_modules", lambda: pytest.fail("folders are listed"))
    assert client.get_caller_identity()["Arn"] == expected
