"""Kill a process at a chosen moment of a deploy, of a job or of the local cloud; then deploy again."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import psutil

from deploy_tools.cloud import stop_cloud
from tools.project import PROJECT

STACK: Final = "kill"
STATE: Final = f"terraform.{STACK}.tfstate"

Victim = Literal["Ctrl-C", "command", "terraform", "provider", "local cloud", "everything"]
VICTIMS: Final[tuple[Victim, ...]] = (
    "Ctrl-C",
    "command",
    "terraform",
    "provider",
    "local cloud",
    "everything",
)

STEPS: Final = ("local cloud", "synthesize main.py", "terraform init", "terraform plan")
"""The steps of a deploy before the first resource is created."""

_POLL_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a deploy, and who is killed then.

    Attributes:
        victim: The process that gets SIGKILL, or `Ctrl-C` for an interrupt.
        step: The step that has just begun.
        requests: The number of requests that the local cloud has answered since, of 1000 that a deploy takes.
        fresh: Whether it is the first deploy, and not that of a change.
    """

    victim: Victim
    step: str
    requests: int
    fresh: bool

    def __str__(self) -> str:
        when = (
            f"{self.step!r}"
            if not self.requests
            else f"{self.step!r}, {self.requests / 10:.0f} % of its requests"
        )
        return f"kill {self.victim} in {when} of {'a first deploy' if self.fresh else 'a change'}"


def moments(seed: int, count: int) -> list[Moment]:
    """Return random moments."""
    chosen = random.Random(seed)  # noqa: S311 - not for secrets
    found = []
    for _ in range(count):
        early = chosen.random() < 0.2
        step = chosen.choice(STEPS) if early else "terraform apply"
        victims = [victim for victim in VICTIMS if not early or victim in ("Ctrl-C", "command", "everything")]
        found.append(
            Moment(
                victim=chosen.choice(victims),
                step=step,
                requests=0 if early else chosen.randrange(0, 1000),
                fresh=chosen.random() < 0.5,
            )
        )
    return found


@dataclass(slots=True)
class Project:
    """A project with a small `main.py`, and a local cloud of its own.

    Attributes:
        directory: Where it is.
        port: The port of the local cloud.
        tables: The number of tables that it declares; another number is a change.
        with_jobs: Whether it has jobs.
        requests: The number of requests of an apply that was not disturbed.
    """

    directory: Path
    port: int
    tables: int = 3
    with_jobs: bool = False
    requests: int = 0

    def declare(self) -> None:
        """Write `main.py` and `cdktf.json`."""
        (self.directory / "cdktf.json").write_text('{"app": "python main.py"}', encoding="utf-8")
        jobs = "jobs" if self.with_jobs else "none"
        (self.directory / "main.py").write_text(
            f"from tests.support.kill_stack import main\n\nmain([{str(self.tables)!r}, {jobs!r}])\n",
            encoding="utf-8",
        )

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[str]]:
        """Start what `make serve` runs; what it prints goes to `serve.out`."""
        self.declare()
        variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with (self.directory / "serve.out").open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy_tools", "serve"],
                cwd=self.directory,
                env={**variables, "PYTHONPATH": str(PROJECT), "LOCAL_CLOUD_PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def serve(self) -> int:
        """Run it to its end; return its exit status."""
        with self.serving() as process:
            return process.wait()

    @property
    def printed(self) -> str:
        """Output of the last run."""
        return (self.directory / "serve.out").read_text(encoding="utf-8")

    def reset(self) -> None:
        """Stop the local cloud and remove the state, so that the next deploy is the first."""
        stop_cloud(self.directory / ".local_cloud", forget=True)
        for path in self.directory.glob(f"{STATE}*"):
            path.unlink()

    def answered(self) -> int:
        """The number of requests that the local cloud has answered."""
        with suppress(OSError):
            return (self.directory / ".local_cloud" / "logs" / "requests.log").read_bytes().count(b"\n")
        return 0

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Call the API; return the status and the answer."""
        state = json.loads((self.directory / STATE).read_text(encoding="utf-8"))
        place = urlsplit(state["outputs"]["invoke_url"]["value"])
        with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=35)) as connection:
            connection.request(
                method,
                place.path + path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json", "Authorization": "Bearer ada", **(headers or {})},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "null")

    def cloud_process(self) -> list[psutil.Process]:
        """The process of the local cloud, if it is up."""
        file = self.directory / ".local_cloud" / "cloud.json"
        with suppress(OSError, psutil.Error):
            return [psutil.Process(json.loads(file.read_text(encoding="utf-8"))["pid"])]
        return []

    def is_served(self) -> bool:
        """Return whether the API answers as it should."""
        return self.call("POST", "/echo", {"say": "hello"}) == (200, {"said": "hello"})

    def kill_at(self, moment: Moment) -> int:
        """Deploy, kill the victim at the moment, wait until the command has ended, and return its exit status.

        Nothing is killed if the deploy ends before.
        """
        with self.serving() as process:
            if until(lambda: f"  {moment.step} " in self.printed, process):
                goal = self.answered() + moment.requests * self.requests // 1000
                until(lambda: self.answered() >= goal, process)
                kill(self, process, moment.victim)
            return process.wait()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Wait for a condition; return False if the process ends first."""
    while not condition():
        if process.poll() is not None:
            return condition()
        time.sleep(_POLL_SECONDS)
    return True


def kill(project: Project, process: subprocess.Popen[str], victim: Victim) -> None:
    """Send SIGKILL to a process of a deploy, or to all of them, or an interrupt to the command."""
    if victim == "Ctrl-C":
        process.send_signal(signal.SIGINT)
        return
    found: dict[str, list[psutil.Process]] = {"local cloud": project.cloud_process()}
    with suppress(psutil.Error):
        command = psutil.Process(process.pid)
        below = [child for child in command.children(recursive=True) if child.is_running()]
        found["command"] = [command]
        found["terraform"] = [child for child in below if child.name() == "terraform"]
        found["provider"] = [child for child in below if child.name().startswith("terraform-prov")]
    for name in found if victim == "everything" else (victim,):
        for one in found.get(name, ()):
            with suppress(psutil.Error):
                one.kill()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def project(directory: Path, *, with_jobs: bool = False) -> Iterator[Project]:
    """A project that was deployed once, undisturbed; its local cloud ends with it."""
    project = Project(directory, free_port(), with_jobs=with_jobs)
    try:
        assert project.serve() == 0, project.printed
        log = (directory / ".local_cloud" / "logs" / "requests.log").read_bytes()
        project.requests = log.count(b"\n")
        assert project.is_served()
        yield project
    finally:
        stop_cloud(directory / ".local_cloud", forget=True)
