"""The stand-in for the native runtime client, which workers use where AWS ships none."""

from __future__ import annotations

import json

import pytest

from local_cloud.functions import environment
from tests.support.function_cloud import Cloud, alive
from tests.support.waiting import eventually


@pytest.fixture
def portable_cloud(cloud: Cloud) -> Cloud:
    """A cloud whose runtime folder has no native client."""
    runtime = environment.make_runtime_folder(cloud.executor._directory)
    cloud.executor._runtime = runtime
    for native in runtime.glob("runtime_client.*"):
        native.unlink()
    (runtime / "runtime_client.py").symlink_to(environment._PORTABLE_CLIENT)
    return cloud


def test_answers_errors_and_the_context_are_the_same(portable_cloud: Cloud) -> None:
    cloud = portable_cloud
    cloud.deploy(
        """
        import runtime_client
        def handler(event, context):
            if event == "fail":
                raise ValueError("nö\\nno")
            custom = context.client_context and context.client_context.custom
            return [event, context.aws_request_id, custom, runtime_client.__file__]
        """
    )
    result = cloud.invoke(
        "demo", {"text": "grüße"}, request_id="id-1", client_context='{"custom": {"a": "ü"}}'
    )
    value = json.loads(result.payload)
    assert value[:3] == [{"text": "grüße"}, "id-1", {"a": "ü"}]
    assert value[3].endswith("runtime/runtime_client.py")
    failed = cloud.invoke("demo", "fail", request_id="id-2")
    assert failed.function_error == "Unhandled"
    error = json.loads(failed.payload)
    assert (error["errorType"], error["errorMessage"], error["requestId"]) == ("ValueError", "nö\nno", "id-2")
    assert cloud.call("demo", 3)[0] == 3


def test_large_events_and_answers_get_through(portable_cloud: Cloud) -> None:
    portable_cloud.deploy("def handler(event, context):\n    return event\n")
    assert portable_cloud.call("demo", "x" * 6_000_000) == "x" * 6_000_000


def test_a_worker_ends_when_its_runtime_api_goes(portable_cloud: Cloud) -> None:
    portable_cloud.deploy("import os\ndef handler(event, context):\n    return os.getpid()\n")
    pid = portable_cloud.call("demo")
    (worker,) = portable_cloud.executor._workers
    portable_cloud.loop.call_soon_threadsafe(worker._api.close)
    assert eventually(lambda: not alive(pid))
    assert "RuntimeError: Failed to get next" in portable_cloud.log()
