"""Archives of functions that stream, with the project's own runtime client."""

from __future__ import annotations

import io
import textwrap
import zipfile
from pathlib import Path

from handlers.common import streaming_runtime

WRAPPER = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/handlers/common/streaming_runtime.py"}
"""The environment variable that makes a function of such an archive stream."""

END = b"\0" * 8
"""What separates the prelude from the body."""


def streaming_archive(code: str, *, executable: bool = True) -> bytes:
    """A zip of `app.py` and the runtime client."""
    client = zipfile.ZipInfo("handlers/common/streaming_runtime.py")
    client.external_attr = (0o100755 if executable else 0o100644) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("app.py", textwrap.dedent(code))
        target.writestr(client, Path(streaming_runtime.__file__).read_bytes())
    return buffer.getvalue()
