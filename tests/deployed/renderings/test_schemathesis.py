"""A deployed API against its own OpenAPI document: what the document allows works, and nothing answers otherwise.

schemathesis makes requests from the document, valid ones and spoilt ones, and judges the answers by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.small_api import STACK, Deployed

EXAMPLES = 20
CREDENTIALS = {"Authorization": "Bearer letmein", "X-Partner": "partner-1"}
CONFORMING = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SHUT = {"/signed", "/keyed"}
"""Nothing gets through here with these credentials, which is an answer that the document knows."""


@dataclass(frozen=True, slots=True)
class Called:
    url: str
    operations: dict[str, Any]


@pytest.fixture(scope="module")
def api(small: Deployed) -> Called:
    place = small.directory / "cdktf.out" / "stacks" / STACK / "openapi.openapi.json"
    schema = schemathesis.openapi.from_dict(json.loads(place.read_text(encoding="utf-8")))
    operations = (result.ok() for result in schema.get_all_operations())
    return Called(small.invoke_url("openapi"), {one.label: one for one in operations})


def as_draft_4(value: Any) -> Any:
    """A body in which whole numbers are integers: 5.0 is one in OpenAPI 3.1, and not in draft-04, by which API Gateway checks."""
    if isinstance(value, dict):
        return {name: as_draft_4(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_draft_4(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def attack(api: Called, label: str, mode: schemathesis.GenerationMode, checks: list[Any]) -> set[int]:
    """Send some requests for an operation; return the statuses of the answers."""
    statuses = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api.operations[label].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.body = as_draft_4(case.body)
        answer = case.call_and_validate(base_url=api.url, headers=CREDENTIALS, checks=checks)
        statuses.add(answer.status_code)

    send()
    return statuses


def test_what_the_document_allows_works(api: Called) -> None:
    assert {"POST /orders", "GET /orders/{id}", "GET /private", "PUT /files/{path}"} <= set(api.operations)
    for label in api.operations:
        shut = label.split()[1] in SHUT
        checks = [*CONFORMING, *([] if shut else [positive_data_acceptance])]
        statuses = attack(api, label, schemathesis.GenerationMode.POSITIVE, checks)
        assert statuses == ({403} if shut else {200}), label


def test_what_the_document_forbids_is_refused(api: Called) -> None:
    checks = [*CONFORMING, negative_data_rejection]
    for label in ("POST /orders", "GET /search"):
        assert 400 in attack(api, label, schemathesis.GenerationMode.NEGATIVE, checks), label
