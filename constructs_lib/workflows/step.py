"""Steps, and steps one after the other: what every part of a workflow is."""

from __future__ import annotations

from dataclasses import dataclass


class Step:
    """One state or several; see `>>`."""

    __slots__ = ()

    def __rshift__(self, following: Step) -> Chain:
        """Return both, one after the other."""
        mine = self.steps if isinstance(self, Chain) else (self,)
        others = following.steps if isinstance(following, Chain) else (following,)
        return Chain(steps=(*mine, *others))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Chain(Step):
    """Steps one after the other: what `>>` makes.

    Attributes:
        steps: The steps in their order.
    """

    steps: tuple[Step, ...]
