"""The logs of the functions: a readable file for each, the last 4 KB for the caller, and CloudWatch where it is set up.

A worker's standard output and error share one pipe. What was written before an answer is in that pipe when the answer
arrives, so reading it empty at that moment gives each invocation exactly its own lines, in order. (The runtime client
could send log records over a descriptor of their own, but then they would lose their place among printed lines.)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from local_cloud.bounded_file import BoundedFolder
from local_cloud.functions.outcome import Outcome

TAIL_BYTES: Final = 4096

_CHUNK_BYTES = 1 << 16
_MOST_CHUNKS = 8  # more than a pipe holds: a worker that never stops writing must not stop everything else
_LONGEST_LINE_BYTES = 1 << 18


class WorkerLog:
    """The log stream of one worker."""

    def __init__(self, name: str, stream: str, logs: BoundedFolder) -> None:
        self._name = name
        self._mark = f" {stream.rpartition(']')[2][:6]} ".encode()
        self._read_end: int | None = None
        self._logs = logs
        self._sink: Callable[[str], None] | None = None
        self._partial = bytearray()
        self._tail = bytearray()
        self._held = b""
        self._prefix_second = 0
        self._prefix = b""

    def open(self, read_end: int, sink: Callable[[str], None] | None) -> None:
        """Begin to read a worker's pipe, which does not block; `sink` gets the lines for CloudWatch."""
        self._read_end, self._sink = read_end, sink

    def drain(self) -> bool:
        """Take over what the worker has written so far; False when it can write no more."""
        if self._read_end is None:
            return False
        for _ in range(_MOST_CHUNKS):
            try:
                chunk = os.read(self._read_end, _CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                self.flush()
                return False
            self._take(chunk)
            if len(chunk) < _CHUNK_BYTES:
                return True
        return True

    def lines(self, *events: str) -> None:
        """Write lines of Lambda's own, such as START."""
        self.flush()
        self._write_lines([event.encode() for event in events])

    def flush(self) -> None:
        """Write out a last line that has no line break."""
        if self._partial:
            line = bytes(self._partial)
            self._partial.clear()
            self._write_lines([line])

    def start(self, text: str) -> None:
        """Write the START line; it gets into the file with the next line, or by `settle`, to save a write."""
        self.flush()
        line = text.encode()
        self._held += self._line_prefix() + line + b"\n"
        self._tail += line + b"\n"
        if self._sink is not None:
            self._sink(text)

    def settle(self) -> None:
        """Get what is held back into the file: the invocation takes longer."""
        if self._held:
            self._write_lines([])

    def start_tail(self) -> None:
        """Begin the tail of a new invocation."""
        self._tail.clear()

    def tail(self) -> str:
        """The last 4 KB since `start_tail`."""
        return self._tail[-TAIL_BYTES:].decode("utf-8", "replace")

    def close(self) -> None:
        """Write out what is left and close the pipe."""
        if self._read_end is not None:
            self.drain()
            self.flush()
            self.settle()
            os.close(self._read_end)
            self._read_end = None

    def _take(self, chunk: bytes) -> None:
        self._partial += chunk
        end = self._partial.rfind(b"\n")
        if end >= 0:
            lines = bytes(self._partial[:end]).split(b"\n")
            del self._partial[: end + 1]
            self._write_lines(lines)
        elif len(self._partial) > _LONGEST_LINE_BYTES:
            self.flush()

    def _write_lines(self, lines: list[bytes]) -> None:
        prefix = self._line_prefix()
        written, self._held = self._held, b""
        tail = self._tail
        for line in lines:
            # The runtime client parts the lines of a traceback with \r, so that they stay one log event.
            event = (
                line.rstrip(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in line else line
            )
            tail += event + b"\n"
            if b"\n" in event:
                written += b"".join(prefix + physical + b"\n" for physical in event.split(b"\n"))
            else:
                written += prefix + event + b"\n"
            if self._sink is not None and event:
                self._sink(event.decode("utf-8", "replace"))
        if len(tail) > 4 * TAIL_BYTES:
            del tail[:-TAIL_BYTES]
        self._logs.write(self._name, written)

    def _line_prefix(self) -> bytes:
        now = time.time()
        second = int(now)
        if second != self._prefix_second:
            self._prefix_second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b"%s.%03dZ%s" % (self._prefix, int((now - second) * 1000), self._mark)


def log_stream_name(version: str, worker_id: str) -> str:
    """Name a worker's log stream as Lambda does: date, version and a number of 32 digits."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{worker_id}"


def report_line(
    request_id: str, outcome: Outcome, duration_ms: float, init_ms: float | None, memory_mb: int, used_mb: int
) -> str:
    """Return the REPORT line at the end of an invocation."""
    billed = -int(-(duration_ms + (init_ms or 0.0)) // 1)
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {used_mb} MB",
    ]
    if init_ms is not None:
        parts.append(f"Init Duration: {init_ms:.2f} ms")
    if outcome.status is not None:
        parts.append(f"Status: {outcome.status}")
    if outcome.error_type is not None:
        parts.append(f"Error Type: {outcome.error_type}")
    return "\t".join(parts) + "\t"
