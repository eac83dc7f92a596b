"""AWS provider that serves a whole run of Terraform."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deploy_tools.shared_provider import shared_provider

FOLDER = ".terraform/providers/registry.terraform.io/hashicorp/aws"
STARTED = """echo 'Provider started. To attach Terraform CLI, set the TF_REATTACH_PROVIDERS environment variable:'
echo
printf "\\tTF_REATTACH_PROVIDERS='{\\"a\\": [\\"$1\\", $$, \\"$PWD\\", \\"$PLUGIN_UNIX_SOCKET_DIR\\"]}'\\n"
exec sleep 600
"""
"""Script that prints what the provider prints, with its arguments, process and folders."""


def provider(directory: Path, script: str = STARTED, version: str = "5.100.0") -> None:
    folder = directory / FOLDER / version / "linux_amd64"
    folder.mkdir(parents=True)
    executable = folder / f"terraform-provider-aws_v{version}_x5"
    executable.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)


def test_terraform_attaches_to_a_provider_that_ends_with_the_block(tmp_path: Path) -> None:
    provider(tmp_path)
    with suppress(KeyboardInterrupt), shared_provider(tmp_path, os.environ) as variables:
        argument, process, folder, sockets = json.loads(variables.pop("TF_REATTACH_PROVIDERS"))["a"]
        assert (argument, variables) == ("-debug", {})
        assert Path(folder).samefile(tmp_path)
        assert stat.S_IMODE(Path(sockets).stat().st_mode) == 0o700
        assert psutil.pid_exists(process)
        assert os.getsid(process) != os.getsid(0)
        raise KeyboardInterrupt
    assert not psutil.pid_exists(process)
    assert not Path(sockets).exists()


def test_the_next_deploy_finds_a_provider_that_is_left(tmp_path: Path) -> None:
    provider(tmp_path)
    lock = tmp_path / "lock"
    with lock.open("w") as own, lock.open("w") as other:
        fcntl.flock(own, fcntl.LOCK_EX)
        with shared_provider(tmp_path, os.environ, keep_open=(own.fileno(),)):
            own.close()
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_without_a_provider_terraform_starts_its_own(tmp_path: Path) -> None:
    with shared_provider(tmp_path, os.environ) as variables:
        assert variables == {}


def test_of_several_providers_terraform_chooses(tmp_path: Path) -> None:
    provider(tmp_path)
    provider(tmp_path, version="5.101.0")
    with shared_provider(tmp_path, os.environ) as variables:
        assert variables == {}


@pytest.mark.parametrize("script", ["echo 'flag provided but not defined: -debug' >&2; exit 2", "exit 0"])
def test_of_one_that_does_not_start_terraform_words_the_error(tmp_path: Path, script: str) -> None:
    provider(tmp_path, script)
    with shared_provider(tmp_path, os.environ) as variables:
        assert variables == {}
