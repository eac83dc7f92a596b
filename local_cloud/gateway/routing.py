"""Routing: the method that answers a path, as in API Gateway.

A static segment wins over `{param}`, which wins over `{proxy+}`; where the most specific resource does not have the
HTTP method (nor `ANY`), the next one is tried. Slashes at the start count once and those at the end not at all; within
the path an empty segment is a segment. Percent-escapes stay in the values of parameters; only to compare with a static
segment is a segment unescaped (unverified against AWS).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar
from urllib.parse import unquote

M = TypeVar("M")

_ANY = "ANY"
# What `ANY` stands for; no other method reaches an integration.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class _Node(Generic[M]):
    """One resource in the tree of resources."""

    __slots__ = ("methods", "parameter", "parameter_name", "proxy", "proxy_name", "static")

    def __init__(self) -> None:
        self.methods: dict[str, M] = {}
        self.static: dict[str, _Node[M]] = {}
        self.parameter: _Node[M] | None = None
        self.parameter_name = ""
        self.proxy: _Node[M] | None = None
        self.proxy_name = ""

    def child(self, part: str) -> _Node[M]:
        """Return the child for a path part such as `pets`, `{id}` or `{proxy+}`, made when it is new."""
        if part.startswith("{") and part.endswith("+}"):
            self.proxy_name = part[1:-2]
            self.proxy = self.proxy or _Node()
            return self.proxy
        if part.startswith("{") and part.endswith("}"):
            self.parameter_name = part[1:-1]
            self.parameter = self.parameter or _Node()
            return self.parameter
        return self.static.setdefault(part, _Node())


class Router(Generic[M]):
    """The routes of one deployment."""

    def __init__(self, routes: Iterable[tuple[str, str, M]]) -> None:
        self._root: _Node[M] = _Node()
        for path, http_method, target in routes:
            node = self._root
            for part in path.strip("/").split("/") if path != "/" else ():
                node = node.child(part)
            node.methods[http_method] = target

    def find(self, path: str, http_method: str) -> tuple[M, dict[str, str]] | None:
        """Return what answers a request and its path parameters, or None."""
        if http_method not in _METHODS:
            return None
        trimmed = path.strip("/")
        segments = trimmed.split("/") if trimmed else []
        values: list[tuple[str, str]] = []
        target = _search(self._root, segments, 0, http_method, values)
        return None if target is None else (target, dict(values))

    def __iter__(self) -> Iterator[M]:
        """Iterate over all that can be found."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            yield from node.methods.values()
            nodes += [
                *node.static.values(),
                *(child for child in (node.parameter, node.proxy) if child is not None),
            ]


def _search(
    node: _Node[M], segments: list[str], position: int, http_method: str, values: list[tuple[str, str]]
) -> M | None:
    if position == len(segments):
        return node.methods.get(http_method) or node.methods.get(_ANY)
    segment = segments[position]
    child = node.static.get(unquote(segment) if "%" in segment else segment)
    if (
        child is not None
        and (found := _search(child, segments, position + 1, http_method, values)) is not None
    ):
        return found
    if node.parameter is not None and segment:
        values.append((node.parameter_name, segment))
        if (found := _search(node.parameter, segments, position + 1, http_method, values)) is not None:
            return found
        values.pop()
    if node.proxy is not None:
        found = node.proxy.methods.get(http_method) or node.proxy.methods.get(_ANY)
        if found is not None:
            values.append((node.proxy_name, "/".join(segments[position:])))
            return found
    return None
