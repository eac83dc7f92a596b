"""The local cloud itself: one port, behind which the AWS APIs, the deployed REST APIs and a health page live.

The address of a request decides who answers: `/_local_cloud/…` is this server's own,
`/_aws/execute-api/{api}/{stage}/…` and a Host of `{api}.execute-api.…` or of a custom domain name are
deployed REST APIs, and everything else is a call of an AWS API.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from local_cloud import outbound
from local_cloud.bounded_file import BoundedFile
from local_cloud.browser_guard import host_name, is_own_name, refusal
from local_cloud.control_plane import ControlPlane
from local_cloud.errors import LocalCloudError
from local_cloud.gateway.limits import LARGEST_REQUEST_BODY
from local_cloud.http_server import (
    HttpServer,
    WireResponse,
    receive,
    refused_version,
    request_target,
    send_stream,
)
from local_cloud.messages import Request, Response, json_response
from local_cloud.request_log import request_line
from local_cloud.saved_state import SavedState, restore

if TYPE_CHECKING:
    from local_cloud.console.console import Console
    from local_cloud.functions.executor import FunctionExecutor
    from local_cloud.functions.invoker import Functions
    from local_cloud.gateway.gateway import RestApiGateway

HEALTH_PATH = "/_local_cloud/health"
_OWN_PREFIX = "/_local_cloud/"
_EXECUTE_API_PREFIX = "/_aws/execute-api/"
_EXECUTE_API_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.", re.IGNORECASE)

_MOST_WAITING_CONNECTIONS = 512


MakeFunctions = Callable[[str, Path], "Functions"]


class LocalCloud:
    """One running local cloud.

    It listens on a port, 0 for a free one. `make_functions` returns what runs functions, for an endpoint URL and a
    directory. Default: the executor, which gives each invocation a process and which moto uses too.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        directory: Path,
        saved: SavedState | None = None,
        make_functions: MakeFunctions | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._directory = directory
        self._make_functions = make_functions or self._make_executor
        self._saved = saved
        self._instance = secrets.token_hex(8) if saved is None else saved.instance
        self._control_plane = ControlPlane()
        self._request_log = BoundedFile(directory / "logs" / "requests.log")
        self._server: asyncio.Server | None = None
        self._http: HttpServer | None = None
        self._functions: Functions | None = None
        self._executor: FunctionExecutor | None = None
        self._console: Console | None = None
        self._gateway: asyncio.Task[RestApiGateway] | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """The endpoint URL of every AWS API, without a slash at its end."""
        return f"http://{_authority(self._host, self._port)}"

    @property
    def instance(self) -> str:
        """The random name of this start, or of the one whose state it took over."""
        return self._instance

    async def start(self) -> None:
        """Listen, and load moto's server.

        moto's backends are still being imported when this returns, which takes about another second; calls that come
        before wait for that.

        Raises:
            LocalCloudError: The port is taken.
            UnreadableStateError: The state cannot be taken over.
        """
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._http = HttpServer(self._answer)
        self._gateway = asyncio.create_task(self._load())
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._http, sock=listener, backlog=_MOST_WAITING_CONNECTIONS)
        await self._control_plane.load()
        if self._saved is not None:
            await self._loaded()

    def when_loaded(self, call: Callable[[], None]) -> None:
        """Call something once moto's backends are loaded, after `start`."""
        assert self._gateway is not None  # noqa: S101 - made by `start`
        self._gateway.add_done_callback(lambda _: call())

    async def close(self) -> None:
        """Stop listening, end every function and give up every thread."""
        if self._server is not None:
            self._server.close()
        if self._console is not None:
            self._console.close()
        if self._http is not None:
            self._http.pre_shutdown()
            await self._http.shutdown(timeout=1.0)
        if self._gateway is not None:
            for gateway in await asyncio.gather(self._gateway, return_exceptions=True):
                if not isinstance(gateway, BaseException):
                    gateway.close()
        if self._functions is not None:
            from local_cloud import events, states

            events.stop()
            await asyncio.to_thread(states.stop_executions)
            await self._functions.close()
            states.close_logs()
        outbound.close()
        self._control_plane.close()
        self._request_log.close()

    async def _load(self) -> RestApiGateway:
        """Import moto and fit its backends into the local cloud; returns the data plane on top of them."""
        await self._control_plane.load()
        await asyncio.to_thread(_import_backends)
        if self._saved is not None:
            await asyncio.to_thread(restore, self._saved)
        from local_cloud import states
        from local_cloud.console.console import Console
        from local_cloud.gateway import trial_invocations
        from local_cloud.gateway.gateway import RestApiGateway

        self._console = console = Console(
            host=self._host,
            url=self.url,
            directory=self._directory,
            instance=self._instance,
            workers=lambda: () if self._executor is None else self._executor.workers,
        )
        self._functions = self._make_functions(self.url, self._directory)
        await asyncio.to_thread(states.install, self.url, self._directory, on_event=console.executed)
        gateway = RestApiGateway(
            self._functions, aws_apis=self._control_plane.handle, on_answer=console.answered
        )
        trial_invocations.install(gateway, asyncio.get_running_loop())
        return gateway

    async def _answer(self, message: web.BaseRequest) -> web.StreamResponse:
        if (refused := refused_version(message)) is not None:
            return refused
        started = time.perf_counter()
        api = _called_api(message)
        domain = self._custom_domain(message) if api is None else None
        is_control_plane = api is None and domain is None
        request = await receive(message, limit=None if is_control_plane else LARGEST_REQUEST_BODY)
        if is_control_plane and (page := await self._own_page(request)) is not None:
            response, note = page, ""
        elif domain is None:
            response, note = await self._dispatch(request, api)
        else:
            response, note = await (await self._loaded()).handle_domain(request, host=domain)
        try:
            if response.stream is None:
                return WireResponse(response)
            return await send_stream(message, response, response.stream)
        finally:
            seconds = time.perf_counter() - started
            self._request_log.write(request_line(request, response, seconds, note))

    async def _dispatch(self, request: Request, api: _CalledApi | None) -> tuple[Response, str]:
        if api is None and (refused := refusal(request, host=self._host)):
            return refused, "refused: see local_cloud/browser_guard.py"
        gateway = await self._loaded()
        if api is None:
            answer = (
                await self._handle_code(request)
                or await self._invoke_streamed(request)
                or await self._control_plane.answer(request)
            )
            if self._console is not None:
                self._console.changed(request)
            return answer
        stage, path = api.split(request.path)
        return await gateway.handle(request, api_id=api.api_id, stage=stage, path=path, host=api.host)

    async def _handle_code(self, request: Request) -> tuple[Response, str] | None:
        """Answer a call that downloads an archive of Lambda or replaces files of a function; None for every other request."""
        from local_cloud.functions.file_replacement import replace_files
        from local_cloud.moto_gaps.lambda_archives import download

        answer = download(request)
        if answer is None and self._functions is not None:
            answer = await replace_files(self._functions, request)
        return None if answer is None else (answer, "lambda")

    async def _invoke_streamed(self, request: Request) -> tuple[Response, str] | None:
        """Answer a call of Lambda's InvokeWithResponseStream; None for every other request."""
        from local_cloud.functions.stream_operation import invoke_with_response_stream, is_stream_operation

        if self._functions is None or not is_stream_operation(request):
            return None
        if (refused := await self._control_plane.refused(request)) is not None:
            return refused
        return await invoke_with_response_stream(self._functions, request), "lambda"

    def _custom_domain(self, message: web.BaseRequest) -> str | None:
        """Return the custom domain name that a request is for, if it is for one; before moto is loaded there is none."""
        name = host_name(message.headers.get("Host", ""))
        if not name or is_own_name(name, self._host) or self._gateway is None or not self._gateway.done():
            return None
        from local_cloud.gateway.domains import is_custom_domain

        return name if is_custom_domain(name) else None

    async def _loaded(self) -> RestApiGateway:
        """Return the data plane, once it is there."""
        assert self._gateway is not None  # noqa: S101 - made before the server listens
        return await asyncio.shield(self._gateway)

    async def _own_page(self, request: Request) -> Response | None:
        """Return a page of the local cloud's own; None for a call of an AWS API."""
        if request.path == HEALTH_PATH:
            return json_response(200, {"status": "ready", "instance": self._instance, "pid": os.getpid()})
        if request.path.startswith(_OWN_PREFIX):
            await self._loaded()
            assert self._console is not None  # noqa: S101 - created before the data plane
            return await self._console.answer(request)
        return to_console(request)

    def _make_executor(self, endpoint_url: str, directory: Path) -> Functions:
        from local_cloud.functions.executor import FunctionExecutor
        from local_cloud.functions.moto_backend import install

        assert self._console is not None  # noqa: S101 - created before the functions
        self._executor = FunctionExecutor(
            endpoint_url=endpoint_url, directory=directory, on_end=self._console.invoked
        )
        install(self._executor)
        return self._executor


