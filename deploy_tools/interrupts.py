"""Ctrl-C in a command that runs other programs: the first is passed on and waited for, the second kills them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

EXIT_STATUS: Final = 130
"""The exit status of a command that Ctrl-C ended."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TimeLimitError(Exception):
    """A program took longer than it may."""


@dataclass(slots=True)
class _Run:
    """A program under way.

    Attributes:
        process: Its process.
        name: The program, as the user reads it.
        cost: What it costs to kill it.
        own_group: Whether it has a process group of its own, so that the terminal does not interrupt it.
        interrupts: The number of interrupts that it has had.
        descendants: What it had started when the first interrupt came. The cdktf CLI ends before its Terraform.
    """

    process: subprocess.Popen[str]
    name: str
    cost: str
    own_group: bool
    interrupts: int = field(default=0)
    descendants: list[psutil.Process] = field(default_factory=list)

    def interrupt(self) -> None:
        """Pass an interrupt on; kill the program at the second."""
        self.interrupts += 1
        if self.interrupts == 1:
            with suppress(psutil.Error):
                self.descendants = psutil.Process(self.process.pid).children(recursive=True)
            _say(
                f"\nInterrupted: waiting for {self.name} to end in order. Press Ctrl-C again to kill it: {self.cost}."
            )
            if self.own_group or not _has_terminal():
                self.process.send_signal(signal.SIGINT)
        else:
            _say(f"\nKilled {self.name}: {self.cost}.")
            self.kill()

    def kill(self) -> None:
        """Kill the program, and with it all that it has started in its group."""
        with suppress(ProcessLookupError):
            if self.own_group:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        for descendant in self.descendants:
            with suppress(psutil.Error):
                descendant.kill()


_RUNS: Final[list[_Run]] = []


def run(
    command: Sequence[str],
    *,
    name: str,
    cost: str,
    environment: Mapping[str, str],
    directory: Path | None = None,
    timeout_seconds: float | None = None,
    in_terminal: bool = False,
    pass_fds: Sequence[int] = (),
    on_line: Callable[[str], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program and wait for it, also after interrupts.

    The first interrupt (SIGINT, SIGTERM or SIGHUP) reaches the program as one SIGINT. It is waited for, and so is what it
    had started by then. The second interrupt kills them.

    Args:
        command: The program and its arguments.
        name: The program, as the user reads it.
        cost: What it costs to kill the program.
        environment: Its complete environment.
        directory: Its working directory. Default: this one.
        timeout_seconds: When it is killed. Default: never.
        in_terminal: Whether it reads from and prints to the terminal, and its output is not captured.
        pass_fds: Open files that it and all that it starts keep open.
        on_line: Called with each line that it prints, as soon as it is printed. Default: nothing.

    Raises:
        KeyboardInterrupt: It was interrupted and did not end with status 0.
        TimeLimitError: It was killed because it took too long; the message is what it printed.
    """
    captured = None if in_terminal else subprocess.PIPE
    with handled():
        process = subprocess.Popen(
            list(command),
            cwd=directory,
            env=dict(environment),
            stdin=None if in_terminal else subprocess.DEVNULL,
            stdout=captured,
            stderr=captured,
            text=True,
            start_new_session=not in_terminal,
            pass_fds=pass_fds,
            umask=0o077,  # plans and states hold secrets
        )
        started = _Run(process, name, cost, own_group=not in_terminal)
        _RUNS.append(started)
        try:
            if on_line is None:
                printed, logged = process.communicate(timeout=timeout_seconds)
            else:
                printed, logged = _communicate(process, on_line, timeout_seconds)
        except subprocess.TimeoutExpired:
            started.kill()
            raise TimeLimitError("".join(filter(None, process.communicate()))) from None
        finally:
            # A program that was killed may leave others behind: Terraform its providers.
            if started.own_group:
                started.kill()
            process.wait()
            psutil.wait_procs(started.descendants)
            _RUNS.remove(started)
    if started.interrupts and process.returncode != 0:
        raise KeyboardInterrupt(name)
    return subprocess.CompletedProcess(command, process.returncode, printed, logged)


def _communicate(
    process: subprocess.Popen[str], on_line: Callable[[str], None], timeout_seconds: float | None
) -> tuple[str, str]:
    """Read both outputs of a process to their end, one of them line by line; see `Popen.communicate`."""
    assert process.stdout is not None  # noqa: S101 - piped
    assert process.stderr is not None  # noqa: S101 - piped
    logged: list[str] = []
    late = threading.Event()

    def stop() -> None:
        late.set()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(timeout_seconds or 0, stop)
    if timeout_seconds is not None:
        timer.start()
    lines = []
    with process.stdout, process.stderr:
        reader = threading.Thread(target=logged.extend, args=(process.stderr,), daemon=True)
        reader.start()
        for line in process.stdout:
            lines.append(line)
            on_line(line)
        reader.join()
    timer.cancel()
    process.wait()
    if late.is_set():
        raise TimeLimitError("".join([*lines, *logged]))
    return "".join(lines), "".join(logged)


@contextmanager
def handled() -> Iterator[None]:
    """Handle interrupts as `run` describes while the block runs; without a program under way, raise KeyboardInterrupt.

    Only the main thread can; in others, it does nothing.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is _on_signal
    ):
        yield
        return
    # A signal that is ignored, as SIGHUP below nohup, stays so.
    before = {
        number: signal.signal(number, _on_signal)
        for number in _SIGNALS
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def command(main: Callable[[], int | None], *problems: type[Exception]) -> int:
    """Run the `main` of a command; return its exit status.

    Args:
        main: The function.
        problems: The errors whose message is printed, without a traceback; the status is then 1.
    """
    try:
        with handled():
            return main() or 0
    except problems as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupted:
        if not interrupted.args:  # else the user knows what was waited for
            print("\nInterrupted.", file=sys.stderr)
        return EXIT_STATUS


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    if not _RUNS:
        raise KeyboardInterrupt
    for started in tuple(_RUNS):
        started.interrupt()


def _has_terminal() -> bool:
    """Return whether a terminal interrupts this process and what it runs, as one group in the foreground."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _say(text: str) -> None:
    # Not print: a signal may come while the same stream is being written.
    os.write(2, f"{text}\n".encode())
