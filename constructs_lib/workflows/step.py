"""Steps of a workflow, and chains of steps."""

from __future__ import annotations

from dataclasses import dataclass


class Step:
    """Step: one state or several; see `>>`."""

    __slots__ = ()

    def __rshift__(self, following: Step) -> Chain:
        """Return both, one after the other."""
        mine = self.steps if isinstance(self, Chain) else (self,)
        others = following.steps if isinstance(following, Chain) else (following,)
        return Chain(steps=(*mine, *others))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Chain(Step):
    """Chain of steps, the result of `>>`.

    Attributes:
        steps: Steps in order.
    """

    steps: tuple[Step, ...]
