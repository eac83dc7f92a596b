"""How one resource names another: by its address, or by an attribute that Terraform fills in.

Both follow from where the resource is in its stack. cdktf knows them as well, but asking it takes a way to jsii's Node
process and back, and whatever it answers it goes through twice when it synthesizes. So the constructs make their
resources by `make`, which takes note of the place, and pass texts on to each other. What a user is given stays
cdktf's: only that may be used in another stack, and in cdktf's functions.

Terraform wants a plain address in `depends_on` and `replace_triggered_by`; what cdktf calls `fqn` renders as
an expression there, and `node.add_dependency` is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from cdktf import (
    DefaultTokenResolver,
    StringConcat,
    TerraformElement,
    TerraformResource,
    TerraformStack,
    Tokenization,
)
from constructs import Construct

from constructs_lib.checks import check_texts, keeps_id, path_below, path_of
from constructs_lib.errors import ConflictError
from constructs_lib.logical_ids import has_usual_ids, logical_id
from constructs_lib.stacks import note_stack, stack_of

_Arguments = ParamSpec("_Arguments")
_Resource = TypeVar("_Resource", bound=TerraformResource)

_BINDINGS: Final = "cdktf_cdktf_provider_aws."

_MADE: Final[WeakKeyDictionary[TerraformResource, tuple[Construct, str]]] = WeakKeyDictionary()
"""What the constructs made and cdktf names as usual: the scope and the id of each."""

_TYPES: Final[dict[type[TerraformResource], str]] = {}
"""Terraform's names of other resources' classes, remembered: each would be asked of jsii's Node process again."""

_ADDRESSES: Final[WeakKeyDictionary[TerraformResource, str]] = WeakKeyDictionary()
"""The addresses that were used."""

_TOKENS: Final[WeakKeyDictionary[TerraformResource, dict[str, str]]] = WeakKeyDictionary()
"""The tokens of cdktf by their attributes, for it makes another one at each reading."""

_ORIGINS: Final[dict[str, tuple[TerraformResource, str]]] = {}
"""The resource and the attribute of each of those tokens."""


def make(
    kind: Callable[Concatenate[Construct, str, _Arguments], _Resource],
    scope: Construct,
    construct_id: str,
    /,
    *arguments: _Arguments.args,
    **named: _Arguments.kwargs,
) -> _Resource:
    """Create a resource of a construct and record its place.

    Args:
        kind: Its class.
        scope: Parent construct.
        construct_id: Id in the parent construct.
        arguments: None; what mypy wants to see.
        named: Its arguments.

    Raises:
        InvalidArgumentError: A text in them holds `${...}` or `%{...}` that is not a reference.
    """
    for argument, value in named.items():
        check_texts(path_below(scope, construct_id), argument, value)
    made = kind(scope, construct_id, *arguments, **named)
    note_stack(made, scope)
    if keeps_id(construct_id):
        _MADE[made] = (scope, construct_id)
        # cdktf ignores a new id without a word where the old one was used.
        made.__dict__["override_logical_id"] = partial(_override_logical_id, made)
    return made


def address(resource: TerraformResource) -> str:
    """Return the resource's address in the configuration, such as `aws_lambda_function.chat_1A2B3C4D`."""
    known = _ADDRESSES.get(resource)
    if known is None:
        known = _ADDRESSES[resource] = _address_by_place(resource) or _address_by_cdktf(resource)
    return known


def attribute(resource: TerraformResource, name: str, reader: Construct | None = None) -> str:
    """Return what Terraform replaces by an attribute of a resource, for another resource of the same stack.

    Args:
        resource: The resource.
        name: Terraform's name of the attribute.
        reader: What uses it, where that may be in another stack: then it is cdktf's token.
    """
    if reader is not None and stack_of(reader) is not stack_of(resource):
        return token(resource, name)
    return f"${{{address(resource)}.{name}}}"


def token(resource: TerraformResource, name: str) -> str:
    """Return cdktf's token for an attribute, the same one each time: for users, who may use it in other stacks.

    Args:
        resource: The resource.
        name: Terraform's name of the attribute.
    """
    tokens = _TOKENS.setdefault(resource, {})
    known = tokens.get(name)
    if known is None:
        known = tokens[name] = getattr(resource, name)
        _ORIGINS[known] = (resource, name)
    return known


def text_of(known_token: str, stack: TerraformStack) -> str | None:
    """Return what a token stands for in a stack; None where cdktf has to be asked."""
    resource, name = _ORIGINS.get(known_token, (None, ""))
    if resource is None or stack_of(resource) is not stack:
        return None
    return attribute(resource, name)


def expression_of(reference: str, reader: Construct) -> str:
    """Return the text that Terraform gets for a reference, the same one for the same attribute: tokens are numbered anew.

    Args:
        reference: A token of cdktf, for a text or for a list, or Terraform's own expression.
        reader: What uses it.
    """
    if "TfToken[" not in reference:
        return reference
    stack = stack_of(reader)
    known = text_of(reference, stack)
    if known is not None:
        return known
    return str(resolved([reference] if reference.startswith("#") else reference, stack))


def resolved(value: Any, stack: TerraformStack) -> Any:
    """Return a value with what Terraform gets for the tokens of cdktf in it."""
    resolver = DefaultTokenResolver(StringConcat())
    return Tokenization.resolve(value, preparing=False, scope=stack, resolver=resolver)


def wait_for(resource: TerraformResource, *others: TerraformResource, first: bool = False) -> None:
    """Make Terraform create `resource` after `others` and destroy it before them.

    Args:
        resource: The resource that waits.
        others: What it waits for.
        first: Whether it was just made and nobody else has seen it, so that it waits for nothing yet.
    """
    known = [] if first else resource.depends_on or []
    added = [place for place in map(address, others) if place not in known]
    if added:
        resource.depends_on = [*known, *added]


def _address_by_place(resource: TerraformResource) -> str | None:
    place = _MADE.get(resource)
    module = type(resource).__module__
    if place is None or not module.startswith(_BINDINGS):
        return None
    scope, construct_id = place
    stack = stack_of(scope)
    if not has_usual_ids(type(stack)):
        return None
    below_stack = path_below(scope, construct_id)[len(path_of(stack)) :].removeprefix("/")
    name = logical_id(below_stack)
    return None if name is None else f"aws_{module.removeprefix(_BINDINGS)}.{name}"


def _address_by_cdktf(resource: TerraformResource) -> str:
    kind = _TYPES.get(type(resource))
    if kind is None:
        kind = _TYPES[type(resource)] = resource.terraform_resource_type
    return f"{kind}.{resource.friendly_unique_id}"


def _override_logical_id(made: TerraformResource, new_logical_id: str) -> None:
    if made in _ADDRESSES or made in _TOKENS:
        raise ConflictError(
            path_of(made),
            f"is in use as {address(made)} already, and cannot be called '{new_logical_id}' any more",
            "leave override_logical_id out; what Terraform knows by another address it moves here after "
            "move_from_id('TYPE.NAME')",
        )
    _MADE.pop(made, None)
    TerraformElement.override_logical_id(made, new_logical_id)
