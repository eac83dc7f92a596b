"""One child process with a process group of its own: started, noticed when it ends, and ended with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil


class ProcessGroup:
    """The leader of a process group, as its parent sees it.

    `on_exit` is called on the loop with the exit status (negative for a signal) once the leader has ended and the rest of
    its group was killed.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        output: int,
        on_exit: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self._ended = False
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        self.pid = self._process.pid
        threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()

    def kill(self) -> None:
        """Kill the group, and descendants that have left it."""
        if self._ended:
            return
        descendants: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            descendants = psutil.Process(self.pid).children(recursive=True)
        self._kill_group()
        for descendant in descendants:
            with contextlib.suppress(psutil.Error):
                descendant.kill()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)

    def _wait(self) -> None:
        if hasattr(os, "waitid"):  # macOS has it from Python 3.13
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            self._kill_group()  # before it is reaped: until then its number is not reused
            self._ended = True
            returncode = self._process.wait()
        else:
            returncode = self._process.wait()
            self._kill_group()
        with contextlib.suppress(RuntimeError):  # the loop is closed, so there is no listener
            self._loop.call_soon_threadsafe(self._report, returncode)

    def _report(self, returncode: int) -> None:
        self._ended = True
        self._on_exit(returncode)
