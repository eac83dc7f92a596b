"""Prices, and the measures that they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.common.metering import MeteredBy, per_call, per_input_token, per_thousand_characters
from handlers.common.prices import NoPrice, Prices

ABOUT = '\ndate = 2026-11-30\nsource = "nominal"\n'


def prices_of(tmp_path: Path, text: str) -> Prices:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    return Prices.from_file(file)


def test_every_price_has_a_date_and_a_source() -> None:
    assert all(price.source and price.date.year >= 2026 for price in Prices.from_file())


def test_money_is_counted_in_whole_nano_dollars() -> None:
    price = Prices.from_file().of_model("bedrock", "amazon.nova-lite-v1:0")
    assert price.amounts({"input_token": 1_000, "output_token": 10}) == {"nano_usd": 62_400, "tokens": 1_010}


def test_any_model_on_this_machine_has_a_price() -> None:
    prices = Prices.from_file()
    assert prices.of_model("openai", "qwen3", "http://127.0.0.1:11434/v1").name == "openai@loopback"
    with pytest.raises(NoPrice) as error:
        prices.of_model("openai", "qwen3", "https://models.example/v1")
    assert str(error.value) == (
        "prices.toml: 'openai:qwen3' has no price; add an entry with its units, the date and the source"
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('["a@aws"]\nimage = 1', "prices.toml: 'a@aws' has no date; write date = 2026-11-30"),
        (
            '["a@aws"]\nimage = 1\ndate = 2026-11-30',
            "prices.toml: 'a@aws' has no source; write where the price is from",
        ),
        (
            '["a@aws"]\nimage = 0.5' + ABOUT,
            "prices.toml: 'a@aws': the price of 'image' is 0.5; use a whole number of nano-dollars, 0 or more",
        ),
    ],
)
def test_wrong_entries(entry: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"prices\.toml") as error:
        prices_of(tmp_path, entry)
    assert str(error.value) == message


def test_a_unit_without_a_price(tmp_path: Path) -> None:
    price = prices_of(tmp_path, '["a@aws"]\nimage = 3' + ABOUT).of_operation("a", "aws")
    assert price.amounts({"image": 2}) == {"nano_usd": 6, "tokens": 0}
    with pytest.raises(NoPrice) as error:
        price.amounts({"page": 1})
    assert str(error.value) == "prices.toml: 'a@aws' has no price for the unit 'page'; add 'page = NANO_USD'"


@pytest.mark.parametrize(
    ("metered_by", "request_", "quantities"),
    [
        (per_call("image"), {"image": "…"}, {"image": 1}),
        (per_thousand_characters("text", most=5), {"text": "a" * 1_001}, {"thousand_characters": 2}),
        (per_thousand_characters("text", most=5), {"text": 7}, {"thousand_characters": 1}),
        (per_input_token("inputs", used="tokens", most=9), {"inputs": ["é", "ab"]}, {"input_token": 8}),
    ],
)
def test_measures(metered_by: MeteredBy, request_: dict[str, object], quantities: dict[str, int]) -> None:
    assert metered_by.upper(request_) == quantities
    assert MeteredBy.from_json(metered_by.to_json()) == metered_by


def test_what_the_result_says_is_used() -> None:
    metered_by = per_input_token("inputs", used="tokens", most=9)
    assert metered_by.of_call({"inputs": ["abcdef"]}, {"tokens": 3}) == {"input_token": 3}
    assert metered_by.of_call({"inputs": ["a"]}, {"tokens": None}) == {"input_token": 3}
