"""Updates of the local cloud without Terraform: code of functions and definitions of state machines."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deploy_tools.archive_progress import BuiltArchive
from deploy_tools.errors import DeploymentError
from deploy_tools.local_api import LocalApiError, call
from lambda_archives.zip_writer import Member


class CodeError(DeploymentError):
    """The new code of a function cannot be loaded; the old code still answers."""


class NotDirectError(Exception):
    """Only Terraform can make the change."""


def changed_files(deployed: BuiltArchive, wanted: Mapping[str, Member]) -> dict[str, Member | None]:
    """Return the files that differ from a deployed archive, by their paths; None for one that is gone."""
    changed: dict[str, Member | None] = {
        path: member for path, member in wanted.items() if deployed.files.get(path) != member.identity
    }
    return changed | dict.fromkeys(deployed.files.keys() - wanted.keys())


def replace_code(
    endpoint_url: str, arn: str, deployed: BuiltArchive, files: Mapping[str, Member | None]
) -> None:
    """Have a function run its archive with some files replaced.

    Args:
        endpoint_url: URL of the local cloud.
        arn: ARN of the function.
        deployed: Archive that was deployed.
        files: All files that differ from it.

    Raises:
        CodeError: The new code cannot be loaded. The message says where it fails.
        NotDirectError: The function was deployed from another archive.
        DeploymentError: The local cloud does not answer.
    """
    body = {
        "archive": deployed.sha256,
        "files": {
            path: None
            if member is None
            else {"data": base64.b64encode(member.read()).decode(), "executable": member.executable}
            for path, member in files.items()
        },
    }
    path = f"/_aws/lambda/{quote(arn, safe='')}/files"
    try:
        call(endpoint_url, "lambda", path, body, region=arn.split(":")[3], method="PUT")
    except LocalApiError as error:
        if error.code == "CodeReplacedException":
            raise NotDirectError(str(error)) from None
        if error.code != "CodeRejectedException":
            raise
        raise CodeError(_worded(error.body.get("error") or {}, files, deployed)) from None


def upload_archive(endpoint_url: str, attributes: dict[str, Any], archive: Path) -> None:
    """Deploy an archive to a function, and update its attributes in a state as Terraform does.

    Terraform itself would take at least 5 s: its provider waits that long after it updated a function.

    Args:
        endpoint_url: URL of the local cloud.
        attributes: Attributes of the function in the state. They are changed, and not saved; `filename` is not.
        archive: The archive.

    Raises:
        DeploymentError: The local cloud rejects the archive, or does not answer.
    """
    arn, version = attributes["arn"], attributes["version"]
    region, path = arn.split(":")[3], f"/2015-03-31/functions/{quote(attributes['function_name'])}"
    body = {"ZipFile": base64.b64encode(archive.read_bytes()).decode()}
    found = call(endpoint_url, "lambda", f"{path}/code", body, region=region, method="PUT")
    if attributes["publish"]:
        published = call(endpoint_url, "lambda", f"{path}/versions", {}, region=region, method="POST")
        attributes["version"] = published["Version"]
        for name in ("qualified_arn", "qualified_invoke_arn"):
            attributes[name] = attributes[name].replace(f"{arn}:{version}", f"{arn}:{published['Version']}")
    attributes |= {
        "source_code_hash": found["CodeSha256"],
        "code_sha256": found["CodeSha256"],
        "source_code_size": found["CodeSize"],
        "last_modified": found["LastModified"],
    }


def update_definition(endpoint_url: str, arn: str, definition: str) -> None:
    """Give a state machine another definition.

    Raises:
        DeploymentError: The definition is not valid, or the local cloud does not answer.
    """
    body = {"stateMachineArn": arn, "definition": definition}
    target = "AWSStepFunctions.UpdateStateMachine"
    call(endpoint_url, "states", "/", body, region=arn.split(":")[3], method="POST", target=target)


def _worded(error: Mapping[str, object], files: Mapping[str, Member | None], deployed: BuiltArchive) -> str:
    """Return what a handler raised while it was loaded, with paths as the user knows them."""
    trace = error.get("stackTrace")
    lines = [str(line).rstrip() for line in trace] if isinstance(trace, list) else []
    text = "\n".join([*lines, f"{error.get('errorType')}: {error.get('errorMessage')}"])
    for path, member in files.items():
        if member is not None:
            text = text.replace(f'"{path}"', f'"{member.origin}"')
    return f"{deployed.name} cannot be loaded:\n{text}"
