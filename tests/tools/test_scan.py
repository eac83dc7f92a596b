"""`make scan`: its run of Checkov, and its use of the results; Checkov itself is a fake here."""

from __future__ import annotations

import json
import os
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from tools import checkov_run, scan
from tools.checkov_run import LOCK, Failure, Scan, ScanError
from tools.scan import ALLOWED_LIST, MAY_BE_ALLOWED

STAGE = "aws_api_gateway_stage.prod_0A"
OPEN = Failure(
    "CKV_AWS_59", "Ensure there is no open access", ("aws_api_gateway_method.a", "aws_api_gateway_method.b")
)
CACHE = Failure("CKV_AWS_120", "Ensure API Gateway caching is enabled", (STAGE,))


def printed(*failed: tuple[str, str, str], **summary: int) -> str:
    """Return Checkov's JSON, as far as it is read."""
    numbers = {"passed": 3, "failed": len(failed), "skipped": 0, "parsing_errors": 0} | summary
    checks = [{"check_id": check, "check_name": name, "resource": place} for check, name, place in failed]
    return json.dumps(
        {
            "check_type": "terraform_json",
            "results": {"failed_checks": checks},
            "summary": numbers,
        }
    )


def test_a_result_is_read_with_addresses_by_check() -> None:
    text = printed(
        ("CKV_AWS_59", OPEN.name, "resource.b"),
        ("CKV_AWS_59", OPEN.name, "aws_api_gateway_method.a"),
        ("CKV_AWS_120", CACHE.name, "resource.prod_0A"),
        ("CKV_AWS_1", "Unknown", "resource.elsewhere"),
        passed=7,
    )
    addresses = {"b": "aws_api_gateway_method.b", "prod_0A": STAGE}
    assert checkov_run.scan_of("cdk.tf.json", text, addresses) == Scan(
        "cdk.tf.json", 7, 0, (Failure("CKV_AWS_1", "Unknown", ("resource.elsewhere",)), CACHE, OPEN)
    )


