"""`terraform init` of a stack, run only where something that it depends on has changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_tools.app import SynthesizedStack
from deploy_tools.errors import TerraformError
from deploy_tools.terraform import Terraform


@dataclass(frozen=True, slots=True)
class Initialization:
    """Initialization of a stack's directory.

    Attributes:
        stack: The stack, as it was synthesized.
        terraform: Terraform in its directory.
    """

    stack: SynthesizedStack
    terraform: Terraform

    def is_current(self) -> bool:
        """Return whether the directory was initialized by the same Terraform for the same providers and backend."""
        directory = self.terraform.directory
        if not (directory / ".terraform" / "providers").is_dir() or not self._lock.is_file():
            return False
        try:
            recorded = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(recorded == self._inputs())

    def run(self) -> None:
        """Initialize; once more from nothing if what an interrupted run has left cannot be read.

        Raises:
            TerraformError: Terraform failed.
        """
        try:
            self.terraform.init()
        except TerraformError:
            shutil.rmtree(self.terraform.directory / ".terraform", ignore_errors=True)
            self.terraform.init()
        self._record.write_text(json.dumps(self._inputs()), encoding="utf-8")

    @property
    def _lock(self) -> Path:
        return self.terraform.directory / ".terraform.lock.hcl"

    @property
    def _record(self) -> Path:
        return self.terraform.directory / ".terraform" / "initialized.json"

    def _inputs(self) -> dict[str, Any]:
        return {
            "terraform": self.stack.configuration.get("terraform"),
            "version": self.terraform.engine.version_text,
            "lock": self._lock.read_text(encoding="utf-8") if self._lock.is_file() else None,
            "plugins": self.terraform.environment.get("TF_CLI_CONFIG_FILE"),
        }
