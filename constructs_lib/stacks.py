"""Stack of each construct.

cdktf knows it too, but each question is a round trip to jsii's Node process. So the constructs note it when they create
something.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from cdktf import TerraformStack
from constructs import Construct, IConstruct

from constructs_lib.checks import note_path, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError

_STACKS: Final[WeakKeyDictionary[IConstruct, TerraformStack]] = WeakKeyDictionary()
"""The stack that a construct is in never changes, and asking for it takes a way to jsii's Node process and back."""


_CONSTRUCTS: Final[WeakKeyDictionary[TerraformStack, list[Construct]]] = WeakKeyDictionary()
"""The constructs of each stack."""


def stack_of(construct: IConstruct) -> TerraformStack:
    """Return the stack that a construct is in."""
    if isinstance(construct, TerraformStack):
        return construct
    stack = _STACKS.get(construct)
    if stack is None:
        try:
            stack = _STACKS[construct] = TerraformStack.of(construct)
        except RuntimeError:  # what jsii raises
            raise InvalidArgumentError(
                path_of(construct) or "App", "is in no stack", "create constructs in an AwsStack"
            ) from None
    return stack


def note_place(construct: Construct, scope: Construct, construct_id: str) -> None:
    """Record where a construct was just made, so that neither its path nor its stack has to be asked for."""
    note_path(construct, scope, construct_id)
    note_stack(construct, scope)
    _CONSTRUCTS.setdefault(stack_of(scope), []).append(construct)


def constructs_of(stack: TerraformStack) -> tuple[Construct, ...]:
    """Return the constructs of a stack that `note_place` noted, in the order of their creation."""
    return tuple(_CONSTRUCTS.get(stack, ()))


def note_stack(construct: Construct, scope: Construct) -> None:
    """Record the stack of a construct that was just made below `scope`."""
    _STACKS[construct] = stack_of(scope)


def check_same_stack(where: str, one: Construct, other: Construct) -> None:
    """Check that two constructs are in one stack: they refer to each other by address, not by output.

    Raises:
        ConflictError: if they are in different stacks.
        InvalidArgumentError: if one of them is not a construct.
    """
    for construct in (one, other):
        if not isinstance(construct, Construct):
            raise InvalidArgumentError(
                where,
                f"{construct!r} is of type {type(construct).__name__}, not a construct",
                "pass the construct itself; its name or ARN says nothing of its stack",
            )
    here, there = stack_of(one), stack_of(other)
    if here is not there:
        raise ConflictError(
            where,
            f"is in stack '{here.node.id}' and {path_of(other)} in stack '{there.node.id}'",
            "put both into one stack",
        )