def test_a_scan_of_nothing_is_read_as_one() -> None:
    """Checkov's output where no file fits the framework."""
    text = json.dumps({"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0})
    assert checkov_run.scan_of("plan.json", text, {}) == Scan("plan.json", 0, 0, ())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"summary": {}}', "Traceback"])
def test_anything_else_is_no_result(text: str) -> None:
    with pytest.raises(ScanError, match=r"^Checkov printed no result for plan\.json \("):
        checkov_run.scan_of("plan.json", text, {})


def test_a_file_that_could_not_be_parsed_is_an_error() -> None:
    with pytest.raises(ScanError) as wrong:
        checkov_run.scan_of("plan.json", printed(parsing_errors=1), {})
    assert (
        str(wrong.value)
        == "Checkov could not parse plan.json. It may know no such syntax; see its log above."
    )


def test_what_fails_is_wrong_unless_it_is_listed() -> None:
    scans = [Scan("cdk.tf.json", 150, 0, (OPEN, CACHE)), Scan("plan.json", 150, 0, (OPEN,))]
    assert scan.problems(scans, {"CKV_AWS_120": "no cache"}) == [
        (
            "CKV_AWS_59 Ensure there is no open access (fails in cdk.tf.json and plan.json)\n"
            "    aws_api_gateway_method.a\n"
            "    aws_api_gateway_method.b"
        )
    ]
    assert scan.problems([Scan("plan.json", 150, 0, (CACHE,))], {"CKV_AWS_120": "no cache"}) == []


def test_what_is_listed_and_fails_nowhere_is_wrong() -> None:
    scans = [Scan("cdk.tf.json", 150, 0, (CACHE,)), Scan("plan.json", 150, 0, ())]
    assert scan.problems(scans, {"CKV_AWS_120": "no cache", "CKV_AWS_117": "no VPC"}) == [
        "CKV_AWS_117 fails nowhere; remove its row from docs/security.md"
    ]


def test_a_scan_in_which_little_passed_or_something_was_skipped_is_wrong() -> None:
    assert scan.problems([Scan("cdk.tf.json", 99, 0, ()), Scan("plan.json", 100, 2, ())], {}) == [
        "cdk.tf.json: 99 checks passed, of 100 at least, so that Checkov cannot have read all of it; see what it logged",
        "plan.json: 2 skipped; remove the suppressions",
    ]


CRASHED = """\
2026-11-23 04:34:19,767 [MainThread  ] [ERROR]  Failed to run check CKV2_AWS_70 on /cdk.tf.json:aws_api_gateway_method.a
Traceback (most recent call last):
  File "base_check.py", line 68, in run
AttributeError: 'NoneType' object has no attribute 'nodes'
2026-11-23 04:34:19,771 [MainThread  ] [ERROR]  Failed to run check CKV2_AWS_70 on /cdk.tf.json:aws_api_gateway_method.b
Traceback (most recent call last):
AttributeError: 'NoneType' object has no attribute 'nodes'
"""
OTHER = "2026-11-23 04:34:20,002 [MainThread  ] [WARNING]  Something else\n"


def test_checks_that_crash_are_told_from_the_rest_of_the_log() -> None:
    assert checkov_run.crashes_in(CRASHED + OTHER) == (("CKV2_AWS_70",), OTHER)
    assert checkov_run.crashes_in(OTHER + CRASHED) == (("CKV2_AWS_70",), OTHER)
    assert checkov_run.crashes_in("") == ((), "")


def test_a_check_that_crashes_must_have_run_on_the_other_file() -> None:
    crashed = Scan("cdk.tf.json", 150, 0, (), ("CKV2_AWS_70",))
    assert scan.problems([crashed, Scan("plan.json", 150, 0, ())], {}) == []
    assert scan.problems([crashed, Scan("plan.json", 150, 0, (), ("CKV2_AWS_70", "CKV_AWS_1"))], {}) == [
        "CKV2_AWS_70 crashed inside Checkov in each scan, so its result is not known"
    ]


def test_the_report_says_what_may_fail_and_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert scan.report([Scan("plan.json", 150, 0, (CACHE,))], {"CKV_AWS_120": "nothing to keep"}) == 0
    good = capsys.readouterr().out
    assert "  CKV_AWS_120  nothing to keep\n" in good
    assert "Nothing else fails." in good
    assert scan.report([Scan("plan.json", 150, 0, (OPEN, CACHE))], {"CKV_AWS_120": "nothing to keep"}) == 1
    assert "  CKV_AWS_59 Ensure there is no open access (fails in plan.json)\n" in capsys.readouterr().out


def test_what_the_audit_finds_is_wrong_unless_it_is_accepted_and_there() -> None:
    written = {"resource": {"aws_sfn_state_machine": {"m": {"logging_configuration": {"level": "ALL"}}}}}
    findings = scan.audit_findings(written, [])
    lost = "workflow-log: aws_sfn_state_machine.m: logs nothing; set log_destination and level in its logging_configuration"
    assert lost in findings
    accepted = ["workflow-log@aws_sfn_state_machine.m", "trust@aws_iam_role.gone"]
    assert scan.audit_findings(written, accepted) == [
        *(one for one in findings if one != lost),
        "trust@aws_iam_role.gone is accepted and is not found; take it out of tools/scan.py",
    ]


def test_the_list_in_the_documentation_may_be_there() -> None:
    allowed = scan.allowed_checks(ALLOWED_LIST.read_text(encoding="utf-8"))
    assert allowed.keys() <= MAY_BE_ALLOWED
    assert all(len(reason) > 10 for reason in allowed.values())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| CKV_AWS_59 | authorization | later |", "docs/security.md lets CKV_AWS_59 fail, which none but CKV2_AWS_51, CKV_AWS_116, CKV_AWS_117, CKV_AWS_120, CKV_AWS_225, CKV_AWS_272, CKV_AWS_285 may; satisfy the check and remove its row."),
        ("| CKV_AWS_116 | a queue |  |", "docs/security.md does not say why CKV_AWS_116 may fail; write the reason into its row."),
        ("| `CKV_AWS_117` | again | reason |", "docs/security.md lists CKV_AWS_117 twice; remove one of the rows."),
    ],
)  # fmt: skip
def test_a_row_that_lets_too_much_fail_is_an_error(row: str, message: str) -> None:
    table = "| check | asks for | why |\n|---|---|---|\n| CKV_AWS_117 | a VPC | no private network |\n"
    assert scan.allowed_checks(table) == {"CKV_AWS_117": "no private network"}
    with pytest.raises(ScanError) as wrong:
        scan.allowed_checks(f"{table}{row}\n")
    assert str(wrong.value) == message


def test_the_copy_for_checkov_lacks_only_what_it_cannot_read() -> None:
    written = {
        "terraform": {"required_version": ">= 1.5", "backend": {"s3": {"bucket": "b"}}},
        "resource": {"aws_api_gateway_stage": {"prod_0A": {"stage_name": "prod"}}},
    }
    assert checkov_run.readable_copy(written) == {
        "terraform": {"backend": {"s3": {"bucket": "b"}}},
        "resource": written["resource"],
    }
    assert checkov_run.addresses_in(written) == {"prod_0A": STAGE}


