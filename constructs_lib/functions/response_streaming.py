"""Environment of functions that stream: the archive's runtime client instead of AWS's."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping
from typing import Final

from constructs_lib.archive import Archive
from constructs_lib.errors import ConflictError, InvalidArgumentError

CLIENT: Final = "handlers/common/streaming_runtime.py"
"""Path of the runtime client in an archive."""

_VARIABLE: Final = "AWS_LAMBDA_EXEC_WRAPPER"


def streaming_environment(
    where: str, archive: Archive, environment: Mapping[str, str], *, snap_start: bool
) -> dict[str, str]:
    """Return the environment variables of a function that streams.

    Args:
        where: The path of the function.
        archive: Archive with the code.
        environment: Other environment variables.
        snap_start: Whether new instances start from a snapshot.

    Raises:
        ConstructError: The archive has no runtime client that can be executed, or another argument excludes
            streaming.
    """
    if _VARIABLE in environment:
        raise ConflictError(
            where,
            f"response_streaming sets the environment variable {_VARIABLE}, and environment has it too",
            "remove it from environment, or leave response_streaming out",
        )
    if snap_start:
        raise ConflictError(
            where,
            "the runtime client of streaming functions does not support snapshots",
            "leave snap_start out; pass provisioned_concurrency to keep instances started",
        )
    with zipfile.ZipFile(archive.zip_path) as content:
        try:
            mode = content.getinfo(CLIENT).external_attr >> 16
        except KeyError:
            raise InvalidArgumentError(
                where,
                f"archive '{archive.name}' has no {CLIENT}, which streams the response",
                "add 'handlers/common' to include in its package.toml",
            ) from None
    if not mode & stat.S_IXUSR:
        raise InvalidArgumentError(
            where,
            f"{CLIENT} in archive '{archive.name}' is not executable, and Lambda could not start it",
            f"run `chmod +x {CLIENT}`",
        )
    return {**environment, _VARIABLE: f"/var/task/{CLIENT}"}
