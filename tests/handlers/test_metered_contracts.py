"""Every operation over HTTP says what it is metered by, and that has a price with both backends."""

from __future__ import annotations

import importlib

import pytest

from handlers.common.contract import Contract, Operation
from handlers.common.prices import Prices
from settings import settings_from
from tests.support.paths import PROJECT

MODULES = sorted(
    ".".join(file.relative_to(PROJECT).with_suffix("").parts)
    for file in [*PROJECT.glob("handlers/*/contract.py"), PROJECT / "workflows/contract.py"]
    if file.parent.name != "common"
)
OPERATIONS = [
    operation
    for module in MODULES
    for contract in vars(importlib.import_module(module)).values()
    if isinstance(contract, Contract)
    for operation in contract.operations
    if operation.path is not None
]

FREE = {"jobs.approval": "its job has been reserved, and the decision invokes no service"}
"""Operations that take a body and use nothing."""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_is_metered_and_has_a_price(operation: Operation) -> None:
    measure = operation.metered_by
    assert measure is not None
    assert operation.method == "GET" or measure.kind != "free" or operation.name in FREE, "it has no measure"
    for backend in ("aws", "local") if measure.kind == "units" else ():
        Prices.from_file().of_operation(operation.name, backend).require(*measure.largest())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_a_measure_reads_fields_of_the_request(operation: Operation) -> None:
    measure, model = operation.metered_by, operation.request_model
    assert measure is not None
    if measure.fields:
        assert model is not None
        assert set(measure.fields) <= set(model.model_fields)


def test_the_models_of_the_settings_have_prices() -> None:
    for route in settings_from({"ENVIRONMENT": "dev"}).model_routes:
        for target in route.targets:
            fields = target.as_dict()
            Prices.from_file().of_model(fields["backend"], fields["model"])
        units = route.guardrail.units() if route.guardrail else {}
        Prices.from_file().of_operation("guardrail", "aws").require(*units)
        assert bool(units) == (route.name == "guarded")
