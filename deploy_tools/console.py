"""Progress on the terminal: a line for each step, with its result and the seconds that it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deploy_tools.archive_progress import ArchiveEvent
from deploy_tools.terraform_events import ApplyProgress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

_SHOWN_SECONDS: Final = 0.5
"""Archives that are there sooner were in the cache, and are not shown."""
_SHOWN_RESOURCES: Final = 3
_WIDTH: Final = 93
"""Columns of the line of a step that has ended."""


class Step:
    """One step under way; `note` sets what is shown when it ends.

    Args:
        title: What is done.
        alone: Whether nothing else is printed meanwhile.
    """

    def __init__(self, title: str, *, alone: bool) -> None:
        self.result = ""
        self._title = title
        self._first = f"  {title:<34}"
        self._began = time.monotonic()
        self._archives: dict[str, float] = {}
        self._apply: ApplyProgress | None = None
        self._live = _live_display(self) if alone and sys.stdout.isatty() else None
        self._printed = alone and self._live is None
        if self._live is not None:
            self._live.start()
        elif alone:
            print(self._first, end="", flush=True)

    def note(self, result: str) -> None:
        """Set the result of the step, in a few words."""
        self.result = result

    def follow(self, progress: ApplyProgress) -> None:
        """Show where an apply is, on a terminal, while the step is under way."""
        self._apply = progress

    def show_archive(self, event: ArchiveEvent) -> None:
        """Show an archive that took a while to build, on a line of its own, when it is ready."""
        if event.zip_bytes is None or event.unpacked_bytes is None:
            self._archives[event.archive] = time.monotonic()
            return
        seconds = time.monotonic() - self._archives.pop(event.archive, time.monotonic())
        if seconds >= _SHOWN_SECONDS:
            sizes = f"{event.zip_bytes / 1e6:.1f} MB, {event.unpacked_bytes / 1e6:.0f} MB unpacked"
            start = "\n" if self._printed else ""
            self._print(f"{start}  {'  archive ' + event.archive:<34} {sizes:<46} {seconds:7.1f} s")
            self._printed = False

    def end(self, result: str) -> None:
        """Print the end of its line."""
        if self._live is not None:
            self._live.stop()
        seconds = time.monotonic() - self._began
        print(f"{'' if self._printed else self._first} {result:<46} {seconds:7.1f} s", flush=True)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what a terminal shows while the step is under way: a line, and those of the slowest resources."""
        from rich.text import Text

        width = min(options.max_width, _WIDTH)
        seconds = time.monotonic() - self._began
        doing = [f"archive {name}" for name in self._archives]
        if self._apply is not None and self._apply.total:
            doing = [f"{self._apply.done} of {self._apply.total} resources"]
        yield Text(_with_seconds(f"{self._first} {', '.join(doing)}", seconds, width))
        for address, took in self._apply.slowest(_SHOWN_RESOURCES) if self._apply is not None else ():
            yield Text(_with_seconds(f"    {address}", took, width), style="dim")

    def _print(self, line: str) -> None:
        if self._live is None:
            print(line, flush=True)
        else:
            self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)


def _with_seconds(text: str, seconds: float, width: int) -> str:
    """Return a text and its seconds in a line of a width, in columns."""
    end = f"{seconds:8.1f} s"
    return f"{text[: width - len(end)]:<{width - len(end)}}{end}"


def _live_display(step: Step) -> Live:
    from rich.live import Live

    return Live(get_renderable=lambda: step, transient=True, refresh_per_second=8, redirect_stderr=False)


@contextmanager
def step(title: str, *, alone: bool = True) -> Iterator[Step]:
    """Show the title, run the block, and print its result and its seconds, also when it failed.

    On a terminal, the line changes while the block runs. Elsewhere, it is printed in two parts.

    Args:
        title: What is done.
        alone: Whether nothing else is printed meanwhile. Where several steps run at once, the line is printed when the
            step ends.
    """
    current = Step(title, alone=alone)
    try:
        yield current
    except BaseException as problem:
        current.end("interrupted" if isinstance(problem, KeyboardInterrupt) else "failed")
        raise
    current.end(current.result)


def heading(text: str) -> None:
    """Print a heading between groups of steps."""
    bold, end = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{end}", flush=True)
