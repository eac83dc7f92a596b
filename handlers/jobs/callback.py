"""Callback to the client of a job that has ended, signed by a key that never leaves KMS.

The receiver checks `X-Signature: t=<seconds since 1970>,v1=<base64>` with the public key: ECDSA over SHA-256 of
`<t>.<body>`. So there is no secret to share, and an old message cannot be sent again later.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendTimeout, ServiceError
from handlers.jobs.callback_url import (
    HTTPS_PORT,
    ForbiddenAddress,
    Resolve,
    check_callback_url,
    public_address,
)

SIGNING_ALGORITHM = "ECDSA_SHA_256"
_TIMEOUT_SECONDS = 5.0
_CHOICES = (Tries(3, 1, 1), Tries(1, 0.5, 1))

Post = Callable[[str, str, str, bytes, Mapping[str, str], float], int]
"""Sends a body: host, address to connect to, path, body, headers, seconds; returns the status."""


class CallbackFailed(ServiceError):
    """The address did not take the message; trying again later may help."""

    code = "callback_failed"
    status = 502
    default_message = "The callback was not taken."


class CallbackRefused(ServiceError):
    """The address is none that may be called; trying again does not help."""

    code = "callback_refused"
    status = 422
    default_message = "The callback's address is not public."


class Callbacks:
    """Signs and sends.

    Args:
        key_id: The KMS key that signs: ECC_NIST_P256, for SIGN_VERIFY.
        api: KMS; made from the environment when left out.
        post: Sends a body; over TLS to port 443 when left out.
        resolve: Gives the addresses of a host; the system's resolver when left out.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        key_id: str,
        *,
        api: AwsApi | None = None,
        post: Post | None = None,
        resolve: Resolve | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key_id = key_id
        self._api = api or AwsApi("kms", choices=_CHOICES)
        self._post = post or _post
        self._resolve = resolve
        self._clock = clock

    def send(self, url: str, message: Mapping[str, object], *, deadline: Deadline) -> None:
        """Send a message once; redirects are not followed.

        Raises:
            CallbackRefused: The address leads to one that is not public.
            CallbackFailed: There is no answer, or its status is not 2xx.
            ServiceError: KMS fails.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            check_callback_url(url)
            address = public_address(host, self._resolve)
        except (ValueError, ForbiddenAddress):
            raise CallbackRefused from None
        except OSError as error:
            raise CallbackFailed(detail=f"resolving the host: {type(error).__name__}") from None
        body = json.dumps(message, sort_keys=True, separators=(",", ":")).encode()
        signed_at = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "X-Signature": f"t={signed_at},v1={self._signature(signed_at, body, deadline)}",
        }
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        seconds = min(_TIMEOUT_SECONDS, deadline.seconds_left())
        if seconds <= 0:
            raise BackendTimeout(detail="no time left for the callback")
        try:
            status = self._post(host, address, path, body, headers, seconds)
        except (OSError, http.client.HTTPException) as error:
            raise CallbackFailed(detail=f"calling back: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise CallbackFailed(detail=f"the callback answered {status}")

    def _signature(self, signed_at: int, body: bytes, deadline: Deadline) -> str:
        answer = self._api.call(
            "sign",
            {
                "KeyId": self._key_id,
                "Message": f"{signed_at}.".encode() + body,
                "MessageType": "RAW",
                "SigningAlgorithm": SIGNING_ALGORITHM,
            },
            deadline=deadline,
        )
        signature = answer.get("Signature")
        if not isinstance(signature, bytes):
            raise BackendError(detail="kms.sign: no signature")
        return base64.b64encode(signature).decode()


def _post(
    host: str, address: str, path: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float
) -> int:
    connection = _PinnedConnection(host, address, timeout_seconds)
    try:
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to one address, and expects the certificate of the host."""

    def __init__(self, host: str, address: str, timeout_seconds: float) -> None:
        self._verified = ssl.create_default_context()
        super().__init__(host, HTTPS_PORT, timeout=timeout_seconds, context=self._verified)
        self._address = address

    def connect(self) -> None:
        raw = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._verified.wrap_socket(raw, server_hostname=self.host)
