"""Sees to it that the emulated AWS never talks to another machine.

moto can be led to do so (a subscription to a web address, a registry lookup), and with the endpoint of the real AWS a
mistake would be expensive. The guard is an audit hook, so it holds for every library of this process and cannot be
taken off. The processes of Lambda functions are not under it: their code may call what it likes, as on AWS.
"""

from __future__ import annotations

import ipaddress
import os
import sys

_NAMES = ("localhost", "")


class OtherMachineError(OSError):
    """Something in the local cloud's process tried to reach another machine."""


def forbid_other_machines() -> None:
    """Let this process connect to this machine only, from now on."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_here(address[0]):
            raise OtherMachineError(
                f"the local cloud does not connect to other machines, and {address[0]!r} is one"
            )
    elif event == "socket.getaddrinfo" and not _is_here(arguments[0]):
        raise OtherMachineError(
            f"the local cloud does not look up other machines, and {arguments[0]!r} is one"
        )


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
