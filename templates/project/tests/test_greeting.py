"""The greeting service: what it answers, and the route by which it is deployed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from handlers.greeting.app import handle_text
from handlers.greeting.contract import GreetingRequest

PROJECT = Path(__file__).parents[1]


def test_the_service_answers() -> None:
    assert handle_text(GreetingRequest(text="Hello")).text == "Hello"


def test_the_service_has_a_route(tmp_path: Path) -> None:
    variables = {**os.environ, "CDKTF_OUTDIR": str(tmp_path), "ENVIRONMENT": "local"}
    subprocess.run([sys.executable, "main.py"], cwd=PROJECT, env=variables, check=True)
    (routes,) = tmp_path.glob("stacks/*/routes.md")
    assert "| POST | `/greeting` |" in routes.read_text(encoding="utf-8")