@dataclass(frozen=True, slots=True)
class _CalledApi:
    """A deployed API that a request is for.

    Attributes:
        prefix: What stands before the stage in the path.
        host: The host name, if that is what names the API.
    """

    api_id: str
    prefix: str
    host: str | None

    def split(self, path: str) -> tuple[str, str]:
        """Return the stage and the path below it; slashes before the stage count once."""
        stage, slash, rest = path.removeprefix(self.prefix).lstrip("/").partition("/")
        return stage, slash + rest or "/"


def _called_api(message: web.BaseRequest) -> _CalledApi | None:
    path = request_target(message)
    if path.startswith(_EXECUTE_API_PREFIX):
        api_id = path[len(_EXECUTE_API_PREFIX) :].partition("?")[0].partition("/")[0]
        return _CalledApi(api_id, f"{_EXECUTE_API_PREFIX}{api_id}", None)
    host = message.headers.get("Host", "")
    if match := _EXECUTE_API_HOST.match(host):
        return _CalledApi(match[1].lower(), "", host.partition(":")[0])
    return None


def to_console(request: Request) -> Response | None:
    """Return the redirect for a browser that opens the root, or the console without its last slash; None for the rest."""
    opens_root = request.path == "/" and not request.query and "text/html" in (request.header("accept") or "")
    if request.method == "GET" and (opens_root or request.path == _OWN_PREFIX.rstrip("/")):
        return Response(302, (("Location", _OWN_PREFIX),))
    return None


def _import_backends() -> None:
    """Import moto's backends for API Gateway and Lambda, and change in them what the local cloud needs otherwise."""
    from local_cloud import events, moto_gaps

    import_module("local_cloud.gateway.gateway")
    import_module("local_cloud.functions.moto_backend")
    moto_gaps.apply()
    events.install()
    import_module("local_cloud.dynamodb.operations")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise LocalCloudError(
                f"{_authority(host, port)} is taken by another program. If that is a local cloud, end it with "
                f"`python -m local_cloud stop`; otherwise choose another port with --port (0 takes a free one)."
            ) from None
        raise LocalCloudError(
            f"cannot listen on {_authority(host, port)}: {error.strerror}. Choose an address of this machine with --host."
        ) from None
    return listener


def _authority(host: str, port: int) -> str:
    """Return host and port as in a URL: an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
