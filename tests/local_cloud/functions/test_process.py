"""Noticing the end of a process, also on systems without `waitid`, such as macOS before Python 3.13."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.function_cloud import Cloud, alive
from tests.support.waiting import eventually


@pytest.fixture(params=[True, False])
def bare_cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> Cloud:
    if not request.param:
        monkeypatch.delattr(os, "waitid", raising=False)
    return cloud


def test_an_exit_is_noticed_and_takes_the_group_with_it(bare_cloud: Cloud) -> None:
    bare_cloud.deploy(
        """
        import os, pathlib, subprocess
        def handler(event, context):
            pathlib.Path(event).write_text(str(subprocess.Popen(["sleep", "60"]).pid))
            os._exit(3)
        """
    )
    file = bare_cloud.directory / "pid"
    result = bare_cloud.invoke("demo", str(file))
    assert json.loads(result.payload)["errorMessage"].endswith(
        "Error: Runtime exited with error: exit status 3"
    )
    assert eventually(lambda: not alive(int(file.read_text())))


def test_a_timeout_and_the_next_invocation(bare_cloud: Cloud) -> None:
    bare_cloud.deploy(
        "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'\n", timeout=1
    )
    assert json.loads(bare_cloud.invoke("demo", 60).payload)["errorType"] == "Sandbox.Timedout"
    assert bare_cloud.call("demo", 0) == "done"


def test_a_program_that_cannot_be_started_is_told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    from local_cloud.functions import worker
    from local_cloud.functions.errors import ServiceUnavailable

    monkeypatch.setattr(worker, "worker_command", lambda *_, **__: ["/no/such/interpreter"])
    cloud.deploy("def handler(event, context): pass\n")
    with pytest.raises(ServiceUnavailable) as error:
        cloud.invoke("demo")
    assert error.value.message == (
        "No process can be started for function 'demo': [Errno 2] No such file or directory: '/no/such/interpreter'. "
        "End other programs or lower the concurrency."
    )
    monkeypatch.undo()
    assert cloud.call("demo") is None
