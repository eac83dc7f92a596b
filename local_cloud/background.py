"""Local cloud that outlives the command: its start and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local_cloud import saved_state, state_file
from local_cloud.errors import LocalCloudError
from local_cloud.process_environment import machine_variables
from local_cloud.serve import FORGET, LOCK_NAME, LOG_NAME, ServeSettings, is_held
from local_cloud.state_file import RunningCloud

_START_TIMEOUT_SECONDS = 120.0
_STOP_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.05
_SHOWN_LOG_BYTES = 4000

# The clouds that this very process has started: they stay in the table of processes until they are waited for.
_children: dict[int, subprocess.Popen[bytes]] = {}


def running_cloud(directory: Path) -> RunningCloud | None:
    """Return the local cloud of a directory if it answers, else None."""
    cloud = state_file.read(directory)
    return cloud if cloud is not None and cloud.answers() else None


def start(settings: ServeSettings) -> tuple[RunningCloud, bool]:
    """Start a local cloud in a session of its own and wait until it is ready.

    Returns:
        The cloud, and whether this call started it (False: it ran already).

    Raises:
        LocalCloudError: It ended before it was ready (with its last words), runs on another port already, or took
            more than two minutes.
    """
    directory = settings.directory.resolve()
    if (running := _settled(directory)) is not None:
        if settings.port not in (0, running.port):
            raise LocalCloudError(
                f"the local cloud of {directory} runs at {running.url} already. To have it on port {settings.port}, end it "
                f"first with `python -m local_cloud stop --directory {directory}`."
            )
        return running, False
    log = directory / LOG_NAME
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local_cloud", "serve", "--directory", str(directory)]
    command += ["--host", settings.host, "--port", str(settings.port)]
    command += [part for host in settings.allowed_hosts for part in ("--allow-host", host)]
    log.write_bytes(b"")
    with log.open("ab") as output:  # appending, because the local cloud empties the file when it is full
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parent.parent,
            env=machine_variables(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            if (running := _settled(directory)) is not None:
                return running, False
            raise LocalCloudError(f"the local cloud did not start:\n{_last_words(log)}")
        cloud = state_file.read(directory)
        if cloud is not None and cloud.pid == process.pid and cloud.answers():
            return cloud, True
        time.sleep(_POLL_SECONDS)
    process.terminate()
    raise LocalCloudError(
        f"the local cloud was not ready within {_START_TIMEOUT_SECONDS:.0f} seconds and was ended. Its last words:\n"
        f"{_last_words(log)}"
    )


def _settled(directory: Path) -> RunningCloud | None:
    """Return the local cloud of a directory if it answers, once no other start or stop of it is under way."""
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while (running := running_cloud(directory)) is None and is_held(directory):
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"a process holds {directory} and does not answer; find it with `lsof {directory / LOCK_NAME}`, end it "
                "with `kill -9`, and start again."
            )
        time.sleep(_POLL_SECONDS)
    return running


def stop(directory: Path, *, forget: bool = False) -> RunningCloud | None:
    """End the local cloud of a directory and wait until it is gone.

    The process is signalled only after its health page has said that it is the one that `cloud.json` names.

    With `forget`, the next start is empty. Default: it takes over what is deployed.

    Returns:
        The cloud that was ended, or None where none was running.

    Raises:
        LocalCloudError: The process does not answer or does not end.
    """
    directory = directory.resolve()
    cloud = state_file.read(directory)
    if cloud is None:
        if forget and not is_held(directory):
            saved_state.discard(directory)
        return None
    if not cloud.answers():
        if _exists(cloud.pid):
            raise LocalCloudError(
                f"{directory / 'cloud.json'} names process {cloud.pid}, but nothing answers for it at {cloud.url}, so it may "
                f"be another program by now and was left alone. If it is the local cloud (see `ps -p {cloud.pid} -f`), "
                f"end it with `kill {cloud.pid}`; then delete {directory / 'cloud.json'}."
            )
        state_file.remove(directory, cloud)
        return None
    os.kill(cloud.pid, FORGET if forget else signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        # Its lock is free once it has ended, even if its parent has not waited for it yet.
        if not (_exists(cloud.pid) and is_held(directory)):
            if (child := _children.pop(cloud.pid, None)) is not None:
                child.wait()
            state_file.remove(directory, cloud)
            if forget:
                saved_state.discard(directory)
            return cloud
        time.sleep(_POLL_SECONDS)
    raise LocalCloudError(
        f"process {cloud.pid} got a signal to end and still runs after {_STOP_TIMEOUT_SECONDS:.0f} seconds; "
        f"`kill -9 {cloud.pid}` ends it for certain."
    )


def _exists(pid: int) -> bool:
    if (child := _children.get(pid)) is not None and child.poll() is not None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _last_words(log: Path) -> str:
    content = log.read_bytes()[-_SHOWN_LOG_BYTES:].decode("utf-8", "replace").strip()
    return content or f"({log} is empty)"
