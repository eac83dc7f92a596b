"""Lock of a DynamoDB backend, with what is ongoing: the items of transactions and the tokens of requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from moto.core.exceptions import JsonRESTError

from local_cloud.dynamodb.scratch import ItemKey

TOKEN_SECONDS = 10 * 60
"""How long a ClientRequestToken is remembered after its transaction, in seconds."""

CONFLICT = "Transaction is ongoing for the item"

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_MISMATCH = (
    "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token "
    "that was already used."
)
_IN_PROGRESS = "The transaction with the given request token is already in progress."


@dataclass(slots=True)
class _Token:
    """A ClientRequestToken that was used, with its request as JSON. It does not expire while its transaction is ongoing."""

    request: str
    expires_at: float | None = None


@dataclass(slots=True)
class Guard:
    """Lock and transaction tokens of the tables of a backend. Hold `lock` to use its members."""

    lock: RLock = field(default_factory=RLock)
    ongoing: set[ItemKey] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic
    _tokens: dict[str, _Token] = field(default_factory=dict)

    def require_free(self, keys: Collection[ItemKey]) -> None:
        """Reject a write of an item that a transaction is about to write."""
        if not self.ongoing.isdisjoint(keys):
            raise error("TransactionConflictException", CONFLICT)

    def use_token(self, token: str, request: dict[str, Any]) -> bool:
        """Note a token; returns False where the same request has succeeded with it.

        Raises:
            JsonRESTError: Another request was made with the token, or the same one is ongoing.
        """
        now = self.clock()
        for name, used in list(self._tokens.items()):
            if used.expires_at is None:
                continue
            if used.expires_at > now:
                break  # tokens are in the order in which they expire
            del self._tokens[name]
        written = json.dumps(request, sort_keys=True, default=repr)
        existing = self._tokens.get(token)
        if existing is None:
            self._tokens[token] = _Token(written)
            return True
        if existing.request != written:
            raise error("IdempotentParameterMismatchException", _MISMATCH)
        if existing.expires_at is None:
            raise error("TransactionInProgressException", _IN_PROGRESS)
        return False

    def end_token(self, token: str, *, succeeded: bool) -> None:
        """Remember a token whose transaction has succeeded, and forget any other."""
        used = self._tokens.pop(token)
        if succeeded:
            used.expires_at = self.clock() + TOKEN_SECONDS
            self._tokens[token] = used


def guard_of(backend: Any) -> Guard:
    """Return the guard of a backend; a backend that is reset gets another one."""
    guard = backend.__dict__.get("guard")
    if guard is None:
        guard = backend.__dict__.setdefault("guard", Guard())  # atomic: one of two threads wins
    assert isinstance(guard, Guard)  # noqa: S101
    return guard


@contextmanager
def token_used(backend: Any, request: dict[str, Any]) -> Iterator[bool]:
    """Use the ClientRequestToken of a request while it is carried out; without an error it has then succeeded.

    Yields whether the same request has succeeded before.
    """
    guard, token = guard_of(backend), request.get("ClientRequestToken")
    if not token:
        yield False
        return
    with guard.lock:
        is_new = guard.use_token(token, request)
    if not is_new:
        yield True
        return
    succeeded = False
    try:
        yield False
        succeeded = True
    finally:
        with guard.lock:
            guard.end_token(token, succeeded=succeeded)


def error(code: str, message: str) -> Exception:
    """Return an error of DynamoDB, status 400."""
    raised: Exception = JsonRESTError(_PREFIX + code, message)
    return raised
