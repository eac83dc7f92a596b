"""Checkov without network access: every look-up and connection of it and its packages fails.

`tools/checkov_run.py` runs it with the Python of Checkov's own environment. Its settings already disable
network access; this module enforces that.
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
        raise OSError(f"{event} is blocked: a scan must not use the network")


def main() -> None:
    """Run `checkov` with this process's arguments."""
    sys.addaudithook(_refuse)
    runpy.run_module("checkov.main", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
