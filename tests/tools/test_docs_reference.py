"""Reference pages of the documentation."""

from __future__ import annotations

import constructs_lib
from tools.docs_reference import pages


def test_every_public_name_has_an_entry_and_is_in_the_index() -> None:
    written = pages()
    index = written.pop("reference/index.md")
    entries = [line for page in written.values() for line in page.splitlines() if line.startswith("::: ")]
    assert sorted(entry.rpartition(".")[2] for entry in entries) == sorted(constructs_lib.__all__)
    assert all(f"`{name}`" in index for name in constructs_lib.__all__)
