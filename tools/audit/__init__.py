"""Audit: faults of a synthesized stack that scanners miss and AWS accepts, or rejects only during the apply.

    python -m tools.audit FILE [RULE...] [--accept=RULE@WHERE...]

FILE is a cdk.tf.json. With RULEs, only these run. `--accept` hides a finding, which must exist: a route for
images has no request model, for example.

The constructs prevent most faults. The audit reads the synthesized configuration, with overrides and raw
resources. Each rule is a function that yields the faults of a configuration.
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
"""Function that yields place, problem and remedy of each fault."""

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
"""Rules by name."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A fault.

    Attributes:
        rule: The name of the rule.
        where: Construct or resource.
        problem: What is wrong.
        remedy: What to do.
    """

    rule: str
    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.problem}; {self.remedy}"


def audit(written: Mapping[str, Any], rules: Iterable[str] = RULES) -> tuple[Finding, ...]:
    """Return the faults of a `cdk.tf.json`, sorted.

    Args:
        written: The configuration.
        rules: Names of the rules to run. Default: all.
    """
    configuration = Configuration(written)
    return tuple(sorted({Finding(name, *found) for name in rules for found in RULES[name](configuration)}))
