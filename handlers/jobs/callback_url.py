"""Check of callback addresses: only public https addresses, against requests to internal services (SSRF)."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

HTTPS_PORT = 443

_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 from which public addresses are assigned: all that stands for an IPv4 address is outside of it,
but for Teredo and 6to4."""

_SPECIAL: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by customers of a provider
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, with the metadata of EC2, ECS and Lambda
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address, which may be private
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
"""IANA's registries of special-purpose addresses. They are written out, as `is_global` differs between Pythons."""

_NAME = re.compile(r"([a-z0-9_-]{1,63}\.)+[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

Resolve = Callable[[str], Iterable[str]]


class ForbiddenAddress(Exception):
    """The host of a callback leads to an address that is not public."""


def check_callback_url(url: str) -> None:
    """Reject addresses that are wrong without a look-up in the network.

    Raises:
        ValueError: It is not an https address of a host's name on port 443, or has a user name or a fragment.
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
    """Return the address to connect to; the caller connects to it and not to the name, which could change meanwhile.

    Raises:
        ForbiddenAddress: One of the host's addresses is not public.
        OSError: The host is not known.
    """
    addresses = list((resolve or _resolve)(host))
    if not all(is_public(address) for address in addresses):
        raise ForbiddenAddress
    if not addresses:
        raise OSError("the host has no address")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address is in none of the networks for private and special purposes."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _PUBLIC_IPV6:
        return False
    return not any(ip in network for network in _SPECIAL)


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    """Return whether a host is an address, or one to a resolver or a browser: 127.1, 0x7f.1, 127.0x1, 2130706433.

    By the rules for URLs a host whose last label is a number is an IPv4 address, or wrong.
    """
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
