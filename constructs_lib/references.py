"""References between resources: addresses and attributes.

Both follow from the resource's path in its stack. cdktf can answer too, but each question is a round trip to
jsii's Node process, and cdktf resolves each token twice at synth. So constructs create their resources by
`make`, which records the path, and pass expressions to each other. Public properties return cdktf's tokens,
because only those work in other stacks and in cdktf's functions.

Terraform needs a plain address in `depends_on` and `replace_triggered_by`. cdktf's `fqn` renders as an
expression there, and `node.add_dependency` is ignored.
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
"""Scope and id of each resource with cdktf's standard logical id."""

_TYPES: Final[dict[type[TerraformResource], str]] = {}
"""Cache of Terraform types by class, because each read is a round trip to jsii's Node process."""

_ADDRESSES: Final[WeakKeyDictionary[TerraformResource, str]] = WeakKeyDictionary()
"""Addresses that were used."""

_TOKENS: Final[WeakKeyDictionary[TerraformResource, dict[str, str]]] = WeakKeyDictionary()
"""Tokens of cdktf by attribute, because cdktf creates a new one with each read."""

_ORIGINS: Final[dict[str, tuple[TerraformResource, str]]] = {}
"""Resource and attribute of each of those tokens."""


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
        kind: Class of the resource.
        scope: Parent construct.
        construct_id: Id in the parent construct.
        arguments: None; required by mypy.
        named: Arguments.

    Raises:
        InvalidArgumentError: A string in them contains `${...}` or `%{...}` that is not a reference.
    """
    for argument, value in named.items():
        check_texts(path_below(scope, construct_id), argument, value)
    resource = kind(scope, construct_id, *arguments, **named)
    note_stack(resource, scope)
    if keeps_id(construct_id):
        _MADE[resource] = (scope, construct_id)
        # cdktf silently ignores a new id if the old one was used.
        resource.__dict__["override_logical_id"] = partial(_override_logical_id, resource)
    return resource


def address(resource: TerraformResource) -> str:
    """Return the address of a resource, such as `aws_lambda_function.chat_1A2B3C4D`."""
    cached = _ADDRESSES.get(resource)
    if cached is None:
        cached = _ADDRESSES[resource] = _address_by_place(resource) or _address_by_cdktf(resource)
    return cached


def attribute(resource: TerraformResource, name: str, reader: Construct | None = None) -> str:
    """Return a Terraform expression for an attribute, for another resource of the same stack.

    Args:
        resource: Resource.
        name: Terraform's name of the attribute.
        reader: Construct that uses it, if it may be in another stack; returns cdktf's token then.
    """
    if reader is not None and stack_of(reader) is not stack_of(resource):
        return token(resource, name)
    return f"${{{address(resource)}.{name}}}"


def token(resource: TerraformResource, name: str) -> str:
    """Return cdktf's token for an attribute, always the same one, which other stacks can use.

    Args:
        resource: Resource.
        name: Terraform's name of the attribute.
    """
    tokens = _TOKENS.setdefault(resource, {})
    cached = tokens.get(name)
    if cached is None:
        cached = tokens[name] = getattr(resource, name)
        _ORIGINS[cached] = (resource, name)
    return cached


def text_of(known_token: str, stack: TerraformStack) -> str | None:
    """Return the expression of a token in a stack. None if only cdktf can resolve it."""
    resource, name = _ORIGINS.get(known_token, (None, ""))
    if resource is None or stack_of(resource) is not stack:
        return None
    return attribute(resource, name)


def expression_of(reference: str, reader: Construct) -> str:
    """Return the expression of a reference. It is stable for an attribute, while tokens change.

    Args:
        reference: Token of cdktf, for a string or a list, or an expression of Terraform.
        reader: Construct that uses it.
    """
    if "TfToken[" not in reference:
        return reference
    stack = stack_of(reader)
    expression = text_of(reference, stack)
    if expression is not None:
        return expression
    return str(resolved([reference] if reference.startswith("#") else reference, stack))


def resolved(value: Any, stack: TerraformStack) -> Any:
    """Return a value with the tokens of cdktf replaced by expressions."""
    resolver = DefaultTokenResolver(StringConcat())
    return Tokenization.resolve(value, preparing=False, scope=stack, resolver=resolver)


def wait_for(resource: TerraformResource, *others: TerraformResource, first: bool = False) -> None:
    """Make a resource depend on others (`depends_on`).

    Args:
        resource: Dependent resource.
        others: Resources that it depends on.
        first: Whether it is new and has no dependencies yet.
    """
    existing = [] if first else resource.depends_on or []
    added = [place for place in map(address, others) if place not in existing]
    if added:
        resource.depends_on = [*existing, *added]


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


def _override_logical_id(resource: TerraformResource, new_logical_id: str) -> None:
    if resource in _ADDRESSES or resource in _TOKENS:
        raise ConflictError(
            path_of(resource),
            f"is in use as {address(resource)} already, and cannot be renamed to '{new_logical_id}' any more",
            "remove override_logical_id; to keep a resource with another address, call move_from_id('TYPE.NAME')",
        )
    _MADE.pop(resource, None)
    TerraformElement.override_logical_id(resource, new_logical_id)
