"""The plan of a stack that nobody deploys, made by the real Terraform against a local cloud: what `make scan` scans."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

from constructs_lib.state import TERRAFORM_VERSION
from deploy_tools.cloud import Cloud, ensure_cloud, stop_cloud
from deploy_tools.provider_mirror import find_mirror
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tools.project import PROJECT

PLUGINS: Final = PROJECT / ".cache" / "scan" / "plugins"
"""Where Terraform keeps the provider that it downloads, where there is no mirror of it."""

MAX_SECONDS: Final = 600
"""When Terraform is ended; on two processors, it takes half a minute for 300 resources."""

_ACCOUNT: Final = re.compile(r"\$\{data\.aws_caller_identity\.[^}]+\.account_id\}")
_KEPT: Final = frozenset({"cdk.tf.json", ".terraform.lock.hcl"})
_initializing: Final = threading.Lock()


@contextmanager
def local_cloud(directory: Path) -> Iterator[Cloud]:
    """A local cloud that is stopped at the end.

    Raises:
        DeploymentError: It cannot be started.
    """
    cloud, _ = ensure_cloud(directory, 0)
    try:
        yield cloud
    finally:
        stop_cloud(directory)


def planned(
    stack: Path, directory: Path, *, cloud: Cloud | None = None, max_seconds: float = MAX_SECONDS
) -> str:
    """Plans a stack, with the state in a local file; returns the plan as JSON.

    Args:
        stack: The stack's directory, which is left as it is.
        directory: One to work in; it is made if it is missing, and has to be empty.
        cloud: The local cloud to plan against. Left out, one is started and stopped.
        max_seconds: When a run of Terraform is ended.

    Raises:
        DeploymentError: The local cloud cannot be started.
        TerraformError: Terraform is missing, cannot plan the stack or takes too long.
    """
    work = directory / "work"
    work.mkdir(parents=True)
    for entry in stack.iterdir():
        if entry.is_dir() and entry.name != ".terraform":
            (work / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        elif entry.name in _KEPT:
            shutil.copy(entry, work / entry.name)
    # A state in S3 needs a newer Terraform than a plan of its stack.
    local = {"backend": {"local": {"path": "scan.tfstate"}}, "required_version": TERRAFORM_VERSION}
    (work / "scan_override.tf.json").write_text(json.dumps({"terraform": local}), encoding="utf-8")
    with local_cloud(directory / "cloud") if cloud is None else nullcontext(cloud) as used:
        create_existing_buckets(json.loads((work / "cdk.tf.json").read_text(encoding="utf-8")), used)
        environment = environment_for(directory, endpoint_url=used.url)
        if find_mirror() is None:
            PLUGINS.mkdir(parents=True, exist_ok=True)
            environment.setdefault("TF_PLUGIN_CACHE_DIR", str(PLUGINS))
            environment.setdefault("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true")
        terraform = Terraform(find_engine(), work, environment, timeout_seconds=max_seconds)
        # Two at once would ruin the cache.
        with _initializing:
            terraform.init()
        terraform.run("plan", "-no-color", "-input=false", "-out=scan.tfplan")
        return terraform.run("show", "-json", "scan.tfplan").stdout


def create_existing_buckets(written: Mapping[str, Any], cloud: Cloud) -> list[str]:
    """Create the buckets that a `cdk.tf.json` expects to exist, each with a policy; returns their names.

    A bucket whose name is taken stays as it is: the plan shows whether that will do.

    Args:
        written: The configuration.
        cloud: The local cloud that owns the buckets.
    """
    import boto3

    client: Any = partial(
        boto3.client,
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the root user of every local cloud
    )
    looked_up = written.get("data", {}).get("aws_s3_bucket_policy", {}).values()
    if not looked_up:
        return []
    account = client("sts").get_caller_identity()["Account"]
    names = sorted({_ACCOUNT.sub(account, body["bucket"]) for body in looked_up})
    s3 = client("s3")
    for name in names:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        try:
            s3.create_bucket(Bucket=name)
        except s3.exceptions.BucketAlreadyExists:
            continue
        s3.put_bucket_policy(
            Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
    return names
