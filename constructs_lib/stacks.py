"""Stack of each construct.

cdktf can answer too, but each question is a round trip to jsii's Node process. So constructs record the stack
when they are created.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from cdktf import TerraformStack
from constructs import Construct, IConstruct

from constructs_lib.checks import note_path, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError

_STACKS: Final[WeakKeyDictionary[IConstruct, TerraformStack]] = WeakKeyDictionary()
"""The stack of a construct never changes, and reading it from cdktf is a round trip to jsii's Node process."""


_CONSTRUCTS: Final[WeakKeyDictionary[TerraformStack, list[Construct]]] = WeakKeyDictionary()
"""Constructs of each stack."""


def stack_of(construct: IConstruct) -> TerraformStack:
    """Return the stack of a construct."""
    if isinstance(construct, TerraformStack):
        return construct
    stack = _STACKS.get(construct)
    if stack is None:
        try:
            stack = _STACKS[construct] = TerraformStack.of(construct)
        except RuntimeError:  # jsii raises RuntimeError
            raise InvalidArgumentError(
                path_of(construct) or "App", "is not in a stack", "create constructs in an AwsStack"
            ) from None
    return stack


def note_place(construct: Construct, scope: Construct, construct_id: str) -> None:
    """Record path and stack of a new construct, which saves round trips to jsii."""
    note_path(construct, scope, construct_id)
    note_stack(construct, scope)
    _CONSTRUCTS.setdefault(stack_of(scope), []).append(construct)


def constructs_of(stack: TerraformStack) -> tuple[Construct, ...]:
    """Return the recorded constructs of a stack, in the order of their creation."""
    return tuple(_CONSTRUCTS.get(stack, ()))


def note_stack(construct: Construct, scope: Construct) -> None:
    """Record the stack of a new construct below `scope`."""
    _STACKS[construct] = stack_of(scope)


def check_same_stack(where: str, one: Construct, other: Construct) -> None:
    """Check that two constructs are in the same stack, because they refer to each other by address.

    Raises:
        ConflictError: if they are in different stacks.
        InvalidArgumentError: if one of them is not a construct.
    """
    for construct in (one, other):
        if not isinstance(construct, Construct):
            raise InvalidArgumentError(
                where,
                f"{construct!r} is of type {type(construct).__name__}, not a construct",
                "pass the construct itself; its name or ARN does not identify its stack",
            )
    here, there = stack_of(one), stack_of(other)
    if here is not there:
        raise ConflictError(
            where,
            f"is in stack '{here.node.id}' and {path_of(other)} in stack '{there.node.id}'",
            "create both in the same stack",
        )
