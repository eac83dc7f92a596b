"""Functions that stream their response: chunks as they come, errors, limits, and callers that go away."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from local_cloud.functions.errors import FunctionNotFound
from local_cloud.functions.response_stream import MOST_WAITING_BYTES, ResponseStream
from tests.support.function_cloud import Cloud, alive
from tests.support.streaming import END, WRAPPER, streaming_archive
from tests.support.waiting import eventually

# Sends a part for each file that appears, and writes down that it was closed.
STEPS = """
import os, pathlib, time
def handler(event, context):
    folder = pathlib.Path(event["folder"])
    try:
        for number in range(event["parts"]):
            while not (folder / str(number)).exists():
                time.sleep(0.002)
            yield b"%d;" % number
    finally:
        (folder / "closed").write_text(str(os.getpid()))
"""
ENDLESS = """
def handler(event, context):
    while True:
        yield b"x" * 65536
"""
COUNT = """
def handler(event, context):
    for number in range(event):
        yield b"%9d;" % number
"""


def deploy(cloud: Cloud, code: str, **options: Any) -> None:
    environment = {**WRAPPER, **options.pop("environment", {})}
    cloud.deploy(streaming_archive(code), environment=environment, **options)


def begin(cloud: Cloud, event: Any = None, function: str = "demo") -> ResponseStream:
    stream = cloud.run(cloud.executor.invoke_streamed(function, json.dumps(event).encode()))
    assert isinstance(stream, ResponseStream)
    return stream


async def everything(stream: ResponseStream) -> bytes:
    parts = []
    while (part := await stream.read()) is not None:
        parts.append(part)
    return b"".join(parts)


def test_parts_arrive_before_the_next_ones_exist(cloud: Cloud, tmp_path: Path) -> None:
    deploy(cloud, STEPS)
    stream = begin(cloud, {"folder": str(tmp_path), "parts": 3})
    (tmp_path / "0").touch()
    prelude, _, first = cloud.run(stream.read()).partition(END)
    assert (json.loads(prelude)["statusCode"], first) == (200, b"0;")
    (tmp_path / "1").touch()
    assert cloud.run(stream.read()) == b"1;"
    assert stream.result is None
    (tmp_path / "2").touch()
    assert cloud.run(everything(stream)) == b"2;"
    assert stream.result is not None
    assert (stream.result.function_error, stream.result.payload) == (None, b"")
    assert "REPORT RequestId" in stream.result.log_tail


def test_a_caller_that_waits_for_all_of_it_gets_all_of_it(cloud: Cloud) -> None:
    deploy(cloud, COUNT)
    body = cloud.invoke("demo", 1000).payload.partition(END)[2]
    assert body == b"".join(b"%9d;" % number for number in range(1000))
    deploy(
        cloud,
        "def handler(event, context):\n    for _ in range(97):\n        yield b'x' * 65536\n",
        name="large",
    )
    result = cloud.invoke("large")
    assert json.loads(result.payload)["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_buffered_function_is_one_part(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return event\n")
    stream = begin(cloud, {"a": 1})
    assert json.loads(cloud.run(everything(stream))) == {"a": 1}


def test_errors_before_and_after_the_first_part(cloud: Cloud) -> None:
    deploy(
        cloud,
        """
        def handler(event, context):
            for part in event:
                yield part.encode()
            raise RuntimeError("no more")
        """,
    )
    for parts in ([], ["one"]):
        stream = begin(cloud, parts)
        assert cloud.run(everything(stream)).partition(END)[2] == "".join(parts).encode()
        assert stream.result is not None
        assert stream.result.function_error == "Unhandled"
        assert json.loads(stream.result.payload)["errorMessage"] == "no more"
    with pytest.raises(FunctionNotFound):
        begin(cloud, function="missing")


def test_a_stream_that_takes_too_long_or_whose_process_dies_ends_with_an_error(cloud: Cloud) -> None:
    deploy(
        cloud,
        """
        import os, time
        def handler(event, context):
            yield b"one"
            if event == "die":
                os._exit(3)
            time.sleep(30)
        """,
        timeout=1,
    )
    for event, kind in (("die", "Runtime.ExitError"), ("wait", "Sandbox.Timedout")):
        stream = begin(cloud, event)
        assert cloud.run(everything(stream)).endswith(END + b"one")
        assert stream.result is not None
        assert json.loads(stream.result.payload)["errorType"] == kind


def test_a_client_that_drops_its_stream_is_reported_as_truncated(cloud: Cloud) -> None:
    deploy(
        cloud,
        """
        import http.client, os
        def handler(event, context):
            api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
            api.putrequest("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response")
            api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
            api.putheader("Transfer-Encoding", "chunked")
            api.endheaders(b"3\\r\\none\\r\\n")
            api.close()
            api.request("GET", "/2018-06-01/runtime/invocation/next")
            api.getresponse()
        """,
    )
    stream = begin(cloud)
    cloud.run(everything(stream))
    assert stream.result is not None
    assert json.loads(stream.result.payload)["errorType"] == "Runtime.TruncatedResponse"


def test_a_caller_that_goes_ends_the_generator_and_the_process_serves_the_next(
    cloud: Cloud, tmp_path: Path
) -> None:
    deploy(cloud, STEPS, timeout=20)
    stream = begin(cloud, {"folder": str(tmp_path), "parts": 1_000_000})
    (tmp_path / "0").touch()
    cloud.run(stream.read())
    cloud.loop.call_soon_threadsafe(stream.abandon)
    number = iter(range(1, 1000))
    # The function notices when it sends.
    assert eventually(lambda: ((tmp_path / str(next(number))).touch(), (tmp_path / "closed").exists())[1])
    with pytest.raises(ConnectionError):
        cloud.run(stream.read())
    pid = (tmp_path / "closed").read_text()
    assert eventually(lambda: "END RequestId" in cloud.log())
    assert "disconnected" in cloud.log()
    (tmp_path / "closed").unlink()
    assert cloud.invoke("demo", {"folder": str(tmp_path), "parts": 1}).function_error is None
    assert (tmp_path / "closed").read_text() == pid
    assert cloud.executor._concurrency._by_function.total() == 0


def test_a_caller_that_goes_before_the_first_part_ends_the_stream_too(cloud: Cloud) -> None:
    deploy(cloud, ENDLESS, timeout=20)
    stream = begin(cloud)
    cloud.loop.call_soon_threadsafe(stream.abandon)
    assert eventually(lambda: cloud.executor._concurrency._by_function.total() == 0)


def test_a_slow_caller_slows_the_function_and_memory_stays_flat(cloud: Cloud) -> None:
    deploy(cloud, ENDLESS, timeout=20)
    stream = begin(cloud)
    cloud.run(stream.read())
    largest = 0
    for _ in range(200):
        largest = max(largest, len(cloud.run(stream.read()) or b""))
    assert largest <= MOST_WAITING_BYTES + (1 << 18)
    cloud.loop.call_soon_threadsafe(stream.abandon)


def test_ten_thousand_parts_arrive_whole_in_flat_memory(cloud: Cloud) -> None:
    deploy(cloud, COUNT, timeout=30)
    process = psutil.Process()

    async def read() -> tuple[int, int]:
        stream = await cloud.executor.invoke_streamed("demo", b"10000")
        total, most = 0, 0
        while (part := await stream.read()) is not None:
            total += len(part.rpartition(END)[2])
            most = max(most, len(stream._waiting))
        return total, most

    before = process.memory_info().rss
    total, most = cloud.run(read())
    assert total == 100_000
    assert most <= MOST_WAITING_BYTES + (1 << 18)
    assert process.memory_info().rss - before < 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("wrapper", "executable", "status", "line"),
    [
        ("/var/task/nothing", True, 127, "/var/task/nothing: does not exist"),
        (WRAPPER["AWS_LAMBDA_EXEC_WRAPPER"], False, 126, "streaming_runtime.py: is not an executable"),
    ],
)
def test_wrappers_that_cannot_be_started(
    cloud: Cloud, wrapper: str, executable: bool, status: int, line: str
) -> None:
    archive = streaming_archive(COUNT, executable=executable)
    cloud.deploy(archive, environment={"AWS_LAMBDA_EXEC_WRAPPER": wrapper})
    result = cloud.invoke("demo", 1)
    assert f"exit status {status}" in json.loads(result.payload)["errorMessage"]
    assert line in cloud.log()


def test_any_wrapper_gets_the_command_line_of_the_runtime(cloud: Cloud) -> None:
    code = "import os\ndef handler(event, context):\n    return os.environ['SET_BY_WRAPPER']\n"
    archive = streaming_archive(code)
    with_script = _with_script(archive, b'#!/bin/sh\nexport SET_BY_WRAPPER=yes\nexec "$@"\n')
    cloud.deploy(with_script, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"})
    assert cloud.call("demo") == "yes"


def _with_script(archive: bytes, script: bytes) -> bytes:
    buffer = io.BytesIO(archive)
    info = zipfile.ZipInfo("wrapper")
    info.external_attr = 0o100755 << 16
    with zipfile.ZipFile(buffer, "a") as target:
        target.writestr(info, script)
    return buffer.getvalue()


def test_the_context_of_a_streaming_function_is_lambdas(cloud: Cloud) -> None:
    deploy(
        cloud,
        """
        import os
        def handler(event, context):
            assert 0 < context.get_remaining_time_in_millis() <= 5000
            assert context.aws_request_id
            return {"statusCode": 200, "body": f"{context.function_name} {context.memory_limit_in_mb}"}
        """,
    )
    assert cloud.invoke("demo").payload.partition(END)[2] == b"demo 128"


def test_close_ends_streams_and_leaves_no_process(make_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = make_cloud()
    deploy(cloud, STEPS, timeout=30)
    stream = begin(cloud, {"folder": str(tmp_path), "parts": 2})
    (tmp_path / "0").touch()
    cloud.run(stream.read())
    (worker,) = cloud.executor._workers
    pid = worker.pid
    cloud.run(cloud.executor.close())
    assert not alive(pid)
    with pytest.raises(Exception, match="stopping"):
        cloud.run(stream.read())


@pytest.mark.long
def test_two_hundred_streams_at_once(make_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = make_cloud()
    deploy(cloud, STEPS, timeout=120)
    for name in ("0", "1"):
        (tmp_path / name).touch()

    async def all_streams() -> list[bytes]:
        event = json.dumps({"folder": str(tmp_path), "parts": 3}).encode()
        streams = [await cloud.executor.invoke_streamed("demo", event) for _ in range(200)]
        for stream in streams:
            await stream.read()
        (tmp_path / "2").touch()
        return list(await asyncio.gather(*map(everything, streams)))

    work = asyncio.run_coroutine_threadsafe(all_streams(), cloud.loop)
    bodies = work.result(timeout=300)
    assert len(bodies) == 200
    assert all(body.endswith(b"2;") for body in bodies)
    assert len({worker.pid for worker in cloud.executor._workers}) == 200
