"""Ctrl-C in a command that runs other programs, as a terminal sends it: to all processes in the foreground."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy_tools import interrupts
from deploy_tools.interrupts import TimeLimitError
from tests.support.paths import PROJECT

COMMAND = """
import os, sys
from deploy_tools import interrupts

def main():
    if {busy!r}:
        interrupts.run(
            [sys.executable, "-c", {program!r}],
            name="terraform apply",
            cost="the state is then incomplete",
            environment=os.environ,
        )
    else:
        print("waiting", flush=True)
        sys.stdin.read()
    return 0

sys.exit(interrupts.command(main, ValueError))
"""

ORDERLY = """
import signal, sys, pathlib
count = pathlib.Path({count!r})
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}})
count.write_text("")
open({ready!r}, "w").write("ready")
signal.sigwait({{signal.SIGINT}})
count.write_text("interrupt ")
while {stubborn}:
    signal.sigwait({{signal.SIGINT}})
if signal.SIGINT in signal.sigpending():
    count.write_text("interrupt interrupt ")
sys.exit(1)
"""


@contextmanager
def terminal(source: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a Python program as a shell runs a command in a terminal; yields the terminal and the process."""
    ours, theirs = pty.openpty()
    # Else the terminal drops what a quick program prints before the terminal has dealt with Ctrl-C.
    settings = termios.tcgetattr(theirs)
    settings[3] |= termios.NOFLSH
    termios.tcsetattr(theirs, termios.TCSANOW, settings)

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # Below nohup, or in the background of a script, the tests inherit that they are ignored.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=PROJECT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    try:
        yield ours, process
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read(ours: int, pattern: str) -> str:
    """Read from a terminal until a pattern was printed."""
    printed = ""
    while not re.search(pattern, printed):
        printed += os.read(ours, 4096).decode()
    return printed


def read_all(ours: int) -> str:
    printed = ""
    try:
        while part := os.read(ours, 4096).decode():
            printed += part
    except OSError:  # how a terminal ends
        pass
    return printed


def wait_for(path: Path) -> None:
    os.open(path, os.O_RDONLY)  # a FIFO: opens when the other side does


def program(directory: Path, *, stubborn: bool = False) -> tuple[str, Path, Path]:
    ready, count = directory / "ready", directory / "count"
    os.mkfifo(ready)
    source = ORDERLY.format(count=str(count), ready=str(ready), stubborn=stubborn)
    return COMMAND.format(busy=True, program=source), ready, count


def test_the_program_gets_one_interrupt_and_is_waited_for(tmp_path: Path) -> None:
    source, ready, count = program(tmp_path)
    with terminal(source) as (ours, process):
        wait_for(ready)
        os.write(ours, b"\x03")
        printed = read_all(ours).replace("\r", "")
        assert process.wait() == interrupts.EXIT_STATUS
    assert count.read_text() == "interrupt "
    assert printed == (
        "^C\nInterrupted: waiting for terraform apply to end in order. Press Ctrl-C again to kill it: the state is then "
        "incomplete.\n"
    )


def test_a_second_interrupt_says_what_it_costs_and_kills(tmp_path: Path) -> None:
    source, ready, count = program(tmp_path, stubborn=True)
    with terminal(source) as (ours, process):
        wait_for(ready)
        os.write(ours, b"\x03")
        read(ours, "waiting for terraform apply to end")
        os.write(ours, b"\x03")
        printed = read_all(ours).replace("\r", "")
        assert process.wait() == interrupts.EXIT_STATUS
    assert count.read_text() in ("", "interrupt ")
    assert printed.endswith("^C\nKilled terraform apply: the state is then incomplete.\n")
    assert "Traceback" not in printed


CLI = """
import os, signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}})
terraform = subprocess.Popen([sys.executable, "-c", {terraform!r}])
signal.sigwait({{signal.SIGINT}})
open({leave!r}).read()
os._exit(1)
"""
TERRAFORM = """
import os, signal, time
cli = os.getppid()
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}})
open({ready!r}, "w").write("ready")
signal.sigwait({{signal.SIGINT}})
while os.getppid() == cli:
    time.sleep(0.01)
time.sleep(0.3)  # the requests under way
open({state!r}, "w").write("complete")
"""


def test_what_the_program_leaves_behind_is_waited_for(tmp_path: Path) -> None:
    ready, leave, state = (tmp_path / name for name in ("ready", "leave", "state"))
    os.mkfifo(ready)
    os.mkfifo(leave)
    cli = CLI.format(terraform=TERRAFORM.format(ready=str(ready), state=str(state)), leave=str(leave))
    command = COMMAND.replace("environment=os.environ,", "environment=os.environ, in_terminal=True,")
    with terminal(command.format(busy=True, program=cli)) as (ours, process):
        ready.read_text()
        os.write(ours, b"\x03")
        read(ours, "waiting for terraform apply to end")
        leave.write_text("")
        assert process.wait() == interrupts.EXIT_STATUS
        assert state.read_text() == "complete"


def test_a_command_that_runs_nothing_ends_at_once_and_without_a_traceback() -> None:
    with terminal(COMMAND.format(busy=False, program="")) as (ours, process):
        read(ours, "waiting")
        os.write(ours, b"\x03")
        assert read_all(ours).replace("\r", "").lstrip() == "^C\nInterrupted.\n"
        assert process.wait() == interrupts.EXIT_STATUS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_other_requests_to_end_are_interrupts_too(tmp_path: Path, number: signal.Signals) -> None:
    source, ready, count = program(tmp_path)
    with terminal(source) as (ours, process):
        wait_for(ready)
        process.send_signal(number)
        read_all(ours)
        assert process.wait() == interrupts.EXIT_STATUS
    assert count.read_text() == "interrupt "


def test_expected_errors_are_printed_and_end_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise ValueError("the stack: has no name; give it one")

    assert interrupts.command(main, ValueError) == 1
    assert capsys.readouterr().err == "\nthe stack: has no name; give it one\n"


def test_what_a_program_printed_and_its_status_are_returned() -> None:
    done = interrupts.run(
        [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"],
        name="it",
        cost="nothing",
        environment=os.environ,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_lines_are_passed_on_as_they_are_printed() -> None:
    program = "import sys\nfor word in 'ab':\n    print(word, flush=True)\nprint('err', file=sys.stderr)"
    lines: list[str] = []
    done = interrupts.run(
        [sys.executable, "-c", program],
        name="it",
        cost="nothing",
        environment=os.environ,
        timeout_seconds=60,
        on_line=lines.append,
    )
    assert lines == ["a\n", "b\n"]
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\nb\n", "err\n")


def test_a_program_that_is_followed_and_takes_too_long_is_killed() -> None:
    program = "import subprocess; print('so far', flush=True); subprocess.run(['sleep', '600'])"
    lines: list[str] = []
    with pytest.raises(TimeLimitError, match="so far"):
        interrupts.run(
            [sys.executable, "-c", program],
            name="it",
            cost="nothing",
            environment=os.environ,
            timeout_seconds=1,
            on_line=lines.append,
        )
    assert lines == ["so far\n"]


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started() -> None:
    program = "import subprocess, sys; print('so far', flush=True); subprocess.run(['sleep', '600'])"
    with pytest.raises(TimeLimitError) as late:
        interrupts.run(
            [sys.executable, "-c", program],
            name="it",
            cost="nothing",
            environment=os.environ,
            timeout_seconds=0.5,
        )
    # The pipe is closed only when the grandchild is gone.
    assert str(late.value) in ("so far\n", "")
