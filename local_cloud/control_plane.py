"""The AWS APIs: moto's WSGI applications, run on threads beside the server's event loop.

Requests run in parallel, because the code of a function may call back while the call that invoked it still holds its
thread.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from local_cloud.messages import Request, Response, json_response

_log = logging.getLogger(__name__)

# Threads are made when they are needed. An invocation holds one until the function has answered, and a function may
# invoke another, so the pool must be far larger than any sensible concurrency of clients.
_MOST_THREADS = 256

# Settings of moto for a local cloud.
MOTO_SETTINGS = {
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # Parts of an upload, of 5 MB each, stay in memory until they are put together.
    "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(8 * 1024 * 1024),
}

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Any]


class ControlPlane:
    """Control plane: answers AWS API calls with moto."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_MOST_THREADS, thread_name_prefix="aws-api")
        self._application: WsgiApplication | None = None
        self._loading = asyncio.Lock()

    async def load(self) -> None:
        """Import moto's server, unless that is done; it takes about a second."""
        async with self._loading:
            if self._application is None:
                loop = asyncio.get_running_loop()
                self._application = await loop.run_in_executor(self._threads, load_moto)

    async def handle(self, request: Request) -> Response:
        """Answer one AWS API call."""
        return (await self.answer(request))[0]

    async def answer(self, request: Request) -> tuple[Response, str]:
        """Answer one AWS API call, and say what the developer should know about it; mostly that is nothing."""
        if self._application is None:
            await self.load()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._checked_call, request)

    async def refused(self, request: Request) -> tuple[Response, str] | None:
        """Return the answer to a call that its role does not allow; None where it may be carried out."""
        from local_cloud.iam.enforcement import checked_call

        loop = asyncio.get_running_loop()
        verdict = await loop.run_in_executor(self._threads, checked_call, request)
        return None if verdict.response is None else (verdict.response, verdict.note)

    def close(self) -> None:
        """Give up the threads; calls that are running end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _checked_call(self, request: Request) -> tuple[Response, str]:
        """Carry out a call, unless the role that it is made with does not allow it."""
        from local_cloud.iam.enforcement import checked_call, refused_answer

        try:
            verdict = checked_call(request)
            if verdict.response is not None:
                return verdict.response, verdict.note
            response = self._call(request)
            verdict = refused_answer(request, response) or verdict
        except Exception as error:  # noqa: BLE001 - the client must get an answer for every exception of moto
            return _failure(request, error), ""
        return verdict.response or response, verdict.note

    def _call(self, request: Request) -> Response:
        from werkzeug.test import run_wsgi_app

        assert self._application is not None  # noqa: S101 - `handle` loads it first
        chunks, status, headers = run_wsgi_app(self._application, wsgi_environ(request), buffered=True)
        response = Response(int(status.split(" ", 1)[0]), tuple(headers), b"".join(chunks))
        # moto has a page for operations that it does not know.
        if response.status == 404 and response.body[:14].lower() == b"<!doctype html":
            return _answer(request, "NotImplemented", "not implemented in the local cloud")
        return response


def load_moto() -> WsgiApplication:
    """Import moto's server and return its application for all services."""
    for name, value in MOTO_SETTINGS.items():
        os.environ.setdefault(name, value)
    from moto.core import responses, utils
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    # moto would list its folders twice, and the methods of a class once, for each call: a third of its time.
    responses.method_names_from_class = cache(utils.method_names_from_class)
    application = DomainDispatcherApplication(create_backend_app)
    application.get_backend_for_host = lru_cache(application.get_backend_for_host)
    return cast(WsgiApplication, application)


def wsgi_environ(request: Request) -> dict[str, Any]:
    """Translate a request to a WSGI environment as moto's own server would.

    Names of `x-amz-meta-` headers may hold an underscore, which WSGI cannot tell from a dash: moto looks up the name
    as sent under a key of its own.
    """
    from moto.core import request as moto_request

    key_of = moto_request.environ_key_for_header
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(request.port),
        "SERVER_PROTOCOL": request.protocol,
        "REMOTE_ADDR": request.peer,
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        # Without it, werkzeug reads the body in parts of 64 KB, as from a socket.
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    environ["REQUEST_URI"] = environ["RAW_URI"]
    names: dict[str, str] = {}
    dashed = {key_of(name) for name, _ in request.headers if "_" not in name}
    for name, value in request.headers:
        key = key_of(name)
        if "_" in name:
            if not name.lower().startswith("x-amz-meta-") or key in dashed:
                continue
            names.setdefault(key, name)
        if key in ("CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):
            continue
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ[moto_request.PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
    return environ


def _failure(request: Request, error: Exception) -> Response:
    """Answer a call that moto cannot carry out."""
    _log.error("%s failed", _called(request), exc_info=error)
    if isinstance(error, NotImplementedError):
        return _answer(request, "NotImplemented", f"not implemented in the local cloud: {error}")
    failed = f"the local cloud failed ({type(error).__name__}: {error}); its log has more"
    return _answer(request, "InternalFailure", failed)


def _answer(request: Request, code: str, message: str) -> Response:
    """Return an error with status 501.

    It is never 500: AWS's clients retry a 500 with growing pauses, the Terraform provider up to 25 times. A call that can
    never succeed would then take minutes.
    """
    content = {"__type": code, "message": f"{_called(request)}: {message}"}
    return json_response(501, content, ("x-amzn-ErrorType", code))


def _called(request: Request) -> str:
    return request.header("x-amz-target") or f"{request.method} {request.path}"
