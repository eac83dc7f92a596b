"""Speed of expressions: a text is parsed once, and a walk through an expression costs little.

moto 5.2.5 parses an expression twice for each update, copies it with `deepcopy`, and walks through it ten times.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Expression, Node, UpdateExpressionFunction
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from local_cloud.patches import extends, replaces

# All updates share an expression: the validator changes a copy.
UpdateExpressionParser.make = lru_cache(maxsize=1024)(UpdateExpressionParser.make)


@lru_cache(maxsize=1024)
def _words(lex: Callable[[Any], Any], condition: str) -> tuple[Any, ...]:
    return tuple(lex(ConditionExpressionParser(condition, None, None)))


@extends(ConditionExpressionParser, "_lex_condition_expression")
def _words_of(original: Callable[[Any], Any], parser: Any) -> deque[Any]:
    return deque(_words(original, parser.condition_expression))


@replaces(validators)
def _deepcopy(expression: Any) -> Any:
    return pickle.loads(pickle.dumps(expression, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - its own writing


class _Kinds(dict[Any, Any]):
    """The first of some kinds that a class is of, or None; to ask moto's abstract classes takes ten times as long."""

    def __init__(self, kinds: tuple[Any, ...]) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, kind: Any) -> Any:
        found = self[kind] = next((one for one in self._kinds if issubclass(kind, one)), None)
        return found


_kinds_of = lru_cache(maxsize=64)(_Kinds)
_NODES, _WITH_CLAUSES = _Kinds((Node,)), _Kinds((Expression, UpdateExpressionFunction))


@replaces(DepthFirstTraverser)
def _traverse(traverser: Any, root: Any) -> Any:
    """Process the nodes of an expression, from the leaves up."""
    processors, before_child = traverser._processing_map(), traverser.pre_processing_of_child
    kinds = _kinds_of(tuple(processors))

    def walk(node: Any, place: int) -> Any:
        parent = node.parent
        for index, child in enumerate(node.children or ()):
            before_child(node, index)
            if _NODES[child.__class__]:
                walk(child, index)
        if kind := kinds[node.__class__]:
            node = processors[kind](node)
            node.parent = parent
            if parent:
                parent.children[place] = node
        return node

    return walk(root, -1)


@replaces(Node)
def _find_clauses(node: Any, clause_types: Any) -> list[Any]:
    found: list[Any] = []
    for child in node.children or ():
        if type(child) in clause_types:
            found.append(child)
        elif _WITH_CLAUSES[child.__class__]:
            found += child.find_clauses(clause_types)
    return found
