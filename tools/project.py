"""Folder of this project, and its stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy_tools.app import CdktfApp

PROJECT: Final = Path(__file__).resolve().parent.parent


def synthesize(project: Path, outdir: Path, variables: Mapping[str, str]) -> Path:
    """Synthesize an app with one stack, such as this project; return the directory of the stack's `cdk.tf.json`.

    Raises:
        DeploymentError: The synthesis failed.
    """
    (stack,) = CdktfApp.in_folder(project).synthesize(variables, outdir=outdir)
    return stack.directory
