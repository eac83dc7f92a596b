"""Text and expressions: every string in Terraform's configuration is a template.

Terraform fills in `${...}` and runs `%{...}`. A reference is a token of cdktf or the address of an attribute, such as
`${aws_sqs_queue.jobs.arn}`, and anything else in braces is text of another language: IAM's `${aws:username}`, a shell's `${HOME}`.
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
    # An address starts with a word of Terraform, or with the type of a resource, which has an underscore.
    r"|(count|data|each|local|module|path|self|terraform|var)\.\w"
    r"|[a-z][a-z0-9]*_[a-z0-9_]*\.[A-Za-z_]"
    # A call of a function of Terraform, such as one(...).
    r"|[a-z][a-z0-9_]*\()"
)


def is_list_reference(values: object) -> bool:
    """Return whether a list is one reference to a list, as cdktf writes it: a list of one token."""
    return (
        isinstance(values, list | tuple)
        and len(values) == 1
        and isinstance(values[0], str)
        and values[0].startswith("#{TfToken[")
    )


def joined(reference: str) -> str:
    """Return a reference as it stands in a list of texts in JSON: one to a list becomes its items with quotes between them."""
    if not is_list_reference([reference]):
        return reference
    from cdktf import Fn

    return Fn.join(Fn.raw_string('","'), [reference])


def is_number_reference(value: object) -> bool:
    """Return whether a number is a reference, as cdktf writes it: far below any number of AWS."""
    return isinstance(value, float) and value < _LOWEST_NUMBER


def has_reference(text: str) -> bool:
    """Return whether Terraform fills in some part of a text later."""
    return _COLLECTION.search(text) is not None or any(
        _is_reference(text, start) for start, _ in _templates(text)
    )


def without_references(text: str) -> str:
    """Return the parts of a text that are known at synth."""
    parts: list[str] = []
    done = 0
    for start, end in _templates(text):
        if start >= done and _is_reference(text, start):
            parts.append(text[done:start])
            done = end
    return "".join((*parts, text[done:]))


def accidental(text: str) -> str | None:
    """Return the first part of a text that Terraform would fill in or run and that is not a reference, if there is one."""
    done = 0
    for start, end in _templates(text):
        if start < done:
            continue
        if not _is_reference(text, start):
            return text[start:end]
        done = end
    return None


def escaped(text: str) -> str:
    """Return a text so that Terraform fills in its references, and nothing else."""
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
    """Return a text so that Terraform reads it as it stands, and fills in nothing."""
    return text.replace("${", "$${").replace("%{", "%%{")


def plain(template: str) -> str:
    """Return the text that Terraform makes of a template without references."""
    return template.replace("$${", "${").replace("%%{", "%{")


def _templates(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each part in braces that is not escaped."""
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
