"""Terraform plans for `make scan`, made by the real Terraform against a local cloud."""

from __future__ import annotations

import io
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

from constructs_lib.environment import DEFAULT_REGION, LOCAL_ACCOUNT_ID
from constructs_lib.state import TERRAFORM_VERSION
from deploy_tools.cloud import Cloud, ensure_cloud, stop_cloud
from deploy_tools.local_session import local_session
from deploy_tools.provider_mirror import find_mirror
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tools.project import PROJECT

PLUGINS: Final = PROJECT / ".cache" / "scan" / "plugins"
"""Terraform's cache of downloaded providers, if there is no local mirror."""

MAX_SECONDS: Final = 600
"""Time limit of Terraform in seconds. A plan of 300 resources takes half a minute on two processors."""

_ACCOUNT: Final = re.compile(r"\$\{data\.aws_caller_identity\.[^}]+\.account_id\}")
_REMOTE_OUTPUT: Final = re.compile(r"data\.terraform_remote_state\.([\w-]+)\.outputs\.([\w-]+)")
_KEPT: Final = frozenset({"cdk.tf.json", ".terraform.lock.hcl"})
_initializing: Final = threading.Lock()


@contextmanager
def local_cloud(directory: Path) -> Iterator[Cloud]:
    """Run a local cloud while the block runs.

    Raises:
        DeploymentError: It cannot be started.
    """
    cloud, _ = ensure_cloud(directory, 0)
    try:
        yield cloud
    finally:
        stop_cloud(directory, forget=True)


def planned(
    stack: Path, directory: Path, *, cloud: Cloud | None = None, max_seconds: float = MAX_SECONDS
) -> str:
    """Plan a stack, with the state in a local file; return the plan as JSON.

    Args:
        stack: Directory of the stack, which stays unchanged.
        directory: Empty or missing directory to work in.
        cloud: Local cloud to plan against. Default: a new one, which is stopped afterwards.
        max_seconds: Time limit of a run of Terraform.

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
    written = json.loads((work / "cdk.tf.json").read_text(encoding="utf-8"))
    override = {"terraform": local, **_states_of_others(written, work)}
    (work / "scan_override.tf.json").write_text(json.dumps(override), encoding="utf-8")
    with local_cloud(directory / "cloud") if cloud is None else nullcontext(cloud) as used:
        create_existing_buckets(written, used)
        create_existing_functions(written, used)
        environment = environment_for(directory, endpoint_url=used.url)
        if find_mirror() is None:
            PLUGINS.mkdir(parents=True, exist_ok=True)
            environment.setdefault("TF_PLUGIN_CACHE_DIR", str(PLUGINS))
            environment.setdefault("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true")
        terraform = Terraform(find_engine(), work, environment, timeout_seconds=max_seconds)
        # Two concurrent runs would corrupt the cache.
        with _initializing:
            terraform.init()
        terraform.run("plan", "-no-color", "-input=false", "-out=scan.tfplan")
        return terraform.run("show", "-json", "scan.tfplan").stdout


def _states_of_others(written: Mapping[str, Any], work: Path) -> dict[str, Any]:
    """Write states for the stacks whose outputs a stack reads, and return the data sources that read these instead."""
    outputs: dict[str, set[str]] = {
        name: set() for name in written.get("data", {}).get("terraform_remote_state", ())
    }
    for name, output in _REMOTE_OUTPUT.findall(json.dumps(written)):
        outputs.setdefault(name, set()).add(output)
    sources = {}
    for name, read in outputs.items():
        state = {
            "version": 4,
            "terraform_version": "1.5.0",
            "serial": 1,
            "lineage": "scan",
            "outputs": {output: {"value": _placeholder(output), "type": "string"} for output in sorted(read)},
            "resources": [],
        }
        (work / f"{name}.other.tfstate").write_text(json.dumps(state), encoding="utf-8")
        sources[name] = {"backend": "local", "config": {"path": f"{name}.other.tfstate"}}
    return {"data": {"terraform_remote_state": sources}} if sources else {}


def _placeholder(output: str) -> str:
    return (
        f"arn:aws:placeholder:us-east-1:{LOCAL_ACCOUNT_ID}:placeholder"
        if output.endswith("arn")
        else "placeholder"
    )


def create_existing_functions(written: Mapping[str, Any], cloud: Cloud) -> list[str]:
    """Create the Lambda functions that a `cdk.tf.json` expects to exist, with the aliases that it names; return their names.

    A function whose name is taken stays as it is.

    Args:
        written: The configuration.
        cloud: The local cloud that owns the functions.
    """
    wanted: dict[str, set[str]] = {}
    for body in written.get("data", {}).get("aws_lambda_function", {}).values():
        wanted.setdefault(body["function_name"], set()).update(filter(None, [body.get("qualifier")]))
    if not wanted:
        return []
    region = next((one["region"] for one in written["provider"]["aws"] if "alias" not in one), DEFAULT_REGION)
    session = local_session(region)
    functions = session.client("lambda", endpoint_url=cloud.url)
    role = _function_role(session.client("iam", endpoint_url=cloud.url))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(zipfile.ZipInfo("code.py"), "def handler(event, context): ...\n")
    for name, qualifiers in wanted.items():
        try:
            created = functions.create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=role,
                Handler="code.handler",
                Code={"ZipFile": code.getvalue()},
                Publish=True,
            )
        except functions.exceptions.ResourceConflictException:
            continue
        for qualifier in sorted(qualifiers - {"$LATEST", created["Version"]}):
            functions.create_alias(FunctionName=name, Name=qualifier, FunctionVersion=created["Version"])
    return sorted(wanted)


def _function_role(iam: Any) -> str:
    """Create the role of functions that exist, unless it does, and return its ARN."""
    name, trust = "existing-functions", {"Service": "lambda.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    try:
        return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"])
    except iam.exceptions.EntityAlreadyExistsException:
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def create_existing_buckets(written: Mapping[str, Any], cloud: Cloud) -> list[str]:
    """Create the buckets that a `cdk.tf.json` expects to exist, each with a policy; return their names.

    An existing bucket stays unchanged; the plan shows whether it works.

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
