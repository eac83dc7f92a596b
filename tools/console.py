"""Progress on the terminal: a line when a step begins, and how long it took when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Step:
    """One step under way; `note` sets what is shown when it ends."""

    def __init__(self) -> None:
        self.result = ""

    def note(self, result: str) -> None:
        """Says what came of the step, in a few words."""
        self.result = result


@contextmanager
def step(title: str, *, alone: bool = True) -> Iterator[Step]:
    """Prints the title, runs the block, and prints its result and its seconds, also when it failed.

    Args:
        title: What is done.
        alone: Whether nothing else is printed meanwhile. Where several steps run at once, the line is printed when the
            step ends.
    """
    first = f"  {title:<34}"
    if alone:
        print(first, end="", flush=True)
        first = ""
    started, current = time.monotonic(), Step()
    try:
        yield current
    except BaseException as problem:
        ended = "interrupted" if isinstance(problem, KeyboardInterrupt) else "failed"
        print(f"{first} {ended:<46} {time.monotonic() - started:7.1f} s", flush=True)
        raise
    print(f"{first} {current.result:<46} {time.monotonic() - started:7.1f} s", flush=True)


def heading(text: str) -> None:
    """Prints a heading between groups of steps."""
    bold, end = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{end}", flush=True)
