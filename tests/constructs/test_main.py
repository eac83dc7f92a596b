"""`main.py`: what each environment deploys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from tools.deployment import synthesize
from tools.golden import GOLDEN, render

Synthesize = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Runs `main.py` with some variables; returns its `cdk.tf.json`."""

    def run(**variables: str) -> dict[str, Any]:
        outdir = tmp_path_factory.mktemp("out") / "cdktf.out"
        stack = synthesize(PROJECT, outdir, {"AWS_REGION": "us-east-1", **variables})
        written: dict[str, Any] = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
        return written

    return run


def test_prod_is_what_the_golden_file_says() -> None:
    assert render() == GOLDEN.read_text(encoding="utf-8"), "run `make golden` and read the difference"


def test_the_golden_file_holds_nothing_absolute_and_no_unresolved_token() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    assert "TfToken[" not in text
    assert str(PROJECT) not in text
    assert str(Path.home()) not in text
    written = json.loads(text)
    assert (
        written["terraform"]["backend"]["local"]["path"] == "../../../terraform.ai-orchestrator.prod.tfstate"
    )
    assert written["terraform"]["required_providers"] == {
        "aws": {"source": "hashicorp/aws", "version": ">= 5.100.0, < 7.0.0"}
    }


def test_prod_runs_on_arm64_and_python_3_13() -> None:
    functions = json.loads(GOLDEN.read_text(encoding="utf-8"))["resource"]["aws_lambda_function"].values()
    assert {(tuple(f["architectures"]), f["runtime"]) for f in functions} == {(("arm64",), "python3.13")}


def test_the_routes_are_the_ones_in_the_readme() -> None:
    written = json.loads(GOLDEN.read_text(encoding="utf-8"))["resource"]
    api = next(iter(written["aws_api_gateway_rest_api"].values()))
    assert api["name"] == "aiOrchestratorApi"
    routes = {
        permission["source_arn"].partition("/*/")[2]
        for permission in written["aws_lambda_permission"].values()
    }
    assert routes == {
        "*/ai-service",
        "GET/health",
        "POST/vision/text",
        "POST/vision/labels",
        "POST/language/analysis",
        "POST/embeddings",
        "POST/embeddings/similarity",
    }


def test_the_aws_backend_gets_the_permissions_that_it_needs(synthesized: Synthesize) -> None:
    written = synthesized(ENVIRONMENT="local", AI_BACKEND="aws")
    policies = written["resource"]["aws_iam_role_policy"]
    statements = [
        (statement["Action"], statement["Resource"])
        for name, policy in policies.items()
        if "_ai_" in name
        for statement in json.loads(policy["policy"])["Statement"]
    ]
    titan = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    detect = ["DetectDominantLanguage", "DetectEntities", "DetectKeyPhrases", "DetectSentiment"]
    assert sorted(statements) == [
        (["bedrock:InvokeModel"], [titan]),
        ([f"comprehend:{action}" for action in detect], ["*"]),
        (["rekognition:DetectLabels", "rekognition:DetectText"], ["*"]),
    ]
    functions = written["resource"]["aws_lambda_function"].values()
    assert {f["environment"]["variables"]["AI_BACKEND"] for f in functions} == {"aws"}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"ENVIRONMENT": "production"},
            "ENVIRONMENT is 'production': set it to local, dev or prod, or leave it out for local",
        ),
        ({"AI_BACKEND": "azure"}, "AI_BACKEND is 'azure': set it to local or aws, or leave it out for local"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(variables: dict[str, str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.strip()) == (1, message)
