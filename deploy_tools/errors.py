"""Errors of the commands; each is printed as its message, without a traceback."""

from __future__ import annotations


class DeploymentError(Exception):
    """A step did not succeed. The message says why, or holds what the step printed."""


class TerraformError(Exception):
    """Terraform or the AWS provider is missing, or a run of Terraform failed."""


class CutShortError(TerraformError):
    """Terraform or its provider was killed. What it was creating may exist without being in the state."""
