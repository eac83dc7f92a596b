"""`make golden`: rewrites the golden `cdk.tf.json` of `main.py`; a test holds every synth against it.

The golden file is the `prod` environment's, with the archives' hashes blanked: they change with every dependency,
while a change of anything else in it is a change of what gets deployed, to be read in review.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import settings
from constructs_lib import environment
from tools.deployment import PROJECT, synthesize

GOLDEN = PROJECT / "tests" / "constructs" / "golden" / "cdk.tf.json"


def profile(name: str) -> dict[str, str]:
    """Return the variables of an environment, such as `prod`. They replace all that the caller's shell sets."""
    unset = dict.fromkeys((*environment.VARIABLES, *settings.VARIABLES), "")
    return {**unset, "ENVIRONMENT": name, "AWS_REGION": "us-east-1", "STATE_BUCKET": "company-states"}


def render(project: Path = PROJECT) -> str:
    """Synthesizes the `prod` environment and returns its `cdk.tf.json`, with the archives' hashes blanked."""
    with tempfile.TemporaryDirectory() as outdir:
        stack = synthesize(project, Path(outdir) / "cdktf.out", profile("prod"))
        written = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
    text = json.dumps(written, indent=2, sort_keys=True)
    text = re.sub(r"(?<=-)(?:[0-9a-f]{12}|[0-9a-f]{64})(?=\.zip)", "0" * 12, text)
    return re.sub(r'("source_code_hash": ")[A-Za-z0-9+/=]{44}"', r'\1(sha256)"', text) + "\n"


def main() -> int:
    """Writes the golden file and says whether it changed."""
    rendered = render()
    changed = not GOLDEN.is_file() or GOLDEN.read_text(encoding="utf-8") != rendered
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(rendered, encoding="utf-8")
    print(f"{GOLDEN.relative_to(PROJECT)}: {'rewritten; read the difference' if changed else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
