"""Which addresses may be called back: public https ones, so that nobody can have us knock at doors inside."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

HTTPS_PORT = 443

_NAME = re.compile(r"([a-z0-9_-]{1,63}\.)+[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

Resolve = Callable[[str], Iterable[str]]


class ForbiddenAddress(Exception):
    """The host of a callback leads to an address that is not public."""


def check_callback_url(url: str) -> None:
    """Refuses what can be seen to be wrong without asking the network.

    Raises:
        ValueError: It is no https address of a host's name on port 443, or has a user name or a fragment.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("should be an address in ASCII, without spaces and backslashes")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("should be an address") from None
    if parts.scheme != "https":
        raise ValueError("should start with https://")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("should have neither a user name nor a fragment")
    if port not in (None, HTTPS_PORT):
        raise ValueError("should have no other port than 443")
    name = host.removesuffix(".")
    if _is_address(name):
        raise ValueError("should have the name of a host, not an IP address")
    if not _NAME.fullmatch(name) or name.endswith((".internal", ".local", ".localhost")):
        raise ValueError("should name a public host")


def public_address(host: str, resolve: Resolve | None = None) -> str:
    """Returns the address to connect to; the caller connects to it and not to the name, which could change meanwhile.

    Raises:
        ForbiddenAddress: One of the host's addresses is not public.
        OSError: The host is not known.
    """
    addresses = list((resolve or _resolve)(host))
    for address in addresses:
        known = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(known, "ipv4_mapped", None) or known
        if not mapped.is_global or mapped.is_multicast or mapped.is_reserved:
            raise ForbiddenAddress
    if not addresses:
        raise OSError("the host has no address")
    return addresses[0]


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    """Whether a host is an address, or one to a resolver or a browser: 127.1, 0x7f.1, 127.0x1, 2130706433.

    By the rules for URLs a host whose last label is a number is an IPv4 address, or wrong.
    """
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
