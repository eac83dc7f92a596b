"""Media types, and those that are binary for an API.

`binaryMediaTypes` may end in a wildcard (`image/*`, `*/*`); a wildcard in front of a subtype (`*/png`) means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable


def is_binary(media_type: str, binary_media_types: Iterable[str]) -> bool:
    """Return whether a media type, which may carry parameters, is one of an API's binary ones."""
    essence = media_type.partition(";")[0].strip().lower()
    kind, slash, _ = essence.partition("/")
    if not slash:
        return any(entry == "*/*" for entry in binary_media_types)
    accepted = ("*/*", f"{kind}/*", *(() if kind == "*" else (essence,)))
    return any(entry in accepted for entry in map(str.lower, binary_media_types))


def first_accepted(accept: str | None) -> str | None:
    """Return the first media type of an `Accept` header, the only one that the gateway looks at."""
    if not accept:
        return None
    return accept.partition(",")[0].partition(";")[0].strip() or None
