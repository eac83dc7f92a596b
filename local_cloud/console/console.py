"""The console's pages: its files, its JSON API, and its events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from local_cloud.browser_guard import console_refusal
from local_cloud.console import apis, exchanges, resources, sign_in, workflows
from local_cloud.console.exchanges import Answered, Invoked
from local_cloud.console.feed import Events, History, event
from local_cloud.functions.definition import FunctionDefinition
from local_cloud.functions.invocation import Invocation
from local_cloud.functions.result import InvocationResult
from local_cloud.functions.worker import Worker
from local_cloud.gateway.exchange import Exchange
from local_cloud.messages import Headers, Request, Response
from local_cloud.states.clients import Clients

PREFIX: Final = "/_local_cloud/"
_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECURITY: Headers = (
    ("Content-Security-Policy", _CONTENT_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-cache"),
)
_EXECUTION_DELAY_SECONDS = 0.1
_CHANGE_DELAY_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Console:
    """The console of one local cloud; lives on the server's asyncio loop."""

    def __init__(
        self, *, host: str, url: str, directory: Path, instance: str, workers: Callable[[], Iterable[Worker]]
    ) -> None:
        self._host = host
        self._directory = directory
        self._instance = instance
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._answered: History[Answered] = History()
        self._invoked: History[Invoked] = History()
        self._events = Events()
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._clients = Clients(url)

    def answered(self, exchange: Exchange, response: Response) -> None:
        """Record a request that the gateway has answered."""
        record = Answered.of(exchange, response)
        self._answered.add(record, record.bodies.size)
        if self._events.has_listeners:
            self._events.send("request", exchanges.request_row(record))

    def invoked(
        self, definition: FunctionDefinition, invocation: Invocation, result: InvocationResult
    ) -> None:
        """Record an invocation that has a result."""
        record = Invoked.of(definition, invocation, result)
        self._invoked.add(record, record.bodies.size)
        if self._events.has_listeners:
            self._events.send("invocation", exchanges.invocation_row(record))

    def executed(self, arn: str) -> None:
        """Notify the pages that an execution has moved on; on any thread."""
        if self._events.has_listeners and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, "execution", arn, _EXECUTION_DELAY_SECONDS)

    def changed(self, request: Request) -> None:
        """Notify the pages that something may have been deployed or stored by a call of an AWS API."""
        if self._events.has_listeners and request.method != "GET":
            self._note("change", "", _CHANGE_DELAY_SECONDS)

    def close(self) -> None:
        """End the responses with events."""
        for timer in self._timers.values():
            timer.cancel()
        self._events.close()

    def _note(self, name: str, value: str, delay: float) -> None:
        """Send an event soon, once for all that come until then."""
        if (name, value) not in self._timers:
            self._timers[name, value] = self._loop.call_later(delay, self._send_note, name, value)

    def _send_note(self, name: str, value: str) -> None:
        del self._timers[name, value]
        if name == "change":
            self._events.send(name, {})
        elif (execution := workflows.find_execution(value)) is not None:
            self._events.send(name, workflows.execution_row(execution))

    async def answer(self, request: Request) -> Response:
        """Answer a request for a page of the console, or a call of its API."""
        path = request.path.removeprefix(PREFIX)
        if not path.startswith("api/"):
            return _file(request, path or "index.html")
        if (refused := console_refusal(request, host=self._host)) is not None:
            return refused
        parts = [unquote(part) for part in path.removeprefix("api/").split("/")]
        try:
            if request.method == "POST":
                given = json.loads(request.body or b"{}")
                return _json(200, await asyncio.to_thread(self._act, parts, given))
            if request.method != "GET":
                return _json(405, {"message": "use GET or POST"})
            if parts == ["events"]:
                return self._event_stream()
            query = {name: values[-1] for name, values in parse_qs(request.query).items()}
            return _json(200, await asyncio.to_thread(self._read, parts, query))
        except KeyError as error:
            return _json(400, {"message": f"{request.path}: {error} is missing or unknown"})
        except LookupError as error:
            return _json(404, {"message": str(error)})
        except ValueError as error:
            return _json(400, {"message": str(error)})
        except Exception as error:  # noqa: BLE001 - the page shows it, and the log has the rest
            _log.exception("%s %s failed inside the console", request.method, request.path)
            return _json(500, {"message": f"{type(error).__name__}: {error}"})

    def _read(self, parts: list[str], query: dict[str, str]) -> object:
        match parts:
            case ["apis"]:
                return apis.list_apis(self._directory)
            case ["requests"]:
                return [exchanges.request_row(record) for record in self._answered]
            case ["functions"]:
                return resources.list_functions(self._workers(), self._invoked)
            case ["requests", request_id]:
                return self._request(request_id)
            case ["machines"]:
                return workflows.list_machines()
            case ["executions", arn]:
                return self._execution(arn)
            case ["logs", ("functions" | "state_machines") as kind, name]:
                return {"text": resources.read_log(self._directory, kind, name)}
            case ["storage"]:
                return resources.list_storage()
            case ["storage", kind, name]:
                return resources.read_storage(kind, query.get("region", "us-east-1"), name)
            case _:
                raise LookupError(f"the console has no {'/'.join(parts)}")

    def _act(self, parts: list[str], given: dict[str, Any]) -> object:
        match parts:
            case ["sign-in", "user"]:
                return {"Authorization": f"Bearer {sign_in.user_token(self._clients, str(given['region']))}"}
            case ["sign-in", "operator"]:
                return sign_in.signature(
                    *(str(given[name]) for name in ("region", "method", "url", "sha256"))
                )
            case ["machines", name, "executions"]:
                return workflows.start(name, str(given["input"]))
            case _:
                raise LookupError(f"the console has no action {'/'.join(parts)}")

    def _request(self, request_id: str) -> dict[str, Any]:
        found = next((one for one in self._answered if one.exchange.request_id == request_id), None)
        if found is None:
            raise LookupError("the console does not have this request any more")
        return {
            **exchanges.request_details(found),
            "invocations": [exchanges.invocation_details(one) for one in self._invoked_by(found.root)],
            "executions": workflows.executions_of(found.root),
        }

    def _execution(self, arn: str) -> dict[str, Any]:
        execution = workflows.find_execution(arn)
        if execution is None:
            raise LookupError("this execution does not exist any more")
        details = workflows.execution_details(execution)
        invoked = self._invoked_by(details["trace"])
        return {**details, "invocations": [exchanges.invocation_row(one) for one in invoked]}

    def _invoked_by(self, root: str) -> list[Invoked]:
        """Return the invocations of a trace, the earliest first."""
        return sorted((one for one in self._invoked if one.root == root), key=lambda one: one.ended_at)

    def _event_stream(self) -> Response:
        stream = self._events.open(event("hello", {"instance": self._instance}))
        return Response(200, (("Content-Type", "text/event-stream"), *_SECURITY), stream=stream)


def _file(request: Request, path: str) -> Response:
    file = (_STATIC / path).resolve()
    is_ours = file.is_relative_to(_STATIC) and file.suffix in _TYPES and file.is_file()
    if request.method not in ("GET", "HEAD") or not is_ours:
        return _json(404, {"message": f"the local cloud has no page {request.path}; there is {PREFIX}"})
    return Response(200, (("Content-Type", _TYPES[file.suffix]), *_SECURITY), file.read_bytes())


def _json(status: int, content: object) -> Response:
    body = json.dumps(content, separators=(",", ":"), default=str).encode()
    return Response(status, (("Content-Type", "application/json"), *_SECURITY), body)
