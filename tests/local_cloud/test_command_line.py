"""`python -m local_cloud serve | start | stop | status | logs`, as a user types it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from constructs_lib.environment import LOCAL_ACCOUNT_ID
from deploy_tools.local_session import local_session
from local_cloud import background, logs, state_file
from local_cloud.errors import LocalCloudError
from local_cloud.process_environment import keep_machine_variables, machine_variables
from local_cloud.serve import ServeSettings
from local_cloud.state_file import RunningCloud
from tests.support.paths import PROJECT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local_cloud", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a local cloud that `start` has started."""
    path = tmp_path_factory.mktemp("command-line") / "a b"
    started = run("start", "--port", "0", "--directory", str(path))
    assert started.returncode == 0, started.stderr
    yield path
    run("stop", "--directory", str(path))


def test_start_returns_when_it_is_ready_and_says_where(directory: Path) -> None:
    cloud = state_file.read(directory)
    assert cloud is not None
    assert cloud.answers()
    assert cloud.url == f"http://127.0.0.1:{cloud.port}"
    written = json.loads((directory / "cloud.json").read_text())
    assert sorted(written) == ["instance", "note", "pid", "port", "restored", "url"]
    # detached: a session of its own, which no terminal can end
    assert os.getsid(cloud.pid) == cloud.pid != os.getsid(0)
    status = run("status", "--directory", str(directory))
    assert (status.returncode, status.stdout) == (0, f"running at {cloud.url} (pid {cloud.pid})\n")


def test_a_second_start_finds_the_first(directory: Path) -> None:
    cloud = state_file.read(directory)
    assert cloud is not None
    again = run("start", "--port", "0", "--directory", str(directory))
    assert (again.returncode, again.stdout) == (0, f"already running at {cloud.url} (pid {cloud.pid})\n")
    other_port = run("start", "--port", "1", "--directory", str(directory))
    assert other_port.returncode == 1
    assert other_port.stderr == (
        f"error: the local cloud of {directory} runs at {cloud.url} already. To have it on port 1, end it first "
        f"with `python -m local_cloud stop --directory {directory}`.\n"
    )


def test_two_cannot_serve_from_one_directory(directory: Path) -> None:
    cloud = state_file.read(directory)
    assert cloud is not None
    second = run("serve", "--port", "0", "--directory", str(directory))
    assert second.returncode == 1
    assert second.stderr == (
        f"error: a local cloud runs in {directory} already at {cloud.url} (pid {cloud.pid}). End it with "
        f"`python -m local_cloud stop --directory {directory}`, or choose another --directory.\n"
    )
    assert cloud.answers()


def test_a_port_in_use_is_told_by_start(directory: Path, tmp_path: Path) -> None:
    cloud = state_file.read(directory)
    assert cloud is not None
    second = run("start", "--port", str(cloud.port), "--directory", str(tmp_path))
    assert second.returncode == 1
    assert second.stderr == (
        f"error: the local cloud did not start:\nerror: 127.0.0.1:{cloud.port} is taken by another program. If that "
        f"is a local cloud, end it with `python -m local_cloud stop`; otherwise choose another port with --port "
        f"(0 takes a free one).\n"
    )


def test_the_requests_are_logged(directory: Path) -> None:
    cloud = state_file.read(directory)
    assert cloud is not None
    shown = run("logs", "--directory", str(directory))
    assert " 200 GET    /_local_cloud/health " in shown.stdout
    unknown = run("logs", "vision", "--directory", str(directory))
    assert unknown.returncode == 1
    assert (
        unknown.stderr
        == "error: 'vision' has no log; choose a function or a state machine that has run: none yet\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_serve_ends_on_a_signal_and_takes_back_its_address(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local_cloud", "serve", "--port", "0", "--directory", str(tmp_path)],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while state_file.read(tmp_path) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        cloud = state_file.read(tmp_path)
        assert cloud is not None
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, error
    assert f"ready at {cloud.url}" in error
    assert "Traceback" not in error
    assert not (tmp_path / "cloud.json").exists()
    assert not cloud.answers()


def test_stop_ends_it_and_waits(tmp_path: Path) -> None:
    cloud, started = background.start(ServeSettings(host="127.0.0.1", port=0, directory=tmp_path))
    assert started
    assert background.stop(tmp_path) == cloud
    with pytest.raises(ProcessLookupError):
        os.kill(cloud.pid, 0)
    assert background.stop(tmp_path) is None
    status = run("status", "--directory", str(tmp_path))
    assert (status.returncode, status.stdout) == (3, "not running\n")


