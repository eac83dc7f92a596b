"""Calls of `make demo`: sends each, compares the answer with the expected one, and prints both."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from deploy_tools.callers import Callers
from tools.calls import Call, WrongAnswer


def call(
    invoke_url: str, asked: Call, callers: Callers, timeout_seconds: float = 35
) -> tuple[int, bytes, float]:
    """Make one call; return the status, the body and the milliseconds it took."""
    status, content, _, milliseconds = request(invoke_url, asked, callers, timeout_seconds)
    return status, content, milliseconds


def request(
    invoke_url: str, asked: Call, callers: Callers, timeout_seconds: float = 35
) -> tuple[int, bytes, dict[str, str], float]:
    """Make one call; return the status, the body, the headers by their names in lower case, and the milliseconds."""
    url = invoke_url + asked.path
    parts = urlsplit(url)
    body = asked.payload()
    headers = dict(callers.headers(asked.caller, asked.method, url, body))
    if body is not None:
        headers["Content-Type"] = asked.content_type
    headers |= asked.headers
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port, timeout=timeout_seconds
    )
    started = time.perf_counter()
    try:
        connection.request(asked.method, parts.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    received = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, content, received, (time.perf_counter() - started) * 1000


def judge(asked: Call, status: int, content: bytes) -> str:
    """Return the line to show for an answer.

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


class Demo:
    """Makes calls, prints what was asked, what came back and how long it took, and counts.

    Args:
        outputs: The outputs of the stack.
        callers: Who calls.
    """

    def __init__(self, outputs: Mapping[str, object], callers: Callers) -> None:
        self.outputs = outputs
        self.callers = callers
        self.invoke_url = str(outputs["invoke_url"])
        self.right = self.wrong = 0

    def make(self, asked: Call) -> bytes:
        """Make a call and print all that is known of it; return the answer's body, empty where it is wrong."""
        body = asked.shown or (json.dumps(asked.body, ensure_ascii=False) if asked.body else "")
        print(
            f"\n  {asked.title}\n    {asked.method} {asked.path}  {body if len(body) <= 110 else body[:107] + '…'}"
        )
        content, line = self._answer(asked, lambda status, content, _headers: judge(asked, status, content))
        print(f"    {line}", flush=True)
        return content

    def refuse(self, asked: Call) -> None:
        """Make a call that is refused, and print a line."""
        _, line = self._answer(asked, lambda status, content, _headers: judge(asked, status, content))
        print(f"  {asked.title:<42}{line}", flush=True)

    def preflight(self, asked: Call, check: Callable[[Mapping[str, str]], str]) -> None:
        """Asks what a browser asks before it lets a page call, and prints a line."""
        _, line = self._answer(asked, lambda _status, _content, headers: check(headers))
        print(f"  {asked.title:<42}{line}", flush=True)

    def _answer(
        self, asked: Call, check: Callable[[int, bytes, Mapping[str, str]], str]
    ) -> tuple[bytes, str]:
        try:
            status, content, headers, milliseconds = request(self.invoke_url, asked, self.callers)
            line = check(status, content, headers)
        except WrongAnswer as problem:
            self.wrong += 1
            return b"", f"WRONG  {problem}"
        except OSError as problem:
            self.wrong += 1
            return b"", f"WRONG  no answer: {problem}"
        self.right += 1
        return content, f"{status} ok in {milliseconds:.0f} ms  {line}"
