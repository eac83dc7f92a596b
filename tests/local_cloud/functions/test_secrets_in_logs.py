"""Processes that end in the middle of an event leave nothing of it in any log."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from tests.support.function_cloud import Cloud
from tests.support.secrets import IMAGE, PROMPT, SENT, marked

CRASHES = {
    "exits": ("import os", "os._exit(3)", "Runtime.ExitError"),
    "is killed": ("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)", "Runtime.ExitError"),
    "runs out of memory": ("", "return len([bytes(2**20) + bytes([1]) * 2**20 for _ in range(300)])", "Runtime.OutOfMemory"),
    "takes too long": ("import time", "time.sleep(30)", "Sandbox.Timedout"),
    "answers what JSON has not": ("", "return {1, 2}", "Runtime.MarshalError"),
    "answers too much": ("", "return 'x' * 7_000_000", "Function.ResponseSizeTooLarge"),
}  # fmt: skip


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES)
def test_a_process_that_ends_leaves_nothing_of_its_event_behind(
    make_cloud: Callable[..., Cloud], crash: tuple[str, str, str]
) -> None:
    imports, work, error_type = crash
    cloud = make_cloud()
    cloud.deploy(f"{imports}\ndef handler(event, context):\n    {work}\n", timeout=2)
    event: dict[str, object] = {"headers": SENT, "body": PROMPT, "image": base64.b64encode(IMAGE).decode()}
    result = cloud.invoke("demo", event)
    assert json.loads(result.payload)["errorType"] == error_type
    assert "REPORT RequestId" in cloud.log()
    assert not marked(result.payload.decode() + result.log_tail + cloud.log())
