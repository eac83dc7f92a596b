"""The stand-in for the native runtime client of awslambdaric."""

from __future__ import annotations

import json
import socket
from importlib import import_module

import pytest

from tests.support.function_cloud import Cloud, alive
from tests.support.waiting import eventually


def test_answers_errors_and_the_context_are_those_of_the_native_client(cloud: Cloud) -> None:
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


def test_large_events_and_answers_get_through(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return event\n")
    assert cloud.call("demo", "x" * 6_000_000) == "x" * 6_000_000


def test_a_worker_ends_when_its_runtime_api_goes(cloud: Cloud) -> None:
    cloud.deploy("import os\ndef handler(event, context):\n    return os.getpid()\n")
    pid = cloud.call("demo")
    (worker,) = cloud.executor._workers
    cloud.loop.call_soon_threadsafe(worker._api.close)
    assert eventually(lambda: not alive(pid))
    assert "RuntimeError: Failed to get next" in cloud.log()


def test_a_response_that_is_rejected_fails_when_the_next_event_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as api:
        host, port = api.getsockname()
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", f"{host}:{port}")
        client = import_module("local_cloud.functions.portable.runtime_client")
        client.post_invocation_result("id-1", b"{}", "application/json")
        connection, _ = api.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
            with pytest.raises(RuntimeError, match="Failed to post invocation response"):
                client.next()
