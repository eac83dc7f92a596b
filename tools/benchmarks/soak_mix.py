"""Requests of `make soak`: number of each kind, request, and expected response."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.benchmarks.soak_api import DENIED_TOKEN, GOOD_TOKEN, SoakApi

_SEED = 4


@dataclass(frozen=True, slots=True)
class Order:
    """Request to send.

    Attributes:
        headers: Its headers; a `Content-Length` among them announces a body that is never sent.
        number: Number that the body of a good response must contain, or None.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of request: share in a thousand, expected statuses, and function that creates one."""

    name: str
    share: int
    statuses: tuple[int, ...]
    make: Callable[[SoakApi, int], Order]


def _item(_: SoakApi, number: int) -> Order:
    body = {"number": number, "padding": "x" * (number % 2_000)}
    return Order(
        "POST", "/items", {"Content-Type": "application/json"}, json.dumps(body).encode(), number=number
    )


def _bad_item(_: SoakApi, number: int) -> Order:
    bodies = (b'{"number": ', b'{"number": "one"}', b"[]", b"{}", b"")
    return Order("POST", "/items", {"Content-Type": "application/json"}, bodies[number % len(bodies)])


def _get(path: str, **headers: str) -> Callable[[SoakApi, int], Order]:
    return lambda _api, _number: Order("GET", path, headers)


_OVER_10_MB = b"HTTP content length exceeded 10485760 bytes."
"""Answer of API Gateway to a body that no API can change."""


def _too_large(_: SoakApi, number: int) -> Order:
    if number % 2:
        return Order("POST", "/items", {"Content-Length": "10485761"})
    body = json.dumps({"number": 1, "padding": "x" * 7_000_000}).encode()
    return Order("POST", "/items", {"Content-Type": "application/json"}, body)


WHOLE = Kind("whole", 0, (200,), _get("/fragile"))
"""Response of `fragile` when it does not fail."""

KINDS = (
    Kind("good", 470, (200,), _item),
    Kind("good, with a token", 80, (200,), _get("/private", Authorization=GOOD_TOKEN)),
    Kind("good, but slow", 20, (200,), _get("/slow")),
    Kind("bad body", 80, (400,), _bad_item),
    Kind("no token", 60, (401,), _get("/private")),
    Kind("wrong token", 40, (401,), _get("/private", Authorization="Bearer guess")),
    Kind("denied", 20, (403,), _get("/private", Authorization=DENIED_TOKEN)),
    Kind("no API key", 20, (403,), _get("/metered")),
    Kind("unknown path", 50, (403,), _get("/nowhere/at/all")),
    Kind("quota", 50, (200, 429), lambda api, _: Order("GET", "/metered", {"x-api-key": api.api_key})),
    Kind("throttle", 60, (200, 429), _get("/throttled")),
    Kind("too large", 10, (413,), _too_large),
    Kind("raises", 30, (502,), _get("/fragile?how=raise")),
    Kind("crashes", 10, (502,), _get("/fragile?how=exit")),
)


def plan(requests: int) -> list[Kind]:
    """Return the kinds of a number of requests, in a shuffled but fixed order."""
    kinds = [kind for kind in KINDS for _ in range(max(1, requests * kind.share // 1_000))]
    kinds += [KINDS[0]] * (requests - len(kinds))
    random.Random(_SEED).shuffle(kinds)  # noqa: S311 - an order, no secret
    return kinds[:requests]


def judge(kind: Kind, order: Order, status: int, body: bytes) -> str | None:
    """Return the problem of a response, or None."""
    if status not in kind.statuses:
        return f"answered {status} instead of {' or '.join(map(str, kind.statuses))}: {body[:200]!r}"
    if body == _OVER_10_MB:
        return None
    try:
        content = json.loads(body)
    except ValueError:
        return f"the body of the {status} is not JSON: {body[:200]!r}"
    if order.number is not None and content != {"number": order.number}:
        return f"got the answer of another request: {body[:200]!r}"
    return None
