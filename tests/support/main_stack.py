"""`main.py`, synthesized once for each environment."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import PROJECT
from tools.golden import profile
from tools.project import synthesize

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
    """Run `main.py` with some of VARIABLES, once each; return the stack's directory."""

    @cache
    def run(environment: str) -> Path:
        variables = profile(environment.partition(",")[0]) | VARIABLES[environment]
        return synthesize(PROJECT, tmp_path_factory.mktemp("out") / "cdktf.out", variables)

    return run
