"""jsii loads packages while Python goes on importing; what goes wrong then is told by the first request."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert "FileNotFoundError: [Errno 2] No such file or directory: 'no-such-node'" in done.stderr.splitlines()


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
