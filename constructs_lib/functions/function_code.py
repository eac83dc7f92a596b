"""Upload of a function's archive: in the request that creates the function, or through a bucket."""

from __future__ import annotations

import ast
import sys
import zipfile
from dataclasses import dataclass
from typing import Final

from constructs import Construct

from constructs_lib.archive import MAX_DIRECT_UPLOAD_BYTES, Archive
from constructs_lib.aws_stack import AwsStack
from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.functions.archive_bucket import ArchiveBucket
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack

MAX_UNPACKED_BYTES: Final = 262_144_000
"""Lambda's quota for the unpacked code with its layers: 250 MB."""

_PROVIDER_OF_RUNTIME: Final = {"python3.14": (6, 21)}
"""Runtimes that provider 5.100 does not support, and the first version that does."""


_MODULE_SUFFIXES: Final = (".py", ".pyc", ".so")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePlace:
    """Location of a zip for Terraform.

    Attributes:
        filename: Path of the file relative to the stack's configuration. None if the zip is in a bucket.
        s3_bucket: Name of that bucket, or None.
        s3_key: Key of the zip in that bucket, or None.
    """

    filename: str | None = None
    s3_bucket: str | None = None
    s3_key: str | None = None


def check_code(where: str, scope: Construct, archive: Archive, code_bucket: ArchiveBucket | None) -> None:
    """Check that Lambda accepts and can run an archive.

    Args:
        where: Path of the new function.
        scope: Parent construct.
        archive: Archive with the code.
        code_bucket: Bucket for an archive that is too large for a request. None: the stack's.

    Raises:
        ConstructError: if the archive is too large, the bucket is in another stack, or the stack allows a
            provider that does not support the runtime.
    """
    if archive.unpacked_bytes > MAX_UNPACKED_BYTES:
        raise LimitExceededError(
            where,
            f"archive '{archive.name}' unpacks to {archive.unpacked_bytes:,} bytes and Lambda allows "
            f"{MAX_UNPACKED_BYTES:,}",
            "exclude packages that the function does not import, or split the function",
        )
    if code_bucket is not None:
        check_same_stack(where, scope, code_bucket)
    runtime = archive.target.runtime
    if runtime in _PROVIDER_OF_RUNTIME:
        AwsStack.of(scope).require_provider(where, f"runtime {runtime}", _PROVIDER_OF_RUNTIME[runtime])


def check_handler(where: str, archive: Archive, handler: str) -> None:
    """Check that the archive has the module of a handler, and that this Python reads it, if it is that of the runtime.

    Raises:
        InvalidArgumentError: if it does not.
    """
    base = handler.rpartition(".")[0].replace(".", "/")
    starts = (f"{base}.", f"{base}/__init__.")
    try:
        with zipfile.ZipFile(archive.zip_path) as content:
            names = [name for name in content.namelist() if name.startswith(starts)]
            sources = {name: content.read(name) for name in names if name.endswith(".py")}
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidArgumentError(
            where, f"archive '{archive.name}' cannot be read ({error})", "build it again"
        ) from None
    if not any(name.endswith(_MODULE_SUFFIXES) for name in names):
        raise InvalidArgumentError(
            where,
            f"handler '{handler}' is not in a module of archive '{archive.name}', which has no {base}.py",
            "correct it, or include the module in the archive",
        )
    if archive.target.runtime != f"python{sys.version_info.major}.{sys.version_info.minor}":
        return
    for name, source in sources.items():
        try:
            ast.parse(source, name)
        except SyntaxError as error:
            raise InvalidArgumentError(where, f"{name}:{error.lineno}: {error.msg}", "correct it") from None


def place_code(
    function: Construct, archive: Archive, code_bucket: ArchiveBucket | None, folder: str
) -> CodePlace:
    """Copy an archive beside the stack's configuration, or upload it to the bucket: if it is too large, or by the defaults.

    Args:
        function: Function of the archive.
        archive: Archive with the code.
        code_bucket: Bucket. Default: the stack's.
        folder: Prefix of its keys in the bucket.
    """
    stack = AwsStack.of(function)
    if archive.zip_bytes <= MAX_DIRECT_UPLOAD_BYTES and stack.defaults.direct_upload:
        return CodePlace(filename=stack.place_archive(archive))
    upload = (code_bucket or ArchiveBucket.of(function)).upload(
        function, "code", archive=archive, folder=folder
    )
    return CodePlace(s3_bucket=attribute(upload, "bucket"), s3_key=attribute(upload, "key"))
