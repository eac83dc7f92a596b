"""Logical ids of resources, computed as in cdktf, without a round trip to jsii's Node process.

It follows `lib/private/unique.js` of the cdktf version named here. With other versions, cdktf computes the
ids.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.metadata import version
from typing import Final

from cdktf import TerraformStack

_KNOWN_RELEASE: Final = "0.21.0"
_LONGEST_NAME: Final = 255
_LONGEST_HUMAN_PART: Final = 240
_NOT_ALLOWED: Final = re.compile(r"[^A-Za-z0-9_-]")


def logical_id(path: str) -> str | None:
    """Return the logical id of a resource.

    Args:
        path: Path below its stack, such as `api/Resource`.

    Returns:
        The id. None if cdktf must compute it.
    """
    components = [one for one in path.split("/") if one != "Default"]
    if not components:  # cdktf raises the error
        return None
    if len(components) == 1:
        name = _NOT_ALLOWED.sub("", components[0])
        if len(name) <= _LONGEST_NAME:
            return name
    try:
        told_apart = hashlib.md5("/".join(components).encode(), usedforsecurity=False).hexdigest()
    except UnicodeEncodeError:  # half of a surrogate pair, which JavaScript allows and UTF-8 does not
        return None
    parts: list[str] = []
    for one in components:
        if not parts or not parts[-1].endswith(one):
            parts.append(one)
    human = "_".join(_NOT_ALLOWED.sub("", one) for one in parts if one != "Resource")
    return f"{human[:_LONGEST_HUMAN_PART]}_{told_apart[:8].upper()}"


@cache
def has_usual_ids(stack: type[TerraformStack]) -> bool:
    """Return whether a stack class uses cdktf's standard logical ids."""
    return (
        version("cdktf") == _KNOWN_RELEASE
        and stack.get_logical_id is TerraformStack.get_logical_id
        and stack._allocate_logical_id is TerraformStack._allocate_logical_id
    )
