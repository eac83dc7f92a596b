"""Processes of functions: one for each invocation at a time, kept warm, and never longer than the function's settings."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from uuid import uuid4

import pytest

from local_cloud.functions.errors import (
    FunctionNotFound,
    RequestTooLarge,
    ServiceUnavailable,
    TooManyRequests,
)
from local_cloud.functions.result import InvocationResult
from tests.support.function_cloud import Cloud, alive, arn, own_children
from tests.support.waiting import eventually

PID = "import os\ndef handler(event, context):\n    return os.getpid()\n"
SLOW_PID = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(event["mark"]).touch()
    while not pathlib.Path(event["go"]).exists():
        time.sleep(0.01)
    return os.getpid()
"""


class Gate:
    """Holds invocations of SLOW_PID until it is opened."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._name = uuid4().hex
        self._count = 0
        self.go = cloud.directory / f"go-{self._name}"

    def enter(self) -> object:
        """Start an invocation and wait until the handler runs."""
        self._count += 1
        mark = self._cloud.directory / f"mark-{self._name}-{self._count}"
        future = self._cloud.start("demo", {"mark": str(mark), "go": str(self.go)})
        assert eventually(mark.exists)
        return future

    def open(self) -> None:
        self.go.touch()


def test_a_warm_worker_is_used_again(cloud: Cloud) -> None:
    cloud.deploy(PID)
    assert len({cloud.call("demo") for _ in range(5)}) == 1


def test_two_invocations_at_once_use_two_processes_which_both_stay_warm(cloud: Cloud) -> None:
    cloud.deploy(SLOW_PID)
    gate = Gate(cloud)
    first, second = gate.enter(), gate.enter()
    gate.open()
    pids = {json.loads(future.result(10).payload) for future in (first, second)}  # type: ignore[attr-defined]
    assert len(pids) == 2
    again = Gate(cloud)
    futures = [again.enter(), again.enter()]
    again.open()
    assert {json.loads(future.result(10).payload) for future in futures} == pids  # type: ignore[attr-defined]


def test_many_invocations_in_a_row_and_at_once_all_get_their_own_answer(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return event\n")
    futures = [cloud.start("demo", number) for number in range(8)]
    assert [json.loads(future.result(20).payload) for future in futures] == list(range(8))
    assert [cloud.call("demo", number) for number in range(200)] == list(range(200))


def test_a_change_of_the_environment_takes_effect_at_once_and_ends_the_old_worker(cloud: Cloud) -> None:
    cloud.deploy(
        "import os\ndef handler(event, context):\n    return [os.environ.get('MODE'), os.getpid()]\n",
        environment={"MODE": "old"},
    )
    mode, old = cloud.call("demo")
    cloud.backend.update_function_configuration("demo", None, {"Environment": {"Variables": {"MODE": "new"}}})
    assert (mode, cloud.call("demo")[0]) == ("old", "new")
    assert eventually(lambda: not alive(old))


def test_a_change_of_the_code_takes_effect_at_once(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return 1\n")
    assert cloud.call("demo") == 1
    cloud.update_code("demo", "def handler(event, context):\n    return 2\n")
    assert cloud.call("demo") == 2
    folders = [path.name for path in (cloud.directory / "functions" / "demo").iterdir()]
    assert len(folders) == 1, "the archive that nothing uses any more should be gone"


def test_a_busy_worker_finishes_what_it_runs_before_a_change_ends_it(cloud: Cloud) -> None:
    cloud.deploy(SLOW_PID)
    gate = Gate(cloud)
    running = gate.enter()
    cloud.backend.update_function_configuration("demo", None, {"Timeout": 4})
    gate.open()
    new = cloud.call("demo", {"mark": str(cloud.directory / "x"), "go": str(cloud.directory / "x")})
    old = json.loads(running.result(10).payload)  # type: ignore[attr-defined]
    assert new != old
    assert eventually(lambda: not alive(old))


def test_published_versions_keep_their_code_and_environment(cloud: Cloud) -> None:
    code = "import os\ndef handler(event, context):\n    return [%d, os.environ['MODE'], context.function_version]\n"
    cloud.deploy(code % 1, environment={"MODE": "a"}, publish=True)
    cloud.update_code("demo", code % 2)
    cloud.backend.update_function_configuration("demo", None, {"Environment": {"Variables": {"MODE": "b"}}})
    assert cloud.backend.publish_version("demo", "").version == 2
    cloud.update_code("demo", code % 3)
    assert cloud.call("demo:1") == [1, "a", "1"]
    assert cloud.call("demo:2") == [2, "b", "2"]
    assert cloud.call("demo") == [3, "b", "$LATEST"]
    assert cloud.call(arn("demo:$LATEST")) == [3, "b", "$LATEST"]
    assert cloud.call("demo:1") == [1, "a", "1"]


def test_an_alias_is_followed_when_it_moves_and_splits_by_its_weights(cloud: Cloud) -> None:
    cloud.deploy("def handler(event, context):\n    return 1\n", publish=True)
    cloud.update_code("demo", "def handler(event, context):\n    return 2\n")
    cloud.backend.publish_version("demo", "")
    cloud.backend.create_alias("live", "demo", "1", "", "")
    assert cloud.call("demo:live") == 1
    cloud.backend.update_alias("live", "demo", "2", "", "")
    assert cloud.call(arn("demo:live")) == 2
    cloud.backend.update_alias("live", "demo", "2", "", {"AdditionalVersionWeights": {"1": 0.5}})
    counts = Counter(cloud.call("demo:live") for _ in range(100))
    assert counts[1] > 20
    assert counts[2] > 20
    assert counts.total() == 100


@pytest.mark.parametrize(
    "function",
    [
        "missing",
        "demo:9",
        "demo:missing",
        arn("missing"),
        "arn:aws:lambda:eu-west-1:123456789012:function:demo",
    ],
)
def test_what_is_not_there_is_not_found(cloud: Cloud, function: str) -> None:
    cloud.deploy(PID, publish=True)
    with pytest.raises(
        FunctionNotFound, match=r"^Function not found: arn:aws:lambda:[a-z0-9-]+:123456789012:function:"
    ):
        cloud.invoke(function)


def test_a_name_that_is_none_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(FunctionNotFound, match=r"^Function not found: a/b$"):
        cloud.invoke("a/b")


@pytest.mark.parametrize("function", ["demo", "123456789012:function:demo", "123456789012:demo", arn("demo")])
def test_every_form_of_a_name_is_understood(cloud: Cloud, function: str) -> None:
    cloud.deploy("def handler(event, context):\n    return context.invoked_function_arn\n")
    assert cloud.call(function) == arn("demo")


def test_a_deleted_function_is_not_found_and_its_worker_ends(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(idle_seconds=0.4)
    cloud.deploy(PID)
    pid = cloud.call("demo")
    cloud.backend.delete_function("demo")
    with pytest.raises(FunctionNotFound):
        cloud.invoke("demo")
    assert eventually(lambda: not alive(pid))


def test_an_idle_worker_is_ended_after_a_while(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(idle_seconds=0.2)
    cloud.deploy(PID)
    pid = cloud.call("demo")
    assert eventually(lambda: not alive(pid))
    assert cloud.call("demo") != pid


def test_reserved_concurrency_is_the_functions_limit(cloud: Cloud) -> None:
    cloud.deploy(SLOW_PID)
    cloud.backend.put_function_concurrency("demo", 1)
    gate = Gate(cloud)
    running = gate.enter()
    with pytest.raises(TooManyRequests) as error:
        cloud.invoke("demo", {})
    assert error.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    gate.open()
    running.result(10)  # type: ignore[attr-defined]
    go = str(gate.go)
    assert cloud.call("demo", {"mark": go, "go": go})


def test_no_concurrency_at_all_refuses_everything(cloud: Cloud) -> None:
    cloud.deploy(PID)
    cloud.backend.put_function_concurrency("demo", 0)
    with pytest.raises(TooManyRequests, match=r"^Rate Exceeded\.$"):
        cloud.invoke("demo")


def test_the_accounts_concurrency_is_everybodys_limit(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(concurrency_limit=2)
    cloud.deploy(SLOW_PID)
    cloud.deploy(PID, name="other")
    gate = Gate(cloud)
    gate.enter()
    assert cloud.call("other")
    gate.enter()
    with pytest.raises(TooManyRequests) as error:
        cloud.invoke("other")
    assert error.value.reason == "ConcurrentInvocationLimitExceeded"
    gate.open()


def test_the_longest_idle_worker_makes_room_for_another_function(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(concurrency_limit=2)
    for name in ("first", "second", "third"):
        cloud.deploy(PID, name=name)
    first, second = cloud.call("first"), cloud.call("second")
    cloud.call("third")
    assert eventually(lambda: not alive(first))
    assert alive(second)


def test_a_caller_that_gives_up_leaves_the_function_running(cloud: Cloud) -> None:
    cloud.deploy(SLOW_PID)
    gate = Gate(cloud)
    running = gate.enter()
    running.cancel()  # type: ignore[attr-defined]
    with pytest.raises(CancelledError):
        running.result(5)  # type: ignore[attr-defined]
    gate.open()
    assert eventually(lambda: "REPORT RequestId" in cloud.log())
    go = str(gate.go)
    pid = cloud.call("demo", {"mark": go, "go": go})
    assert alive(pid)


def test_a_caller_that_gives_up_during_a_cold_start_leaves_it_running(cloud: Cloud) -> None:
    cloud.deploy(PID)
    cloud.start("demo").cancel()
    log = cloud.directory / "logs" / "functions" / "demo.log"
    assert eventually(lambda: log.exists() and "REPORT RequestId" in cloud.log())


def test_a_worker_that_dies_between_invocations_is_replaced(cloud: Cloud) -> None:
    cloud.deploy(
        """
        import os, threading
        def handler(event, context):
            if event:
                threading.Timer(0.05, os._exit, [1]).start()
            return os.getpid()
        """
    )
    dying = cloud.call("demo", True)
    assert eventually(lambda: not cloud.executor._workers)
    assert cloud.call("demo", False) != dying


def test_close_leaves_no_process_and_refuses_what_comes_later(cloud: Cloud) -> None:
    cloud.deploy(SLOW_PID)
    cloud.deploy(
        "import subprocess\ndef handler(event, context):\n"
        "    return subprocess.Popen(['sleep', '60'], start_new_session=True).pid\n",
        name="spawner",
    )
    before = own_children() - {cloud.executor._services.warden.pid}
    Gate(cloud).enter()
    grandchild = cloud.call("spawner")
    running = cloud.start("demo", {"mark": str(cloud.directory / "m"), "go": str(cloud.directory / "never")})
    assert eventually((cloud.directory / "m").exists)
    pids = own_children() - before
    assert grandchild in pids
    assert len(pids) >= 4
    cloud.run(cloud.executor.close())
    assert [pid for pid in pids if alive(pid)] == []
    with pytest.raises(
        ServiceUnavailable, match=r"^The local cloud is stopping; start it again and call once more\.$"
    ):
        running.result(5)
    with pytest.raises(ServiceUnavailable):
        cloud.invoke("demo")


def test_close_during_a_cold_start_leaves_no_process(cloud: Cloud) -> None:
    cloud.deploy("import time\ntime.sleep(30)\ndef handler(event, context): pass\n")
    starting = cloud.start("demo")
    assert eventually(lambda: (cloud.directory / "logs" / "functions" / "demo.log").exists())
    time.sleep(0.05)
    cloud.run(cloud.executor.close())
    with pytest.raises(ServiceUnavailable):
        starting.result(5)
    assert "INIT_START" in cloud.log()


def test_an_event_over_six_megabytes_is_refused(cloud: Cloud) -> None:
    cloud.deploy(PID)
    with pytest.raises(
        RequestTooLarge,
        match=r"^Request must be smaller than 6291456 bytes for the InvokeFunction operation$",
    ):
        cloud.run(cloud.executor.invoke("demo", b'"' + b"x" * 6_291_455 + b'"'))


def test_an_event_that_a_killed_worker_has_not_read_goes_to_another(cloud: Cloud) -> None:
    cloud.deploy(PID)
    first = cloud.call("demo")
    (worker,) = cloud.executor._workers
    os.kill(first, signal.SIGSTOP)
    invoked = cloud.start("demo")
    assert eventually(lambda: worker._invocation is not None)
    os.kill(first, signal.SIGKILL)
    result = invoked.result(10)
    assert result.function_error is None
    assert json.loads(result.payload) != first


def test_an_event_for_a_worker_whose_end_was_not_noticed_yet_goes_to_another(cloud: Cloud) -> None:
    cloud.deploy(PID)
    first = cloud.call("demo")

    async def kill_and_invoke() -> InvocationResult:
        os.kill(first, signal.SIGKILL)
        while alive(first):  # the loop cannot notice it meanwhile
            pass
        return await cloud.executor.invoke(arn("demo"), b"null")

    result = cloud.run(kill_and_invoke())
    assert result.function_error is None
    assert json.loads(result.payload) != first
