"""CORS headers of responses. API Gateway answers preflights; the function adds the headers to its own responses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence


def allowed_origins() -> tuple[str, ...]:
    """The origins that CORS_ALLOWED_ORIGINS names, with commas in between; none without it."""
    return tuple(filter(None, os.environ.get("CORS_ALLOWED_ORIGINS", "").split(",")))


def cors_headers(sent: Sequence[str], allowed: Sequence[str]) -> Mapping[str, str]:
    """Return the headers for a request with this `Origin`.

    Args:
        sent: The values of the header; a browser sends one.
        allowed: The origins that may read the answer, exactly as browsers send them.
    """
    if not allowed:
        return {}
    # A cache must not give one page the answer that was meant for another.
    if len(sent) == 1 and sent[0] in allowed:
        return {"Access-Control-Allow-Origin": sent[0], "Vary": "Origin"}
    return {"Vary": "Origin"}
