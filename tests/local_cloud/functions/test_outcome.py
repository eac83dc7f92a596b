"""Outcomes of invocations: each row of the behaviour of Lambda and its runtime client."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from local_cloud.functions.result import InvocationResult
from tests.support.function_cloud import ECHO, Cloud, alive, arn
from tests.support.waiting import eventually

ID = "11111111-2222-3333-4444-555555555555"


def failure(result: InvocationResult) -> dict[str, object]:
    assert result.function_error == "Unhandled"
    value = json.loads(result.payload)
    assert isinstance(value, dict)
    return value


def test_the_answer_of_the_handler_is_the_payload(cloud: Cloud) -> None:
    cloud.deploy(ECHO)
    result = cloud.invoke("demo", {"text": "grüße", "list": [1, None]})
    assert json.loads(result.payload) == {"text": "grüße", "list": [1, None]}
    assert result.function_error is None
    assert result.executed_version == "$LATEST"
    assert result.duration_ms > 0


def test_an_exception_is_unhandled_with_its_type_message_request_id_and_stack(cloud: Cloud) -> None:
    cloud.deploy("class Odd(Exception): pass\ndef handler(event, context):\n    raise Odd('no luck')\n")
    error = failure(cloud.invoke("demo", request_id=ID))
    assert error["errorType"] == "Odd"
    assert error["errorMessage"] == "no luck"
    assert error["requestId"] == ID
    assert error["stackTrace"] == [
        "  File \"/var/task/app.py\", line 3, in handler\n    raise Odd('no luck')\n"
    ]
    assert "[ERROR] Odd: no luck\n" in cloud.invoke("demo").log_tail


def test_a_worker_survives_an_exception(cloud: Cloud) -> None:
    cloud.deploy(
        "import os\ndef handler(event, context):\n    if event: raise ValueError(os.getpid())\n    return os.getpid()\n"
    )
    first = failure(cloud.invoke("demo", 1))["errorMessage"]
    assert str(cloud.call("demo", 0)) == first


def test_an_exit_is_an_exit_error_with_its_status(cloud: Cloud) -> None:
    cloud.deploy("import sys\ndef handler(event, context):\n    print('bye')\n    sys.exit(event)\n")
    assert failure(cloud.invoke("demo", 3, request_id=ID)) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: exit status 3",
    }
    result = cloud.invoke("demo", 0, request_id=ID)
    assert failure(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {ID} Error: Runtime exited without providing a reason",
    }
    assert "bye\n" in result.log_tail


def test_a_crash_is_an_exit_error_with_its_signal_and_the_next_invocation_gets_a_new_process(
    cloud: Cloud,
) -> None:
    cloud.deploy(
        """
        import os, signal
        def handler(event, context):
            if event == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            return os.getpid()
        """
    )
    before = cloud.call("demo")
    assert failure(cloud.invoke("demo", "crash", request_id=ID)) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: signal: segmentation fault",
    }
    assert cloud.call("demo") != before


def test_a_timeout_ends_the_whole_process_group(cloud: Cloud) -> None:
    cloud.deploy(
        """
        import json, pathlib, subprocess, time
        def handler(event, context):
            same = subprocess.Popen(["sleep", "60"])
            other = subprocess.Popen(["sleep", "60"], start_new_session=True)
            pathlib.Path(event).write_text(json.dumps([same.pid, other.pid]))
            time.sleep(60)
        """,
        timeout=1,
    )
    pids = cloud.directory / "pids.json"
    result = cloud.invoke("demo", str(pids), request_id=ID)
    assert failure(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {ID} Error: Task timed out after 1.00 seconds",
    }
    assert re.search(
        rf"^\d{{4}}-\S+Z {ID} Task timed out after 1\.00 seconds$", result.log_tail, re.MULTILINE
    )
    assert "\tStatus: timeout\t" in result.log_tail
    assert 1000 <= result.duration_ms < 10_000
    for pid in json.loads(pids.read_text()):
        assert eventually(lambda pid=pid: not alive(pid))  # type: ignore[misc]


def test_a_busy_loop_times_out_too(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    while True: pass\n", timeout=1)
    assert failure(cloud.invoke("demo"))["errorType"] == "Sandbox.Timedout"


def test_what_json_cannot_hold_is_a_marshal_error(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return {1, 2}\n")
    error = failure(cloud.invoke("demo"))
    assert error["errorType"] == "Runtime.MarshalError"
    assert str(error["errorMessage"]).startswith("Unable to marshal response: Object of type set")


def test_a_missing_module_is_an_import_module_error(cloud: Cloud) -> None:
    cloud.deploy("import not_in_the_archive\n")
    result = cloud.invoke("demo")
    error = failure(result)
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'not_in_the_archive'"
    assert "[ERROR] Runtime.ImportModuleError" in result.log_tail
    assert "Error Type: Runtime.ImportModuleError" in result.log_tail


def test_other_failures_at_import(cloud: Cloud) -> None:
    cloud.deploy("def other(): pass\n", name="no-handler")
    assert failure(cloud.invoke("no-handler"))["errorMessage"] == "Handler 'handler' missing on module 'app'"
    assert failure(cloud.invoke("no-handler"))["errorType"] == "Runtime.HandlerNotFound"
    cloud.deploy("def handler(:\n", name="no-syntax")
    assert failure(cloud.invoke("no-syntax"))["errorType"] == "Runtime.UserCodeSyntaxError"
    cloud.deploy("raise KeyError('at import')\n", name="raises")
    assert failure(cloud.invoke("raises"))["errorType"] == "KeyError"
    cloud.deploy(ECHO, name="malformed", Handler="nodots")
    assert failure(cloud.invoke("malformed"))["errorType"] == "Runtime.MalformedHandlerName"


def test_an_exit_at_import_is_an_exit_error(cloud: Cloud) -> None:
    cloud.deploy("import os\nprint('leaving', flush=True)\nos._exit(7)\n")
    result = cloud.invoke("demo", request_id=ID)
    assert failure(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: exit status 7",
    }
    assert "leaving\n" in result.log_tail


def test_a_slow_import_is_started_over_within_the_functions_own_time(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(init_timeout_seconds=0.3)
    cloud.deploy("import time\ntime.sleep(0.6)\n" + ECHO, timeout=5)
    assert cloud.call("demo", "in time") == "in time"
    assert "Phase: init\tStatus: timeout" in cloud.log()
    cloud.deploy("import time\ntime.sleep(60)\n" + ECHO, name="slower", timeout=1)
    result = cloud.invoke("slower", request_id=ID)
    assert failure(result)["errorMessage"] == f"RequestId: {ID} Error: Task timed out after 1.00 seconds"


def test_more_memory_than_the_function_has_is_out_of_memory(cloud: Cloud) -> None:
    cloud.deploy(
        "import time\ndef handler(event, context):\n    hog = bytearray(200_000_000)\n    time.sleep(20)\n",
        timeout=15,
        memory=128,
    )
    started = time.monotonic()
    result = cloud.invoke("demo", request_id=ID)
    assert failure(result) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
    }
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB\t" in result.log_tail
    assert time.monotonic() - started < 10


def test_the_memory_of_child_processes_counts(cloud: Cloud) -> None:
    cloud.deploy(
        """
        import subprocess, sys
        def handler(event, context):
            subprocess.run([sys.executable, "-c", "import time; hog = bytearray(200_000_000); time.sleep(20)"])
        """,
        timeout=15,
    )
    assert failure(cloud.invoke("demo"))["errorType"] == "Runtime.OutOfMemory"


def test_memory_at_import_counts(cloud: Cloud) -> None:
    cloud.deploy("import time\nhog = bytearray(200_000_000)\ntime.sleep(20)\n" + ECHO, timeout=15)
    assert failure(cloud.invoke("demo"))["errorType"] == "Runtime.OutOfMemory"


def test_a_response_over_six_megabytes_is_too_large_and_the_worker_goes_on(cloud: Cloud) -> None:
    cloud.deploy("import os\ndef handler(event, context):\n    return 'x' * event or os.getpid()\n")
    pid = cloud.call("demo", 0)
    limit = 6_291_556
    assert len(cloud.call("demo", limit - 2)) == limit - 2
    assert failure(cloud.invoke("demo", limit - 1)) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert cloud.call("demo", 0) == pid


def test_a_request_of_six_megabytes_arrives(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return len(event)\n")
    assert cloud.call("demo", "x" * (6_291_456 - 2)) == 6_291_454


def test_the_context_tells_what_was_called_and_how_long_there_is(cloud: Cloud) -> None:
    cloud.deploy(
        """
        import os
        def handler(event, context):
            return {
                "id": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "left": context.get_remaining_time_in_millis(),
                "name": context.function_name,
                "version": context.function_version,
                "memory": context.memory_limit_in_mb,
                "stream": context.log_stream_name,
                "group": context.log_group_name,
                "custom": context.client_context and context.client_context.custom,
                "trace": os.environ["_X_AMZN_TRACE_ID"],
            }
        """,
        timeout=5,
        publish=True,
    )
    cloud.backend.create_alias("live", "demo", "1", "", "")
    result = cloud.invoke(
        "demo:live",
        request_id=ID,
        trace_header="Root=1-5759e988-bd862e3fe1be46a994272793",
        client_context='{"custom":\n{"key": "ü"}}',
    )
    seen = json.loads(result.payload)
    assert 3000 < seen.pop("left") <= 5000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[1\][0-9a-f]{32}", seen.pop("stream"))
    assert seen == {
        "id": ID,
        "arn": arn("demo:live"),
        "name": "demo",
        "version": "1",
        "memory": "128",
        "group": "/aws/lambda/demo",
        "custom": {"key": "ü"},
        "trace": "Root=1-5759e988-bd862e3fe1be46a994272793",
    }
    assert result.executed_version == "1"
