"""`destroy`: run `cdktf destroy`, unless AWS would reject it halfway, and list what stays."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deploy_tools import cdktf
from deploy_tools.app import CdktfApp
from deploy_tools.console import heading
from deploy_tools.errors import DeploymentError

_PROTECTION: Final = {
    "aws_cognito_user_pool": ("deletion_protection", "ACTIVE"),
    "aws_dynamodb_table": ("deletion_protection_enabled", True),
}
"""Arguments with which AWS rejects the deletion of a resource, by its type."""


def protected(configuration: Mapping[str, Any]) -> list[str]:
    """Return the resources of a `cdk.tf.json` whose deletion AWS rejects, by the paths of their constructs."""
    return sorted(
        _path(body, name)
        for kind, (argument, value) in _PROTECTION.items()
        for name, body in configuration.get("resource", {}).get(kind, {}).items()
        if body.get(argument) == value
    )


def remaining(configuration: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a destroy of a `cdk.tf.json` leaves in AWS, each with the reason."""
    backend = configuration.get("terraform", {}).get("backend", {})
    if "s3" in backend:
        yield f"bucket {backend['s3']['bucket']}", "it has Terraform's state, also of other stacks"
    for source in configuration.get("data", {}).get("aws_s3_bucket_policy", {}).values():
        yield f"bucket {_plain(source['bucket'])}", "it existed before the stack"
    resources = configuration.get("resource", {})
    for name, bucket in resources.get("aws_s3_bucket", {}).items():
        if not bucket.get("force_destroy"):
            yield f"bucket of {_path(bucket, name)}", "AWS deletes it only if it is empty"
    for name, key in resources.get("aws_kms_key", {}).items():
        days = key.get("deletion_window_in_days", 30)
        yield (
            f"key of {_path(key, name)}",
            f"AWS deletes it after {days} days; `aws kms cancel-key-deletion` keeps it",
        )


def destroy(
    app: CdktfApp,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] = os.environ,
    cli: Path | None = None,
) -> int:
    """Run `cdktf destroy` for an app; return its exit status.

    Args:
        app: The app.
        arguments: Further arguments of the CLI.
        variables: The caller's environment variables.
        cli: The CLI; see `cdktf.run`.

    Raises:
        DeploymentError: A resource is protected against deletion, or as `cdktf.run`.
        TerraformError: As `cdktf.run`.
    """
    stacks = app.synthesize(variables)
    for stack in stacks:
        if names := protected(stack.configuration):
            raise DeploymentError(
                f"stack {stack.name}: {', '.join(names)} are protected against deletion; pass deletion_protection=False to "
                "StackDefaults, deploy, and run destroy again"
            )
    rest = [line for stack in stacks for line in remaining(stack.configuration)]
    if rest:
        heading("Stays in AWS")
        for what, reason in dict.fromkeys(rest):
            print(f"  {what}: {reason}")
    print(flush=True)
    return cdktf.run(app, ["destroy", *arguments], variables=variables, cli=cli)


def _path(body: Mapping[str, Any], name: str) -> str:
    path: str = body.get("//", {}).get("metadata", {}).get("path", name)
    return path.removesuffix("/Resource")


def _plain(bucket: str) -> str:
    return re.sub(r"\$\{data\.aws_caller_identity\.[^}]+}", "ACCOUNT", bucket)
