"""Inputs and outputs behind presigned URLs: a service gets exactly the objects that it works on, and no right on a bucket.

The holder of a presigned URL may read or write its object until it expires. So no URL is in a log line, an error or a
result.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidRequest,
    PayloadLinkExpired,
    PayloadTooLarge,
)
from handlers.common.strict_json import MAX_PAYLOAD_VALUES, read_json_object

MAX_PAYLOAD_BYTES = 20_000_000
"""The largest input that is read; what is larger takes more memory than a function has to spare."""

CONTENT_TYPE = "application/json"
"""The Content-Type of what is written; it is part of the signature."""

Send = Callable[[str, SplitResult, bytes | None, float], tuple[int, bytes]]
"""Sends a request: method, URL, body, seconds; returns the status and the body, of which at most 20 MB and a byte."""

_HOST = re.compile(r"[a-z0-9.-]+\.s3\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_ATTEMPTS = 3
_SECONDS = 5.0
_PAUSE_SECONDS = 0.2
_FIRST_SERVER_ERROR = 500


class PayloadLinks:
    """Objects behind presigned URLs of S3, each a JSON object.

    Args:
        send: Sends a request. Default: HTTP, with certificates checked.
        pause: Waits, in seconds. Default: `time.sleep`.
        endpoint_url: The endpoint of AWS's APIs where it is not AWS's own. Default: AWS_ENDPOINT_URL.
    """

    def __init__(
        self,
        *,
        send: Send | None = None,
        pause: Callable[[float], None] = time.sleep,
        endpoint_url: str | None = None,
    ) -> None:
        self._send = send or _send
        self._pause = pause
        self._endpoint = urlsplit(endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or "")

    def read_input(self, source: object, given: object, *, deadline: Deadline) -> dict[str, object]:
        """Return an operation's input that is given by reference, in whole or field by field.

        Args:
            source: The URL of an object that is the input; or by the names of fields, where each is: `URL#FIELD`.
            given: The other fields, as they are.
            deadline: When it must be there.

        Raises:
            InvalidRequest: A reference cannot be read, or leads to nothing.
            PayloadTooLarge: The object has more than 20 MB.
            ServiceError: S3 fails, or the URL has expired.
        """
        fields: dict[str, object] = dict(given) if isinstance(given, dict) else {}
        if isinstance(source, str):
            return fields | self._read(source, deadline)
        if not isinstance(source, dict) or not all(isinstance(place, str) for place in source.values()):
            raise InvalidRequest("inputFrom should be a URL, or for each field its URL#FIELD.")
        objects: dict[str, dict[str, object]] = {}
        for name, place in source.items():
            url, _, field = place.partition("#")
            if url not in objects:
                objects[url] = self._read(url, deadline)
            if field not in objects[url]:
                raise InvalidRequest("The object that the event refers to has no such field.")
            fields[name] = objects[url][field]
        return fields

    def write(self, url: object, value: Mapping[str, object], *, deadline: Deadline) -> dict[str, object]:
        """Put data into the object, which may be there already.

        Returns:
            How large it is: `{"bytes": …}`.

        Raises:
            InvalidRequest: The URL is none of S3.
            ServiceError: S3 fails, or the URL has expired.
        """
        content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        self._call("PUT", url, content, deadline)
        return {"bytes": len(content)}

    def _read(self, url: str, deadline: Deadline) -> dict[str, object]:
        body = self._call("GET", url, None, deadline)
        if len(body) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(f"The input is larger than {MAX_PAYLOAD_BYTES:,} bytes.")
        return read_json_object(body, max_values=MAX_PAYLOAD_VALUES)

    def _call(self, method: str, url: object, body: bytes | None, deadline: Deadline) -> bytes:
        parts = self._checked(url)
        what = f"s3 {method}"
        for attempt in range(_ATTEMPTS):
            seconds = min(_SECONDS, deadline.seconds_left())
            if seconds <= 0:
                raise BackendTimeout(detail=f"{what}: no time left")
            try:
                status, answer = self._send(method, parts, body, seconds)
            except (OSError, http.client.HTTPException) as error:
                failure = f"{what}: {type(error).__name__}"
            else:
                if status < _FIRST_SERVER_ERROR:
                    return _taken(what, status, answer)
                failure = f"{what}: {status}"
            if attempt + 1 < _ATTEMPTS:
                self._pause(random.uniform(0, _PAUSE_SECONDS * 2**attempt))  # noqa: S311 - jitter, no secret
        raise BackendUnavailable("The storage cannot be reached. Try again later.", detail=failure)

    def _checked(self, url: object) -> SplitResult:
        """Return the parts of a URL that leads to S3, as the event could name any host."""
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:
            parts = urlsplit("")
        own = (parts.scheme, parts.netloc) == (self._endpoint.scheme, self._endpoint.netloc)
        of_s3 = parts.scheme == "https" and _HOST.fullmatch(parts.netloc) is not None
        if not (of_s3 or (own and parts.netloc)) or "X-Amz-Signature=" not in parts.query:
            raise InvalidRequest("A reference should be a presigned URL of S3.")
        return parts


def _taken(what: str, status: int, answer: bytes) -> bytes:
    if status < 300:
        return answer
    if status == http.client.NOT_FOUND:
        raise InvalidRequest("The input that the event refers to does not exist any more.")
    if b"Request has expired" in answer or b"<Code>ExpiredToken</Code>" in answer:
        raise PayloadLinkExpired(detail=what)
    raise BackendError("The storage refused the call.", detail=f"{what}: {status}")


def _send(method: str, url: SplitResult, body: bytes | None, seconds: float) -> tuple[int, bytes]:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=seconds)
    headers = {} if body is None else {"Content-Type": CONTENT_TYPE}
    try:
        connection.request(method, f"{url.path}?{url.query}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_PAYLOAD_BYTES + 1)
    finally:
        connection.close()
