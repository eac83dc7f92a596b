"""`main.py`, synthesized once for each environment."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from settings import settings_from
from tools.golden import profile

AWS_MODELS = "local, with the models of AWS"
VARIABLES = {
    "local": {"AWS_ACCOUNT_ID": "210987654321"},
    AWS_MODELS: {"AI_BACKEND": "aws"},
    "dev": {"ALARM_EMAILS": "ops@shop.example, boss@shop.example"},
    "prod": {
        "AI_BACKEND": "aws",
        "ARCHIVE_BUCKET": "company-archives",
        "AWS_ACCOUNT_ID": "210987654321",
        "MONTHLY_BUDGET_USD": "250",
        "PAYLOAD_BUCKET": "company-payloads",
        "STATE_BUCKET": "company-states",
        "THREAT_PROTECTION": "on",
    },
}
"""What is set in each environment. The golden file is of a `prod` where nothing is set but the state's bucket."""

Directory = Callable[[str], Path]


@pytest.fixture(scope="session")
def main_stack(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """Synthesize `main.py` with some of VARIABLES, once each; return the stack's directory."""
    from cdktf import App

    from main import AiOrchestrator

    @cache
    def synthesize(environment: str) -> Path:
        app = App(outdir=str(tmp_path_factory.mktemp("out")))
        variables = profile(environment.partition(",")[0]) | VARIABLES[environment]
        stack = AiOrchestrator(app, settings_from(variables))
        app.synth()
        return Path(app.outdir, "stacks", stack.node.id)

    return synthesize
