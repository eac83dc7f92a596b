"""`make golden`: rewrite what is derived from `main.py` and kept in the repository, and held by a test.

- The golden file is the `cdk.tf.json` of the `prod` environment with the archives' hashes blanked: they change with every
  dependency, while a change of anything else in it is a change of what is deployed, to be read in review.
- The README's table of routes is taken from the `routes.md` of the same synth.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import settings
from constructs_lib import environment
from tools.deployment import PROJECT, synthesize

GOLDEN = PROJECT / "tests" / "constructs" / "golden" / "cdk.tf.json"
README = PROJECT / "README.md"

_TABLE = re.compile(r"(<!-- routes, written by make golden -->\n).*?(?=\n<!-- end of routes -->)", re.DOTALL)
_COLUMNS = ("Method", "Path", "Callers", "Summary")


@dataclass(frozen=True, slots=True)
class Derived:
    """What is derived from `main.py`.

    Attributes:
        configuration: The golden file.
        routes: The README's table of routes.
    """

    configuration: str
    routes: str

    def readme(self, text: str) -> str:
        """Return the README with the table in its place."""
        return _TABLE.sub(lambda found: found[1] + self.routes, text)


def profile(name: str) -> dict[str, str]:
    """Return the variables of an environment, such as `prod`. They replace all that the caller's shell sets."""
    unset = dict.fromkeys((*environment.VARIABLES, *settings.VARIABLES), "")
    return {**unset, "ENVIRONMENT": name, "AWS_REGION": "us-east-1", "STATE_BUCKET": "company-states"}


def render(project: Path = PROJECT) -> Derived:
    """Synthesize the `prod` environment and return what is derived from it."""
    with tempfile.TemporaryDirectory() as outdir:
        stack = synthesize(project, Path(outdir) / "cdktf.out", profile("prod"))
        written = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
        routes = (stack / "routes.md").read_text(encoding="utf-8")
    text = json.dumps(written, indent=2, sort_keys=True)
    text = re.sub(r"(?<=-)(?:[0-9a-f]{12}|[0-9a-f]{64})(?=\.zip)", "0" * 12, text)
    text = re.sub(r'("source_code_hash": ")[A-Za-z0-9+/=]{44}"', r'\1(sha256)"', text) + "\n"
    return Derived(configuration=text, routes=_columns(routes))


def _columns(routes: str) -> str:
    """Return the columns of the table that the README shows."""
    rows = [line.strip("| ").split(" | ") for line in routes.splitlines() if line.startswith("|")]
    places = [rows[0].index(column) for column in _COLUMNS]
    return "\n".join(f"| {' | '.join(row[place] for place in places)} |" for row in rows)


def main() -> int:
    """Write the golden file and the README's table, and print whether they changed."""
    derived = render()
    _write(GOLDEN, derived.configuration)
    _write(README, derived.readme(README.read_text(encoding="utf-8")))
    return 0


def _write(file: Path, text: str) -> None:
    changed = not file.is_file() or file.read_text(encoding="utf-8") != text
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"{file.relative_to(PROJECT)}: {'rewritten; read the difference' if changed else 'unchanged'}")


if __name__ == "__main__":
    sys.exit(main())
