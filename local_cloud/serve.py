"""The foreground process: sets up logging, guards and signals around a `LocalCloud` and publishes it when it is ready."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TextIO

from local_cloud import saved_state, state_file
from local_cloud.bounded_file import MEGABYTE
from local_cloud.errors import LocalCloudError
from local_cloud.network_guard import allow, forbid_other_machines
from local_cloud.process_environment import keep_machine_variables
from local_cloud.saved_state import SavedState, UnreadableStateError
from local_cloud.state_file import RunningCloud

_log = logging.getLogger("local_cloud")

LOG_NAME: Final = Path("logs", "server.log")
"""Path of the log of a local cloud in the background, in its directory."""

MOST_LOG_BYTES: Final = 20 * MEGABYTE
"""Size at which that log starts again, in bytes."""

FORGET: Final = signal.SIGUSR1
"""Signal that ends a local cloud without saving what is deployed."""

LOCK_NAME = "lock"
"""The file in the directory that a running local cloud keeps locked."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Settings of a local cloud.

    Attributes:
        port: The port to listen on; 0 takes a free one.
        directory: Where its state, logs and unpacked functions are kept.
        allowed_hosts: Other machines that HTTP integrations and HTTP tasks may call, by name.
    """

    host: str
    port: int
    directory: Path
    allowed_hosts: tuple[str, ...] = ()


def serve(settings: ServeSettings) -> None:
    """Run a local cloud until SIGTERM or SIGINT; it then saves what is deployed (`saved_state`)."""
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
    """Write to standard error; if that is the log of a local cloud in the background, empty it when it is full."""

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

    stopped, forgotten = asyncio.Event(), asyncio.Event()
    _stop_on_signals(stopped, forgotten)
    saved, note = _saved_state(settings.directory)
    cloud = LocalCloud(host=settings.host, port=settings.port, directory=settings.directory, saved=saved)
    started = False
    try:
        try:
            await cloud.start()
        except UnreadableStateError as error:
            saved, note = None, _set_aside(settings.directory, error)
            await cloud.close()
            cloud = LocalCloud(host=settings.host, port=cloud.port, directory=settings.directory)
            await cloud.start()
        started = True
        running = RunningCloud(
            url=cloud.url,
            pid=os.getpid(),
            instance=cloud.instance,
            port=cloud.port,
            restored=saved is not None,
            note=note,
        )
        state_file.write(settings.directory, running)
        try:
            # moto and botocore stay: looking through them again would stop all requests for 0.2 s, now and then.
            cloud.when_loaded(gc.freeze)
            _log.info("ready at %s (state in %s)%s", cloud.url, settings.directory, note and f"; {note}")
            await stopped.wait()
        finally:
            state_file.remove(settings.directory, running)
    finally:
        await cloud.close()
        if started and not forgotten.is_set():
            _save(settings.directory, cloud.instance)
    _log.info("stopped")


def _saved_state(directory: Path) -> tuple[SavedState | None, str]:
    """Return the state on disk, and what there is to say if it cannot be read."""
    try:
        return saved_state.find(directory), ""
    except UnreadableStateError as error:
        return None, _set_aside(directory, error)


def _set_aside(directory: Path, error: UnreadableStateError) -> str:
    saved_state.discard(directory)
    note = f"what was deployed before is gone, as its state cannot be read: {error}"
    _log.warning("%s", note)
    return note


def _save(directory: Path, instance: str) -> None:
    started = time.perf_counter()
    try:
        saved_state.save(directory, instance)
    except Exception:  # noqa: BLE001 - no exception may keep the local cloud from ending
        _log.exception("what is deployed could not be saved; the next start is empty")
    else:
        _log.info("saved what is deployed in %.1f s", time.perf_counter() - started)


def _stop_on_signals(stopped: asyncio.Event, forgotten: asyncio.Event) -> None:
    """Set an event at SIGTERM and SIGINT, and both at SIGUSR1: then what is deployed is not saved."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            os._exit(1)  # a second signal: do not wait for a clean end
        stopped.set()

    def forget() -> None:
        forgotten.set()
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(FORGET, forget)


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
