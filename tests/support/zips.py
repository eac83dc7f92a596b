"""Zip files of functions."""

from __future__ import annotations

import io
import textwrap
import zipfile
from collections.abc import Mapping
from typing import Final


def archive(files: Mapping[str, str]) -> bytes:
    """A zip file of these text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, text in files.items():
            target.writestr(name, textwrap.dedent(text))
    return buffer.getvalue()


NO_CODE: Final = archive({"app.py": ""})
"""Archive of a function that does not run."""
