"""Progress on the terminal: a line when a step begins, and how long it took when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deploy_tools.archive_progress import ArchiveEvent

_SHOWN_SECONDS: Final = 0.5
"""Archives that are there sooner were in the cache, and are not shown."""


class Step:
    """One step under way; `note` sets what is shown when it ends.

    Args:
        first: Start of its line.
        printed: Whether the start is printed already.
    """

    def __init__(self, first: str, *, printed: bool) -> None:
        self.result = ""
        self._first = first
        self._printed = printed
        self._archives: dict[str, float] = {}

    def note(self, result: str) -> None:
        """Set the result of the step, in a few words."""
        self.result = result

    def show_archive(self, event: ArchiveEvent) -> None:
        """Show an archive that took a while to build, on a line of its own, when it is ready."""
        if event.zip_bytes is None or event.unpacked_bytes is None:
            self._archives[event.archive] = time.monotonic()
            return
        seconds = time.monotonic() - self._archives.pop(event.archive, time.monotonic())
        if seconds >= _SHOWN_SECONDS:
            sizes = f"{event.zip_bytes / 1e6:.1f} MB, {event.unpacked_bytes / 1e6:.0f} MB unpacked"
            start = "\n" if self._printed else ""
            print(f"{start}  {'  archive ' + event.archive:<34} {sizes:<46} {seconds:7.1f} s", flush=True)
            self._printed = False

    def end(self, result: str, seconds: float) -> None:
        """Print the end of its line."""
        print(f"{'' if self._printed else self._first} {result:<46} {seconds:7.1f} s", flush=True)


@contextmanager
def step(title: str, *, alone: bool = True) -> Iterator[Step]:
    """Print the title, run the block, and print its result and its seconds, also when it failed.

    Args:
        title: What is done.
        alone: Whether nothing else is printed meanwhile. Where several steps run at once, the line is printed when the
            step ends.
    """
    first = f"  {title:<34}"
    if alone:
        print(first, end="", flush=True)
    started, current = time.monotonic(), Step(first, printed=alone)
    try:
        yield current
    except BaseException as problem:
        ended = "interrupted" if isinstance(problem, KeyboardInterrupt) else "failed"
        current.end(ended, time.monotonic() - started)
        raise
    current.end(current.result, time.monotonic() - started)


def heading(text: str) -> None:
    """Print a heading between groups of steps."""
    bold, end = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{end}", flush=True)
