"""Templates that have been read once and are evaluated often."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local_cloud.gateway.velocity.directives import walk
from local_cloud.gateway.velocity.errors import VelocityError
from local_cloud.gateway.velocity.parser import parse
from local_cloud.gateway.velocity.scope import Block, Break, Scope, Stop


class Template:
    """A template that is well formed.

    Args:
        text: The template.

    Raises:
        VelocityError: It is not well formed.
    """

    __slots__ = ("_block",)

    def __init__(self, text: str) -> None:
        try:
            self._block: Block = parse(text)
        except RecursionError:
            raise VelocityError("the template is nested too deeply") from None

    def render(self, variables: Mapping[str, Any]) -> str:
        """Evaluate the template.

        Args:
            variables: What `$name` stands for. The template's own variables are not added to it, but what is in it
                can be changed by the template.

        Returns:
            The text that it gives.

        Raises:
            VelocityError: A method or an operation has failed.
        """
        scope = Scope(dict(variables))
        for macro in walk(self._block.nodes):
            scope.macros.setdefault(macro.name, macro)
        out: list[str] = []
        try:
            self._block.render(scope, out)
        except (Stop, Break):
            pass
        except RecursionError:
            raise VelocityError("the template is nested too deeply") from None
        return "".join(out)


@lru_cache(maxsize=512)
def compile_template(text: str) -> Template:
    """Return a template, read at its first use only.

    Raises:
        VelocityError: It is not well formed.
    """
    return Template(text)
