"""Sees to it that the emulated AWS never talks to another machine.

moto can be led to do so (a subscription to a web address, a registry lookup), and with the endpoint of the real AWS a
mistake would be expensive. Hosts that the user names are excepted. The guard is an audit hook, so it holds for every library of this process and cannot be
taken off. The processes of Lambda functions are not under it: their code may call what it likes, as on AWS.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress

_NAMES = ("localhost", "")
_allowed_hosts: set[str] = set()
_allowed_addresses: set[str] = set()


class OtherMachineError(OSError):
    """Something in the local cloud's process tried to reach another machine."""


def allow(hosts: Iterable[str]) -> None:
    """Let this process connect to some other machines, by their names."""
    _allowed_hosts.update(host.lower() for host in hosts)


def is_allowed(host: str) -> bool:
    """Return whether a host is this machine, or one that the user allows."""
    return _is_here(host) or host.lower() in _allowed_hosts


def admit(host: str) -> None:
    """Look up a host that the user allows, so that connections to its addresses pass the guard."""
    if host.lower() in _allowed_hosts:
        with suppress(OSError):  # who connects fails in the same way, and says so
            _allowed_addresses.update(str(item[4][0]) for item in socket.getaddrinfo(host, None))


def forbid_other_machines() -> None:
    """Let this process connect to this machine only, from now on."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host, does = arguments[1][0], "connect to"
    elif event == "socket.getaddrinfo":
        host, does = arguments[0], "look up"
    else:
        return
    name = os.fsdecode(host) if isinstance(host, bytes) else str(host or "")
    if not is_allowed(name) and name not in _allowed_addresses:
        raise OtherMachineError(f"the local cloud does not {does} other machines, and {host!r} is one")


def _is_here(name: str) -> bool:
    address = address_of(name.partition("%")[0])
    if address is None:
        return name in _NAMES or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host name is; None for other names."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
