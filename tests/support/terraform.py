"""Runs of Terraform as tests want them: as few as will do, because each takes seconds."""

from __future__ import annotations

from deploy_tools.terraform import Terraform


def apply_at_once(terraform: Terraform, *options: str) -> None:
    """Plan and apply, without a file for the plan."""
    terraform.run("apply", "-no-color", "-input=false", "-auto-approve", *options)


def check_unchanged(terraform: Terraform) -> None:
    """Plan, and find that nothing would change and nothing is warned of."""
    done = terraform.run("plan", "-no-color", "-input=false", "-detailed-exitcode", accept=(0, 2))
    assert done.returncode == 0, done.stdout
    assert "Warning: " not in done.stdout + done.stderr, done.stdout
