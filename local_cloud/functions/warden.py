"""Sees to it that no worker outlives the local cloud, not even when the cloud is killed with SIGKILL.

One small process (`warden_process.py`) reads the ids of the workers' process groups from a pipe. When the pipe closes,
because its other end died or said goodbye, it kills every group that is still on its list, and then what has left its
group but was started by one of this cloud's functions. It needs no help from inside of the workers.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("warden_process.py")


class Warden:
    """The local cloud's end of the pipe. The process is started with the first worker.

    Args:
        functions_folder: Where this local cloud unpacks its functions, as the workers' LAMBDA_TASK_ROOT has it.
    """

    def __init__(self, functions_folder: Path) -> None:
        self._functions_folder = functions_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    @property
    def pid(self) -> int | None:
        """The warden's process id while it runs."""
        return None if self._process is None else self._process.pid

    def watch(self, group: int) -> None:
        """Put a process group on the list."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Take a process group, whose leader is dead, off the list."""
        if group in self._groups:
            self._groups.discard(group)
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the warden; it kills what is still on the list."""
        process, self._process = self._process, None
        self._groups.clear()
        if process is not None:
            _give_up(process)

    def _tell(self, line: str) -> None:
        process = self._running()
        try:
            self._write(process, line)
        except BrokenPipeError:  # the warden was killed: start another one with all processes
            self._process = None
            _give_up(process)
            self._write(self._running(), "".join(f"+{group}\n" for group in sorted(self._groups)))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            interpreter = getattr(sys, "_base_executable", None) or sys.executable
            self._process = subprocess.Popen(
                [interpreter, "-I", "-S", str(_PROGRAM), str(self._functions_folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                bufsize=0,
                start_new_session=True,
            )
        return self._process

    @staticmethod
    def _write(process: subprocess.Popen[bytes], line: str) -> None:
        if process.stdin is not None and line:
            process.stdin.write(line.encode())


def _give_up(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    process.wait()
