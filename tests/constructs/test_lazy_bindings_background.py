"""jsii starts in one process and loads packages while Python goes on importing."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lazy_bindings._one_process import SCRIPTS
from lazy_bindings._provider import ARCHIVE

PROJECT = Path(__file__).parents[2]
BEGIN = "import lazy_bindings; lazy_bindings.install(); import cdktf; "
KIND = "import jsii; print(type(jsii.kernel.provider).__name__)"


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_is_in_use_where_the_constructs_come_first() -> None:
    done = run(BEGIN + KIND)
    assert (done.returncode, done.stdout) == (0, "BackgroundProvider\n"), done.stderr


@pytest.mark.parametrize(
    ("program", "variables"),
    [
        (f"import cdktf; {BEGIN}{KIND}", {}),
        (BEGIN + KIND, {"LAZY_BINDINGS": "off"}),
    ],
    ids=["cdktf came first", "turned off"],
)
def test_otherwise_jsii_is_as_it_was(program: str, variables: dict[str, str]) -> None:
    done = run(program, **variables)
    assert (done.returncode, done.stdout) == (0, "ProcessProvider\n"), done.stderr


def test_a_program_that_only_imports_ends() -> None:
    done = run(BEGIN + "from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue; print('imported')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "imported\n", "")


def test_an_error_of_a_load_is_raised_by_the_first_request() -> None:
    done = run(f"{BEGIN}print('imported'); cdktf.App()", JSII_NODE="no-such-node")
    assert (done.returncode, done.stdout) == (1, "imported\n")
    # jsii has more to say about the process that it does not have.
    assert (
        "FileNotFoundError: [Errno 2] No such file or directory: 'no-such-node'" in done.stderr.splitlines()
    )


def test_a_damaged_archive_is_replaced_by_the_provider_s_own(tmp_path: Path) -> None:
    program = (
        f"{BEGIN}from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue; app = cdktf.App(); "
        "stack = cdktf.TerraformStack(app, 'one'); print(SqsQueue(stack, 'queue', name='jobs').friendly_unique_id)"
    )
    variables = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "CDKTF_OUTDIR": str(tmp_path / "out")}
    assert run(program, **variables).stderr == ""
    (entry,) = (tmp_path / "cache" / "lazy-bindings").iterdir()
    content = bytearray((entry / ARCHIVE).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (entry / ARCHIVE).write_bytes(content)

    done = run(program, **variables)
    assert (done.returncode, done.stdout) == (0, "queue\n"), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"lazy_bindings: jsii cannot load {entry / ARCHIVE}: ")
    assert line.endswith("; loading the provider's own package, which is slower")
    assert not entry.exists()
    assert run(program, **variables).stderr == ""


def test_a_node_that_does_not_say_hello_is_started_as_jsii_does(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(f'#!/bin/sh\ncase "$*" in *{SCRIPTS[0].name}*) exit 3;; esac\nexec node "$@"\n', "ascii")
    node.chmod(0o755)
    done = run(f"{BEGIN}print(cdktf.App().node.path == '')", JSII_NODE=str(node))
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert done.stderr.splitlines() == [
        "lazy_bindings: jsii does not start in one process (Expecting value: line 1 column 1 (char 0)); starting two"
    ]


def test_without_the_script_two_processes_are_started(tmp_path: Path) -> None:
    missing = tmp_path / "one_process.js"
    program = (
        "import pathlib, lazy_bindings._one_process as one; "
        f"one.SCRIPTS = (pathlib.Path({str(missing)!r}),); {BEGIN}print(cdktf.App().node.path == '')"
    )
    done = run(program)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    # jsii has more to say about the process that it does not have.
    assert (
        f"lazy_bindings: jsii does not start in one process ([Errno 2] No such file or directory: '{missing}'); "
        "starting two"
    ) in done.stderr.splitlines()


def test_a_setting_of_the_user_s_stays() -> None:
    program = f"{BEGIN}cdktf.App(); import os; print(os.environ['NODE_PRESERVE_SYMLINKS'])"
    done = run(program, NODE_PRESERVE_SYMLINKS="1")
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


PROGRAM = """
const fs = require("fs");
const line = Buffer.alloc(100);
const read = fs.readSync(3, line, 0, line.length, null);
console.log("told", process.execArgv.includes("--preserve-symlinks"), "NODE_PRESERVE_SYMLINKS" in process.env);
console.error("warned");
require("child_process").execSync("echo from a child 1>&2; echo kept", { stdio: ["pipe", "pipe", "pipe"] });
fs.writeSync(3, `answer to ${line.subarray(0, read)}`);
"""


@pytest.mark.skipif(os.name != "posix", reason="two processes are started on Windows")
def test_requests_and_answers_are_kept_apart_from_what_is_printed(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "program.js").write_text(PROGRAM, "utf-8")
    (tmp_path / "bin").mkdir()
    for script in SCRIPTS:
        shutil.copy(script, tmp_path / "bin")
    node = shutil.which(os.environ.get("JSII_NODE", "node"))
    assert node is not None
    done = subprocess.run(
        [node, str(tmp_path / "bin" / SCRIPTS[0].name)],
        input="a request\n",
        env={**os.environ, "NODE_PRESERVE_SYMLINKS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "answer to a request\n"), done.stderr
    printed = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(name, base64.b64decode(text).decode()) for one in printed for name, text in one.items()] == [
        ("stdout", "told true false\n"),
        ("stderr", "warned\n"),
    ]