def test_stop_leaves_a_process_alone_that_does_not_say_it_is_the_cloud(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        cloud = RunningCloud(url="http://127.0.0.1:9", pid=stranger.pid, instance="0" * 16, port=9)
        state_file.write(tmp_path, cloud)
        with pytest.raises(LocalCloudError) as caught:
            background.stop(tmp_path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    file = tmp_path / "cloud.json"
    assert str(caught.value) == (
        f"{file} names process {cloud.pid}, but nothing answers for it at http://127.0.0.1:9, so it may be another "
        f"program by now and was left alone. If it is the local cloud (see `ps -p {cloud.pid} -f`), end it with "
        f"`kill {cloud.pid}`; then delete {file}."
    )


def test_what_a_crash_left_behind_is_cleared(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    state_file.write(
        tmp_path, RunningCloud(url="http://127.0.0.1:9", pid=gone.pid, instance="0" * 16, port=9)
    )
    assert background.stop(tmp_path) is None
    assert not (tmp_path / "cloud.json").exists()


def test_a_cloud_is_known_by_its_instance(directory: Path) -> None:
    cloud = state_file.read(directory)
    assert cloud is not None
    other = RunningCloud(url=cloud.url, pid=cloud.pid, instance="0" * 16, port=cloud.port)
    assert not other.answers()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": 1}', '{"url": "u", "pid": "x", "instance": "", "port": 1}']
)
def test_a_broken_file_is_no_cloud(tmp_path: Path, content: str) -> None:
    (tmp_path / "cloud.json").write_text(content)
    assert state_file.read(tmp_path) is None


def test_following_a_log_shows_what_is_added_and_a_file_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("one\n")
    following = logs.read(path, follow=True)
    assert next(following) == "one\n"
    with path.open("a") as stream:
        stream.write("two\n")
    assert next(following) == "two\n"
    with path.open("a") as stream:
        stream.write("the last of a full file\n")
    path.rename(tmp_path / "x.log.1")
    path.write_text("three\n")
    assert next(following) == "the last of a full file\n"
    assert next(following) == "three\n"
    following.close()
    assert "".join(logs.read(path, follow=False)) == "three\n"


def test_logs_of_functions_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "logs" / "functions").mkdir(parents=True)
    for name in ("vision", "language"):
        (tmp_path / "logs" / "functions" / f"{name}.log").write_text("")
    assert logs.log_path(tmp_path, "vision") == tmp_path / "logs" / "functions" / "vision.log"
    with pytest.raises(LocalCloudError) as caught:
        logs.log_path(tmp_path, "../requests")
    assert str(caught.value) == (
        "'../requests' has no log; choose a function or a state machine that has run: language, vision"
    )
    with pytest.raises(LocalCloudError) as caught:
        logs.log_path(tmp_path, None)
    assert str(caught.value) == (
        f"{tmp_path / 'logs' / 'requests.log'} does not exist; start the local cloud and send it a request"
    )


@pytest.mark.parametrize("port", ["-1", "65536", "abc"])
def test_a_value_that_is_not_a_port(port: str) -> None:
    done = run("serve", "--port", port)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"python -m local_cloud serve: error: argument --port: {port!r} is not a port; use 0-65535. 0 takes a free one"
    )


def test_a_url_has_an_ipv6_address_in_brackets(tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    started = run("start", "--host", "::1", "--port", "0", "--directory", str(tmp_path))
    try:
        cloud = state_file.read(tmp_path)
        assert cloud is not None
        assert (started.returncode, started.stdout) == (
            0,
            f"ready at http://[::1]:{cloud.port} (pid {cloud.pid})\n",
        )
        assert account_id(cloud) == LOCAL_ACCOUNT_ID
        second = run(
            "serve", "--host", "::1", "--port", str(cloud.port), "--directory", str(tmp_path / "other")
        )
        assert f"error: [::1]:{cloud.port} is taken by another program." in second.stderr
    finally:
        run("stop", "--directory", str(tmp_path))


CALLERS_SHELL = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_REGION": "no-such-region",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_SECRET_ACCESS_KEY": "the-callers-secret",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "TF_WORKSPACE": "blue",
    "MOTO_ACCOUNT_ID": "210987654321",
    "TEST_PROXY_MODE": "true",
}


@pytest.mark.parametrize("command", ["start", "serve"])
def test_the_callers_shell_changes_nothing(tmp_path: Path, command: str) -> None:
    arguments = [sys.executable, "-m", "local_cloud", command, "--port", "0", "--directory", str(tmp_path)]
    process = subprocess.Popen(
        arguments, cwd=PROJECT, env={**os.environ, **CALLERS_SHELL}, stdout=subprocess.PIPE
    )
    try:
        if command == "start":
            assert process.wait(120) == 0
        deadline = time.monotonic() + 60
        while (cloud := state_file.read(tmp_path)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert cloud is not None
        assert account_id(cloud) == LOCAL_ACCOUNT_ID
        if command == "start" and sys.platform == "linux":
            variables = Path(f"/proc/{cloud.pid}/environ").read_bytes().decode()
            assert not [name for name, value in CALLERS_SHELL.items() if f"{name}={value}" in variables]
    finally:
        stopped = run("stop", "--directory", str(tmp_path))
        process.communicate(timeout=30)
    assert stopped.returncode == 0, stopped.stderr


def account_id(cloud: RunningCloud) -> str:
    """The account that the local cloud says it is, asked without any proxy."""
    answer = local_session("us-east-1").client("sts", endpoint_url=cloud.url).get_caller_identity()
    return str(answer["Account"])


def test_the_machines_variables_stay() -> None:
    machine = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": "/lib",
        "TMPDIR": "/tmp",
    }
    variables = {**machine, **CALLERS_SHELL}
    assert machine_variables(variables) == machine
    keep_machine_variables(variables)
    assert variables == machine


def test_two_starts_at_once_find_one_cloud(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local_cloud", "start", "--port", "0", "--directory", str(tmp_path)]
    starts = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        printed = sorted(start.communicate(timeout=120) for start in starts)
        cloud = state_file.read(tmp_path)
        assert cloud is not None
        where = f"at {cloud.url} (pid {cloud.pid})\n"
        assert printed == [(f"already running {where}", ""), (f"ready {where}", "")]
    finally:
        run("stop", "--directory", str(tmp_path))


def test_a_directory_that_is_locked_by_what_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_START_TIMEOUT_SECONDS", 0.0)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LocalCloudError) as refused:
            background.start(ServeSettings(host="127.0.0.1", port=0, directory=tmp_path))
    assert str(refused.value) == (
        f"a process holds {tmp_path} and does not answer; find it with `lsof {tmp_path / 'lock'}`, end it with `kill -9`, "
        "and start again."
    )
