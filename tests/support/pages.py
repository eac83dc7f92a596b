"""Commands and programs that the README and the docs show."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.paths import PROJECT, SAMPLES

PAGES = sorted(
    path
    for pattern in ("docs/**/*.md", "*.md", "examples/*/README.md", "lazy_bindings/*.md")
    for path in PROJECT.glob(pattern)
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"^<!-- not run: .{10,} -->\n```sh\n.*?^```", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"DIR=examples/([\w-]+)")
_SHORTENED_URL = re.compile(r"http://127\.0\.0\.1:4566/_aws/execute-api/…/prod")
# `make` of the page: what it deploys is deployed, and what it prints is in the environment.
_MAKE = """
make() {
  case "$*" in
    "-s token"*) echo "$TOKEN" ;;
    "-s openai") echo "export OPENAI_BASE_URL=$OPENAI_BASE_URL OPENAI_API_KEY=$OPENAI_API_KEY" ;;
  esac
}
"""


def shown(page: Path) -> str:
    """Return the path of a page in the project."""
    return str(page.relative_to(PROJECT))


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the code of a page in some languages."""
    return [
        body for language, body in FENCED.findall(page.read_text(encoding="utf-8")) if language in languages
    ]


def calls(page: Path, example: str | None = None) -> list[str]:
    """Return the blocks of a page with `curl`, without those below a comment `not run: REASON`.

    Args:
        page: The page.
        example: Example that is called. Default: `main.py`.
    """
    found = []
    text = _NOT_RUN.sub("", page.read_text(encoding="utf-8"))
    for block in [body for language, body in FENCED.findall(text) if language == "sh"]:
        named = _EXAMPLE.search(block)
        if re.search(r"\bcurl ", block) and (named[1] if named else None) == example:
            found.append(block)
    return found


def tenant_commands(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each `make tenants` of a page."""
    for line in "".join(blocks(page, "sh")).splitlines():
        if line.startswith("make tenants "):
            arguments = shlex.split(line, comments=True)[2]
            yield shlex.split(arguments.removeprefix("ARGS="))


def run(block: str, invoke_url: str, folder: Path, **variables: str) -> str:
    """Run a block of a page; return what it printed. An answer of 400 or more fails it.

    Args:
        block: The block.
        invoke_url: URL of the stage that it calls.
        folder: Empty folder to run it in.
        variables: Environment variables.
    """
    folder.mkdir()
    (folder / "samples").symlink_to(SAMPLES)
    (folder / ".curlrc").write_text("fail-with-body\nmax-time = 60\n", encoding="utf-8")
    environment: Mapping[str, str] = {
        **os.environ, **variables, "INVOKE_URL": invoke_url, "CURL_HOME": str(folder),
    }  # fmt: skip
    script = f"set -eu -o pipefail{_MAKE}{_SHORTENED_URL.sub(invoke_url, block)}"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout
