"""Patterns of `exclude` and the paths that they match."""

from __future__ import annotations

import pytest

from lambda_archives.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("a.py", "a.py"),
        ("*.py", "a.py"),
        ("?.py", "a.py"),
        ("[ab].py", "b.py"),
        ("[!ab].py", "c.py"),
        ("[^].py", "^.py"),
        ("[.py", "[.py"),
        ("a+(b).py", "a+(b).py"),
        ("numpy/**", "numpy/a.py"),
        ("numpy/**", "numpy/core/a.py"),
        ("**/tests/**", "tests/a.py"),
        ("**/tests/**", "numpy/core/tests/data/a.py"),
        ("rapidocr/**/*.py", "rapidocr/a.py"),
        ("rapidocr/**/*.py", "rapidocr/b/c/a.py"),
        ("**", "a/b"),
        ("**/*.pyx", "a.pyx"),
    ],
)
def test_a_pattern_matches(pattern, path):
    assert compile_pattern(pattern).fullmatch(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.py", "a/b.py"),
        ("*.py", "a.pyc"),
        ("a.py", "axpy"),
        ("A.py", "a.py"),
        ("?.py", "/.py"),
        ("[!a].py", "/.py"),
        ("*/tests/**", "numpy/core/tests/a.py"),
        ("numpy/**", "numpy"),
        ("numpy/**", "numpy2/a.py"),
        ("rapidocr/**/*.py", "rapidocr/model.onnx"),
        ("**/tests/**", "latests/a.py"),
        ("a**", "a/b"),
    ],
)
def test_a_pattern_does_not_match(pattern, path):
    assert not compile_pattern(pattern).fullmatch(path)
