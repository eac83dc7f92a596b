"""HTTP requests that deployed APIs and workflows send: to this machine, and to hosts that the user allows by name.

Addresses of API Gateway (`{api}.execute-api.…`) are those of this cloud, as on AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import urllib3

from local_cloud import network_guard
from local_cloud.messages import Headers

_MOST_CONNECTIONS = 64
_CONNECT_SECONDS = 10.0
_OWN_API = re.compile(r"([a-z0-9]+)\.execute-api\.(?:[a-z0-9-]+\.amazonaws\.com|localhost)", re.IGNORECASE)

_pool = urllib3.PoolManager(maxsize=_MOST_CONNECTIONS, retries=False, cert_reqs="CERT_REQUIRED")


class NotAllowedError(Exception):
    """A request goes to another machine that the user has not allowed."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is another machine; start the local cloud with --allow-host {host} to allow it"
        )
        self.host = host


class UnreachableError(Exception):
    """Nothing answers at an address, or what answers does not speak HTTP."""


class TooSlowError(Exception):
    """An answer took longer than its time limit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came, with its body still encoded."""

    status: int
    reason: str
    headers: Headers
    body: bytes


def resolve(url: str, own_url: str) -> str:
    """Return the address that a request is sent to.

    Raises:
        NotAllowedError: It is on a machine that is not allowed.
        ValueError: It is not an address of HTTP.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{url!r} is not an address of HTTP")
    if own := _OWN_API.fullmatch(host):
        place = urlsplit(own_url)
        path = f"/_aws/execute-api/{own[1].lower()}{parts.path}"
        return urlunsplit((place.scheme, place.netloc, path, parts.query, ""))
    if not network_guard.is_allowed(host):
        raise NotAllowedError(host)
    return url


def close() -> None:
    """Close the connections that are kept for the next request."""
    _pool.clear()


def send(method: str, url: str, headers: Any, body: bytes | None, *, seconds: float) -> Answer:
    """Send a request to an address of `resolve` and return the answer; redirects are not followed."""
    sent = urllib3.HTTPHeaderDict()
    for name, value in headers:
        sent.add(name, value)
    for name in ("accept-encoding", "user-agent"):
        sent.setdefault(name, urllib3.util.SKIP_HEADER)  # or the client would add its own
    network_guard.admit(urlsplit(url).hostname or "")
    try:
        response = _pool.request(
            method,
            url,
            headers=sent,
            body=body,
            redirect=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds),
        )
    except urllib3.exceptions.ReadTimeoutError as error:
        raise TooSlowError(f"{url} took longer than {seconds:g} s") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise UnreachableError(f"{url} does not answer: {error}") from error
    return Answer(response.status, response.reason or "", tuple(response.headers.iteritems()), response.data)
