"""Measures of operations in contracts: plain data, which the dispatcher's catalogue contains too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["free", "units", "model", "tasks", "called"]

CHARACTERS: Final = "thousand_characters"
TOKEN_UNITS: Final = ("input_token", "output_token")
READ, WRITTEN = TOKEN_UNITS


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredBy:
    """Measure of an operation.

    Attributes:
        kind: `units`: by units that have a price; `model`: by the tokens of the language models that answer; `tasks`: as a
            workflow, by the sum of its tasks; `called`: as the operation that it calls; `free`: as a request and nothing
            else.
        unit: What is counted, such as `image`; for the kind `units`.
        fields: Fields of the request whose text is measured. Default: none, each call is one unit.
        used: Field of the result with what was used, such as `usage.tokens`. Default: none, what the request measures is used.
        most: The most units of one call.
        nano_usd: Price of a unit in billionths of a US dollar, for an operation that is not in `prices.toml`. Default: none.
    """

    kind: Kind
    unit: str = ""
    fields: Sequence[str] = ()
    used: str = ""
    most: int = 0
    nano_usd: int | None = None

    def upper(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return the most that a call with this request can use, by unit. It never fails: wrong requests use nothing."""
        if self.kind != "units":
            return {}
        if not self.fields:
            return {self.unit: 1}
        texts = [text for name in self.fields for text in _texts(request.get(name))]
        if self.unit == CHARACTERS:
            return {self.unit: max(1, math.ceil(sum(map(len, texts)) / 1000))}
        # A token is at least one byte; models add one at each end of a text.
        return {self.unit: sum(len(text.encode("utf-8", "surrogatepass")) + 2 for text in texts)}

    def of_call(self, request: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, int]:
        """Return what a call used, by unit."""
        found: object = result if self.used else None
        for name in self.used.split(".") if self.used else ():
            found = found.get(name) if isinstance(found, Mapping) else None
        return {self.unit: found} if type(found) is int and found >= 0 else self.upper(request)

    def largest(self) -> dict[str, int]:
        """Return the most that any call can use, by unit."""
        return {self.unit: self.most} if self.kind == "units" else {}

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "unit": self.unit,
            "fields": list(self.fields),
            "used": self.used,
            "most": self.most,
            "nano_usd": self.nano_usd,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MeteredBy:
        """Return what `to_json` made plain data of."""
        return cls(**{**value, "fields": tuple(value["fields"])})


FREE: Final = MeteredBy(kind="free")
"""Counts against limits of requests; it costs nothing and has no row in the ledger."""

BY_MODEL: Final = MeteredBy(kind="model")
"""By the tokens of language models. The operation reserves before each model that it tries (`Metered.reserve`)."""

BY_TASKS: Final = MeteredBy(kind="tasks")
"""By the sum of the tasks of a workflow."""

BY_CALLED: Final = MeteredBy(kind="called")
"""As the operation that it calls for the caller. It reserves before the call (`Metered.reserve`)."""


def per_call(unit: str, *, nano_usd: int | None = None) -> MeteredBy:
    """Return the measure of an operation whose calls are one unit each.

    Args:
        unit: The unit, such as `image`.
        nano_usd: Its price, 0 or more, in billionths of a US dollar. Default: that of `prices.toml`.
    """
    return MeteredBy(kind="units", unit=unit, most=1, nano_usd=nano_usd)


def per_thousand_characters(*fields: str, most: int) -> MeteredBy:
    """Return the measure by the characters of a request, in thousands that are begun.

    Args:
        fields: Fields of the request with a text or a list of texts.
        most: The most thousands of one call.
    """
    return MeteredBy(kind="units", unit=CHARACTERS, fields=fields, most=most)


def per_input_token(*fields: str, used: str, most: int) -> MeteredBy:
    """Return the measure by the tokens that a model reads.

    Args:
        fields: Fields of the request with a text or a list of texts.
        used: Field of the result with the number of tokens.
        most: The most tokens of one call.
    """
    return MeteredBy(kind="units", unit=READ, fields=fields, used=used, most=most)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
