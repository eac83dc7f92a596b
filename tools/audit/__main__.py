"""Command line of the audit; see the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools import audit

_ACCEPT: Final = "--accept="


def main(arguments: Sequence[str]) -> int:
    """Print the findings; return 1 for findings that are not accepted, 2 if the file cannot be read."""
    accepted = {one.removeprefix(_ACCEPT) for one in arguments if one.startswith(_ACCEPT)}
    others = [one for one in arguments if not one.startswith(_ACCEPT)]
    if not others or others[0].startswith("-") or set(others[1:]) - audit.RULES.keys():
        print(audit.__doc__, file=sys.stderr)
        print(f"Rules: {', '.join(audit.RULES)}", file=sys.stderr)
        return 2
    file, *rules = others
    try:
        written = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as problem:
        print(f"{file} cannot be read: {problem.strerror}", file=sys.stderr)
        return 2
    except ValueError as problem:
        print(f"{file} holds no JSON ({problem}). Pass the cdk.tf.json of a stack.", file=sys.stderr)
        return 2
    if not isinstance(written, dict) or "resource" not in written:
        print(f"{file} has no resources. Pass the cdk.tf.json of a stack.", file=sys.stderr)
        return 2
    found = audit.audit(written, rules or audit.RULES)
    findings = [finding for finding in found if f"{finding.rule}@{finding.where}" not in accepted]
    stale = sorted(accepted - {f"{finding.rule}@{finding.where}" for finding in found})
    for finding in findings:
        print(finding)
    for one in stale:
        print(f"{one} is accepted and is not found; remove {_ACCEPT}{one}")
    resources = sum(len(named) for named in written["resource"].values())
    print(f"{len(findings)} findings of {len(rules or audit.RULES)} rules in {resources} resources")
    return 1 if findings or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
