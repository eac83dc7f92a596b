"""Templates as far as they are text with variables; what needs Velocity is refused by name.

Access logs and gateway responses use these, as API Gateway evaluates nothing in them. `$context.…` and
`$stageVariables.…` are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local_cloud.gateway.errors import UnsupportedFeatureError

_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_PATH = rf"(?:context|stageVariables)\.{_NAME}"
_VARIABLE = re.compile(rf"\$(?:\{{({_PATH})\}}|({_PATH}))")
# A directive (#set, #if, #end …) or a reference: all that would be evaluated.
_VELOCITY = re.compile(
    r"#\{?(?:set|if|elseif|else|end|foreach|break|stop|macro|define|evaluate|include|parse)\b|##|#\*|\$!?\{?[A-Za-z_]"
)


def render(
    template: str, context: Mapping[str, Any], stage_variables: Mapping[str, str], *, where: str
) -> str:
    """Fill in a template."""
    require_plain(template, where=where)
    return substitute(template, context, stage_variables, missing="")


def substitute(
    template: str, context: Mapping[str, Any], stage_variables: Mapping[str, str], *, missing: str
) -> str:
    """Replace the variables of a template and leave everything else as it is."""

    def value(match: re.Match[str]) -> str:
        place, _, name = (match[1] or match[2]).partition(".")
        found = (context if place == "context" else stage_variables).get(name)
        return missing if found is None else str(found)

    return _VARIABLE.sub(value, template)


def require_plain(template: str, *, where: str) -> None:
    """Refuse a template that needs Velocity."""
    if not _is_plain(template):
        raise UnsupportedFeatureError(f"Velocity mapping templates ({where})")


@lru_cache(maxsize=1024)
def _is_plain(template: str) -> bool:
    return _VELOCITY.search(_VARIABLE.sub("", template)) is None
