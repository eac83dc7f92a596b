"""Benchmark of `make dev`: from saving a file to the new answer, beside a deployment by Terraform.

python -m tools.benchmarks.dev      changes handlers, a workflow and main.py of a copy of this project
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from deploy_tools import interrupts
from deploy_tools.app import CdktfApp
from deploy_tools.callers import USER_OUTPUTS, Callers
from deploy_tools.console import heading
from deploy_tools.deploy import deploy
from deploy_tools.dev import DevSession
from deploy_tools.errors import DeploymentError, TerraformError
from deploy_tools.file_watch import FileWatch
from tools.benchmarks.project_copy import project_copy

ROUNDS: Final = 5
TEXT: Final = "The museum opened on Monday. It was full by noon."
CALLS: Final[dict[str, tuple[str, object]]] = {
    "orchestrator": ("/ai-service", None),
    "jobs": ("/workflows", None),
    "language": ("/language/summary", {"text": TEXT, "max_sentences": 1}),
    "embeddings": ("/embeddings/similarity", {"query": "a pet", "candidates": ["a cat", "a train"]}),
}
"""A route of each measured service, and its body."""
MARK: Final = """

_answer = handler


def handler(event, context):
    answer = _answer(event, context)
    return {{**answer, "headers": {{**(answer.get("headers") or {{}}), "X-Version": "{version}"}}}}
"""
ROUTE: Final = "        api.add_docs("
NEW_ROUTE: Final = (
    "        from constructs_lib import Public\n"
    '        api.resource_for("/bench").add_method("GET", dispatcher.integration, authorization=Public())\n'
)


class Bench:
    """A session of `dev` on a copy of the project.

    Args:
        app: The copy.
    """

    def __init__(self, app: CdktfApp) -> None:
        self._app = app
        self._watch = FileWatch(app.folder)
        self._session = DevSession(app, 0)
        self._session.start()
        self._watch.extend(self._session.watched())
        one = self._session.deployed.with_outputs("invoke_url", *USER_OUTPUTS, purpose="bench")
        self._url = str(one.outputs["invoke_url"])
        self._token = Callers(self._session.deployed.cloud.url, one.outputs).user_token

    def close(self) -> None:
        """Stop watching."""
        self._watch.close()

    def seconds(self, name: str, change: Callable[[str], str], until: Callable[[], bool]) -> float:
        """Save a changed file; return the seconds until the API answers anew.

        Raises:
            DeploymentError: The first answer after the update is not the new one.
        """
        file = self._app.folder / name
        text = change(file.read_text(encoding="utf-8"))
        began = time.perf_counter()
        file.write_text(text, encoding="utf-8")
        self._session.update(self._watch.next())
        if not until():
            raise DeploymentError(f"{name}: the answer is not the new one")
        return time.perf_counter() - began

    def call(self, path: str, body: object) -> tuple[int, str | None]:
        """Call a route as a user; return the status and the header `X-Version`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, data, headers)  # noqa: S310 - the local cloud's
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.headers.get("X-Version")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("X-Version")

    def handler(self, service: str) -> list[float]:
        """Change a handler several times."""
        name = f"handlers/{service}/app.py"
        source = (self._app.folder / name).read_text(encoding="utf-8")
        path, body = CALLS[service]
        return [
            self.seconds(
                name,
                lambda _, version=version: source + MARK.format(version=version),  # type: ignore[misc]
                lambda version=version: self.call(path, body)[1] == str(version),  # type: ignore[misc]
            )
            for version in range(ROUNDS)
        ]


def main() -> int:
    """Measure, and print the medians."""
    rows: list[tuple[str, float]] = []
    with project_copy() as app:
        heading("Deploy a copy of this project")
        bench = Bench(app)
        try:
            heading("Change it")
            # First: after a changed handler, an apply also uploads its archive.
            route = bench.seconds(
                "main.py",
                lambda text: text.replace(ROUTE, NEW_ROUTE + ROUTE, 1),
                # API Gateway answers 403 without the route; the function has no operation for it.
                lambda: bench.call("/bench", None)[0] == HTTPStatus.NOT_FOUND,
            )
            rows.append(("a new route in main.py", route))
            workflow = bench.seconds(
                "workflows/summary.py",
                lambda text: text.replace('"choose its sentences"', '"choose sentences"'),
                lambda: True,
            )
            rows.append(("a workflow", workflow))
            every: list[float] = []
            for service in CALLS:
                each = bench.handler(service)
                every += each
                rows.append((f"handler of {service}, median of {ROUNDS}", statistics.median(each)))
            rows.append(("all handlers, median", statistics.median(every)))
        finally:
            bench.close()
            heading("From saving a file to the new answer")
            for what, seconds in rows:
                print(f"  {what:<40} {seconds:6.2f} s", flush=True)
        heading("The same by Terraform")
        began = time.perf_counter()
        deploy(app)
        print(f"  {'make serve, which settles these':<40} {time.perf_counter() - began:6.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main, DeploymentError, TerraformError))
