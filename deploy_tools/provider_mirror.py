"""AWS provider on this machine: a directory in one of the layouts of Terraform's filesystem mirrors.

Where there is none, Terraform downloads the provider itself.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy_tools.errors import TerraformError

PROVIDER = "hashicorp/aws"
IN_MIRROR = f"*.terraform.io/{PROVIDER}"
"""Where the provider lies below a mirror directory; the first part is the host of Terraform's registry."""
PROVIDER_VERSIONS = ((5, 100, 0), (7, 0, 0))
"""The AWS provider versions that the stack accepts: from the first, up to but not including the second."""

SYSTEM_PREFIXES = (
    "/opt",
    "/usr/local",
    "/usr/local/share",
    "/usr/local/lib",
    "/usr/share",
    "/usr/lib",
    "/var/lib",
    "/srv",
)

GET_PROVIDER = (
    "Either let Terraform reach its registry, or point TF_PLUGIN_MIRROR at a directory that "
    f"`terraform providers mirror DIR` wrote on a machine that can: it holds DIR/(registry host)/{PROVIDER}/…"
)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A directory with the AWS provider in one of the layouts of Terraform's filesystem mirrors."""

    path: Path
    versions: tuple[str, ...]
    origin: Literal["TF_PLUGIN_MIRROR", "implied", "system"]


def find_mirror(
    environment: Mapping[str, str] = os.environ, prefixes: Iterable[str] = SYSTEM_PREFIXES
) -> Mirror | None:
    """Return the first place that holds a usable AWS provider for this machine, or None where there is none.

    Looked at in this order: the directory that TF_PLUGIN_MIRROR names, Terraform's own implied mirror
    directories, and directories called anything one or two levels below the usual system prefixes.

    Raises:
        TerraformError: TF_PLUGIN_MIRROR is set but holds no such provider.
    """
    named = environment.get("TF_PLUGIN_MIRROR")
    if named:
        versions = _versions_in(Path(named))
        if not versions:
            lowest, below = (".".join(map(str, bound)) for bound in PROVIDER_VERSIONS)
            raise TerraformError(
                f"TF_PLUGIN_MIRROR is {named}, which holds no {PROVIDER} provider of a version from {lowest} to below {below} for "
                f"{_target()}. {GET_PROVIDER}"
            )
        return Mirror(Path(named).absolute(), versions, "TF_PLUGIN_MIRROR")
    for directory in _implied_directories(environment):
        if versions := _versions_in(directory):
            return Mirror(directory, versions, "implied")
    for directory in _below(prefixes):
        if versions := _versions_in(directory):
            return Mirror(directory, versions, "system")
    return None


def _implied_directories(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME") or Path.home())
    yield home / ".terraform.d" / "plugins"
    yield Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "terraform" / "plugins"
    if platform.system() == "Darwin":
        yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
    for shared in (environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        if shared:
            yield Path(shared) / "terraform" / "plugins"


def _below(prefixes: Iterable[str]) -> Iterator[Path]:
    for prefix in map(Path, prefixes):
        for depth in ("", "*/", "*/*/"):
            try:
                yield from sorted(found.parents[2] for found in prefix.glob(depth + IN_MIRROR))
            except OSError:
                continue


def _versions_in(mirror: Path) -> tuple[str, ...]:
    """The acceptable provider versions in a mirror, oldest first; its layout may be unpacked or packed."""
    found = set()
    for binary in mirror.glob(f"{IN_MIRROR}/*/{_target()}/terraform-provider-aws_v*"):
        found.add(binary.parent.parent.name)
    for archive in mirror.glob(f"{IN_MIRROR}/terraform-provider-aws_*_{_target()}.zip"):
        found.add(archive.name.split("_")[1])
    parsed = {
        version: tuple(map(int, version.split(".")))
        for version in found
        if re.fullmatch(r"\d+\.\d+\.\d+", version)
    }
    lowest, below = PROVIDER_VERSIONS
    return tuple(
        sorted((v for v, numbers in parsed.items() if lowest <= numbers < below), key=parsed.__getitem__)
    )


def _target() -> str:
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        machine, machine
    )
    return f"{platform.system().lower()}_{architecture}"


def write_cli_configuration(directory: Path, mirror: Mirror) -> Path:
    """Write a Terraform CLI configuration that takes the AWS provider from `mirror` and all others as usual."""
    directory.mkdir(parents=True, exist_ok=True)
    path = (directory / "terraform.tfrc").absolute()
    content = (
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {json.dumps(str(mirror.path))}\n"
        f'    include = ["{PROVIDER}"]\n'
        "  }\n"
        "  direct {\n"
        f'    exclude = ["{PROVIDER}"]\n'
        "  }\n"
        "}\n"
    )
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(path)
    return path
