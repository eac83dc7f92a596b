"""The warden's own process: see `warden.py`. Standard library only; started as a script."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path


def main(functions_folder: str) -> None:
    """Keep the list of process groups; when standard input ends, kill them and all that ran away from them.

    A process whose LAMBDA_TASK_ROOT is in the folder of this local cloud's unpacked functions was started by a worker,
    also in another session. Only Linux shows it (`/proc`).
    """
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    marker = f"LAMBDA_TASK_ROOT={functions_folder}{os.sep}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if any(variable.startswith(marker) for variable in entry.read_bytes().split(b"\0")):
                os.kill(int(entry.parent.name), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
