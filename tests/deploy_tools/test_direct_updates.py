"""Code of functions and definitions of state machines, updated without Terraform."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from deploy_tools.archive_progress import BuiltArchive
from deploy_tools.direct_updates import (
    CodeError,
    NotDirectError,
    changed_files,
    replace_code,
    update_definition,
    upload_archive,
)
from deploy_tools.local_api import LocalApiError, call
from lambda_archives import Target
from lambda_archives.request import ArchiveRequest
from lambda_archives.zip_writer import Member, MemoryBytes
from tests.support.cloud_in_thread import CloudInThread, cloud, make_function, role_arn
from tests.support.web_server import WebServer, web_server

__all__ = ["cloud", "make_function", "role_arn", "web_server"]

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:demo"
REQUEST = ArchiveRequest(
    source=Path("/app/code"),
    target=Target(python_version="3.13", architecture="arm64"),
    cache=Path("/app/.cache"),
    generated={"x.json": b"{}"},
    exclude=("tests/**",),
)


def member(path: str, text: str = "", *, executable: bool = False) -> Member:
    data = text.encode()
    return Member(
        path, executable=executable, size=len(data), origin=f"/app/code/{path}", content=MemoryBytes(data)
    )


def archive(**files: str) -> BuiltArchive:
    members = [member(f"{name}.py", text) for name, text in files.items()]
    return BuiltArchive("demo", "a1", None, {one.path: one.identity for one in members}, REQUEST)


def answer(server: WebServer, status: int, **body: Any) -> None:
    server.status, server.body = status, json.dumps(body).encode()


def test_a_request_for_an_archive_survives_json() -> None:
    assert ArchiveRequest.from_json(json.loads(json.dumps(REQUEST.to_json()))) == REQUEST


def test_changed_new_removed_and_newly_executable_files_differ() -> None:
    wanted = {
        "same.py": member("same.py", "1"),
        "changed.py": member("changed.py", "2"),
        "tool.py": member("tool.py", "1", executable=True),
        "new.py": member("new.py", "1"),
    }
    deployed = archive(same="1", changed="1", tool="1", old="1")
    assert changed_files(deployed, wanted) == {
        "changed.py": wanted["changed.py"],
        "tool.py": wanted["tool.py"],
        "new.py": wanted["new.py"],
        "old.py": None,
    }


def test_files_are_sent_in_base64_with_the_archive_that_they_differ_from(web_server: WebServer) -> None:
    replace_code(web_server.url, ARN, archive(), {"app.py": member("app.py", "x"), "old.py": None})
    (received,) = web_server.received
    assert (received.method, received.target) == (
        "PUT",
        "/_aws/lambda/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Ademo/files",
    )
    assert "/eu-west-1/lambda/" in (received.header("authorization") or "")
    assert json.loads(received.body) == {
        "archive": "a1",
        "files": {"app.py": {"data": "eA==", "executable": False}, "old.py": None},
    }


def test_code_that_cannot_be_loaded_is_shown_where_the_user_wrote_it(web_server: WebServer) -> None:
    trace = ['  File "app.py", line 3, in <module>\n', '  File "other.py", line 1\n']
    error = {"errorType": "NameError", "errorMessage": "name 'x' is not defined", "stackTrace": trace}
    answer(web_server, 422, __type="CodeRejectedException", message="…", error=error)
    with pytest.raises(CodeError) as raised:
        replace_code(web_server.url, ARN, archive(), {"app.py": member("app.py")})
    assert str(raised.value) == (
        "demo cannot be loaded:\n"
        '  File "/app/code/app.py", line 3, in <module>\n'
        '  File "other.py", line 1\n'
        "NameError: name 'x' is not defined"
    )


def test_a_function_of_another_archive_is_left_to_terraform(web_server: WebServer) -> None:
    answer(web_server, 409, __type="CodeReplacedException", message="deploy again")
    with pytest.raises(NotDirectError):
        replace_code(web_server.url, ARN, archive(), {})


def test_an_archive_is_deployed_and_recorded_as_terraform_does(
    cloud: CloudInThread, make_function: Any, tmp_path: Path
) -> None:
    arn = make_function(lambda event: event)
    name, functions = arn.rpartition(":")[2], cloud.client("lambda")
    archive = tmp_path / "new.zip"
    with ZipFile(archive, "w") as file:
        file.writestr("app.py", "new = True")
    sha256 = base64.b64encode(hashlib.sha256(archive.read_bytes()).digest()).decode()
    invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/functions/{}:{}/invocations"
    attributes = {"arn": arn, "function_name": name, "publish": False, "version": "$LATEST", "timeout": 3}

    unpublished = dict(attributes)
    upload_archive(cloud.cloud.url, unpublished, archive)
    found = functions.get_function_configuration(FunctionName=name)
    changed = {
        "source_code_hash": sha256,
        "code_sha256": sha256,
        "source_code_size": archive.stat().st_size,
        "last_modified": found["LastModified"],
    }
    assert unpublished == attributes | changed
    assert found["CodeSha256"] == sha256

    attributes |= {"publish": True, "version": "7", "qualified_arn": f"{arn}:7"}
    attributes["qualified_invoke_arn"] = invoke_arn.format(arn, 7)
    upload_archive(cloud.cloud.url, attributes, archive)
    (published,) = functions.list_versions_by_function(FunctionName=name)["Versions"][1:]
    assert attributes["version"] == published["Version"] == "1"
    assert attributes["qualified_arn"] == published["FunctionArn"]
    assert attributes["qualified_invoke_arn"] == invoke_arn.format(arn, 1)


def test_an_archive_that_lambda_rejects_is_not_recorded(
    cloud: CloudInThread, make_function: Any, tmp_path: Path
) -> None:
    arn = make_function(lambda event: event)
    archive = tmp_path / "new.zip"
    archive.write_bytes(b"not a zip file")
    attributes = {"arn": arn, "function_name": arn.rpartition(":")[2], "publish": False, "version": "$LATEST"}
    before = dict(attributes)
    with pytest.raises(LocalApiError, match="InvalidParameterValueException"):
        upload_archive(cloud.cloud.url, attributes, archive)
    assert attributes == before


def test_a_definition_is_updated_by_step_functions(web_server: WebServer) -> None:
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:flow"
    update_definition(web_server.url, arn, '{"StartAt": "x"}')
    (received,) = web_server.received
    assert received.header("x-amz-target") == "AWSStepFunctions.UpdateStateMachine"
    assert json.loads(received.body) == {"stateMachineArn": arn, "definition": '{"StartAt": "x"}'}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"__type": "InvalidDefinition", "message": "no start"}', "InvalidDefinition: no start"),
        (b'{"Type": "User", "Message": "no"}', "User: no"),
        (b"<html>", "HTTP 400: <html>"),
        (b"[]", "HTTP 400: []"),
    ],
)
def test_errors_of_the_local_cloud(web_server: WebServer, body: bytes, message: str) -> None:
    web_server.status, web_server.body = 400, body
    with pytest.raises(LocalApiError) as raised:
        call(web_server.url, "states", "/", region="us-east-1")
    assert str(raised.value) == message
