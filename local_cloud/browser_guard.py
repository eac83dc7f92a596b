"""Guard against pages in the developer's browser that call the AWS APIs.

Callers of these APIs can run code here (CreateFunction), and a browser lets any page send requests to
127.0.0.1. Tools and SDKs send no `Origin`, and they name this machine or AWS in `Host`.
"""

from __future__ import annotations

from local_cloud.messages import Request, Response, json_response
from local_cloud.network_guard import address_of

_OWN_NAMES = ("localhost",)
_AWS_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws")
_OWN_SUFFIXES = (".localhost", *_AWS_SUFFIXES)


def refusal(request: Request, *, host: str) -> Response | None:
    """Return the answer to a call of an AWS API from a web page or under a foreign name, None for every other."""
    name = host_name(request.header("host") or "")
    if name and not is_own_name(name, host):
        return _forbidden(f"the AWS APIs of the local cloud do not answer under the host name {name}")
    site = request.header("sec-fetch-site")
    if request.header("origin") is not None or site in ("cross-site", "same-site"):
        return _forbidden("the AWS APIs of the local cloud do not answer web pages")
    return None


def console_refusal(request: Request, *, host: str) -> Response | None:
    """Return the answer to a call of the console's API that its own page did not make, None for every other.

    Programs without a browser may call it too; they send neither `Origin` nor `Sec-Fetch-Site`.
    """
    named = request.header("host") or ""
    name = host_name(named)
    peer = address_of(request.peer)
    if peer is None or not peer.is_loopback:
        return _forbidden("the console of the local cloud answers this machine only")
    if name.endswith(_AWS_SUFFIXES) or not is_own_name(name, host):
        return _forbidden(f"the console of the local cloud does not answer under the host name {name}")
    origin, site = request.header("origin"), request.header("sec-fetch-site")
    if origin not in (None, f"http://{named}") or site not in (None, "none", "same-origin"):
        return _forbidden("the console of the local cloud does not answer other pages")
    return None


def host_name(value: str) -> str:
    """Return the name in a `Host` header, without its port and in lower case."""
    if value.startswith("["):
        return value[1:].partition("]")[0].lower()
    return value.partition(":")[0].lower()


def is_own_name(name: str, host: str) -> bool:
    """Return whether a host name is this machine's or AWS's; `host` is the address that the server listens on."""
    if name in _OWN_NAMES or name == host or name.endswith(_OWN_SUFFIXES):
        return True
    address = address_of(name)
    return address is not None and (address.is_loopback or host in ("0.0.0.0", "::"))  # noqa: S104 - compared, not bound


def _forbidden(message: str) -> Response:
    code = "AccessDeniedException"
    return json_response(403, {"__type": code, "message": message}, ("x-amzn-ErrorType", code))
