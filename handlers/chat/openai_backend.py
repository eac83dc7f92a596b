"""Chat backend behind OpenAI's protocol at any address: OpenAI, Ollama, vLLM, llama.cpp's server."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlsplit

from handlers.chat.backend import SILENCE_SECONDS, Call, Completion, Piece
from handlers.chat.models import ChatRequest
from handlers.chat.openai_chunks import FINISH_REASONS, ChunkReader, encodable
from handlers.chat.parameters import Rejection
from handlers.common.aws_api import AwsApi, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidRequest,
    ServiceError,
)
from handlers.common.event_stream import EVENT_STREAM

MAX_ANSWER_BYTES = 5_000_000
_MAX_STREAM_BYTES = 100_000_000
_CONNECT_SECONDS = 2.0
_PIECE_BYTES = 65_536
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KEY_SECONDS = 300.0
_UNAUTHORIZED = (401, 403)
_TOO_MANY_REQUESTS = 429
_TIMEOUTS = (408, 504)
_FIRST_SERVER_ERROR = 500
_MAX_RETRY_AFTER = 3_600
_PARAM = re.compile(r"[A-Za-z0-9_.\[\]]{1,64}")


class ApiKey:
    """API key in Secrets Manager, read again after five minutes, so that a rotated key takes effect.

    Args:
        secret: Name of the secret; its text is the key.
        api: Secrets Manager. Default: created from the environment.
        clock: Seconds on a monotonic clock.
    """

    def __init__(
        self, secret: str, *, api: AwsApi | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret = secret
        self._api = api or AwsApi("secretsmanager")
        self._clock = clock
        self._read: tuple[str, float] | None = None

    def value(self, *, deadline: Deadline) -> str:
        """Return the key.

        Raises:
            BackendError: The secret cannot be read, or has no text.
            ServiceError: Secrets Manager is busy or too slow.
        """
        now = self._clock()
        if self._read is None or now - self._read[1] >= _KEY_SECONDS:
            answer = self._api.call("get_secret_value", {"SecretId": self._secret}, deadline=deadline)
            with reading_answer("secretsmanager.get_secret_value"):
                key = answer["SecretString"].strip()
                if not key.isascii() or not key.isprintable():
                    raise ValueError("not a key")
            self._read = key, now
        return self._read[0]

    def forget(self) -> None:
        """Read the key again at the next use: the address has rejected it."""
        self._read = None


class _Answer:
    """The body of an answer, read within a deadline however slowly it comes."""

    def __init__(self, model: str, response: http.client.HTTPResponse, sent: socket.socket) -> None:
        self._model = model
        self._response = response
        self._sent = sent

    @property
    def media_type(self) -> str:
        return self._response.headers.get("content-type", "").lower()

    def read(self, deadline: Deadline) -> bytes:
        """Return the next bytes, none at the end."""
        seconds = deadline.seconds_left()
        if seconds <= 0:
            raise BackendTimeout(detail=f"{self._model}: the answer comes too slowly")
        self._sent.settimeout(seconds)
        piece = self._response.read1(_PIECE_BYTES)
        if not piece and self._response.length:
            raise http.client.IncompleteRead(b"", self._response.length)
        return piece

    def whole(self, deadline: Deadline) -> bytes:
        content = bytearray()
        while piece := self.read(deadline):
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                raise BackendError("The model's answer is too large.", detail=self._model)
        return bytes(content)


class OpenAiBackend:
    """A model behind OpenAI's protocol.

    Args:
        model: The address's name of the model.
        base_url: The address up to `/v1`: https, or http on this machine.
        key: The API key. Default: none, for addresses that need none.

    Raises:
        ValueError: The address is not https, and not on this machine.
    """

    def __init__(self, *, model: str, base_url: str, key: ApiKey | None = None) -> None:
        parts = urlsplit(base_url)
        if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
            raise ValueError(f"base_url {base_url!r} is not https; use https, or http on 127.0.0.1")
        self._model = model
        self._address = urlsplit(f"{base_url.rstrip('/')}/chat/completions")
        self._key = key

    @staticmethod
    def rejection(request: ChatRequest) -> Rejection | None:  # noqa: ARG004
        """Reject nothing: the address says itself what it does not support."""
        return None

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Completion:
        """Answer a request; see `ChatBackend`."""
        with self._answer(request, deadline, accept="application/json") as answer:
            content = answer.whole(deadline)
        with reading_answer(self._model):
            return _completion(json.loads(content))

    def stream(
        self, request: ChatRequest, *, first: Deadline, deadline: Deadline
    ) -> Generator[Piece, None, None]:
        """Answer a request piece by piece; see `ChatBackend`."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        with self._answer(request, first, accept=EVENT_STREAM, **options) as answer:
            reader = ChunkReader(self._model)
            until = first

            def piece_by_piece() -> Iterator[bytes]:
                received = 0
                while content := answer.read(until):
                    received += len(content)
                    if received > _MAX_STREAM_BYTES:
                        raise BackendError("The model's answer is too large.", detail=self._model)
                    yield content

            if not answer.media_type.startswith(EVENT_STREAM):
                raise BackendError(
                    "The AI backend's answer cannot be used.", detail=f"{self._model}: no stream"
                )
            for piece in reader.pieces(piece_by_piece()):
                yield piece
                until = deadline.at_most(SILENCE_SECONDS)

    @contextmanager
    def _answer(
        self, request: ChatRequest, deadline: Deadline, *, accept: str, **options: object
    ) -> Iterator[_Answer]:
        """Send a request; the answer has a good status."""
        fields = request.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude={"stream", "stream_options"}
        )
        headers = {"Content-Type": "application/json", "Accept": accept}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.value(deadline=deadline)}"
        content = json.dumps({**fields, **options, "model": self._model}, ensure_ascii=False).encode("utf-8")
        seconds = deadline.seconds_left()
        if seconds <= 0:
            raise BackendTimeout(detail=f"{self._model}: no time left")
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._address.netloc, timeout=min(_CONNECT_SECONDS, seconds))
        try:
            try:
                connection.connect()
            except TimeoutError as error:
                raise BackendUnavailable(detail=f"{self._model}: no connection") from error
            # The connection forgets its socket when it hands it to the answer.
            sent = connection.sock
            sent.settimeout(deadline.seconds_left())
            connection.request("POST", self._address.path, content, headers)
            with connection.getresponse() as response:
                answer = _Answer(self._model, response, sent)
                if response.status >= 300:
                    raise self._refused(response.status, response.headers, answer.whole(deadline))
                yield answer
        except TimeoutError as error:
            raise BackendTimeout(detail=f"{self._model}: no answer") from error
        except (OSError, http.client.HTTPException) as error:
            raise BackendUnavailable(
                "The model cannot be reached. Try again later.",
                detail=f"{self._model}: {type(error).__name__}",
            ) from error
        finally:
            connection.close()

    def _refused(self, status: int, headers: HTTPMessage, content: bytes) -> ServiceError:
        detail = f"{self._model}: {status}"
        if status == _TOO_MANY_REQUESTS:
            return BackendUnavailable(retry_after_seconds=_retry_after(headers), detail=detail)
        if status in _TIMEOUTS:
            return BackendTimeout(detail=detail)
        if status >= _FIRST_SERVER_ERROR:
            return BackendUnavailable(retry_after_seconds=_retry_after(headers), detail=detail)
        if status in _UNAUTHORIZED and self._key is not None:
            self._key.forget()
        if status not in (400, 413, 422):
            # A wrong key, address or model: a mistake in the deployment, not in the request.
            return BackendError("The model's address refused the call.", detail=detail)
        return InvalidRequest(
            "The model rejects the request: a parameter or a message is not valid for it.",
            param=_param(content),
            detail=detail,
        )


def _completion(answer: Mapping[str, Any]) -> Completion:
    (choice,) = answer["choices"]
    message, usage = choice["message"], answer["usage"]
    calls = [
        Call(*map(encodable, map(str, (call["id"], call["function"]["name"], call["function"]["arguments"]))))
        for call in message.get("tool_calls") or ()
    ]
    text = message.get("content")
    if not (text is None or isinstance(text, str)) or (text is None and not calls):
        raise ValueError("no text and no tool calls")
    return Completion(
        text=None if text is None else encodable(text),
        calls=calls,
        finish_reason=FINISH_REASONS[choice["finish_reason"]],
        prompt_tokens=int(usage["prompt_tokens"]),
        completion_tokens=int(usage["completion_tokens"]),
    )


def _retry_after(headers: HTTPMessage) -> int:
    value = headers.get("retry-after") or ""
    return min(int(value), _MAX_RETRY_AFTER) if re.fullmatch(r"[0-9]{1,6}", value) else 5


def _param(content: bytes) -> str | None:
    try:
        param = json.loads(content)["error"]["param"]
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    return param if isinstance(param, str) and _PARAM.fullmatch(param) else None
