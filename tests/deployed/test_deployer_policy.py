"""Deployer's policies of `main.py`: Terraform creates, plans, changes and destroys the stack with them alone."""

from __future__ import annotations

import json
from pathlib import Path

from deploy_tools.app import read_manifest
from deploy_tools.deployer_policy import policies
from deploy_tools.deployer_rights import UNSEEN
from deploy_tools.terraform import Terraform
from local_cloud.iam.enforcement import UNKNOWN_PERMISSION
from tests.support.deployer import allowed, asked, assume
from tests.support.deployment import Workspace
from tests.support.terraform import apply_at_once, check_unchanged

CHANGES = {
    "settings.py": {
        '"Environment": environment.name': '"Stage": environment.name',
        "deletion_protection=False,": "deletion_protection=False, reserved_concurrency=5,",
        "log_retention_days=30": "log_retention_days=60",
        "password_sign_in=True": "password_sign_in=False",
        "requests_per_minute=10_000": "requests_per_minute=9_000",
    },
    "main.py": {
        "memory_mb=1536": "memory_mb=1024",
        "mfa=settings.mfa": 'mfa="ON"',
        "open_seconds=30": "open_seconds=31",
    },
    "handlers/language/app.py": {"handler = service.handler": "handler = service.handler  # changed"},
}
"""Changes between the applies, by file."""

UNTRIED = {
    "cognito-idp:UpdateUserPool": "the second factor has an operation of its own",
    "dynamodb:UpdateTable": "no change of indexes or protection",
    "events:DisableRule": "no rule is disabled",
    "events:EnableRule": "as DisableRule",
    "iam:UpdateAssumeRolePolicy": "no change of a trust policy",
    "iam:UpdateRole": "no change of a session's duration",
    "iam:UpdateRoleDescription": "no change of a description",
    "kms:DisableKeyRotation": "rotation stays on",
    "kms:PutKeyPolicy": "no change of a key policy",
    "kms:UpdateAlias": "no alias gets another key",
    "kms:UpdateKeyDescription": "no change of a description",
    "lambda:DeleteFunctionConcurrency": "no reserve is removed",
    "logs:AssociateKmsKey": "the key of a log group stays",
    "logs:DeleteRetentionPolicy": "logs always expire",
    "logs:DisassociateKmsKey": "as AssociateKmsKey",
    "sqs:SetQueueAttributes": "no change of a queue",
    "wafv2:TagResource": "the provider computes for minutes before it updates a web ACL, so it is destroyed instead",
    "wafv2:UntagResource": "as TagResource",
    "wafv2:UpdateWebACL": "as TagResource",
}
"""Rights for changes that the test does not make, with the reason."""


def change(project: Path) -> None:
    for name, edits in CHANGES.items():
        file = project / name
        text = file.read_text(encoding="utf-8")
        for old, new in edits.items():
            assert old in text, f"{name}: {old}"
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")


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
    change(workspace.project)
    changed = workspace.synthesize()
    assert policies(stack, "local") == documents, "a change within the stack needs no other policies"
    resources = changed["resource"]
    assert isinstance(resources, dict)
    for kind in [kind for kind in resources if kind.startswith("aws_wafv2")]:
        del resources[kind]
    (stack.directory / "cdk.tf.json").write_text(json.dumps(changed, indent=1), encoding="utf-8")
    apply_at_once(terraform)
    terraform.destroy()
    requested = asked(workspace.cloud) - {"no permission"}
    assert UNKNOWN_PERMISSION not in requested
    assert requested <= allowed(documents)
    assert allowed(documents) - requested == UNSEEN.keys() | UNTRIED.keys()
