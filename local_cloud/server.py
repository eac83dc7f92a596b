"""The local cloud itself: one port, behind which the AWS APIs, the deployed REST APIs and a health page live.

A request is told apart by its address: `/_local_cloud/…` is this server's own, `/_aws/execute-api/{api}/{stage}/…` and
a Host of `{api}.execute-api.…` are deployed REST APIs, and everything else is a call of an AWS API.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import secrets
import socket
import time
from pathlib import Path

from aiohttp import web

from local_cloud.browser_guard import refusal
from local_cloud.control_plane import ControlPlane
from local_cloud.errors import LocalCloudError
from local_cloud.http_server import HttpServer, WireResponse, receive
from local_cloud.messages import Request, Response
from local_cloud.request_log import RequestLog

_log = logging.getLogger(__name__)

HEALTH_PATH = "/_local_cloud/health"
_OWN_PREFIX = "/_local_cloud/"
_EXECUTE_API_PREFIX = "/_aws/execute-api/"
_EXECUTE_API_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.", re.IGNORECASE)

_MOST_WAITING_CONNECTIONS = 512


class LocalCloud:
    """One running local cloud.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        directory: Where logs and unpacked functions go.
        region: The region that functions run in.
    """

    def __init__(self, *, host: str, port: int, directory: Path, region: str = "us-east-1") -> None:
        self._host = host
        self._port = port
        self._directory = directory
        self._region = region
        self._instance = secrets.token_hex(8)
        self._control_plane = ControlPlane()
        self._request_log = RequestLog(directory / "logs" / "requests.log")
        self._server: asyncio.Server | None = None
        self._http: HttpServer | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """The endpoint URL of every AWS API, without a slash at its end."""
        return f"http://{self._host}:{self._port}"

    @property
    def instance(self) -> str:
        """The random name of this start."""
        return self._instance

    async def start(self) -> None:
        """Listen, and load what the first request needs.

        Raises:
            LocalCloudError: The port is taken.
        """
        loop = asyncio.get_running_loop()
        self._http = HttpServer(self._answer)
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._server = await loop.create_server(self._http, sock=listener, backlog=_MOST_WAITING_CONNECTIONS)
        await self._control_plane.load()

    async def close(self) -> None:
        """Stop listening, end every function and give up every thread."""
        if self._server is not None:
            self._server.close()
        if self._http is not None:
            self._http.pre_shutdown()
            await self._http.shutdown(timeout=1.0)
        self._control_plane.close()
        self._request_log.close()

    async def _answer(self, message: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        request = await receive(message, limit=None)
        response = await self._dispatch(request)
        self._request_log.write(request, response, time.perf_counter() - started)
        return WireResponse(response)

    async def _dispatch(self, request: Request) -> Response:
        if request.path.startswith(_OWN_PREFIX):
            return self._own_page(request)
        if refused := refusal(request, host=self._host):
            return refused
        return await self._control_plane.handle(request)

    def _own_page(self, request: Request) -> Response:
        if request.path != HEALTH_PATH:
            return _json(404, {"message": f"the local cloud has no page {request.path}; there is {HEALTH_PATH}"})
        return _json(200, {"status": "ready", "instance": self._instance, "pid": os.getpid()})


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
                f"{host}:{port} is taken by another program. If that is a local cloud, end it with "
                f"`python -m local_cloud stop`; otherwise choose another port with --port (0 takes a free one)."
            ) from None
        raise LocalCloudError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose an address of this machine with --host."
        ) from None
    return listener


def _json(status: int, content: object) -> Response:
    return Response(status, (("Content-Type", "application/json"),), json.dumps(content).encode())
