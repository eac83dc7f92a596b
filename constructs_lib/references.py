"""How one resource names another where an attribute reference does not do.

Terraform wants a plain address in `depends_on` and `replace_triggered_by`; what cdktf calls `fqn` renders as
an expression there, and `node.add_dependency` is ignored.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from cdktf import TerraformResource

_TYPES: Final[dict[type[TerraformResource], str]] = {}
"""Terraform's names of the resources' classes, remembered: each would otherwise be asked of jsii's Node process."""

_ADDRESSES: Final[WeakKeyDictionary[TerraformResource, str]] = WeakKeyDictionary()
"""The addresses, remembered for the same reason."""


def address(resource: TerraformResource) -> str:
    """Returns the resource's address in the configuration, such as `aws_lambda_function.chat_1A2B3C4D`."""
    known = _ADDRESSES.get(resource)
    if known is None:
        kind = _TYPES.get(type(resource))
        if kind is None:
            kind = _TYPES[type(resource)] = resource.terraform_resource_type
        known = _ADDRESSES[resource] = f"{kind}.{resource.friendly_unique_id}"
    return known


def literal(text: str) -> str:
    """Returns `text` so that Terraform reads it as it stands: it fills in nothing where it holds `${` or `%{`."""
    return text.replace("${", "$${").replace("%{", "%%{")


def wait_for(resource: TerraformResource, *others: TerraformResource) -> None:
    """Makes Terraform create `resource` after `others` and destroy it before them."""
    known = resource.depends_on or []
    added = [place for place in map(address, others) if place not in known]
    if added:
        resource.depends_on = [*known, *added]
