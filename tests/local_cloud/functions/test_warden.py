"""No process outlives the local cloud, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local_cloud.functions.warden import Warden
from tests.support.function_cloud import Cloud, alive
from tests.support.paths import PROJECT
from tests.support.waiting import eventually

PROGRAM = """
import json, pathlib, sys, threading
from tests.support.moto_state import mock_aws
from tests.support.function_cloud import Cloud

CODE = '''
import json, os, pathlib, subprocess, time
def handler(event, context):
    same = subprocess.Popen(["sleep", "60"]).pid
    other = subprocess.Popen(["sleep", "60"], start_new_session=True).pid
    pathlib.Path(event["file"]).write_text(json.dumps([os.getpid(), same, other]))
    while event["busy"]: pass
'''
with mock_aws():
    directory = pathlib.Path(sys.argv[1])
    cloud = Cloud(directory)
    cloud.deploy(CODE, timeout=60)
    cloud.start("demo", {"busy": True, "file": str(directory / "busy.new")})
    while not (directory / "busy.new").exists(): pass
    cloud.call("demo", {"busy": False, "file": str(directory / "idle.new")})
    for name in ("busy", "idle"):
        (directory / f"{name}.new").rename(directory / f"{name}.json")
    (directory / "warden.json").write_text(str(cloud.warden_pid()))
    threading.Event().wait()
"""


def test_a_killed_cloud_takes_its_workers_with_it_busy_or_idle_and_what_they_started(tmp_path: Path) -> None:
    cloud = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=PROJECT)
    try:
        assert eventually((tmp_path / "warden.json").exists)
        pids = json.loads((tmp_path / "busy.json").read_text()) + json.loads(
            (tmp_path / "idle.json").read_text()
        )
        warden = int((tmp_path / "warden.json").read_text())
        assert [pid for pid in pids if not alive(pid)] == []
    finally:
        cloud.kill()
        cloud.wait()
    assert eventually(lambda: not any(alive(pid) for pid in [*pids, warden]))


def test_a_warden_that_is_killed_is_replaced_and_knows_all_workers(cloud: Cloud) -> None:
    cloud.deploy("import os\ndef handler(event, context):\n    return os.getpid()\n", name="one")
    cloud.deploy("import os\ndef handler(event, context):\n    return os.getpid()\n", name="two")
    first = cloud.call("one")
    warden = cloud.warden_pid()
    os.kill(warden, signal.SIGKILL)
    assert eventually(lambda: not alive(warden))
    second = cloud.call("two")
    assert cloud.warden_pid() != warden
    cloud.executor._services.warden.close()
    assert eventually(lambda: not alive(first) and not alive(second))


def test_the_warden_ignores_what_ends_a_program_in_a_terminal(tmp_path: Path) -> None:
    def survives(start_seconds: float) -> bool:
        warden = Warden(tmp_path)
        warden.watch(2**22 + 1)  # a number that no process group has
        pid = warden.pid
        assert pid is not None
        time.sleep(start_seconds)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        ended = eventually(lambda: not alive(pid), within_seconds=0.2)
        warden.close()
        return not ended

    assert any(survives(start_seconds) for start_seconds in (0.1, 1.0, 5.0))
