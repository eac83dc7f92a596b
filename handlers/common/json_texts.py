"""Keys and values of a JSON document as texts, which can be replaced without a change of the rest of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|-?[0-9][0-9.eE+-]*+', re.DOTALL)


class UnreadableText(ValueError):
    """The text is not JSON, and its escapes could hide anything."""


class JsonTexts:
    """Texts of a JSON document.

    A string is what it stands for, however it is escaped. A number is its digits; if they are replaced, it becomes a string. A text
    that is not JSON, such as a document that was cut short, is one text, as it stands.

    Args:
        document: The document.

    Raises:
        UnreadableText: It is not JSON and has escapes.
    """

    def __init__(self, document: str) -> None:
        self._document = document
        try:
            json.loads(document)
        except (ValueError, RecursionError):
            if "\\" in document:
                raise UnreadableText from None
            self._tokens = []
            self.values = [document]
        else:
            self._tokens = list(_TOKEN.finditer(document))
            self.values = [
                json.loads(token[0]) if token[0].startswith('"') else token[0] for token in self._tokens
            ]

    def written(self, values: Sequence[str]) -> str:
        """Return the document with other texts, one for each of `values`."""
        return "".join(self._parts(values)) if self._tokens else "".join(values) or self._document

    def _parts(self, values: Sequence[str]) -> Iterator[str]:
        position = 0
        for token, before, after in zip(self._tokens, self.values, values, strict=True):
            yield self._document[position : token.start()]
            yield token[0] if after == before else json.dumps(after, ensure_ascii=False)
            position = token.end()
        yield self._document[position:]
