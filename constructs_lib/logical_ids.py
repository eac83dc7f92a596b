"""How cdktf names a resource in the configuration, worked out here: to ask it takes a way to jsii's Node process.

It follows `lib/private/unique.js` of the release of cdktf that is named here. With any other release, cdktf is asked.
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
        path: Its path below its stack, such as `api/Resource`.

    Returns:
        The id; None where cdktf has to be asked for it.
    """
    components = [one for one in path.split("/") if one != "Default"]
    if not components:  # cdktf says what is wrong
        return None
    if len(components) == 1:
        name = _NOT_ALLOWED.sub("", components[0])
        if len(name) <= _LONGEST_NAME:
            return name
    try:
        told_apart = hashlib.md5("/".join(components).encode(), usedforsecurity=False).hexdigest()
    except UnicodeEncodeError:  # half a character, which JavaScript knows and UTF-8 does not
        return None
    kept: list[str] = []
    for one in components:
        if not kept or not kept[-1].endswith(one):
            kept.append(one)
    human = "_".join(_NOT_ALLOWED.sub("", one) for one in kept if one != "Resource")
    return f"{human[:_LONGEST_HUMAN_PART]}_{told_apart[:8].upper()}"


@cache
def has_usual_ids(stack: type[TerraformStack]) -> bool:
    """Whether cdktf names what is in a stack of this class as this module does."""
    return (
        version("cdktf") == _KNOWN_RELEASE
        and stack.get_logical_id is TerraformStack.get_logical_id
        and stack._allocate_logical_id is TerraformStack._allocate_logical_id
    )
