"""What no scanner sees: faults of a synthesized stack that AWS accepts, or refuses only while Terraform applies.

    python -m tools.audit FILE [RULE...] [--accept=RULE@WHERE...]

FILE is a cdk.tf.json. With RULEs, only these are asked. What is accepted at one place is not reported, and has to be
found there: a route that takes images has no request model, for example.

The constructs make most of them impossible or refuse them. The audit looks at what they wrote, overrides and raw
resources included, and knows nothing of how it came about: each rule is a function from a configuration to what is
wrong in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tools.audit import (
    api,
    callers,
    data,
    domains,
    functions,
    gateway,
    permissions,
    stack,
    watching,
    workflows,
)
from tools.audit.configuration import Configuration

Rule = Callable[[Configuration], Iterator[tuple[str, str, str]]]
"""Yields where, what is wrong and what to do, for each place."""

RULES: Final[Mapping[str, Rule]] = {
    **api.RULES,
    **gateway.RULES,
    **callers.RULES,
    **functions.RULES,
    **permissions.RULES,
    **domains.RULES,
    **watching.RULES,
    **data.RULES,
    **workflows.RULES,
    **stack.RULES,
}
"""The rules by name."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A fault.

    Attributes:
        rule: The name of the rule.
        where: The construct or the resource.
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    rule: str
    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.problem}; {self.remedy}"


def audit(written: Mapping[str, Any], rules: Iterable[str] = RULES) -> tuple[Finding, ...]:
    """Return what is wrong in a `cdk.tf.json`, sorted.

    Args:
        written: The configuration.
        rules: The names of the rules to ask. Left out, all.
    """
    configuration = Configuration(written)
    return tuple(sorted({Finding(name, *found) for name in rules for found in RULES[name](configuration)}))
