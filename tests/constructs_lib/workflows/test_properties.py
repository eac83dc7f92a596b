"""Random workflows: other readers of Amazon States Language accept the rendering."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from constructs_lib.workflows.data_flow import check_data_flow
from constructs_lib.workflows.duration import longest_seconds
from constructs_lib.workflows.hand_written import HandWritten
from constructs_lib.workflows.mermaid import mermaid
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.structure import all_states, check_structure
from tests.support.paths import PROJECT
from tests.support.workflow_steps import PLAIN_VALUES, workflows

SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
VALIDATE = """
const validate = require("asl-validator");
const definitions = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(definitions.map((one) => validate(one).errors)));
"""


def rendered(step: Step) -> dict[str, Any]:
    rendered = render("shop/flow", step)
    check_structure("shop/flow", rendered.asl, "EXPRESS")
    check_data_flow("shop/flow", rendered.asl, rendered.item_readers)
    return rendered.asl


@settings(SLOW, max_examples=8)  # its parser takes most of a second for each
@given(step=workflows(depth=1))
def test_the_interpreter_accepts_every_workflow(step: Step) -> None:
    # Its import takes a second, in every worker.
    from moto.stepfunctions.parser.asl.static_analyser.express_static_analyser import ExpressStaticAnalyser

    definition = json.dumps(rendered(step))
    ExpressStaticAnalyser().analyse(definition)


@SLOW
@given(step=workflows())
def test_every_workflow_survives_being_written_and_read(step: Step) -> None:
    asl = rendered(step)
    escaped = json.dumps(asl).replace("${", "$")  # references are not what this is about
    read = HandWritten.read(escaped, references={}, permissions=[]).rendered("w", timeout_seconds=None).asl
    assert read == json.loads(escaped)
    check_structure("w", read, "EXPRESS")
    assert render("shop/flow", step).asl == asl


@SLOW
@given(step=workflows())
def test_every_state_is_in_the_picture_and_every_duration_has_a_bound(step: Step) -> None:
    asl = rendered(step)
    picture = mermaid(asl)
    assert all(f"{name}<br/>" in picture for name, _ in all_states(asl))
    assert picture.count("subgraph") == len(re.findall(r"^\s*end$", picture, re.MULTILINE))
    assert 0 <= longest_seconds(asl, "EXPRESS") <= 300
    assert longest_seconds({**asl, "TimeoutSeconds": 7}, "STANDARD") <= 7 < math.inf


def test_the_independent_validator_accepts_them_too() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node")
    resolved = subprocess.run(
        [node, "-e", "require.resolve('asl-validator')"], cwd=PROJECT, capture_output=True
    )
    if resolved.returncode:
        pytest.skip("node_modules has no asl-validator: run `npm ci`")
    definitions: list[dict[str, Any]] = []

    @settings(SLOW, max_examples=6, database=None)  # a second for each
    @given(step=workflows(PLAIN_VALUES))
    def collect(step: Step) -> None:
        definitions.append(rendered(step))

    collect()
    answer = subprocess.run(
        [node, "-e", VALIDATE],
        input=json.dumps(definitions),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    messages = [error["Message"] for errors in json.loads(answer.stdout) for error in errors]
    assert messages == []
