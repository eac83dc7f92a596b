"""Checker of the project's language in `tools/prose.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.prose import complaints

PYTHON = Path("module.py")


def found(source: str, path: Path = PYTHON) -> list[str]:
    return list(complaints(path, source))


def test_docstring_starts_with_a_noun_or_an_imperative() -> None:
    assert found('"""What the queue holds."""') == ["module.py:1: 'What': start with a noun or an imperative"]
    assert found('"""Queue with a dead-letter queue."""') == []


def test_docstring_of_a_module_or_class_names_the_thing() -> None:
    assert found('"""Keeps archives."""') == ["module.py:1: 'Keeps': start with a noun: name the thing"]
    assert found('"""Cache of archives."""') == []


def test_docstring_of_a_function_is_in_the_imperative() -> None:
    assert found('def f():\n    """Returns a name."""') == [
        "module.py:2: 'Returns': start with an imperative: Return, Create"
    ]
    assert found('class Runner:\n    """Runs programs."""') == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nobody calls it", "nobody"),
        ("Default is set.\nLeft out, 512.", "Left out,"),
        ("origins is no list", "is no list"),
        ("the caller is told", "is told"),
        ("A key of one's own", "of one's own"),
    ],
)
def test_phrases_are_rejected_in_comments_messages_and_docstrings(text: str, word: str) -> None:
    comment = "\n".join(f"# {line}" for line in text.splitlines())
    assert [word in complaint for complaint in found(comment)] == [True]
    assert [word in complaint for complaint in found(f"raise ValueError({text!r})")] == [True]
    assert [word in complaint for complaint in found(f'x = 1\n"""A text.\n\n{text}"""')] == [True]


@pytest.mark.parametrize("text", ["there is no list", "it is no longer open", "The object has no name."])
def test_plain_negations_pass(text: str) -> None:
    assert found(f"# {text}") == []


def test_line_is_that_of_the_phrase() -> None:
    assert found('x = 1\n\n\ndef f():\n    """Return.\n\n    Left out, 3.\n    """')[0].startswith(
        "module.py:7: "
    )


def test_local_names_are_nouns() -> None:
    assert found("def f(told):\n    made = told.said\n    return made") == [
        "module.py:1: 'told': name it with a noun of the field: resource, record, result, request",
        "module.py:2: 'made': name it with a noun of the field: resource, record, result, request",
    ]


def test_code_in_docs_is_not_prose() -> None:
    page = "# Queues\n\n`nobody` may.\n\n```python\n# nobody\n```\n"
    assert found(page, Path("page.md")) == []
    assert found("## What is refused\n", Path("page.md")) == ["page.md:1: 'What': name the thing"]


def test_file_of_another_kind_is_read_by_line() -> None:
    assert found("a:\n\techo 'nobody'\n", Path("Makefile")) == [
        "Makefile:2: 'nobody': name the actor: caller, operator, API Gateway, Terraform"
    ]
