"""`make soak`: ten thousand mixed requests, 32 at a time, with checks for leaks and wrong answers.

    python -m tools.benchmarks.soak [--requests 10000] [--concurrency 32]

A local cloud in a process of its own serves an API whose functions are real workers. Good requests come mixed with bad
bodies, missing tokens, used-up quotas, bursts over a throttle, crashes and bodies that are too large. It fails if an
answer has another status than its request deserves, answers are mixed up, a worker is lost, or the memory of the server
or of a worker has grown by more than stated below since the first tenth of the requests.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from deploy_tools import interrupts
from deploy_tools.console import heading, step
from local_cloud import background
from local_cloud.serve import ServeSettings
from tools.benchmarks.soak_api import BURST, FUNCTIONS, RATE, SoakApi, deploy_soak_api, replace_workers
from tools.benchmarks.soak_mix import KINDS, WHOLE, Kind, Order, judge, plan

REQUESTS = 10_000
CONCURRENCY = 32
SERVER_GROWTH_MB = 64.0
"""Allowed growth of the server's memory since the first tenth of the requests, in MB."""
WORKER_GROWTH_MB = 16.0
"""The same for the largest worker."""

_MOST_ADDED_FILES = 40
_WORKERS_END_SECONDS = 10.0


@dataclass(slots=True)
class Tally:
    """Responses by kind; latencies in milliseconds."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    request_ids: set[str] = field(default_factory=set)
    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: Kind, status: int, milliseconds: float, request_id: str, problem: str | None) -> None:
        """Count an answer; safe in several threads at once."""
        with self.lock:
            self.latencies.setdefault(kind.name, []).append(milliseconds)
            self.statuses.setdefault(kind.name, Counter())[status] += 1
            if problem is not None:
                self.wrong.append(f"{kind.name}: {problem}")
            elif not request_id or request_id in self.request_ids:
                self.wrong.append(f"{kind.name}: the answer's request id is missing or was another's")
            self.request_ids.add(request_id)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resources of the local cloud; memory in MB."""

    server_mb: float
    largest_worker_mb: float
    workers: int
    dead: int
    files: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """Result of a run.

    Attributes:
        tally: The answers.
        early: After the first tenth of the requests.
        late: After the last.
        before: With one worker for each function, at the start.
        after: The same at the end.
        problems: Problems, empty if there are none.
    """

    tally: Tally
    early: Footprint
    late: Footprint
    before: Footprint
    after: Footprint
    problems: list[str]


