"""OpenAPI documents of deployed APIs, which the commands that deploy put into the local cloud's directory.

They have for the console what a deployment does not have: summaries and examples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

DOCUMENTS: Final = "documents"
"""Folder in the local cloud's directory. A document's `info.title` is the name of its API."""


def read_documents(directory: Path) -> dict[str, Mapping[str, Any]]:
    """Return the documents by the names of their APIs."""
    found = {}
    for file in sorted((directory / DOCUMENTS).glob("*.json")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            found[str(document["info"]["title"])] = document
        except (OSError, ValueError, LookupError, TypeError):  # half copied, or not a document
            continue
    return found
