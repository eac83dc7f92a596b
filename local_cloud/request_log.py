"""Log of the requests: one readable line for each."""

from __future__ import annotations

from time import localtime, strftime

from local_cloud.messages import Request, Response


def request_line(request: Request, response: Response, seconds: float, note: str = "") -> bytes:
    """Return the line of a request that has been answered."""
    line = (
        f"{strftime('%H:%M:%S', localtime())} {response.status} {request.method:<6} {request.path} "
        f"{seconds * 1000:.1f} ms {response.length} B {note or _service(request)}"
    )
    return line.rstrip().encode("utf-8", "backslashreplace") + b"\n"


def _service(request: Request) -> str:
    """Return which AWS API a call is for, as far as its headers say."""
    if target := request.header("x-amz-target"):
        return target
    authorization = request.header("authorization") or ""
    scope = authorization.partition("Credential=")[2].split(",", 1)[0].split("/")
    return scope[3] if len(scope) == 5 else ""
