"""Prices of what the meter counts, from `prices.toml`: whole nano-dollars, with the date and the source of each."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from handlers.common.caller import Unit
from handlers.common.metering import TOKEN_UNITS, MeteredBy

FILE: Final = Path(__file__).with_name("prices.toml")
IMAGE_TOKENS: Final = 4_096
"""The most tokens of one image, for a model whose entry does not say."""

_ABOUT: Final = ("date", "source")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class NoPrice(LookupError):
    """An item has no price, so it cannot be used."""


@dataclass(frozen=True, slots=True)
class Price:
    """Price of an operation or a model.

    Attributes:
        name: Its name in `prices.toml`.
        nano_usd: Billionths of a US dollar by unit, such as `{"image": 1000000}`.
        date: Day on which the source said so.
        source: Where the price is from.
        image_tokens: The most tokens of one image in a conversation. Default: 4096.
    """

    name: str
    nano_usd: Mapping[str, int]
    date: dt.date
    source: str
    image_tokens: int = IMAGE_TOKENS

    def amounts(self, quantities: Mapping[str, int]) -> dict[Unit, int]:
        """Return the money and tokens of quantities by unit.

        Raises:
            NoPrice: A unit has no price.
        """
        money = sum(count * self._of(unit) for unit, count in quantities.items())
        tokens = sum(quantities.get(unit, 0) for unit in TOKEN_UNITS)
        return {"nano_usd": money, "tokens": tokens}

    def require(self, *units: str) -> None:
        """Check that units have a price.

        Raises:
            NoPrice: One has none.
        """
        for unit in units:
            self._of(unit)

    def _of(self, unit: str) -> int:
        if unit not in self.nano_usd:
            raise NoPrice(
                f"prices.toml: '{self.name}' has no price for the unit '{unit}'; add '{unit} = NANO_USD'"
            )
        return self.nano_usd[unit]


class Prices:
    """All prices.

    Args:
        prices: The prices by name.
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    @classmethod
    def from_file(cls, file: Path = FILE) -> Prices:
        """Return the prices of a file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not TOML, or an entry is not valid; the message names the entry.
        """
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
        return cls({name: _price(file.name, name, entry) for name, entry in entries.items()})

    def __iter__(self) -> Iterator[Price]:
        return iter(self._prices.values())

    def of_measure(self, operation: str, measure: MeteredBy, backend: str) -> Price:
        """Return the price of an operation: that of its measure, or the one in the file.

        Raises:
            NoPrice: It has none.
        """
        if measure.nano_usd is None:
            return self.of_operation(operation, backend)
        return Price(operation, {measure.unit: measure.nano_usd}, dt.date.min, "the operation's contract")

    def of_operation(self, operation: str, backend: str) -> Price:
        """Return the price of an operation with a backend.

        Args:
            operation: Name of the operation, such as `vision.text`.
            backend: `local` or `aws`.

        Raises:
            NoPrice: It has none.
        """
        return self._named(f"{operation}@{backend}")

    def of_model(self, backend: str, model: str, base_url: str | None = None) -> Price:
        """Return the price of a language model.

        Args:
            backend: `bedrock`, `openai` or `offline`.
            model: The backend's name of the model.
            base_url: Address of the model; models on this machine have one nominal price. Default: none.

        Raises:
            NoPrice: It has none.
        """
        here = base_url is not None and urlsplit(base_url).hostname in _LOOPBACK
        price = self._named("openai@loopback" if here else f"{backend}:{model}")
        price.require(*TOKEN_UNITS)
        return price

    def _named(self, name: str) -> Price:
        if name not in self._prices:
            raise NoPrice(
                f"prices.toml: '{name}' has no price; add an entry with its units, the date and the source"
            )
        return self._prices[name]


def _price(file: str, name: str, entry: object) -> Price:
    fields: dict[str, Any] = dict(entry) if isinstance(entry, dict) else {}
    date, source = (fields.pop(field, None) for field in _ABOUT)
    where = f"{file}: '{name}'"
    if type(date) is not dt.date:
        raise ValueError(f"{where} has no date; write date = 2026-11-30")
    if not isinstance(source, str) or not source:
        raise ValueError(f"{where} has no source; write where the price is from")
    image_tokens = fields.pop("image_tokens", IMAGE_TOKENS)
    if type(image_tokens) is not int or image_tokens < 0:
        raise ValueError(f"{where}: image_tokens is {image_tokens!r}; use a whole number, 0 or more")
    for unit, price in fields.items():
        if type(price) is not int or price < 0:
            raise ValueError(
                f"{where}: the price of '{unit}' is {price!r}; use a whole number of nano-dollars, 0 or more"
            )
    return Price(name, fields, date, source, image_tokens)
