"""A test that does not end fails at its limit, and what it has started is killed; the other tests run on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.paths import PROJECT

PRELUDE = """
import os, subprocess, sys, threading
from pathlib import Path
import psutil
import pytest

PIDS = Path({pids!r})

def start(name):
    process = subprocess.Popen(["sleep", "600"])
    PIDS.joinpath(name).write_text(str(process.pid))
    return process

def start_cloud(name, directory):
    # As a local cloud: it has a session of its own, and the command that started it has ended.
    source = '''
import subprocess, sys
from pathlib import Path
process = subprocess.Popen(["sleep", "600"], start_new_session=True)
Path(sys.argv[1]).write_text(str(process.pid))
'''
    subprocess.run([sys.executable, "-c", source, str(PIDS / name)], cwd=directory, check=True)

def is_running(name):
    try:
        return psutil.Process(int(PIDS.joinpath(name).read_text())).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    start_cloud("shared cloud", tmp_path_factory.mktemp("cloud"))
"""


def run(directory: Path, source: str, *options: str) -> tuple[str, dict[str, str], set[str]]:
    """Run tests in a process of their own; return its report, their outcomes, and what they left running."""
    pids = directory / "pids"
    pids.mkdir()
    file = directory / "test_one.py"
    file.write_text(PRELUDE.format(pids=str(pids)) + source, encoding="utf-8")
    plugins = ["-p", "xdist", "-p", "pytest_timeout", "-p", "tests.support.time_limits"]
    settings = ["-c", str(PROJECT / "pyproject.toml"), *plugins, "-rA"]
    own = ["-p", "no:cacheprovider", "--basetemp", str(directory / "base")]
    command = [sys.executable, "-m", "pytest", *settings, *own, *options, str(file)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\w+)", done.stdout, re.MULTILINE)
    left = set()
    for path in pids.iterdir():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(path.read_text(encoding="utf-8")))
            if process.status() != psutil.STATUS_ZOMBIE:
                process.kill()
                left.add(path.name)
    return done.stdout + done.stderr, {name: outcome for outcome, name in found}, left


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_hangs_is_killed_and_what_others_use_is_not(tmp_path: Path, workers: str) -> None:
    source = """
def test_hangs(cloud, tmp_path):
    start_cloud("own cloud", tmp_path)
    with start("own program") as process:
        process.wait()

def test_runs_on(cloud):
    assert is_running("shared cloud")
    assert not is_running("own cloud")
    assert not is_running("own program")
"""
    report, outcomes, left = run(tmp_path, source, "-o", "timeout=1", "--dist=loadfile", workers)
    assert outcomes == {"test_hangs": "FAILED", "test_runs_on": "PASSED"}, report
    assert "Timeout (>1.0s) from pytest-timeout" in report
    assert left == set()


def test_a_fixture_that_hangs_fails_once_for_all_that_use_it(tmp_path: Path) -> None:
    source = """
@pytest.fixture(scope="session")
def hangs(tmp_path_factory):
    start_cloud("own cloud", tmp_path_factory.mktemp("own"))
    with start("own program") as process:
        yield process.wait()

def test_first(hangs):
    pass

def test_second(hangs):
    pass

def test_other():
    assert not is_running("own cloud")
"""
    report, outcomes, left = run(tmp_path, source, "-o", "timeout=1")
    assert outcomes == {"test_first": "ERROR", "test_second": "ERROR", "test_other": "PASSED"}, report
    assert left == set()


def test_the_teardown_of_a_test_that_has_failed_has_a_limit_too(tmp_path: Path) -> None:
    source = """
@pytest.fixture
def hangs_at_its_end():
    yield
    threading.Event().wait()

def test_fails(hangs_at_its_end):
    assert False

def test_runs_on():
    pass
"""
    report, outcomes, _ = run(tmp_path, source, "-o", "timeout=1")
    assert outcomes == {"test_fails": "FAILED", "test_runs_on": "PASSED"}, report
    assert "test_fails - Failed: Timeout (>1.0s)" in report


def test_long_tests_have_a_limit_of_their_own(tmp_path: Path) -> None:
    source = """
def seconds(request):
    return [mark.args for mark in request.node.iter_markers("timeout")]

@pytest.mark.long
def test_long(request):
    assert seconds(request) == [(1800,)]

@pytest.mark.long
@pytest.mark.timeout(7)
def test_other(request):
    assert seconds(request) == [(7,)]

def test_short(request):
    assert seconds(request) == []
"""
    report, outcomes, _ = run(tmp_path, source, "-m", "long or not long")
    assert outcomes == {"test_long": "PASSED", "test_other": "PASSED", "test_short": "PASSED"}, report


def test_what_tests_have_left_running_is_killed_at_the_end(tmp_path: Path) -> None:
    report, outcomes, left = run(
        tmp_path, "def test_leaves_a_cloud(cloud):\n    assert is_running('shared cloud')\n"
    )
    assert outcomes == {"test_leaves_a_cloud": "PASSED"}, report
    assert left == set()
