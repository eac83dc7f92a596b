"""Runs Checkov with no way to the network: whatever it, or a package of its, tries to look up or to connect to fails.

Run by `tools/checkov_run.py` with the Python of Checkov's own environment. The settings that tell Checkov to stay at
home are there; this makes sure.
"""

from __future__ import annotations

import runpy
import sys

_REFUSED = frozenset({
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname", "socket.sendmsg",
    "socket.sendto",
})  # fmt: skip


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in _REFUSED:
        print(f"Checkov tried to reach the network: {event}{arguments[-1:]}", file=sys.stderr)
        raise OSError(f"{event} is refused: a scan needs no network")


def main() -> None:
    """Run `checkov` with this process's arguments."""
    sys.addaudithook(_refuse)
    runpy.run_module("checkov.main", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
