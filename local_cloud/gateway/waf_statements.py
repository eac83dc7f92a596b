"""Statements of AWS WAF's rules: whether a request matches.

The answer is True, False, or None where only AWS can tell. What is made of an unknown part follows: of an "and" with a part
that does not match is known that it does not match.
"""

from __future__ import annotations

import base64
import binascii
import html
import ipaddress
import json
import operator
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

from local_cloud.gateway.event import multi_value_query
from local_cloud.gateway.exchange import Exchange

_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "EQ": operator.eq, "NE": operator.ne, "LE": operator.le, "LT": operator.lt, "GE": operator.ge, "GT": operator.gt,
}  # fmt: skip


@dataclass(slots=True)
class Evaluation:
    """Context of the statements for one request.

    Attributes:
        body_limit: How many bytes of the body are inspected.
        find_set: Returns moto's IP set or regex pattern set of an ARN, or None.
        count: Counts the request for a rule and a key; returns how many there are in the rule's window.
        labels: The labels that rules have added so far.
    """

    exchange: Exchange
    body_limit: int
    find_set: Callable[[str], Any]
    count: Callable[[str, str, Mapping[str, Any]], int]
    labels: set[str] = field(default_factory=set)


class _Unknown(Exception):
    """Only AWS can tell."""


class _Decided(Exception):
    """A body over the limit, or one that is not JSON, decides by itself."""

    def __init__(self, matched: bool) -> None:
        super().__init__(matched)
        self.matched = matched


def evaluate(statement: Mapping[str, Any], evaluation: Evaluation, rule: str) -> bool | None:
    """Return whether a request matches a rule's statement, or None where only AWS can tell."""
    kind, content = next(iter(statement.items()))
    match kind:
        case "AndStatement":
            return _all(evaluate(item, evaluation, rule) for item in content["Statements"])
        case "OrStatement":
            parts = (_negated(evaluate(item, evaluation, rule)) for item in content["Statements"])
            return _negated(_all(parts))
        case "NotStatement":
            return _negated(evaluate(content["Statement"], evaluation, rule))
        case "RateBasedStatement":
            return _rate(content, evaluation, rule)
    single = _SINGLE.get(kind)
    if single is None:
        return None
    try:
        return single(content, evaluation)
    except _Decided as decided:
        return decided.matched
    except _Unknown:
        return None


def _all(parts: Iterable[bool | None]) -> bool | None:
    items = list(parts)
    if False in items:
        return False
    return None if None in items else True


def _negated(part: bool | None) -> bool | None:
    return None if part is None else not part


def _rate(content: Mapping[str, Any], evaluation: Evaluation, rule: str) -> bool | None:
    """Count the requests that the scope-down statement is for, and match those over the limit."""
    if scope := content.get("ScopeDownStatement"):
        in_scope = evaluate(scope, evaluation, rule)
        if not in_scope:
            return in_scope
    match content.get("AggregateKeyType", "IP"):
        case "IP":
            key = evaluation.exchange.request.peer
        case "FORWARDED_IP":
            config = content.get("ForwardedIPConfig") or {}
            if not (addresses := _forwarded(config, evaluation)):
                return bool(config.get("FallbackBehavior") == "MATCH")
            key = addresses[0]
        case "CONSTANT":
            key = ""
        case "CUSTOM_KEYS":
            try:
                parts = [_custom_key(item, evaluation) for item in content["CustomKeys"]]
            except _Unknown:
                return None
            if None in parts:  # a request without one of them is not counted
                return False
            key = json.dumps(parts)
        case _:
            return None
    return evaluation.count(rule, key, content) > int(content["Limit"])


def _custom_key(item: Mapping[str, Any], evaluation: Evaluation) -> str | None:
    """Return what a request is counted by, or None if the request does not have it."""
    kind, settings = next(iter(item.items()))
    match kind:
        case "HTTPMethod":
            return evaluation.exchange.request.method
        case "IP":
            return evaluation.exchange.request.peer
        case "Header":
            field_to_match = {"SingleHeader": {"Name": settings["Name"]}}
        case "QueryArgument":
            field_to_match = {"SingleQueryArgument": {"Name": settings["Name"]}}
        case "QueryString" | "UriPath":
            field_to_match = {kind: {}}
        case _:
            raise _Unknown
    values = _values({**settings, "FieldToMatch": field_to_match}, evaluation)
    return None if not values or not values[0] else values[0].decode("latin-1")


