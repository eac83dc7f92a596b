"""Marked secrets to send, and where they turn up."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "qzcanary7q"
SENT = {
    "Authorization": f"Bearer {MARK}-authorization-token",
    "Cookie": f"session={MARK}-cookie",
    "x-api-key": f"{MARK}-api-key",
    "X-Amz-Security-Token": f"{MARK}-session-token",
    "X-Partner": f"{MARK}-partner",
    "Idempotency-Key": f"{MARK}-idempotency",
    "Referer": f"https://shop.example/?token={MARK}-referer",
    "Proxy-Authorization": f"Basic {MARK}",
}
PROMPT = f"Summarize {MARK}: the patient's name is {MARK}."
IMAGE = b"\x89PNG\r\n\x1a\n" + MARK.encode()


def marked(text: str) -> bool:
    """Return whether something of the secrets is in a text, also as base64."""
    encoded = base64.b64encode(IMAGE).decode()[12:]
    return MARK in text or encoded in text


def log_lines(client: Any) -> Iterator[str]:
    for group in client.describe_log_groups()["logGroups"]:
        for event in client.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            yield event["message"]


def in_files(directory: Path) -> dict[str, str]:
    """The log files that hold one of the secrets, and where."""
    found = {}
    for place, _, names in os.walk(directory):
        for name in names:
            text = (Path(place) / name).read_bytes().decode("utf-8", "replace")
            if marked(text):
                found[name] = next(line for line in text.splitlines() if marked(line))
    return found
