"""One deploy to a local cloud at a time, and none beside what a killed deploy has left running."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from deploy_tools.errors import DeploymentError

_WAIT_SECONDS: Final = 10.0


@contextmanager
def deploy_lock(directory: Path) -> Iterator[int]:
    """Hold the local cloud of a directory while the block deploys to it.

    Yields a file descriptor that the programs which the block runs inherit: as long as one of them is left, the next
    deploy knows. It kills what a deploy that was killed itself has left.

    Args:
        directory: The directory of the local cloud.

    Raises:
        DeploymentError: Another deploy is under way, or has left a program that cannot be killed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "deploy.lock").open("a+", encoding="utf-8") as own:
        if not _lock(own):
            own.seek(0)
            raise DeploymentError(
                f"{directory}: another deploy is under way (process {own.read().strip()}); wait for it, or press Ctrl-C there."
            )
        own.truncate(0)
        own.write(f"{os.getpid()}\n")
        own.flush()
        with (directory / "programs.lock").open("a+", encoding="utf-8") as shared:
            if not _lock(shared):
                _kill_holders(directory / "programs.lock")
                if not _lock(shared):
                    raise DeploymentError(
                        f"{directory}: a program of a deploy that was killed is still running and cannot be ended; find it "
                        f"with `lsof {directory / 'programs.lock'}` and end it."
                    )
            yield shared.fileno()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kill_holders(path: Path) -> None:
    """Kill the programs that keep a file open, other than this one, and wait until they are gone."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and any(
                Path(file.path) == path.resolve() for file in process.open_files()
            ):
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=_WAIT_SECONDS)
