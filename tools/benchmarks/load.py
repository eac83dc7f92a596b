"""Load generator of `make bench`: wrk, a compiled one, so that the load takes little of the processor that it measures.

wrk of the PATH is used. Without one, Debian's packages are unpacked below `.cache/bench/wrk`; nothing is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.project import PROJECT

PLACE = PROJECT / ".cache" / "bench" / "wrk"
_PACKAGES = ("wrk", "libluajit-5.1-2", "libluajit-5.1-common")
_REPORT = """\
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "microseconds": %d, "median": %d, "p99": %d, "not_200": %d, "broken": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class LoadError(Exception):
    """The load generator is not available, or not every request was answered with success."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of a run of the load generator; latencies in milliseconds."""

    requests_per_second: float
    median_ms: float
    p99_ms: float


def load(url: str, connections: int, seconds: float, *, keep_alive: bool = True) -> Measured:
    """Send requests to an address, as many as are answered in a time.

    Args:
        url: The address, which answers GET with a status of 2xx.
        connections: Number of connections, each with one request at a time.
        seconds: How long, in whole seconds.
        keep_alive: Whether connections are used again. Default: True.

    Raises:
        LoadError: wrk is not available, a connection broke, or a status was not 2xx or 3xx.
    """
    program, environment = _wrk()
    script = PLACE / "report.lua"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(_REPORT, encoding="utf-8")
    headers = [] if keep_alive else ["--header", "Connection: close"]
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), *headers, url]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise LoadError(f"wrk failed at {url}: {(done.stderr or done.stdout).strip()}")
    report = json.loads(done.stdout.strip().splitlines()[-1])
    if report["not_200"] or (keep_alive and report["broken"]) or not report["requests"]:
        raise LoadError(
            f"{url}: {report['not_200']} of {report['requests']} requests failed, {report['broken']} broke"
        )
    return Measured(
        report["requests"] * 1_000_000 / report["microseconds"], report["median"] / 1000, report["p99"] / 1000
    )


@cache
def _wrk() -> tuple[str, dict[str, str]]:
    """Return wrk and its environment.

    Raises:
        LoadError: There is none, and Debian's packages cannot be downloaded.
    """
    if (installed := shutil.which("wrk")) is not None:
        return installed, dict(os.environ)
    program = PLACE / "usr" / "bin" / "wrk"
    if not program.exists():
        _unpack(PLACE)
    libraries = sorted({str(file.parent) for file in PLACE.rglob("libluajit*.so*")})
    return str(program), {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def _unpack(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", *_PACKAGES], place)
        for package in place.glob("*.deb"):
            _run(["dpkg-deb", "--extract", package.name, "."], place)
    except OSError as error:
        how = "brew install wrk" if sys.platform == "darwin" else "your system's package wrk"
        raise LoadError(f"make bench needs wrk, a load generator ({error}); install it: {how}") from None


def _run(command: Sequence[str], place: Path) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    if done.returncode != 0:
        raise LoadError(
            f"make bench needs wrk, a load generator; `{' '.join(command)}` failed: {done.stderr.strip()}. Install it: "
            "apt install wrk"
        )
