"""`make golden`: rewrite the derived files of an app in its repository, which a test compares.

    python -m tools.golden [DIR]      DIR is the folder of the app. Default: this project.

- The golden files, one for each stack, are the `cdk.tf.json` of the `prod` environment with the archives' hashes blanked:
  they change with every dependency, while a change of anything else is a change of what is deployed, to be read in review.
- The table of routes in `docs/routes.md` is taken from the `routes.md` of the same synth, if the page has a place for it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import settings
from constructs_lib import environment
from deploy_tools import interrupts
from deploy_tools.app import CdktfApp
from deploy_tools.errors import DeploymentError
from tools.project import PROJECT

FOLDER: Final = Path("tests", "golden")
"""Folder of the golden files in the folder of an app."""

PAGE: Final = "docs/routes.md"
"""Page of an app with the table of its routes."""

_TABLE = re.compile(r"(<!-- routes, written by make golden -->\n).*?(?=\n<!-- end of routes -->)", re.DOTALL)
_COLUMNS = ("Method", "Path", "Callers", "Summary")


@dataclass(frozen=True, slots=True)
class Derived:
    """Files derived from an app.

    Attributes:
        configurations: Content of the golden files by the names of the stacks.
        routes: Table of routes. Empty if no stack has an API.
    """

    configurations: Mapping[str, str]
    routes: str

    def page(self, text: str) -> str:
        """Return the page with the current table."""
        return _TABLE.sub(lambda found: found[1] + self.routes, text)


def profile(name: str) -> dict[str, str]:
    """Return the variables of an environment, such as `prod`. They replace those of the shell."""
    unset = dict.fromkeys((*environment.VARIABLES, *settings.VARIABLES), "")
    return {**unset, "ENVIRONMENT": name, "AWS_REGION": "us-east-1", "STATE_BUCKET": "company-states"}


def golden_file(stack: str, folder: Path = PROJECT) -> Path:
    """Return the golden file of a stack of the app in a folder."""
    return folder / FOLDER / f"{stack}.tf.json"


def render(folder: Path = PROJECT) -> Derived:
    """Synthesize the `prod` environment of the app in a folder and return what is derived from it.

    Raises:
        DeploymentError: The synthesis failed.
    """
    with tempfile.TemporaryDirectory() as outdir:
        stacks = CdktfApp.in_folder(folder).synthesize(profile("prod"), outdir=Path(outdir) / "cdktf.out")
        configurations = {stack.name: _golden(stack.configuration) for stack in stacks}
        tables = [stack.directory / "routes.md" for stack in stacks]
        routes = [_columns(table.read_text(encoding="utf-8")) for table in tables if table.is_file()]
    return Derived(configurations, "\n\n".join(routes))


def _golden(configuration: Mapping[str, object]) -> str:
    text = json.dumps(configuration, indent=2, sort_keys=True)
    text = re.sub(r"(?<=-)(?:[0-9a-f]{12}|[0-9a-f]{64})(?=\.zip)", "0" * 12, text)
    return re.sub(r'("source_code_hash": ")[A-Za-z0-9+/=]{44}"', r'\1(sha256)"', text) + "\n"


def _columns(routes: str) -> str:
    """Return the columns of the table that the page shows."""
    rows = [line.strip("| ").split(" | ") for line in routes.splitlines() if line.startswith("|")]
    places = [rows[0].index(column) for column in _COLUMNS]
    # Each API has a table of its own, and the README one for all.
    rows = [*rows[:2], *(row for row in rows if row not in rows[:2])]
    return "\n".join(f"| {' | '.join(row[place] for place in places)} |" for row in rows)


def main(arguments: Sequence[str]) -> int:
    """Write the golden files and the table of routes, and print whether they changed."""
    folder = Path(arguments[0]).resolve() if arguments else PROJECT
    derived = render(folder)
    for stack, configuration in derived.configurations.items():
        _write(golden_file(stack, folder), configuration, folder)
    page = folder / PAGE
    if page.is_file():
        _write(page, derived.page(page.read_text(encoding="utf-8")), folder)
    return 0


def _write(file: Path, text: str, folder: Path) -> None:
    changed = not file.is_file() or file.read_text(encoding="utf-8") != text
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"{file.relative_to(folder)}: {'rewritten; read the difference' if changed else 'unchanged'}")


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:]), DeploymentError))
