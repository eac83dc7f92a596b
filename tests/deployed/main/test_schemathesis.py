"""The deployed stack of `main.py` against its own OpenAPI document: nothing breaks it, and nothing answers otherwise.

schemathesis makes requests from the document, valid ones and spoilt ones, as a user and as a tenant. A valid request may
well be refused: a random text is not an image. But it is refused with a status, a type and a body that the document has.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.deployment import Deployed

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def operations(deployed: Deployed) -> list[tuple[Any, str]]:
    """Each operation of both APIs, with the URL of the stage."""
    stack = deployed.workspace.project / "cdktf.out" / "stacks" / "ai-orchestrator"
    urls = {"api": deployed.invoke_url, "v1": deployed.openai_base_url.removesuffix("/v1")}
    places = {place.name.partition(".")[0]: place for place in stack.glob("*openapi.json")}
    assert places.keys() == urls.keys()
    schemas = {
        name: schemathesis.openapi.from_dict(json.loads(place.read_text(encoding="utf-8")))
        for name, place in places.items()
    }
    return [
        (result.ok(), urls[name])
        for name, schema in schemas.items()
        for result in schema.get_all_operations()
    ]


def attack(
    operation: Any, url: str, headers: dict[str, str], mode: schemathesis.GenerationMode, examples: int
) -> set[int]:
    """Send some requests for an operation; return the statuses of the answers."""
    statuses: set[int] = set()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        answer = case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=60)
        statuses.add(answer.status_code)

    send()
    return statuses


@pytest.mark.parametrize("examples", [2, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("caller", "mode"),
    [("tenant", schemathesis.GenerationMode.POSITIVE), ("user", schemathesis.GenerationMode.NEGATIVE)],
)
def test_nothing_breaks_the_stack_and_every_answer_is_documented(
    deployed: Deployed,
    operations: list[tuple[Any, str]],
    caller: str,
    mode: schemathesis.GenerationMode,
    examples: int,
) -> None:
    headers = deployed.callers.headers(caller, "GET", deployed.invoke_url, None)  # type: ignore[arg-type]
    statuses = set()
    for operation, url in operations:
        statuses |= attack(operation, url, headers, mode, examples)
    assert statuses & {200, 202, 400, 404, 422}, "nothing got past the authorizers"
