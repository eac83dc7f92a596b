"""`make demo`: deploys the stack to the local cloud, calls every service, and shows what came back.

    python -m tools.demo            deploy and call; ends with status 0 only if every answer was right
    python -m tools.demo serve      deploy only
    python -m tools.demo down       stop the local cloud

The local cloud stays up afterwards, so that the invoke URL can be called again.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from lambda_archives import ArchiveError
from tools.calls import Call, WrongAnswer, calls
from tools.console import heading
from tools.deployment import PROJECT, DeploymentError, deploy, stop_cloud
from tools.terraform import TerraformError

DIRECTORY = PROJECT / ".local_cloud"


def call(invoke_url: str, asked: Call, timeout_seconds: float = 35) -> tuple[int, bytes, float]:
    """Makes one call; returns the status, the body and the milliseconds it took."""
    parts = urlsplit(invoke_url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port, timeout=timeout_seconds
    )
    body = asked.payload()
    headers = dict(asked.headers) if body is None else {"Content-Type": asked.content_type, **asked.headers}
    started = time.perf_counter()
    try:
        connection.request(asked.method, parts.path + asked.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    return answer.status, content, (time.perf_counter() - started) * 1000


def judge(asked: Call, status: int, content: bytes) -> str:
    """Returns the line to show for an answer.

    Raises:
        WrongAnswer: The status or the answer is not what the call expects.
    """
    if status != asked.status:
        raise WrongAnswer(
            f"expected status {asked.status}, got {status}: {content[:600].decode(errors='replace')}"
        )
    try:
        answer = json.loads(content)
    except ValueError:
        raise WrongAnswer(f"expected JSON, got {content[:200]!r}") from None
    try:
        return asked.check(answer)
    except (LookupError, TypeError, AttributeError) as error:
        raise WrongAnswer(
            f"{type(error).__name__} {error} in {content[:600].decode(errors='replace')}"
        ) from error


def call_all(invoke_url: str) -> int:
    """Makes every call and prints what was asked, what came back and how long it took; returns how many were wrong."""
    wrong = 0
    for asked in calls():
        body = asked.shown or (json.dumps(asked.body, ensure_ascii=False) if asked.body else "")
        print(
            f"\n  {asked.title}\n    {asked.method} {asked.path}  {body if len(body) <= 110 else body[:107] + '…'}"
        )
        try:
            status, content, milliseconds = call(invoke_url, asked)
            line, mark = judge(asked, status, content), "ok"
        except WrongAnswer as problem:
            line, mark, wrong = str(problem), "WRONG", wrong + 1
        except OSError as problem:
            line, mark, wrong, status, milliseconds = f"no answer: {problem}", "WRONG", wrong + 1, 0, 0.0
        print(f"    {status} {mark} in {milliseconds:.0f} ms  {line}", flush=True)
    return wrong


def show_how_to_call(invoke_url: str) -> None:
    """Prints the invoke URL and the commands to go on with."""
    heading("The API is up")
    print(f"  invoke URL  {invoke_url}")
    print(f"  call it     curl -s {shlex.quote(invoke_url + '/ai-service')}")
    print(
        f"              curl -s {invoke_url}/vision/text -H 'Content-Type: image/png' --data-binary @samples/receipt.png"
    )
    print("  logs        make logs      stop it     make down")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line described at the top of this file; returns its exit status."""
    started = time.monotonic()
    if list(arguments) == ["down"]:
        stop_cloud(DIRECTORY)
        return 0
    if list(arguments) not in ([], ["serve"]):
        print(__doc__, file=sys.stderr)
        return 2
    heading("Deploy main.py to the local cloud")
    _, outputs = deploy(PROJECT, DIRECTORY, int(os.environ.get("LOCAL_CLOUD_PORT", "4566")))
    invoke_url = str(outputs["invoke_url"])
    wrong = 0
    if not arguments:
        heading("Call the services")
        wrong = call_all(invoke_url)
        total = len(calls())
        print(f"\n  {total - wrong} of {total} answers right, {time.monotonic() - started:.0f} s in all")
    show_how_to_call(invoke_url)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (ArchiveError, DeploymentError, TerraformError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(1)
