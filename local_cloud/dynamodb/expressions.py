"""Speed of update expressions: a text is parsed once, and a walk through an expression costs little.

moto 5.2.5 parses an expression twice for each update, copies it with `deepcopy`, and walks through it ten times.
"""

from __future__ import annotations

import pickle
from functools import lru_cache
from typing import Any

from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Expression, Node, UpdateExpressionFunction
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from local_cloud.patches import replaces

# All updates share an expression: the validator changes a copy.
UpdateExpressionParser.make = lru_cache(maxsize=1024)(UpdateExpressionParser.make)


@replaces(validators)
def _deepcopy(expression: Any) -> Any:
    return pickle.loads(pickle.dumps(expression, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - its own writing


@replaces(DepthFirstTraverser)
def _traverse(traverser: Any, root: Any) -> Any:
    """Process the nodes of an expression, from the leaves up."""
    processors = traverser._processing_map()
    kinds = tuple(processors)

    def walk(node: Any, place: int) -> Any:
        parent = node.parent
        for index, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, index)
            if _first_kind(child.__class__, (Node,)):
                walk(child, index)
        if kind := _first_kind(node.__class__, kinds):
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
        elif _first_kind(child.__class__, (Expression, UpdateExpressionFunction)):
            found += child.find_clauses(clause_types)
    return found


@lru_cache(maxsize=1024)
def _first_kind(kind: Any, kinds: Any) -> Any:
    """Return the first of some kinds that a class is of; to ask moto's abstract classes takes ten times as long."""
    return next((one for one in kinds if issubclass(kind, one)), None)
