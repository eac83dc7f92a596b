"""A load generator for `make bench`: keep-alive connections on loopback, a bounded number of requests.

    python -m tools.benchmarks.load URL CONNECTIONS REQUESTS [close]

Prints one JSON object: requests per second, the latencies' median and 99th percentile in milliseconds, and
how many answers had which status. With `close` each request has a connection of its own. It implements only
as much HTTP/1.1 as it needs, so that it costs little beside the servers.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of a run of the load generator; latencies in milliseconds."""

    requests_per_second: float
    median_ms: float
    p99_ms: float
    statuses: dict[str, int]


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read one response; return its status and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
    }
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    elif "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    else:
        await reader.read()
        return status, False
    keep_open = lines[0].startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
    return status, keep_open or headers.get("connection", "").lower() == "keep-alive"


async def _client(
    url: str, keep_alive: bool, left: list[int], latencies: list[float], statuses: Counter[str]
) -> None:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    ).encode()
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while left[0] > 0:
        left[0] -= 1
        started = time.perf_counter()
        if streams is None:
            streams = await asyncio.open_connection(parts.hostname, parts.port)
        streams[1].write(request)
        status, keep_open = await asyncio.wait_for(_read_answer(streams[0]), timeout=60)
        latencies.append((time.perf_counter() - started) * 1000)
        statuses[str(status)] += 1
        if not keep_open or not keep_alive:
            streams[1].close()
            streams = None
    if streams is not None:
        streams[1].close()


async def run(url: str, connections: int, requests: int, *, keep_alive: bool = True) -> Measured:
    """Send `requests` requests over `connections` connections, each as soon as the one before is answered.

    Raises:
        OSError: A connection was refused or broke.
        TimeoutError: An answer took more than 60 s.
    """
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    left = [requests]
    started = time.perf_counter()
    await asyncio.gather(*(_client(url, keep_alive, left, latencies, statuses) for _ in range(connections)))
    seconds = time.perf_counter() - started
    latencies.sort()
    return Measured(
        requests_per_second=len(latencies) / seconds,
        median_ms=statistics.median(latencies),
        p99_ms=latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))],
        statuses=dict(statuses),
    )


if __name__ == "__main__":
    url, connections, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    measured = asyncio.run(run(url, connections, requests, keep_alive="close" not in sys.argv[4:]))
    print(json.dumps(asdict(measured)))
