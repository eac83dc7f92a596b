"""Archive of a folder of `handlers/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lambda_archives import LambdaArchive

if TYPE_CHECKING:
    from constructs_lib.aws_stack import AwsStack


def service_archive(
    stack: AwsStack, name: str, *, generated: Mapping[str, bytes] | None = None
) -> LambdaArchive:
    """Build the archive of `handlers/<name>`, as its `package.toml` says, for the target of the stack.

    Args:
        stack: The stack.
        name: Name of the folder in `handlers/`.
        generated: Contents of more files, by their paths in the archive. Default: none.

    Raises:
        ArchiveError: The archive cannot be built.
    """
    return LambdaArchive.from_package(
        f"handlers/{name}/package.toml", target=stack.archive_target, generated=generated
    )
