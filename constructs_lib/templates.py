"""Terraform templates: every string in Terraform's configuration is one.

Terraform evaluates `${...}` and `%{...}`. A reference is a token of cdktf or the address of an attribute,
such as `${aws_sqs_queue.jobs.arn}`. Anything else in braces is text of another language: IAM's
`${aws:username}`, a shell's `${HOME}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_START: Final = re.compile(r"(\$+|%+)\{")
_COLLECTION: Final = re.compile(r"[#&]\{TfToken\[")
_LOWEST_NUMBER: Final = -1e280
_REFERENCE: Final = re.compile(
    r"\s*(TfToken\["
    # An address starts with a keyword of Terraform, or with the type of a resource, which has an underscore.
    r"|(count|data|each|local|module|path|self|terraform|var)\.\w"
    r"|[a-z][a-z0-9]*_[a-z0-9_]*\.[A-Za-z_]"
    # Call of a Terraform function, such as one(...).
    r"|[a-z][a-z0-9_]*\()"
)


def is_list_reference(values: object) -> bool:
    """Return whether a list is a reference to a list, which cdktf represents as a list of one token."""
    return (
        isinstance(values, list | tuple)
        and len(values) == 1
        and isinstance(values[0], str)
        and values[0].startswith("#{TfToken[")
    )


def joined(reference: str) -> str:
    """Return a reference for a JSON list of strings: a reference to a list becomes its quoted items."""
    if not is_list_reference([reference]):
        return reference
    from cdktf import Fn

    return Fn.join(Fn.raw_string('","'), [reference])


def is_number_reference(value: object) -> bool:
    """Return whether a number is a reference, which cdktf represents as a large negative number."""
    return isinstance(value, float) and value < _LOWEST_NUMBER


def has_reference(text: str) -> bool:
    """Return whether a string contains a Terraform expression."""
    return _COLLECTION.search(text) is not None or any(
        _is_reference(text, start) for start, _ in _templates(text)
    )


def without_references(text: str) -> str:
    """Return the parts of a string that are known at synth."""
    parts: list[str] = []
    done = 0
    for start, end in _templates(text):
        if start >= done and _is_reference(text, start):
            parts.append(text[done:start])
            done = end
    return "".join((*parts, text[done:]))


def accidental(text: str) -> str | None:
    """Return the first Terraform expression in a string that is not a reference, or None."""
    done = 0
    for start, end in _templates(text):
        if start < done:
            continue
        if not _is_reference(text, start):
            return text[start:end]
        done = end
    return None


def escaped(text: str) -> str:
    """Return a string whose references Terraform resolves, and in which all else is literal."""
    parts: list[str] = []
    done = 0
    for start, end in _templates(text):
        if start < done:
            continue
        if _is_reference(text, start):
            parts.append(text[done:end])
            done = end
        else:
            parts.append(f"{text[done:start]}{text[start]}")
            done = start
    return "".join((*parts, text[done:]))


def literal(text: str) -> str:
    """Return a string that Terraform reads literally."""
    return text.replace("${", "$${").replace("%{", "%%{")


def plain(template: str) -> str:
    """Return the string that Terraform reads from a template without references."""
    return template.replace("$${", "${").replace("%%{", "%{")


def _templates(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part in braces that is not escaped."""
    for found in _START.finditer(text):
        if len(found[1]) == 1:
            yield found.start(), _end(text, found.end())


def _end(text: str, start: int) -> int:
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


def _is_reference(text: str, start: int) -> bool:
    return text[start] == "$" and _REFERENCE.match(text, start + 2) is not None
