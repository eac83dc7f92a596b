"""References in a Terraform configuration, replaced by the values of the state."""

from __future__ import annotations

import re
from typing import Final

from deploy_tools.terraform_state import TerraformState

_MARK: Final = re.compile(r"\$\$\{|%%\{|[$%]\{[^{}]*\}?")
_REFERENCE: Final = re.compile(r"\$\{(?P<address>(?:data\.)?\w+\.[\w-]+)\.(?P<attribute>\w+)\}")


class UnresolvedError(Exception):
    """A template holds what only Terraform can evaluate."""


def resolved(template: str, state: TerraformState) -> str:
    """Replace the references to attributes of resources and data sources.

    Raises:
        UnresolvedError: The template holds another expression, or an attribute is not in the state.
    """

    def value(match: re.Match[str]) -> str:
        if match[0] in ("$${", "%%{"):
            return match[0][1:]
        reference = _REFERENCE.fullmatch(match[0])
        found = None if reference is None else state.lookup(reference["address"], reference["attribute"])
        if not isinstance(found, str):
            raise UnresolvedError(match[0])
        return found

    return _MARK.sub(value, template)
