"""Target of an archive: a Lambda runtime and processor, or the Python of this machine."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from dataclasses import dataclass
from typing import Literal, get_args

from lambda_archives.errors import ArchiveError

Architecture = Literal["arm64", "x86_64"]

# The minor version of the C library below each runtime: Amazon Linux 2 has glibc 2.26, Amazon Linux 2023 has 2.34.
GLIBC_MINOR = {"3.10": 26, "3.11": 26, "3.12": 34, "3.13": 34, "3.14": 34}

# The first manylinux tag that exists for both architectures, and its older name.
OLDEST_GLIBC_MINOR = 17
OLDEST_GLIBC_ALIAS = "manylinux2014"

MACHINE_ARCHITECTURES: dict[str, Architecture] = {
    "aarch64": "arm64",
    "amd64": "x86_64",
    "arm64": "arm64",
    "x86_64": "x86_64",
}
WHEEL_ARCHITECTURES: dict[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The Python version and processor that an archive's wheels must run on.

    Example:
        >>> Target(python_version="3.13", architecture="arm64").runtime
        'python3.13'

    Attributes:
        python_version: A Python version that Lambda runs, such as `"3.13"`.
        architecture: Lambda's name of the processor: `"arm64"` or `"x86_64"`.
        local: Whether wheels are for the running interpreter and its system. `this_machine` sets it. Default:
            False; wheels are for Lambda's Linux.

    Raises:
        ArchiveError: if Lambda has no such runtime or architecture.
    """

    python_version: str
    architecture: Architecture
    local: bool = False

    def __post_init__(self) -> None:
        if self.python_version not in GLIBC_MINOR:
            raise ArchiveError(
                f"Target: python_version {self.python_version!r} is not a Lambda runtime; "
                f"use one of {', '.join(GLIBC_MINOR)}"
            )
        if self.architecture not in get_args(Architecture):
            raise ArchiveError(
                f"Target: architecture {self.architecture!r} is not one of Lambda's; "
                f"use one of {', '.join(get_args(Architecture))}"
            )

    @classmethod
    def this_machine(cls) -> Target:
        """The interpreter and processor that run this code, so that the archive also runs here.

        Raises:
            ArchiveError: if this interpreter or processor has no counterpart in Lambda.
        """
        machine = platform.machine()
        architecture = MACHINE_ARCHITECTURES.get(machine.lower())
        if architecture is None:
            raise ArchiveError(
                f"Target.this_machine: Lambda has no processor like this machine's {machine!r}; "
                "name a target with Target(python_version=..., architecture=...)"
            )
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        if version not in GLIBC_MINOR or sys.implementation.name != "cpython":
            raise ArchiveError(
                f"Target.this_machine: {sys.implementation.name} {version} is not a Lambda runtime; "
                f"run this with CPython {', '.join(GLIBC_MINOR)}"
            )
        return cls(python_version=version, architecture=architecture, local=True)

    @property
    def runtime(self) -> str:
        """Lambda's name of the runtime, such as `python3.13`."""
        return f"python{self.python_version}"

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}" + (" (this machine)" if self.local else "")

    @property
    def slug(self) -> str:
        """A name for folders and files, such as `python3.13-arm64`."""
        return f"{self.runtime}-{self.architecture}" + ("-local" if self.local else "")

    @property
    def for_linux(self) -> bool:
        """Return whether the wheels are for Linux, as all are but those for a machine of another system."""
        return not self.local or sys.platform == "linux"

    @property
    def identity(self) -> tuple[str, ...]:
        """All that decides which wheels fit; part of an archive's cache key."""
        if not self.local:
            return (self.slug, *self.platform_tags)
        libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in _confstr_names() else None
        return (self.slug, sysconfig.get_platform(), str(sysconfig.get_config_var("SOABI")), libc or "")

    @property
    def platform_tags(self) -> tuple[str, ...]:
        """The platform tags of the wheels that the runtime can load, best first; none for this machine."""
        if self.local:
            return ()
        processor = WHEEL_ARCHITECTURES[self.architecture]
        newest = GLIBC_MINOR[self.python_version]
        tags = [f"manylinux_2_{minor}_{processor}" for minor in range(newest, OLDEST_GLIBC_MINOR - 1, -1)]
        tags.append(f"{OLDEST_GLIBC_ALIAS}_{processor}")
        if self.architecture == "x86_64":
            # Wheels older than aarch64's first tag; pip derives their other names from these two.
            tags += ["manylinux_2_12_x86_64", "manylinux_2_5_x86_64"]
        # Private wheels that were built on Lambda's system; package indexes reject them.
        tags.append(f"linux_{processor}")
        return tuple(tags)

    @property
    def pip_options(self) -> tuple[str, ...]:
        """The options that make pip choose this target's wheels; none where pip's own choice is right."""
        if self.local:
            return ()
        options = [option for tag in self.platform_tags for option in ("--platform", tag)]
        abi = "cp" + self.python_version.replace(".", "")
        return (*options, "--python-version", self.python_version, "--implementation", "cp", "--abi", abi)

    @property
    def marker_environment(self) -> dict[str, str]:
        """Values of environment markers in a requirements file. Empty if this machine's values apply."""
        if self.local:
            return {}
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python_version}.0",
            "os_name": "posix",
            "platform_machine": WHEEL_ARCHITECTURES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python_version}.0",
            "python_version": self.python_version,
            "sys_platform": "linux",
        }


def _confstr_names() -> dict[str, int]:
    return getattr(os, "confstr_names", {})
