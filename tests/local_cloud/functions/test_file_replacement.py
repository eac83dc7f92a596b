"""Files of a function replaced while it runs: the new code answers at once, or the old one still answers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_cloud.functions.code_store import CodeStore, ReplacedFile
from local_cloud.functions.errors import CodeRejected, CodeReplaced, InvalidZipFile
from local_cloud.functions.executor import FunctionExecutor
from local_cloud.functions.file_replacement import replace_files
from local_cloud.messages import Request
from tests.support.function_cloud import Cloud, alive, arn
from tests.support.waiting import eventually

CODE = {
    "app.py": "from package import text\nimport os\n\ndef handler(event, context):\n    return [text.VALUE, os.getpid()]\n",
    "package/__init__.py": "",
    "package/text.py": "VALUE = 1\n",
    "unused.py": "",
}


def deployed(cloud: Cloud) -> str:
    """Deploy the code with a version and an alias; return its SHA-256."""
    cloud.deploy(CODE, publish=True)
    cloud.backend.create_alias("live", "demo", "1", "", {})
    return str(cloud.backend.get_function("demo").code_digest)


def replaced(cloud: Cloud, archive: str, **files: str | None) -> str:
    content = {
        name.replace("__", "/") + ".py": None if text is None else ReplacedFile(text.encode())
        for name, text in files.items()
    }
    digest = cloud.run(cloud.executor.replace_files(arn("demo"), content, archive=archive))
    assert isinstance(digest, str)
    return digest


def reported_digest(cloud: Cloud) -> str:
    return base64.b64decode(cloud.backend.get_function("demo").get_configuration()["CodeSha256"]).hex()


def test_the_next_invocation_runs_the_new_code_in_a_process_that_is_up_already(cloud: Cloud) -> None:
    archive = deployed(cloud)
    _, old = cloud.call("demo:live")
    digest = replaced(cloud, archive, package__text="VALUE = 2\n")
    (worker,) = (one for one in cloud.executor._workers if one.pid != old)
    assert cloud.call("demo:live") == [2, worker.pid]
    assert cloud.call("demo")[0] == 2
    assert reported_digest(cloud) == digest != archive
    assert eventually(lambda: not alive(old))


def test_replaced_files_are_relative_to_the_archive_and_not_to_each_other(cloud: Cloud) -> None:
    archive = deployed(cloud)
    replaced(cloud, archive, package__text="VALUE = 2\n", unused=None)
    folder = cloud.directory / "functions" / "demo" / reported_digest(cloud)[:16]
    assert not (folder / "unused.py").exists()
    replaced(cloud, archive, package__more="VALUE = 3\n")
    assert cloud.call("demo:live")[0] == 1
    assert replaced(cloud, archive) == archive == reported_digest(cloud)
    assert cloud.call("demo:live")[0] == 1


def test_code_that_cannot_be_loaded_changes_nothing_and_says_where_it_fails(cloud: Cloud) -> None:
    archive = deployed(cloud)
    before = cloud.call("demo:live")
    with pytest.raises(CodeRejected, match="division by zero") as raised:
        replaced(cloud, archive, package__text="VALUE = 1\nVALUE /= 0\n")
    assert raised.value.error["errorType"] == "ZeroDivisionError"
    assert any('File "package/text.py", line 2' in line for line in raised.value.error["stackTrace"])
    assert cloud.call("demo:live") == before
    assert reported_digest(cloud) == archive


def test_code_that_ends_its_process_changes_nothing(cloud: Cloud) -> None:
    archive = deployed(cloud)
    with pytest.raises(CodeRejected, match="exit status 3"):
        replaced(cloud, archive, package__text="import os\nos._exit(3)\n")
    assert cloud.call("demo:live")[0] == 1


def test_another_archive_is_an_error(cloud: Cloud) -> None:
    archive = deployed(cloud)
    cloud.update_code("demo", CODE["app.py"])
    with pytest.raises(CodeReplaced, match="deploy again"):
        replaced(cloud, archive, app="")


def test_an_uploaded_archive_takes_the_place_of_replaced_files(cloud: Cloud) -> None:
    archive = deployed(cloud)
    replaced(cloud, archive, package__text="VALUE = 2\n")
    cloud.update_code("demo", "def handler(event, context):\n    return 'uploaded'\n")
    assert cloud.call("demo") == "uploaded"
    assert cloud.call("demo:live")[0] == 2  # the version stays as it was
    assert replaced(cloud, reported_digest(cloud), app="def handler(event, context):\n    return 'again'\n")
    assert cloud.call("demo") == "again"
    assert cloud.call("demo:live")[0] == 2


def test_folders_of_older_code_are_removed(cloud: Cloud) -> None:
    archive = deployed(cloud)
    for number in range(2, 6):
        replaced(cloud, archive, package__text=f"VALUE = {number}\n")
        assert cloud.call("demo:live")[0] == number
    folders = cloud.directory / "functions" / "demo"
    # A process with the code before may still be ending.
    assert len(list(folders.iterdir())) <= 3
    assert (folders / archive[:16]).is_dir()


def test_a_path_outside_of_the_code_is_an_error(cloud: Cloud) -> None:
    archive = deployed(cloud)
    with pytest.raises(InvalidZipFile, match="outside of itself"):
        cloud.run(cloud.executor.replace_files(arn("demo"), {"../x.py": ReplacedFile(b"")}, archive=archive))
    assert not (cloud.directory / "functions" / "x.py").exists()


def test_unchanged_files_and_their_compiled_modules_are_linked(tmp_path: Path) -> None:
    store = CodeStore(tmp_path)
    base, first, second = (store.folder_of("demo", letter * 64) for letter in "abc")
    (base / "package" / "__pycache__").mkdir(parents=True)
    for name in ("one", "two"):
        (base / "package" / f"{name}.py").write_text(name)
    (base / "package" / "__pycache__" / "one.cpython-311.pyc").write_text("compiled")
    changes = {"package/two.py": ReplacedFile(b"2", executable=True)}
    store.with_files("demo", "b" * 64, "a" * 64, changes, newest="a" * 64)
    (first / "package" / "__pycache__" / "two.cpython-311.pyc").write_text("of the changed one")
    (first / "package" / "new.py").write_text("of this copy only")
    store.with_files("demo", "c" * 64, "a" * 64, {"package/one.py": None}, newest="b" * 64)
    assert (first / "package" / "one.py").samefile(base / "package" / "one.py")
    assert (first / "package" / "two.py").stat().st_mode & 0o777 == 0o755
    assert sorted(str(file.relative_to(second)) for file in second.rglob("*.*")) == ["package/two.py"]


class _Executor:
    """Executor that records its calls, and raises."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self._problem = problem

    async def replace_files(
        self, function_arn: str, files: Mapping[str, ReplacedFile | None], *, archive: str
    ) -> str:
        self.asked.append((function_arn, files, archive))
        if self._problem is not None:
            raise self._problem
        return "d1"


