"""Templates, ready to render."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local_cloud.gateway.velocity import syntax
from local_cloud.gateway.velocity.parser import parse
from local_cloud.gateway.velocity.values import VelocityError


class Template:
    """A template that is well formed."""

    __slots__ = ("_block",)

    def __init__(self, text: str) -> None:
        try:
            self._block = parse(text)
        except RecursionError:
            raise VelocityError("the template is nested too deeply") from None

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the text that the template gives.

        Args:
            variables: Values by name, without the `$`. Variables of the template are not added; values can change.

        Raises:
            VelocityError: A method or an operation fails.
        """
        evaluation = syntax.Evaluation(dict(variables))
        for node in self._block.nodes:
            if isinstance(node, syntax.Macro):  # it can be called before it stands
                evaluation.macros.setdefault(node.name, node)
        out: list[str] = []
        try:
            self._block(evaluation, out)
        except (syntax.Stop, syntax.Break):
            pass
        except RecursionError:
            raise VelocityError("the template is nested too deeply") from None
        return "".join(out)


@lru_cache(maxsize=512)
def compile_template(text: str) -> Template:
    """Return a template, parsed at its first use only."""
    return Template(text)
