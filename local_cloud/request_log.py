"""One readable line for each request, in a file that cannot grow without end."""

from __future__ import annotations

from pathlib import Path
from time import localtime, strftime
from typing import BinaryIO

from local_cloud.messages import Request, Response

_LARGEST_FILE = 20 * 1024 * 1024


class RequestLog:
    """Writes `<directory>/logs/requests.log`.

    The file starts again at 20 MB; the one before is kept beside it with `.1` at its end.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: BinaryIO | None = None
        self._bytes = 0

    def write(self, request: Request, response: Response, seconds: float, note: str = "") -> None:
        """Write the line of a request that has been answered."""
        service = note or _service(request)
        line = (
            f"{strftime('%H:%M:%S', localtime())} {response.status} {request.method:<6} {request.path} "
            f"{seconds * 1000:.1f} ms {len(response.body)} B {service}"
        )
        written = line.rstrip().encode("utf-8", "backslashreplace") + b"\n"
        if self._file is None or self._bytes + len(written) > _LARGEST_FILE:
            self._open()
        if self._file is not None:
            self._file.write(written)
            self._bytes += len(written)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self.close()
        if self._path.exists() and self._path.stat().st_size > _LARGEST_FILE // 2:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._path.open("ab", buffering=0)
        self._bytes = self._file.tell()


def _service(request: Request) -> str:
    """Return which AWS API a call is for, as far as its headers say."""
    if target := request.header("x-amz-target"):
        return target
    authorization = request.header("authorization") or ""
    scope = authorization.partition("Credential=")[2].split(",", 1)[0].split("/")
    return scope[3] if len(scope) == 5 else ""
