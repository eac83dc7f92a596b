"""Log of the requests: one readable line for each, in a file of bounded size."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import localtime, strftime
from typing import Final

from local_cloud.bounded_file import MEGABYTE, BoundedFile
from local_cloud.messages import Request, Response

MOST_BYTES: Final = 20 * MEGABYTE


class RequestLog:
    """Log in `<directory>/logs/requests.log`.

    Args:
        path: The file.
        most_bytes: Size at which the file starts again, in bytes; the full one is kept. Default: 20 MB.
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._file = BoundedFile(path, most_bytes=most_bytes)

    def write(self, request: Request, response: Response, seconds: float, note: str = "") -> None:
        """Write the line of a request that has been answered."""
        service = note or _service(request)
        line = (
            f"{strftime('%H:%M:%S', localtime())} {response.status} {request.method:<6} {request.path} "
            f"{seconds * 1000:.1f} ms {response.length} B {service}"
        )
        with suppress(OSError):  # a full disk must not end a request
            self._file.write(line.rstrip().encode("utf-8", "backslashreplace") + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _service(request: Request) -> str:
    """Return which AWS API a call is for, as far as its headers say."""
    if target := request.header("x-amz-target"):
        return target
    authorization = request.header("authorization") or ""
    scope = authorization.partition("Credential=")[2].split(",", 1)[0].split("/")
    return scope[3] if len(scope) == 5 else ""
