"""Templates of access logs and gateway responses, in which API Gateway fills in variables and evaluates nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_PATH = rf"(?:context|stageVariables)\.{_NAME}"
_VARIABLE = re.compile(rf"\$(?:\{{({_PATH})\}}|({_PATH}))")


def substitute(
    template: str, context: Mapping[str, Any], stage_variables: Mapping[str, str], *, missing: str
) -> str:
    """Replace the variables of a template and leave everything else as it is."""

    def value(match: re.Match[str]) -> str:
        place, _, name = (match[1] or match[2]).partition(".")
        found = (context if place == "context" else stage_variables).get(name)
        return missing if found is None else str(found)

    return _VARIABLE.sub(value, template)
