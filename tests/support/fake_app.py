"""A CDKTF app that synthesizes in no time: it writes what cdktf would."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy_tools.app import CdktfApp

_MAIN = """
import json, os, pathlib

outdir = pathlib.Path(os.environ["CDKTF_OUTDIR"])
stacks = json.loads({stacks!r})
for name, entry in stacks.items():
    folder = outdir / entry["workingDirectory"]
    folder.mkdir(parents=True, exist_ok=True)
    configuration = entry.pop("configuration")
    (folder / "cdk.tf.json").write_text(json.dumps(configuration))
(outdir / "manifest.json").write_text(json.dumps({{"version": "0.21.0", "stacks": stacks}}))
"""


def fake_app(
    folder: Path,
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
    /,
    **dependencies: Sequence[str],
) -> CdktfApp:
    """Write an app with some stacks into a folder.

    Args:
        folder: The folder.
        configurations: What the `cdk.tf.json` of stacks holds beside the backend, by their names.
        dependencies: The stacks that each stack depends on, by its name.
    """
    stacks = {
        name: {
            "name": name,
            "workingDirectory": f"stacks/{name}",
            "dependencies": list(others),
            "configuration": {
                "terraform": {"backend": {"local": {"path": f"../../../terraform.{name}.tfstate"}}},
                **(configurations or {}).get(name, {}),
            },
        }
        for name, others in dependencies.items()
    }
    (folder / "main.py").write_text(_MAIN.format(stacks=json.dumps(stacks)), encoding="utf-8")
    (folder / "cdktf.json").write_text(json.dumps({"app": "python main.py"}), encoding="utf-8")
    return CdktfApp.in_folder(folder)
