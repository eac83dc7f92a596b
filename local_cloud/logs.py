"""Output of the log of the requests, of one function or of one state machine, once or as it grows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local_cloud.errors import LocalCloudError

_POLL_SECONDS = 0.2
_CHUNK = 65_536


def log_path(directory: Path, function: str | None) -> Path:
    """Return the file with the requests, with what a function wrote, or with what a state machine did.

    Raises:
        LocalCloudError: There is no log of that name yet; the message lists those that exist.
    """
    logs = directory / "logs"
    if function is None:
        path = logs / "requests.log"
        if not path.exists():
            raise LocalCloudError(f"{path} does not exist; start the local cloud and send it a request")
        return path
    folders = ("state_machines", "functions")
    files = {path.stem: path for folder in folders for path in sorted((logs / folder).glob("*.log"))}
    if function not in files:
        names = ", ".join(files) or "none yet"
        raise LocalCloudError(
            f"{function!r} has no log; choose a function or a state machine that has run: {names}"
        )
    return files[function]


def read(path: Path, *, follow: bool) -> Iterator[str]:
    """Yield the text of a log file; with `follow`, go on with what is added, also after the file was started anew."""
    stream = path.open("rb")
    try:
        while True:
            if chunk := stream.read(_CHUNK):
                yield chunk.decode("utf-8", "replace")
                continue
            if not follow:
                return
            time.sleep(_POLL_SECONDS)
            with suppress(FileNotFoundError):  # it is being started anew
                if path.stat().st_ino == os.fstat(stream.fileno()).st_ino:
                    continue
                latest = path.open("rb")
                rest = stream.read()
                stream.close()
                stream = latest
                if rest:
                    yield rest.decode("utf-8", "replace")
    finally:
        stream.close()
