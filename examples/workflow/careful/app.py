"""Summarizes short texts well, and fails on long ones."""

from __future__ import annotations

MOST_CHARACTERS = 200


class TextTooLong(Exception):
    """The text is longer than this service can read."""


def handler(event: dict[str, str], context: object) -> dict[str, str]:  # noqa: ARG001 - Lambda's signature
    """Return the sentence of a text that has the most different words."""
    text = event["text"]
    if len(text) > MOST_CHARACTERS:
        raise TextTooLong(f"{len(text)} characters; at most {MOST_CHARACTERS}")
    sentences = [sentence.strip() for sentence in text.split(".") if sentence.strip()]
    best = max(sentences, key=lambda sentence: len(set(sentence.lower().split())), default="")
    return {"summary": best, "service": "careful"}
