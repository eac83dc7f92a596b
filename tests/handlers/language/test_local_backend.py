"""Local language backend without its models, which are tested in their archive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.language.local_backend import sentences, without_long_runs


@given(st.text(st.sampled_from("a(. \n😀"), max_size=400))
def test_blanking_keeps_every_offset(text: str) -> None:
    blanked = without_long_runs(text)
    assert len(blanked) == len(text)
    assert all(now in (before, " ") for now, before in zip(blanked, text, strict=True))
    assert all(len(word) <= 100 for word in blanked.split())


def test_only_runs_that_are_no_words_are_blanked() -> None:
    assert (
        without_long_runs("see " + "(" * 101 + " and " + "a" * 100)
        == "see " + " " * 101 + " and " + "a" * 100
    )


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("A line\nand another\n\nend", ["A line", "and another", "end"]),
        ("3.5 stars", ["3.5 stars"]),
        ("a" * 301, ["a" * 300, "a"]),
    ],
)
def test_a_text_is_cut_into_sentences(text: str, pieces: list[str]) -> None:
    assert sentences(text) == pieces


@given(st.text(min_size=1, max_size=1000).filter(str.strip))
def test_a_text_with_something_in_it_has_a_sentence(text: str) -> None:
    pieces = sentences(text)
    assert pieces
    assert max(map(len, pieces)) <= 300
