"""The logs: every line once, with its invocation, in the file, in the tail, and in CloudWatch where there is a group."""

from __future__ import annotations

import logging
import re

import pytest
from moto.logs.models import logs_backends

from local_cloud.functions.log import report_line
from local_cloud.functions.outcome import Outcome
from local_cloud.log_groups import LogDelivery, LogStream
from tests.support.function_cloud import ACCOUNT, REGION, Cloud
from tests.support.waiting import eventually

PRINTS = """
import logging, subprocess, sys
print("loading")
def handler(event, context):
    print("printed", event)
    print("to stderr", file=sys.stderr)
    logging.getLogger().warning("logged")
    subprocess.run(["echo", "by a child"])
    sys.stdout.write("no line break")
"""


def without_prefix(log: str) -> list[str]:
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [0-9a-f]{6} ", line) for line in log.splitlines()
    )
    return [line[32:] for line in log.splitlines()]


def test_the_file_has_everything_in_order(cloud: Cloud) -> None:
    cloud.deploy(PRINTS)
    cloud.invoke("demo", 1, request_id="id-1")
    cloud.invoke("demo", 2, request_id="id-2")
    lines = without_prefix(cloud.log())
    assert lines[0].startswith("INIT_START Runtime Version: python3.")
    assert lines[1] == "loading"
    for number, part in ((1, lines[2:10]), (2, lines[10:])):
        assert part[0] == f"START RequestId: id-{number} Version: $LATEST"
        assert part[1:3] == [f"printed {number}", "to stderr"]
        assert re.fullmatch(rf"\[WARNING\]\t\S+Z\tid-{number}\tlogged", part[3])
        assert part[4:6] == ["by a child", "no line break"]
        assert part[6] == f"END RequestId: id-{number}"
        init = r"Init Duration: [\d.]+ ms\t" if number == 1 else ""
        assert re.fullmatch(
            rf"REPORT RequestId: id-{number}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
            rf"Max Memory Used: \d+ MB\t{init}",
            part[7],
        )
    assert len(lines) == 18


def test_the_tail_is_of_this_invocation_only(cloud: Cloud) -> None:
    cloud.deploy(PRINTS)
    cloud.invoke("demo", 1)
    tail = cloud.invoke("demo", 2, request_id="id-2").log_tail
    assert tail.startswith("START RequestId: id-2 ")
    assert "printed 2\n" in tail
    assert "printed 1" not in tail
    assert tail.endswith(" MB\t\n")


def test_a_lot_of_output_arrives_whole(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    for i in range(20_000): print('line', i)\n", timeout=20)
    assert len(cloud.invoke("demo").log_tail.encode()) == 4096
    assert [line for line in without_prefix(cloud.log()) if line.startswith("line")] == [
        f"line {number}" for number in range(20_000)
    ]


def test_output_without_a_line_break_does_not_pile_up(cloud: Cloud) -> None:
    cloud.deploy("import sys\ndef handler(event, context):\n    sys.stdout.write('x' * 1_000_000)\n")
    cloud.invoke("demo")
    lines = without_prefix(cloud.log())
    assert sum(line.count("x") for line in lines if set(line) == {"x"}) == 1_000_000


def test_the_start_of_a_long_invocation_is_in_the_file_while_it_runs(cloud: Cloud) -> None:
    cloud.deploy("import time\ndef handler(event, context):\n    time.sleep(event)\n")
    cloud.call("demo", 0)
    running = cloud.start("demo", 1.5)
    assert eventually(lambda: cloud.log().count("START RequestId") == 2)
    assert not running.done()
    running.cancel()


def test_output_between_invocations_is_kept(cloud: Cloud) -> None:
    cloud.deploy(
        "import threading\ndef handler(event, context):\n    threading.Timer(0.1, print, ['afterwards']).start()\n"
    )
    cloud.call("demo")
    assert eventually(lambda: "afterwards\n" in cloud.log())


def test_the_json_format_is_the_runtime_clients(cloud: Cloud) -> None:
    cloud.deploy(
        "import logging\ndef handler(event, context):\n    logging.getLogger().info('found %d', 3)\n"
    )
    function = cloud.backend.get_function("demo")
    function.logging_config = {"LogFormat": "JSON", "LogGroup": "/elsewhere", "ApplicationLogLevel": "INFO"}
    tail = cloud.invoke("demo", request_id="id-1").log_tail
    assert '"level": "INFO", "message": "found 3", "logger": "root", "requestId": "id-1"' in tail


def test_cloudwatch_gets_the_lines_in_a_group_that_exists_or_is_created(cloud: Cloud) -> None:
    backend = logs_backends[ACCOUNT][REGION]
    backend.create_log_group("/aws/lambda/demo", {})
    cloud.deploy(PRINTS)
    cloud.deploy(PRINTS, name="without-group")
    cloud.invoke("demo", 1, request_id="id-1")
    cloud.invoke("without-group", 1)
    assert eventually(lambda: bool(backend.groups["/aws/lambda/demo"].streams))
    ((name, stream),) = backend.groups["/aws/lambda/demo"].streams.items()
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", name)
    assert eventually(lambda: any("REPORT" in event.message for event in stream.events))
    messages = [event.message for event in stream.events]
    assert messages[1:5] == ["loading", "START RequestId: id-1 Version: $LATEST", "printed 1", "to stderr"]
    assert eventually(lambda: list(backend.groups) == ["/aws/lambda/demo", "/aws/lambda/without-group"])


def test_a_traceback_is_one_event_in_cloudwatch(cloud: Cloud) -> None:
    backend = logs_backends[ACCOUNT][REGION]
    backend.create_log_group("/aws/lambda/demo", {})
    cloud.deploy("def handler(event, context):\n    raise ValueError('no')\n")
    cloud.invoke("demo")
    cloud.run(cloud.executor.close())
    (stream,) = backend.groups["/aws/lambda/demo"].streams.values()
    (error,) = [event.message for event in stream.events if "ValueError" in event.message]
    assert error.splitlines()[:2] == ["[ERROR] ValueError: no", "Traceback (most recent call last):"]


def test_a_flood_of_lines_keeps_the_newest_in_cloudwatch(cloud: Cloud) -> None:
    backend = logs_backends[ACCOUNT][REGION]
    backend.create_log_group("/aws/lambda/demo", {})
    cloud.deploy("def handler(event, context):\n    for i in range(5000): print('line', i)\n")
    cloud.invoke("demo")
    cloud.run(cloud.executor.close())
    (stream,) = backend.groups["/aws/lambda/demo"].streams.values()
    assert stream.events[-1].message.startswith("REPORT ")
    assert len(stream.events) < 3000


def test_a_group_that_takes_nothing_is_complained_about_once(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    backend = logs_backends[ACCOUNT][REGION]
    backend.create_log_group("/broken", {})
    backend.groups["/broken"].put_log_events = None
    delivery = LogDelivery()
    with caplog.at_level(logging.WARNING, logger="local_cloud.log_groups"):
        for _ in range(2):
            delivery.put(LogStream(ACCOUNT, REGION, "/broken", "stream"), {"timestamp": 1, "message": "line"})
            delivery.flush()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == (
        "log group /broken did not take its events: TypeError: 'NoneType' object is not callable; "
        "further errors of the group are not shown"
    )


def test_the_report_rounds_what_is_billed_up() -> None:
    outcome = Outcome(b"", failed=True, status="error", error_type="Runtime.ExitError")
    line = report_line("r", outcome, 1.001, None, 128, 30)
    assert line == (
        "REPORT RequestId: r\tDuration: 1.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
        "Status: error\tError Type: Runtime.ExitError\t"
    )
