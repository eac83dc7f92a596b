"""Targets: their names for Lambda, for pip and for the cache."""

from __future__ import annotations

import platform
import sys

import pytest

from lambda_archives import ArchiveError, Target


def test_the_tags_for_amazon_linux_2023_end_at_its_c_library():
    tags = Target(python_version="3.13", architecture="arm64").platform_tags

    assert tags[0] == "manylinux_2_34_aarch64"
    assert tags[-3:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64")
    assert len(tags) == 20


def test_the_tags_for_amazon_linux_2_end_at_its_older_c_library():
    tags = Target(python_version="3.11", architecture="x86_64").platform_tags

    assert tags[0] == "manylinux_2_26_x86_64"
    assert "manylinux_2_28_x86_64" not in tags
    assert tags[-2:] == ("manylinux_2_5_x86_64", "linux_x86_64")


def test_pip_is_told_the_runtime_s_python():
    options = Target(python_version="3.12", architecture="arm64").pip_options

    assert options[:2] == ("--platform", "manylinux_2_34_aarch64")
    assert options[-6:] == ("--python-version", "3.12", "--implementation", "cp", "--abi", "cp312")


def test_this_machine_is_left_to_pip():
    target = Target.this_machine()

    assert target.local
    assert target.pip_options == ()
    assert target.runtime == f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert str(target).endswith("(this machine)")


def test_this_machine_and_lambda_never_share_a_cache_entry():
    this = Target.this_machine()
    same = Target(python_version=this.python_version, architecture=this.architecture)

    assert this.identity != same.identity
    assert this.slug != same.slug


def test_a_processor_that_lambda_does_not_have_is_refused(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(ArchiveError) as caught:
        Target.this_machine()

    assert str(caught.value) == (
        "Target.this_machine: Lambda has no processor like this machine's 'riscv64'; name a target with "
        "Target(python_version=..., architecture=...)"
    )


@pytest.mark.parametrize(
    ("version", "architecture", "message"),
    [
        (
            "3.8",
            "arm64",
            "python_version '3.8' is not a Lambda runtime; use one of 3.10, 3.11, 3.12, 3.13, 3.14",
        ),
        ("3.13", "aarch64", "architecture 'aarch64' is not one of Lambda's; use one of arm64, x86_64"),
    ],
)
def test_what_lambda_does_not_run_is_refused(version, architecture, message):
    with pytest.raises(ArchiveError) as caught:
        Target(python_version=version, architecture=architecture)

    assert str(caught.value) == f"Target: {message}"