def test_checkov_is_pinned_by_hash_and_without_addresses() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert text.count("\ncheckov==") == 1
    assert "://" not in text
    assert all("==" in line or line.lstrip().startswith("--hash=sha256:") for line in text.splitlines())


FAKE = """\
import json, os, socket, sys
attempts = {}
for name, attempt in {
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    "look up": lambda: socket.getaddrinfo("localhost", 9),
    "send": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", 9)),
}.items():
    try:
        attempt()
    except OSError as error:
        attempts[name] = str(error)
print(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ), "attempts": attempts, "cwd": os.listdir()}))
sys.exit(int(open("status").read()) if os.path.exists("status") else 1)
"""


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """A Python with a `checkov` that says how it was run."""
    environment = tmp_path / "environment"
    venv.create(environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "checkov").mkdir()
    (packages / "checkov" / "__init__.py").touch()
    (packages / "checkov" / "main.py").write_text(FAKE, encoding="utf-8")
    return environment / "bin" / "python"


def test_checkov_runs_alone_and_without_the_network(
    fake_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"BC_API_KEY": "key", "CKV_FRAMEWORK": "secrets", "PYTHONPATH": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    files = tmp_path / "files"
    files.mkdir()
    (files / "plan.json").write_text("{}", encoding="utf-8")
    printed: dict[str, Any] = json.loads(checkov_run.run_checkov(fake_python, "plan.json", files)[0])

    assert printed["arguments"] == [
        "--file", "plan.json", "--framework", "terraform_plan", "--output", "json", "--quiet", "--compact",
        "--skip-download", "--skip-results-upload",
    ]  # fmt: skip
    assert sorted(printed["cwd"]) == ["home", "plan.json"]
    assert {name: value for name, value in printed["environment"].items() if not name.startswith("LC_")} == {
        "PATH": os.defpath,
        "HOME": str(files / "home"),
        "TMPDIR": str(files / "home"),
        "CKV_SKIP_PACKAGE_UPDATE_CHECK": "True",
        "LOG_LEVEL": "WARNING",
    }
    assert printed["attempts"] == {
        "connect": "socket.getaddrinfo is blocked: a scan must not use the network",
        "look up": "socket.getaddrinfo is blocked: a scan must not use the network",
        "send": "socket.sendto is blocked: a scan must not use the network",
    }
    assert "Checkov tried to reach the network: socket.sendto(('127.0.0.1', 9),)" in capsys.readouterr().err


def test_a_crash_of_checkov_is_an_error(fake_python: Path, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("2", encoding="utf-8")
    with pytest.raises(ScanError, match=r"^Checkov ended with status 2 for plan\.json:\n\{"):
        checkov_run.run_checkov(fake_python, "plan.json", tmp_path)


@pytest.mark.long
def test_checkov_is_installed_once_for_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# nothing\n", encoding="utf-8")
    python = checkov_run.installed_checkov(tmp_path / "cache", lock)
    assert python.parent.parent.name == f"checkov-python{sys.version_info.major}.{sys.version_info.minor}"
    folder = python.parent / "kept"
    folder.touch()
    assert checkov_run.installed_checkov(tmp_path / "cache", lock) == python
    assert folder.exists()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(ScanError, match=r"^Checkov cannot be installed: `\S+ -m venv --clear \S+` failed:\n"):
        checkov_run.installed_checkov(tmp_path / "cache", lock)


@pytest.mark.long
def test_another_lock_is_installed_anew_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# nothing\n", encoding="utf-8")
    python = checkov_run.installed_checkov(tmp_path / "cache", lock)
    folder = python.parent / "kept"
    folder.touch()
    lock.write_text("no requirement\n", encoding="utf-8")
    with pytest.raises(ScanError) as wrong:
        checkov_run.installed_checkov(tmp_path / "cache", lock)
    command = (
        f"{python} -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r {lock}"
    )
    assert str(wrong.value).startswith(f"Checkov cannot be installed: `{command}` failed:\n")
    assert "Invalid requirement: 'no requirement'" in str(wrong.value)
    assert not folder.exists()


@pytest.mark.parametrize("arguments", [["--stack"], ["--help"], ["prod", "dev"], ["--stack", "a", "--some"]])
def test_the_command_line_says_how_it_is_used(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan.main(arguments) == 2
    assert "python -m tools.scan ENVIRONMENT" in capsys.readouterr().err
