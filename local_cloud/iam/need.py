"""Permission that a call takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Need:
    """A permission that a call takes.

    Attributes:
        action: The action, such as `lambda:InvokeFunction`.
        resources: The resource, by each of the names that AWS takes for it; empty where it could not be read.
        facts: Condition keys that the request has values for.
    """

    action: str
    resources: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
