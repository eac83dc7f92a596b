"""The foreground process: sets up logging, guards and signals around a `LocalCloud` and publishes it when it is ready."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TextIO

from local_cloud import state_file
from local_cloud.bounded_file import MEGABYTE
from local_cloud.errors import LocalCloudError
from local_cloud.network_guard import allow, forbid_other_machines
from local_cloud.process_environment import keep_machine_variables
from local_cloud.state_file import RunningCloud

_log = logging.getLogger("local_cloud")

LOG_NAME: Final = Path("logs", "server.log")
"""Path of the log of a local cloud in the background, in its directory."""

MOST_LOG_BYTES: Final = 20 * MEGABYTE
"""Size at which that log starts again, in bytes."""

LOCK_NAME = "lock"
"""The file in the directory that a running local cloud keeps locked."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How to run a local cloud.

    Attributes:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        directory: Where its state, logs and unpacked functions are kept.
        allowed_hosts: Other machines that HTTP integrations and HTTP tasks may call, by name.
    """

    host: str
    port: int
    directory: Path
    allowed_hosts: tuple[str, ...] = ()


def serve(settings: ServeSettings) -> None:
    """Run a local cloud until SIGTERM or SIGINT.

    Raises:
        LocalCloudError: The port is taken, or a local cloud runs in the directory already.
    """
    logging.basicConfig(
        handlers=[_StandardError(settings.directory / LOG_NAME)],
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    _log.setLevel(logging.INFO)
    keep_machine_variables(os.environ)
    settings.directory.mkdir(parents=True, exist_ok=True)
    with _hold_directory(settings.directory):
        allow(settings.allowed_hosts)
        forbid_other_machines()
        asyncio.run(_run(settings))


class _StandardError(logging.StreamHandler[TextIO]):
    """Write to standard error; if that is the log of a local cloud in the background, empty it when it is full.

    Args:
        log: The log.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(sys.stderr)
        self._descriptor = sys.stderr.fileno()
        self._is_log = log.exists() and os.path.samestat(os.fstat(self._descriptor), log.stat())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if self._is_log and os.fstat(self._descriptor).st_size > MOST_LOG_BYTES:
            os.ftruncate(self._descriptor, 0)
        super().emit(record)


async def _run(settings: ServeSettings) -> None:
    from local_cloud.server import LocalCloud

    stopped = asyncio.Event()
    _stop_on_signals(stopped)
    cloud = LocalCloud(host=settings.host, port=settings.port, directory=settings.directory)
    try:
        await cloud.start()
        running = RunningCloud(url=cloud.url, pid=os.getpid(), instance=cloud.instance, port=cloud.port)
        state_file.write(settings.directory, running)
        try:
            _log.info("ready at %s (state in %s)", cloud.url, settings.directory)
            await stopped.wait()
        finally:
            state_file.remove(settings.directory, running)
    finally:
        await cloud.close()
    _log.info("stopped")


def _stop_on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            os._exit(1)  # asked a second time: whatever still closes is not worth the wait
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def is_held(directory: Path) -> bool:
    """Return whether a local cloud runs in a directory, be it still starting or already ending."""
    try:
        lock = (directory / LOCK_NAME).open("r", encoding="utf-8")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _hold_directory(directory: Path) -> IO[str]:
    """Lock the directory until the returned file is closed, which the end of the process does in any case."""
    lock = (directory / LOCK_NAME).open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        other = state_file.read(directory)
        where = f" at {other.url} (pid {other.pid})" if other else ""
        raise LocalCloudError(
            f"a local cloud runs in {directory} already{where}. End it with "
            f"`python -m local_cloud stop --directory {directory}`, or choose another --directory."
        ) from None
    return lock
