"""Peers that `make bench` compares with the local cloud: `chalice local`, serverless-offline and MiniStack.

Each is installed into its own folder below `.cache/bench` on first use, and serves the same trivial handler.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.project import PROJECT

PLACE = PROJECT / ".cache" / "bench"
CHALICE_APP = """\
from chalice import Chalice

app = Chalice(app_name="bench")


@app.route("/ok")
def ok():
    return {"ok": True}
"""
HANDLER = """\
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": '{"ok": true}'}
"""
SERVERLESS = f"""\
service: bench
frameworkVersion: "3"
provider:
  name: aws
  runtime: python3.{sys.version_info.minor}
functions:
  ok:
    handler: handler.handler
    events: [{{ http: {{ path: ok, method: get }} }}]
plugins: [serverless-offline]
"""


class PeerUnavailableError(Exception):
    """A peer cannot be installed or started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Running server of the trivial handler at `url`."""

    name: str
    url: str


@contextmanager
def chalice(port: int) -> Iterator[Peer]:
    """Run `chalice local`."""
    place = PLACE / "chalice"
    python = place / "venv" / "bin" / "python"
    if not python.exists():
        _install([sys.executable, "-m", "venv", str(place / "venv")], place)
    if not (place / "venv" / "bin" / "chalice").exists():
        _install([str(python), "-m", "pip", "install", "--quiet", "chalice==1.34.0"], place)
    (place / ".chalice").mkdir(exist_ok=True)
    (place / "app.py").write_text(CHALICE_APP, encoding="utf-8")
    (place / ".chalice" / "config.json").write_text(
        '{"version": "2.0", "app_name": "bench", "stages": {"dev": {}}}', encoding="utf-8"
    )
    command = [str(place / "venv" / "bin" / "chalice"), "local", "--no-autoreload", "--port", str(port)]
    with _running(command, place, f"http://127.0.0.1:{port}/ok"):
        yield Peer("chalice local 1.34.0", f"http://127.0.0.1:{port}/ok")


@contextmanager
def serverless_offline(port: int) -> Iterator[Peer]:
    """Run serverless-offline, with the handler in a Python process that it keeps."""
    place = PLACE / "serverless"
    if not (place / "node_modules" / ".bin" / "serverless").exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}', encoding="utf-8")
        packages = ["serverless@3.40.0", "serverless-offline@13.10.1"]
        _install(
            ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", *packages], place
        )
    (place / "handler.py").write_text(HANDLER, encoding="utf-8")
    (place / "serverless.yml").write_text(SERVERLESS, encoding="utf-8")
    ports = ["--httpPort", str(port), "--lambdaPort", str(port + 1)]
    command = [str(place / "node_modules" / ".bin" / "serverless"), "offline", "--host", "127.0.0.1", *ports]
    with _running(command, place, f"http://127.0.0.1:{port}/dev/ok"):
        yield Peer("serverless-offline 13.10.1", f"http://127.0.0.1:{port}/dev/ok")


@contextmanager
def ministack(port: int, deploy: Callable[[str], str]) -> Iterator[Peer]:
    """Run MiniStack, bound to loopback.

    Args:
        port: Its port.
        deploy: Deploys the trivial handler at an endpoint URL, and returns the ID of its API.
    """
    place, endpoint = PLACE / "ministack", f"http://127.0.0.1:{port}"
    program = place / "venv" / "bin" / "ministack"
    if not program.exists():
        _install([sys.executable, "-m", "venv", str(place / "venv")], place)
        _install(
            [str(program.with_name("python")), "-m", "pip", "install", "--quiet", "ministack==1.5.33"], place
        )
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR"}
    with _running([str(program)], place, f"{endpoint}/_ministack/health", settings):
        url = f"{endpoint}/restapis/{deploy(endpoint)}/bench/_user_request_/ok"
        yield Peer("MiniStack 1.5.33", url)


def _install(command: list[str], place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    except OSError as error:
        raise PeerUnavailableError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise PeerUnavailableError(f"`{' '.join(command)}` failed: {''.join(last)}")


@contextmanager
def _running(
    command: list[str], place: Path, url: str, settings: Mapping[str, str] | None = None
) -> Iterator[None]:
    quiet = {
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
        "SLS_TRACKING_DISABLED": "1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with (place / "output.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=place, env={**os.environ, **quiet, **(settings or {})}, stdout=log, stderr=log
        )
    try:
        _wait_until_up(process, url, place / "output.log")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            last = " / ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])
            raise PeerUnavailableError(f"it ended at its start: {last}; its output is in {log}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise PeerUnavailableError(f"it does not answer at {url}; its output is in {log}")
