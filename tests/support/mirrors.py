"""Directories that look like mirrors of the AWS provider."""

from __future__ import annotations

from pathlib import Path

from deploy_tools import provider_mirror

TARGET = provider_mirror._target()


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