class Caller:
    """Client of an API with a persistent connection for each thread.

    Args:
        url: The local cloud.
        api: The API.
        tally: Counts the answers.
    """

    def __init__(self, url: str, api: SoakApi, tally: Tally) -> None:
        self._host = urlsplit(url).netloc
        self._api = api
        self.tally = tally
        self._kept = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.close()

    def send(self, kind: Kind, number: int) -> None:
        """Send one request of a kind and count the response."""
        order = kind.make(self._api, number)
        started = time.perf_counter()
        try:
            status, body, request_id = self._exchange(order)
        except (OSError, http.client.HTTPException) as error:
            self._connection().close()
            status, body, request_id = 0, b"", ""
            problem: str | None = f"no answer ({type(error).__name__}: {error})"
        else:
            problem = judge(kind, order, status, body)
        elapsed = (time.perf_counter() - started) * 1000
        self.tally.add(kind, status, elapsed, request_id, problem)

    def _exchange(self, order: Order) -> tuple[int, bytes, str]:
        connection = self._connection()
        connection.request(order.method, self._api.path + order.path, order.body, order.headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.will_close or "Content-Length" in order.headers:
            connection.close()
        return answer.status, body, answer.headers.get("x-amzn-RequestId", "")

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if connection is None:
            connection = self._kept.connection = http.client.HTTPConnection(self._host, timeout=60)
            self._connections.append(connection)
        return connection


def soak(directory: Path, *, requests: int, concurrency: int) -> Soaked:
    """Start a local cloud in `directory`, send the requests and check the result.

    Raises:
        LocalCloudError: The local cloud does not start or end.
    """
    order = plan(requests)
    tenth = max(1, requests // 10)
    tally = Tally()
    with step("local cloud and API") as current:
        cloud, _ = background.start(ServeSettings(host="127.0.0.1", port=0, directory=directory))
        current.note(cloud.url)
    try:
        api = deploy_soak_api(cloud.url, quota=max(1, sum(kind.name == "quota" for kind in order) // 2))
        _call_each_function(cloud.url, api)
        before = footprint(cloud.pid)
        with step(f"first {tenth:,} requests"):
            _send(Caller(cloud.url, api, tally), order[:tenth], 0, concurrency)
            early = footprint(cloud.pid)
        with step(f"further {requests - tenth:,} requests"):
            _send(Caller(cloud.url, api, tally), order[tenth:], tenth, concurrency)
            late = footprint(cloud.pid)
        with step("one worker for each function again"):
            replace_workers(cloud.url)
            _call_each_function(cloud.url, api)
            after = _footprint_of(cloud.pid, workers=before.workers)
    finally:
        background.stop(directory)
    problems = [
        *tally.wrong,
        *_problems_of_counts(tally, api),
        *problems_of_processes(before, early, late, after),
    ]
    return Soaked(tally, early, late, before, after, problems)


def _send(caller: Caller, order: Sequence[Kind], first: int, concurrency: int) -> None:
    started = time.perf_counter()
    with closing(caller), ThreadPoolExecutor(concurrency) as pool:
        for _ in pool.map(caller.send, order, range(first, first + len(order))):
            pass
    caller.tally.seconds += time.perf_counter() - started


def _call_each_function(url: str, api: SoakApi) -> None:
    tally = Tally()
    by_name = {kind.name: kind for kind in KINDS}
    with closing(Caller(url, api, tally)) as caller:
        for kind in (by_name["good"], by_name["good, with a token"], by_name["good, but slow"], WHOLE):
            caller.send(kind, 0)
    if tally.wrong:
        raise RuntimeError(f"the API does not work: {'; '.join(tally.wrong)}")


def footprint(pid: int) -> Footprint:
    """Measure the local cloud of a process id, and its workers."""
    server = psutil.Process(pid)
    memory: list[float] = []
    dead = 0
    for child in server.children():
        try:
            if child.status() == psutil.STATUS_ZOMBIE:
                dead += 1
            elif not any("warden_process" in argument for argument in child.cmdline()):
                memory.append(child.memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            continue
    own = server.memory_info().rss / 2**20
    return Footprint(own, max(memory, default=0.0), len(memory), dead, server.num_fds())


def _footprint_of(pid: int, *, workers: int) -> Footprint:
    """Measure when there are so many workers and no dead ones, or after the time limit for that."""
    deadline = time.monotonic() + _WORKERS_END_SECONDS
    while True:
        found = footprint(pid)
        if (found.workers == workers and not found.dead) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _problems_of_counts(tally: Tally, api: SoakApi) -> Iterable[str]:
    metered, throttled = tally.statuses["quota"], tally.statuses["throttle"]
    good = min(api.quota, metered.total())
    if metered[200] != good:
        yield f"quota: {metered[200]} of {metered.total()} were let in; the quota is {api.quota}"
    least, most = min(BURST, throttled.total()), BURST + RATE * tally.seconds + 1
    if not least <= throttled[200] <= most:
        yield f"throttle: {throttled[200]} were let in; right are {least} to {most:.0f}"


def problems_of_processes(
    before: Footprint, early: Footprint, late: Footprint, after: Footprint
) -> Iterable[str]:
    """Return the problems of the processes after a run; see `Soaked` for the arguments."""
    if before.workers != len(FUNCTIONS):
        yield f"there were {before.workers} workers for {len(FUNCTIONS)} functions before the first request"
    if after.workers != before.workers:
        yield f"there are {after.workers} workers where there were {before.workers}"
    if after.dead:
        yield f"{after.dead} processes have ended and were not reaped"
    if after.files - before.files > _MOST_ADDED_FILES:
        yield f"the server has {after.files} files and connections open where it had {before.files}"
    for name, growth, bound in (
        ("server", late.server_mb - early.server_mb, SERVER_GROWTH_MB),
        ("largest worker", late.largest_worker_mb - early.largest_worker_mb, WORKER_GROWTH_MB),
    ):
        if growth > bound:
            yield f"the memory of the {name} has grown by {growth:.1f} MB; {bound:.0f} MB are allowed"


def show(soaked: Soaked) -> None:
    """Print the table and the problems."""
    tally = soaked.tally
    total = sum(counter.total() for counter in tally.statuses.values())
    heading(f"{total:,} requests in {tally.seconds:.1f} s: {total / tally.seconds:.0f} a second")
    print(f"  {'kind':<20}{'requests':>9}  {'answers':<22}{'p50 ms':>8}{'p95 ms':>9}{'p99 ms':>9}")
    for kind in KINDS:
        counter = tally.statuses.get(kind.name, Counter())
        answers = ", ".join(f"{status} x {count}" for status, count in sorted(counter.items()))
        _line(kind.name, counter.total(), answers, tally.latencies.get(kind.name, []))
    _line("all", total, "", [one for each in tally.latencies.values() for one in each])
    early, late, before, after = soaked.early, soaked.late, soaked.before, soaked.after
    print(f"\n  {'':<28}{'after a tenth':>15}{'at the end':>13}{'growth':>11}{'allowed':>11}")
    for name, start, end, bound in (
        ("server, MB", early.server_mb, late.server_mb, SERVER_GROWTH_MB),
        ("largest worker, MB", early.largest_worker_mb, late.largest_worker_mb, WORKER_GROWTH_MB),
    ):
        print(f"  {name:<28}{start:>15.1f}{end:>13.1f}{end - start:>11.1f}{bound:>11.0f}")
    print(f"  {'workers at work or warm':<28}{early.workers:>15}{late.workers:>13}")
    print(f"  workers, one call for each function: {before.workers} before, {after.workers} after")
    print(f"  files and connections of the server: {before.files} before, {after.files} after")
    for problem in soaked.problems[:20]:
        print(f"  WRONG  {problem}")
    print(f"  {len(soaked.problems) or 'nothing'} wrong")


def _line(name: str, count: int, answers: str, latencies: list[float]) -> None:
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else (latencies or [0.0]) * 99
    print(f"  {name:<20}{count:>9,}  {answers:<22}{cuts[49]:>8.1f}{cuts[94]:>9.1f}{cuts[98]:>9.1f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; return the exit status, 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description="Mixed requests against a local cloud of their own.")
    parser.add_argument(
        "--requests", type=int, default=REQUESTS, help=f"at least 100; {REQUESTS:,} if left out"
    )
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help=f"{CONCURRENCY} if left out")
    options = parser.parse_args(arguments)
    if options.requests < 100 or not 1 <= options.concurrency <= 64:
        parser.error("use at least 100 requests, and a concurrency from 1 to 64")
    heading(f"Soak: {options.requests:,} requests, {options.concurrency} at a time")
    with tempfile.TemporaryDirectory() as directory:
        soaked = soak(Path(directory), requests=options.requests, concurrency=options.concurrency)
    show(soaked)
    return 1 if soaked.problems else 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main))
