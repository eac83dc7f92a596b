"""One readable line for each request, in a file that cannot grow without end."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from time import localtime, strftime

from local_cloud.messages import Request, Response

_LARGEST_FILE = 20 * 1024 * 1024


class RequestLog:
    """Writes `<directory>/logs/requests.log`.

    The file starts again at 20 MB; the one before is kept beside it with `.1` at its end.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handler = RotatingFileHandler(
            path, maxBytes=_LARGEST_FILE, backupCount=1, encoding="utf-8", delay=True
        )

    def write(self, request: Request, response: Response, seconds: float, note: str = "") -> None:
        """Write the line of a request that has been answered."""
        service = note or _service(request)
        line = (
            f"{strftime('%H:%M:%S', localtime())} {response.status} {request.method:<6} {request.path} "
            f"{seconds * 1000:.1f} ms {len(response.body)} B {service}"
        )
        printable = line.encode("utf-8", "backslashreplace").decode("utf-8").rstrip()
        self._handler.emit(logging.LogRecord("requests", logging.INFO, "", 0, printable, None, None))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def _service(request: Request) -> str:
    """Return which AWS API a call is for, as far as its headers say."""
    if target := request.header("x-amz-target"):
        return target
    authorization = request.header("authorization") or ""
    scope = authorization.partition("Credential=")[2].split(",", 1)[0].split("/")
    return scope[3] if len(scope) == 5 else ""
