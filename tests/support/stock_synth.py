"""Fingerprints of every resource type by the stock import path, which takes half a minute.

python -m tests.support.stock_synth     records them anew: for another provider, or a type that had not been used
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.paths import PROJECT

_TOKEN = re.compile(r"TOKEN\.\d+|-\d\.\d+e\+298")
"""The number of a token, of which there is one for each attribute that is read; in numbers, it is in the last digits."""

RECORD = PROJECT / "tests" / "golden" / "every_resource_type.json"


def fingerprints(folder: Path) -> dict[str, str]:
    """The hash of each resource's configuration and attributes, by namespace; without the numbers of tokens.

    Args:
        folder: Where `tools.benchmarks.stacks every` wrote them.
    """
    written = json.loads((folder / "stacks" / "bench" / "cdk.tf.json").read_text("utf-8"))
    attributes: dict[str, Any] = json.loads((folder / "attributes.json").read_text("utf-8"))
    bodies = {
        namespace: body
        for part in ("data", "resource")
        for named in written[part].values()
        for namespace, body in named.items()
    }
    bodies["provider"] = written["provider"]
    return {
        namespace: hashlib.sha256(
            _TOKEN.sub("TOKEN", json.dumps([bodies[namespace], read])).encode()
        ).hexdigest()
        for namespace, read in attributes.items()
    }


def main() -> None:
    """Record what the stock import path writes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "tools.benchmarks.stacks", "every", folder],
            cwd=PROJECT,
            env={**os.environ, "LAZY_BINDINGS": "off"},
            check=True,
        )
        RECORD.write_text(json.dumps(fingerprints(Path(folder)), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
