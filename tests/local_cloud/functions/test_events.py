"""Asynchronous invocations: tried again as often as AWS tries, under one request id."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.function_cloud import Cloud
from tests.support.waiting import eventually

COUNT = """
import json, os, pathlib
def handler(event, context):
    file = pathlib.Path(os.environ["FILE"])
    lines = file.read_text().splitlines() if file.exists() else []
    file.write_text("\\n".join([*lines, context.aws_request_id]))
    if len(lines) < event:
        raise ValueError(f"attempt {len(lines)}")
"""


@pytest.fixture
def quick(make_cloud: Callable[..., Cloud]) -> Cloud:
    cloud = make_cloud(retry_delays_seconds=(0.05, 0.05))
    cloud.deploy(COUNT, environment={"FILE": str(cloud.directory / "attempts")})
    return cloud


def put(cloud: Cloud, failures: int) -> str:
    async def accept() -> Any:
        return cloud.executor.events.put("demo", str(failures).encode())

    return str(cloud.run(accept()))


def attempts(cloud: Cloud) -> list[str]:
    file = cloud.directory / "attempts"
    return file.read_text().splitlines() if file.exists() else []


def done(cloud: Cloud) -> Callable[[], bool]:
    return lambda: not cloud.executor.events._tasks


def test_a_success_is_the_end(quick: Cloud) -> None:
    request_id = put(quick, 0)
    assert eventually(done(quick))
    assert attempts(quick) == [request_id]


def test_a_failure_is_tried_twice_more_under_the_same_id(quick: Cloud) -> None:
    request_id = put(quick, 2)
    assert eventually(done(quick))
    assert attempts(quick) == [request_id] * 3


def test_what_fails_for_good_is_dropped_with_a_warning(
    quick: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="local_cloud.functions"):
        request_id = put(quick, 9)
        assert eventually(done(quick))
    assert len(attempts(quick)) == 3
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"Event {request_id} for function demo failed for good and is dropped: ")
    assert '"errorMessage": "attempt 2"' in message


@pytest.mark.parametrize(
    ("config", "expected"), [({"MaximumRetryAttempts": 0}, 1), ({"MaximumRetryAttempts": 1}, 2)]
)
def test_the_functions_configuration_says_how_often(
    quick: Cloud, config: dict[str, Any], expected: int
) -> None:
    quick.backend.put_function_event_invoke_config("demo", config)
    put(quick, 9)
    assert eventually(done(quick))
    assert len(attempts(quick)) == expected


def test_another_qualifiers_configuration_does_not_count(quick: Cloud) -> None:
    function = quick.backend.get_function("demo")
    quick.backend.put_function_event_invoke_config("demo", {"MaximumRetryAttempts": 0})
    function.event_invoke_config[-1].arn = f"{function.function_arn}:live"
    put(quick, 9)
    assert eventually(done(quick))
    assert len(attempts(quick)) == 3


def test_a_throttled_event_waits_for_its_turn(quick: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.functions.events._THROTTLED_SECONDS", 0.02)
    quick.backend.put_function_concurrency("demo", 0)
    put(quick, 0)
    assert not eventually(done(quick), within_seconds=0.2)
    assert attempts(quick) == []
    quick.backend.delete_function_concurrency("demo")
    assert eventually(done(quick))
    assert len(attempts(quick)) == 1
