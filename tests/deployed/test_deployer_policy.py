"""Deployer's policies of `main.py`: Terraform creates, plans, changes and destroys the stack with them alone."""

from __future__ import annotations

from deploy_tools.app import read_manifest
from deploy_tools.deployer_policy import policies
from deploy_tools.deployer_rights import UNSEEN
from deploy_tools.terraform import Terraform
from local_cloud.iam.enforcement import UNKNOWN_PERMISSION
from tests.support.deployer import allowed, asked, assume
from tests.support.deployment import Workspace
from tests.support.terraform import apply_at_once, check_unchanged


def test_deployer_needs_the_rights_of_its_policies_and_no_others(workspace: Workspace) -> None:
    settings = workspace.project / "settings.py"
    hardened = settings.read_text(encoding="utf-8").replace("hardened=False,", "hardened=True,", 1)
    settings.write_text(hardened, encoding="utf-8")
    workspace.synthesize()
    (stack,) = read_manifest(workspace.project / "cdktf.out")
    documents = policies(stack, "local")
    deployer = workspace.environment | assume(workspace.cloud, documents)
    terraform = Terraform(workspace.terraform.engine, stack.directory, deployer)
    terraform.init()
    apply_at_once(terraform)
    check_unchanged(terraform)
    changed = hardened.replace('"Environment": environment.name', '"Stage": environment.name')
    settings.write_text(changed.replace("log_retention_days=30", "log_retention_days=60"), encoding="utf-8")
    workspace.synthesize()
    assert policies(stack, "local") == documents
    apply_at_once(terraform)
    terraform.destroy()
    requested = asked(workspace.cloud) - {"no permission"}
    assert UNKNOWN_PERMISSION not in requested
    assert requested <= allowed(documents)
    assert allowed(documents) - requested == set(UNSEEN)