def _ip_set(content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    found = evaluation.find_set(content["ARN"])
    if found is None:
        raise _Unknown
    networks = [ipaddress.ip_network(address, strict=False) for address in found.addresses]
    forwarded = content.get("IPSetForwardedIPConfig")
    if forwarded is None:
        addresses = [evaluation.exchange.request.peer]
    elif not (addresses := _forwarded(forwarded, evaluation)):
        return bool(forwarded.get("FallbackBehavior") == "MATCH")
    return any(ipaddress.ip_address(address) in network for address in addresses for network in networks)


def _forwarded(config: Mapping[str, Any], evaluation: Evaluation) -> list[str]:
    """Return the addresses in a header that a rule looks at; none if the header is missing or holds something else."""
    sent = evaluation.exchange.request.header(config.get("HeaderName", "X-Forwarded-For")) or ""
    addresses = [part.strip() for part in sent.split(",") if part.strip()]
    try:
        for address in addresses:
            ipaddress.ip_address(address)
    except ValueError:
        return []
    match config.get("Position", "FIRST"):
        case "ANY":
            return addresses
        case "LAST":
            return addresses[-1:]
    return addresses[:1]


def _label(content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    key = content["Key"]
    if content["Scope"] == "LABEL":
        return any(label == key or label.endswith(f":{key}") for label in evaluation.labels)
    return any(f":{label}".find(f":{key.strip(':')}:") >= 0 for label in evaluation.labels)


def _size(content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    compare, size = _COMPARE[content["ComparisonOperator"]], int(content["Size"])
    return any(compare(len(value), size) for value in _values(content, evaluation))


def _bytes(content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    wanted = base64.b64decode(content["SearchString"])
    position = content["PositionalConstraint"]
    return any(_is_at(position, wanted, value) for value in _values(content, evaluation))


def _is_at(position: str, wanted: bytes, value: bytes) -> bool:
    match position:
        case "EXACTLY":
            return value == wanted
        case "STARTS_WITH":
            return value.startswith(wanted)
        case "ENDS_WITH":
            return value.endswith(wanted)
        case "CONTAINS":
            return wanted in value
    return re.search(rb"(?<![0-9A-Za-z_])" + re.escape(wanted) + rb"(?![0-9A-Za-z_])", value) is not None


def _regex(content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    return _any_pattern([content["RegexString"]], content, evaluation)


def _regex_set(content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    found = evaluation.find_set(content["ARN"])
    if found is None:
        raise _Unknown
    patterns = [item["RegexString"] for item in found.regular_expressions]
    return _any_pattern(patterns, content, evaluation)


def _any_pattern(patterns: list[str], content: Mapping[str, Any], evaluation: Evaluation) -> bool:
    values = _values(content, evaluation)
    return any(_compiled(pattern).search(value) for pattern in patterns for value in values)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode())
    except re.error as error:
        raise _Unknown from error


_SINGLE: Mapping[str, Callable[[Mapping[str, Any], Evaluation], bool]] = {
    "ByteMatchStatement": _bytes,
    "IPSetReferenceStatement": _ip_set,
    "LabelMatchStatement": _label,
    "RegexMatchStatement": _regex,
    "RegexPatternSetReferenceStatement": _regex_set,
    "SizeConstraintStatement": _size,
}


def _values(content: Mapping[str, Any], evaluation: Evaluation) -> list[bytes]:
    """Return the parts of the request that a statement looks at, transformed as it says."""
    kind, settings = next(iter(content["FieldToMatch"].items()))
    values = _parts(kind, settings or {}, evaluation)
    for step in sorted(content.get("TextTransformations") or (), key=lambda item: int(item["Priority"])):
        transform = _TRANSFORMATIONS.get(step["Type"])
        if transform is None:
            raise _Unknown
        values = [transform(value) for value in values]
    return values


def _parts(kind: str, settings: Mapping[str, Any], evaluation: Evaluation) -> list[bytes]:
    exchange = evaluation.exchange
    request = exchange.request
    match kind:
        case "SingleHeader":
            name = settings["Name"].lower()
            return [value.encode() for key, value in request.headers if key.lower() == name]
        case "SingleQueryArgument":
            name = settings["Name"].lower()
            found = multi_value_query(request.query).items()
            return [value.encode() for key, values in found if key.lower() == name for value in values]
        case "AllQueryArguments":
            every = multi_value_query(request.query).items()
            return [text.encode() for key, values in every for text in (key, *values)]
        case "UriPath":
            return [exchange.context_path.encode()]
        case "QueryString":
            return [request.query.encode()]
        case "Method":
            return [request.method.encode()]
        case "Body":
            return [_body(settings, evaluation)]
        case "JsonBody":
            return _json_values(settings, _body(settings, evaluation))
    raise _Unknown


def _body(settings: Mapping[str, Any], evaluation: Evaluation) -> bytes:
    body = evaluation.exchange.request.body
    if len(body) <= evaluation.body_limit:
        return body
    handling = settings.get("OversizeHandling", "CONTINUE")
    if handling != "CONTINUE":
        raise _Decided(handling == "MATCH")
    return body[: evaluation.body_limit]


def _json_values(settings: Mapping[str, Any], body: bytes) -> list[bytes]:
    if "All" not in settings["MatchPattern"]:
        raise _Unknown
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        fallback = settings.get("InvalidFallbackBehavior", "EVALUATE_AS_STRING")
        if fallback == "EVALUATE_AS_STRING":
            return [body]
        raise _Decided(fallback == "MATCH") from None
    found: list[bytes] = []
    scope = settings["MatchScope"]
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if scope in ("ALL", "KEY"):
                found.extend(key.encode() for key in item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif scope in ("ALL", "VALUE"):
            found.append((item if isinstance(item, str) else json.dumps(item)).encode())
    return found


def _decoded(decode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def transform(value: bytes) -> bytes:
        try:
            return decode(value)
        except (ValueError, binascii.Error):
            return value

    return transform


_TRANSFORMATIONS: Mapping[str, Callable[[bytes], bytes]] = {
    "NONE": lambda value: value,
    "LOWERCASE": bytes.lower,
    "COMPRESS_WHITE_SPACE": lambda value: re.sub(rb"\s+", b" ", value),
    "URL_DECODE": lambda value: unquote_to_bytes(value.replace(b"+", b" ")),
    "URL_DECODE_UNI": lambda value: unquote_plus(value.decode("latin-1"), "latin-1").encode("latin-1"),
    "HTML_ENTITY_DECODE": lambda value: html.unescape(value.decode("utf-8", "replace")).encode(),
    "BASE64_DECODE": _decoded(lambda value: base64.b64decode(value, validate=True)),
    "HEX_DECODE": _decoded(lambda value: bytes.fromhex(value.decode("ascii"))),
    "REMOVE_NULLS": lambda value: value.replace(b"\0", b""),
    "NORMALIZE_PATH": lambda value: posixpath.normpath(value.decode("latin-1")).encode("latin-1"),
}
