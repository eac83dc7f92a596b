"""`make lint`: checks the language of docs, docstrings, comments, messages and local names; see `RULES`.

    tools/lock.py:14: 'nobody': name the actor: caller, operator, API Gateway, Terraform

CONTRIBUTING.md has the rules that only a reader can check.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tools.project import PROJECT

Kind = Literal["docstring", "function", "heading", "prose", "message", "name"]

SUFFIXES: Final = frozenset({".py", ".md", ".toml", ".in", ".js", ".html", ".css", ".yml", ".ts"})
FILES: Final = frozenset({"Makefile"})
EXCEPTIONS: Final = (
    "local_cloud/console/static/vendor/",  # code of others
    "tests/golden/",  # generated
    "tests/tools/test_prose.py",  # has an example of each fault
    "tools/prose.py",  # names the words
)
_FENCE = re.compile(r"^\s*(```|~~~)")
_CODE = re.compile(r"`[^`]*`|https?://\S+|<!--.*?-->")
_ACTORS = "name the actor: caller, operator, API Gateway, Terraform"
_HEADS = "What|Where|Whether|Who|Whose|Whom|How|Which|Why"
_THIRD_PERSON = "Adds|Brings|Closes|Deploys|Destroys|Embeds|Ends|Has|Is|Knows|Loads|Passes|Refuses|Remembers|Replaces|Says|Sees|Sorts|Stops|Tells|Updates|Waits|Allows|Asserts|Builds|Calls|Checks|Creates|Deletes|Gives|Invokes|Keeps|Makes|Prints|Puts|Raises|Reads|Removes|Returns|Runs|Sends|Sets|Starts|Takes|Writes|Yields"


DOCSTRINGS: Final[frozenset[Kind]] = frozenset({"docstring", "function"})
TEXTS: Final[frozenset[Kind]] = frozenset({"docstring", "function", "heading", "prose", "message"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Pattern that a text must not contain.

    Attributes:
        pattern: What is rejected.
        advice: What to write instead.
        kinds: Kinds of text that the rule is for. Default: all but names.
    """

    pattern: re.Pattern[str]
    advice: str
    kinds: frozenset[Kind] = TEXTS


@dataclass(frozen=True, slots=True)
class Piece:
    """Text, with the number of its first line. `function` is the docstring of a function."""

    line: int
    kind: Kind
    text: str


RULES: Final = (
    Rule(re.compile(r"\b(?:nobody|somebody|whoever|whomever|whatever)\b", re.IGNORECASE), _ACTORS),
    Rule(re.compile(r"\bLeft out,"), "write 'Default: X.'"),
    Rule(
        re.compile(
            r"(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|later\b)\w+", re.IGNORECASE
        ),
        "write 'is not a …' or 'has no …'",
    ),
    Rule(
        re.compile(r"\b(?:is|are|was|were|be|been|being) (?:told|asked|said)\b|\b(?:told|hears?|heard) of\b"),
        "use the field's verb: notify, pass, request, state, receive",
    ),
    Rule(re.compile(r"\b(?:of )?one's own\b|\bgo(?:es)? on (?:being|\w+ing)\b"), "say it in plain words"),
    Rule(re.compile(rf"\A(?:{_HEADS}|Its|Their)\b"), "start with a noun or an imperative", DOCSTRINGS),
    Rule(
        re.compile(rf"\A(?:{_THIRD_PERSON})\b"),
        "start with an imperative: Return, Create",
        frozenset({"function"}),
    ),
    Rule(
        re.compile(
            r"\A(?:Builds|Creates|Delivers|Evaluates|Finds|Gives|Keeps|Knows|Lets|Makes|Parses|Prints|Puts|Says|Takes|Tells|Yields)\b"
        ),
        "start with a noun: name the thing",
        frozenset({"docstring"}),
    ),
    Rule(
        re.compile(r"\A(?:Ask|Say|Tell)\b"),
        "use the field's verb: Return, Print, Notify",
        frozenset({"function"}),
    ),
    Rule(re.compile(r"\A(?:What|Where|Whether|Who|Whose)\b"), "name the thing", frozenset({"heading"})),
    Rule(
        re.compile(r"\A(?:made|known|told|said|kept|asked)\Z"),
        "name it with a noun of the field: resource, record, result, request",
        frozenset({"name"}),
    ),
)


def pieces(path: Path, source: str) -> Iterator[Piece]:
    """Yield the texts of a file that readers see."""
    if path.suffix == ".py":
        yield from _of_python(source)
    elif path.suffix == ".md":
        yield from _of_markdown(source)
    else:
        for number, line in enumerate(source.splitlines(), 1):
            yield Piece(number, "prose", line)


def _of_python(source: str) -> Iterator[Piece]:
    tree = ast.parse(source)
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if (text := ast.get_docstring(node, clean=False)) is not None:
                    docstrings.add(node.body[0].lineno)
                    kind: Kind = "docstring" if isinstance(node, ast.Module | ast.ClassDef) else "function"
                    yield Piece(node.body[0].lineno, kind, text)
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield Piece(node.lineno, "name", name)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node.lineno not in docstrings:
                yield Piece(node.lineno, "message", text)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Piece(token.start[0], "prose", token.string)


def _of_markdown(source: str) -> Iterator[Piece]:
    fenced = False
    for number, line in enumerate(source.splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            text = line.lstrip("#").strip()
            yield Piece(number, "heading" if line.startswith("#") else "prose", text)


def complaints(path: Path, source: str) -> Iterator[str]:
    """Yield a message for each place that breaks a rule."""
    for piece in pieces(path, source):
        text = (
            piece.text if piece.kind == "message" else _CODE.sub(lambda code: " " * len(code[0]), piece.text)
        )
        for rule in RULES:
            if piece.kind in rule.kinds:
                for found in rule.pattern.finditer(text):
                    line = piece.line + text.count("\n", 0, found.start())
                    yield f"{path}:{line}: '{' '.join(found[0].split())}': {rule.advice}"


def files() -> list[Path]:
    """Return the project's files that have text of its own, relative to its folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    paths = [Path(line) for line in listed if not line.startswith(EXCEPTIONS)]
    return [path for path in paths if path.suffix in SUFFIXES or path.name in FILES]


def main() -> None:
    """Print what breaks a rule; exit with 1 if anything does."""
    parser = argparse.ArgumentParser(prog="python -m tools.prose", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files and folders; default: the whole repository")
    paths = parser.parse_args().paths or ["."]
    chosen = [file for file in files() if any(file.is_relative_to(path) for path in paths)]
    found = [
        complaint
        for file in chosen
        if (PROJECT / file).exists()
        for complaint in complaints(file, (PROJECT / file).read_text(encoding="utf-8"))
    ]
    print("\n".join(found) if found else f"{len(chosen)} files: plain English")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
