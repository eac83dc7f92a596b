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
    invoke_url: str, call: Call, callers: Callers, timeout_seconds: float = 35
) -> tuple[int, bytes, float]:
    """Make one call; return the status, the body and the milliseconds it took."""
    status, content, _, milliseconds = request(invoke_url, call, callers, timeout_seconds)
    return status, content, milliseconds


def request(
    invoke_url: str, call: Call, callers: Callers, timeout_seconds: float = 35
) -> tuple[int, bytes, dict[str, str], float]:
    """Make one call; return the status, the body, the headers by their names in lower case, and the milliseconds."""
    url = invoke_url + call.path
    parts = urlsplit(url)
    body = call.payload()
    headers = dict(callers.headers(call.caller, call.method, url, body))
    if body is not None:
        headers["Content-Type"] = call.content_type
    headers |= call.headers
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port, timeout=timeout_seconds
    )
    started = time.perf_counter()
    try:
        connection.request(
            call.method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers
        )
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    received = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, content, received, (time.perf_counter() - started) * 1000


def judge(call: Call, status: int, content: bytes) -> str:
    """Return the line to show for an answer.

    Raises:
        WrongAnswer: The status or the answer is not what the call expects.
    """
    if status != call.status:
        raise WrongAnswer(
            f"expected status {call.status}, got {status}: {content[:600].decode(errors='replace')}"
        )
    try:
        answer = json.loads(content)
    except ValueError:
        raise WrongAnswer(f"expected JSON, got {content[:200]!r}") from None
    try:
        return call.check(answer)
    except (LookupError, TypeError, AttributeError) as error:
        raise WrongAnswer(
            f"{type(error).__name__} {error} in {content[:600].decode(errors='replace')}"
        ) from error


class Demo:
    """Calls of a demo: prints request, answer and duration of each, and counts right answers.

    Args:
        outputs: The outputs of the stack.
        callers: Callers of the API.
    """

    def __init__(self, outputs: Mapping[str, object], callers: Callers) -> None:
        self.outputs = outputs
        self.callers = callers
        self.invoke_url = str(outputs["invoke_url"])
        self.v1_url = str(outputs.get("openai_base_url")).removesuffix("/v1")
        self.right = self.wrong = 0

    def make(self, call: Call) -> bytes:
        """Make a call and print it; return the body of the answer, empty if the answer is wrong."""
        body = call.shown or (json.dumps(call.body, ensure_ascii=False) if call.body else "")
        print(
            f"\n  {call.title}\n    {call.method} {call.path}  {body if len(body) <= 110 else body[:107] + '…'}"
        )
        content, line = self._answer(call, lambda status, content, _headers: judge(call, status, content))
        print(f"    {line}", flush=True)
        return content

    def refuse(self, call: Call) -> None:
        """Make a call that must be rejected, and print a line."""
        _, line = self._answer(call, lambda status, content, _headers: judge(call, status, content))
        print(f"  {call.title:<42}{line}", flush=True)

    def preflight(self, call: Call, check: Callable[[Mapping[str, str]], str]) -> None:
        """Send a preflight request, and print a line."""
        _, line = self._answer(call, lambda _status, _content, headers: check(headers))
        print(f"  {call.title:<42}{line}", flush=True)

    def _answer(self, call: Call, check: Callable[[int, bytes, Mapping[str, str]], str]) -> tuple[bytes, str]:
        try:
            url = self.v1_url if call.path.startswith("/v1/") else self.invoke_url
            status, content, headers, milliseconds = request(url, call, self.callers)
            line = check(status, content, headers)
        except WrongAnswer as problem:
            self.wrong += 1
            return b"", f"WRONG  {problem}"
        except OSError as problem:
            self.wrong += 1
            return b"", f"WRONG  no answer: {problem}"
        self.right += 1
        return content, f"{status} ok in {milliseconds:.0f} ms  {line}"
