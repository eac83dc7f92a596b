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
        try:
            found = socket.getaddrinfo(host, None)
        except OSError:
            return  # who connects fails in the same way, and says so
        _allowed_addresses.update(str(item[4][0]) for item in found)


def forbid_other_machines() -> None:
    """Let this process connect to this machine only, from now on."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _may_connect(address[0]):
            raise OtherMachineError(
                f"the local cloud does not connect to other machines, and {address[0]!r} is one"
            )
    elif event == "socket.getaddrinfo" and not _may_look_up(arguments[0]):
        raise OtherMachineError(
            f"the local cloud does not look up other machines, and {arguments[0]!r} is one"
        )


def _may_connect(host: object) -> bool:
    return _is_here(host) or str(host) in _allowed_addresses or str(host).lower() in _allowed_hosts


def _may_look_up(host: object) -> bool:
    name = os.fsdecode(host) if isinstance(host, bytes) else str(host)
    return _is_here(host) or name.lower() in _allowed_hosts or name in _allowed_addresses


def _is_here(host: object) -> bool:
    if host is None:
        return True
    name = os.fsdecode(host) if isinstance(host, bytes) else str(host)
    if name in _NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
