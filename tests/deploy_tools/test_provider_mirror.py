"""Finding a mirror of the AWS provider, with fakes on a disk of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_tools.errors import TerraformError
from deploy_tools.provider_mirror import GET_PROVIDER, find_mirror
from tests.support.mirrors import TARGET, packed, unpacked


def test_no_mirror_anywhere(home: dict[str, str], tmp_path: Path) -> None:
    assert find_mirror(home, prefixes=[str(tmp_path / "opt")]) is None


@pytest.mark.parametrize("layout", [unpacked, packed])
def test_the_named_mirror_comes_first(tmp_path: Path, home: dict[str, str], layout: object) -> None:
    mirror = layout(tmp_path / "mine")  # type: ignore[operator]
    unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    found = find_mirror({**home, "TF_PLUGIN_MIRROR": str(mirror)}, prefixes=[])
    assert found is not None
    assert (found.path, found.origin) == (mirror, "TF_PLUGIN_MIRROR")


def test_a_named_mirror_without_the_provider_is_an_error(tmp_path: Path, home: dict[str, str]) -> None:
    mirror = unpacked(tmp_path / "mine", "4.67.0")
    with pytest.raises(TerraformError) as refused:
        find_mirror({**home, "TF_PLUGIN_MIRROR": str(mirror)}, prefixes=[])
    assert str(refused.value) == (
        f"TF_PLUGIN_MIRROR is {mirror}, which holds no hashicorp/aws provider of a version from 5.100.0 to below 7.0.0 "
        f"for {TARGET}. {GET_PROVIDER}"
    )


def test_the_implied_directories_come_before_the_system_ones(tmp_path: Path, home: dict[str, str]) -> None:
    implied = unpacked(Path(home["HOME"]) / ".terraform.d" / "plugins")
    unpacked(tmp_path / "opt" / "any-name", "6.25.0")
    found = find_mirror(home, prefixes=[str(tmp_path / "opt")])
    assert found is not None
    assert (found.path, found.versions, found.origin) == (implied, ("5.100.0",), "implied")


@pytest.mark.parametrize("below", ["", "any-name", "any/depth"])
def test_a_system_directory_is_found_by_what_it_holds(
    tmp_path: Path, home: dict[str, str], below: str
) -> None:
    mirror = unpacked(tmp_path / "opt" / below)
    found = find_mirror(home, prefixes=[str(tmp_path / "opt")])
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
    assert find_mirror(home, prefixes=[str(tmp_path / "opt")]) is None
