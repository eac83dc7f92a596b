"""The web ACL of a stage: evaluates what AWS WAF's public rules say, and tells what only AWS can know.

Rule groups that AWS manages, countries and the detection of SQL injection and scripts are AWS's own; a rule that needs them
matches nothing here, and the log names such rules once for each web ACL.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from local_cloud.gateway.errors import WAF_FILTERED, GatewayError, UnsupportedFeatureError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.waf_statements import Evaluation, evaluate
from local_cloud.messages import Response

_CONTENT_TYPES = {
    "APPLICATION_JSON": "application/json",
    "TEXT_HTML": "text/html",
    "TEXT_PLAIN": "text/plain",
}
_DEFAULT_WINDOW_SECONDS = 300
_MOST_KEYS = 10_000
_DEFAULT_BODY_LIMIT_KB = 16

_log = logging.getLogger("local_cloud")


@dataclass(slots=True)
class RateCounts:
    """Number of requests of each key within a sliding window."""

    times: dict[str, deque[float]] = field(default_factory=dict)

    def count(self, key: str, now: float, window_seconds: float, most: int) -> int:
        """Count a request in, and return how many of its key are in the window, up to one more than `most`."""
        if key not in self.times and len(self.times) >= _MOST_KEYS:
            self.times.pop(next(iter(self.times)))
        times = self.times.setdefault(key, deque(maxlen=most + 1))
        while times and times[0] <= now - window_seconds:
            times.popleft()
        times.append(now)
        return len(times)


class WebAcls:
    """Web ACLs, with the counts of their rate-based rules."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: WeakKeyDictionary[Any, dict[str, RateCounts]] = WeakKeyDictionary()
        self._told: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()

    def check(self, exchange: Exchange, arn: str) -> Response | None:
        """Apply a web ACL to a request.

        Returns:
            The custom response of the rule that blocks the request; None when it may go on.

        Raises:
            GatewayError: A rule without a custom response, or the default action, blocks it.
            UnsupportedFeatureError: A rule that matches asks for a puzzle to be solved in a browser.
        """
        acl = _find_acl(arn)
        if acl is None:
            return None
        evaluation = Evaluation(
            exchange=exchange,
            body_limit=_body_limit(acl),
            find_set=_find_set,
            count=self._counter(acl),
        )
        unknown: list[str] = []
        try:
            return self._apply(acl, evaluation, unknown)
        finally:
            self._tell_once(acl, unknown)

    def _apply(self, acl: Any, evaluation: Evaluation, unknown: list[str]) -> Response | None:
        """Go through the rules by their priority; `unknown` gets the names of rules that cannot be evaluated here."""
        for rule in sorted(acl.rules, key=lambda item: int(item.priority)):
            matched = evaluate(rule.statement, evaluation, rule.name)
            if matched is None:
                unknown.append(rule.name)
            if not matched:
                continue
            evaluation.labels.update(label["Name"] for label in rule.rule_labels or ())
            kind, settings = _action(rule.action)
            if kind == "Allow":
                return None
            if kind == "Block":
                return _block(acl, settings, f"rule {rule.name}")
            if kind in ("Captcha", "Challenge"):
                raise UnsupportedFeatureError(f"AWS WAF's {kind} action (rule {rule.name} of {acl.name})")
        kind, settings = _action(acl.default_action)
        return _block(acl, settings, "the default action") if kind == "Block" else None

    def _counter(self, acl: Any) -> Callable[[str, str, Mapping[str, Any]], int]:
        counts = self._counts.setdefault(acl, {})

        def count(rule: str, key: str, statement: Mapping[str, Any]) -> int:
            window = float(statement.get("EvaluationWindowSec") or _DEFAULT_WINDOW_SECONDS)
            return counts.setdefault(rule, RateCounts()).count(
                key, self._clock(), window, int(statement["Limit"])
            )

        return count

    def _tell_once(self, acl: Any, unknown: list[str]) -> None:
        """Log the rules that cannot be evaluated here, once for each web ACL."""
        logged = self._told.setdefault(acl, set())
        if logged.issuperset(unknown):
            return
        logged.update(unknown)
        _log.warning(
            "web ACL %s: the local cloud cannot evaluate rules that need AWS's own data (such as managed rule groups); "
            "they let every request pass, here %s",
            acl.name,
            ", ".join(unknown),
        )


def _action(action: Mapping[str, Any] | None) -> tuple[str, Mapping[str, Any]]:
    return next(iter((action or {"Count": {}}).items()))


def _block(acl: Any, settings: Mapping[str, Any] | None, cause: str) -> Response:
    """Return a rule's own response."""
    custom = (settings or {}).get("CustomResponse")
    if not custom:
        raise GatewayError(WAF_FILTERED, f"blocked by {cause} of web ACL {acl.name}")
    headers = [(header["Name"], header["Value"]) for header in custom.get("ResponseHeaders") or ()]
    key = custom.get("CustomResponseBodyKey")
    body = (acl.custom_response_bodies or {}).get(key) if key else None
    if body is None:
        return Response(int(custom["ResponseCode"]), tuple(headers))
    headers.append(("Content-Type", _CONTENT_TYPES[body["ContentType"]]))
    return Response(int(custom["ResponseCode"]), tuple(headers), body["Content"].encode())


def _body_limit(acl: Any) -> int:
    """Return how many bytes of a body are inspected."""
    bodies = (acl.association_config or {}).get("RequestBody") or {}
    limit = (bodies.get("API_GATEWAY") or {}).get("DefaultSizeInspectionLimit")
    return 1024 * (int(limit.removeprefix("KB_")) if limit else _DEFAULT_BODY_LIMIT_KB)


def _find_acl(arn: str) -> Any:
    backend = _backend(arn)
    return None if backend is None else backend.wacls.get(arn)


def _find_set(arn: str) -> Any:
    """Return moto's IP set or regex pattern set."""
    backend = _backend(arn)
    if backend is None:
        return None
    return backend.ip_sets.get(arn) or backend.regex_pattern_sets.get(arn)


def _backend(arn: str) -> Any:
    from moto.wafv2.models import wafv2_backends

    _, _, _, region, account, *_ = arn.split(":")
    return wafv2_backends[account].get(region)