def ask(executor: _Executor | FunctionExecutor, body: bytes) -> tuple[int, dict[str, Any]]:
    path = "/_aws/lambda/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ademo/files"
    request = Request("PUT", path, "", (), body, "127.0.0.1", "HTTP/1.1", 4566)
    response = asyncio.run(replace_files(executor, request))
    assert response is not None
    return response.status, json.loads(response.body)


def test_the_operation_reads_files_from_base64() -> None:
    executor = _Executor()
    body = {
        "archive": "a1",
        "files": {"app.py": {"data": "eA==", "executable": False}, "old.py": None},
    }
    assert ask(executor, json.dumps(body).encode()) == (200, {"digest": "d1"})
    assert executor.asked == [(arn("demo"), {"app.py": ReplacedFile(b"x"), "old.py": None}, "a1")]


def test_the_operation_answers_what_the_code_raised() -> None:
    problem = CodeRejected({"errorType": "NameError", "errorMessage": "name 'x' is not defined"})
    status, answer = ask(_Executor(problem), b'{"archive": "a1", "files": {}}')
    assert (status, answer["__type"], answer["error"]) == (422, "CodeRejectedException", problem.error)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"archive": "a"}', b'{"archive": "a", "files": {"x": {"data": "?"}}}']
)
def test_the_operation_rejects_other_bodies(body: bytes) -> None:
    status, answer = ask(_Executor(), body)
    assert (status, answer["__type"]) == (400, "InvalidRequestContentException")
