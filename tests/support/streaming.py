"""Archives of functions that stream, with the project's own runtime client."""

from __future__ import annotations

import io
import textwrap
import zipfile
from pathlib import Path

from handlers.common import streaming_runtime
from tests.support.synthesis import FakeArchive

_CLIENT = "handlers/common/streaming_runtime.py"

WRAPPER = {"AWS_LAMBDA_EXEC_WRAPPER": f"/var/task/{_CLIENT}"}
"""The environment variable that makes a function of such an archive stream."""

END = b"\0" * 8
"""What separates the prelude from the body."""


def with_client(archive: FakeArchive, *, mode: int = 0o755) -> FakeArchive:
    """The archive with the runtime client in it."""
    info = zipfile.ZipInfo(_CLIENT)
    info.external_attr = (0o100000 | mode) << 16
    with zipfile.ZipFile(archive.zip_path, "a") as content:
        content.writestr(info, Path(streaming_runtime.__file__).read_bytes())
    return archive


def streaming_archive(code: str, *, executable: bool = True) -> bytes:
    """A zip of `app.py` and the runtime client."""
    client = zipfile.ZipInfo(_CLIENT)
    client.external_attr = (0o100755 if executable else 0o100644) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("app.py", textwrap.dedent(code))
        target.writestr(client, Path(streaming_runtime.__file__).read_bytes())
    return buffer.getvalue()
