"""Contracts: what they accept, and what they say of their operations."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from handlers.common.contract import Contract
from tests.support.paths import PROJECT
from tests.support.probe import PictureRequest, PictureResponse, ProbeRequest, ProbeResponse, contract

SERVICES = sorted(
    file.parent.name for file in (PROJECT / "handlers").glob("*/contract.py") if file.parent.name != "common"
)


def test_each_operation_is_described_with_its_limits_and_schemas() -> None:
    text, picture, state, busy = (operation.describe() for operation in contract)
    assert [one["name"] for one in (text, picture, state, busy)] == [
        "probe",
        "probe.picture",
        "probe.state",
        "probe.busy",
    ]
    assert (text["service"], text["method"], text["path"]) == ("probe", "POST", "/probe")
    assert (text["description"], text["max_body_bytes"]) == ("Measure a text.", 10_000)
    assert text["input"]["properties"]["text"]["pattern"] == r"\S"
    assert text["output"]["required"] == ["size", "request_id"]
    assert picture["content_types"] == ["application/json", "image/png", "image/jpeg"]
    assert picture["input"]["properties"]["picture"] == {
        "type": "string",
        "minLength": 1,
        "contentEncoding": "base64",
        "title": "Picture",
    }
    assert state["input"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert (state["content_types"], state["output"]) == ([], {"type": "object"})


def test_an_operation_takes_what_it_does_not_set_from_its_contract() -> None:
    pictures = Contract("pictures", raw_bodies={"image/png": "picture"}, max_body_bytes=1_000_000)
    first = pictures.post("/pictures", PictureRequest, PictureResponse, summary="Measure.")
    second = pictures.post(
        "/pictures/json",
        PictureRequest,
        PictureResponse,
        name="pictures.json",
        summary="Measure.",
        raw_bodies={},
        max_body_bytes=10,
        status=201,
    )
    assert (first.name, first.raw_bodies, first.max_body_bytes, first.status) == (
        "pictures",
        {"image/png": "picture"},
        1_000_000,
        200,
    )
    assert (second.media_types, second.max_body_bytes, second.status) == (("application/json",), 10, 201)


def test_wrong_contracts_are_rejected() -> None:
    with pytest.raises(
        ValueError, match=r"^contract 'Probe': the name is not valid; use lower case letters, digits and '-'$"
    ):
        Contract("Probe")
    with pytest.raises(
        ValueError,
        match=r"^contract probe: max_body_bytes is 4500001; use 1-4500000, which a Lambda event can carry$",
    ):
        Contract("probe", max_body_bytes=4_500_001)
    contract = Contract("probe")
    contract.post("/probe", ProbeRequest, ProbeResponse, summary="Measure.")
    for name, path, summary, message in (
        ("Probe", "/new", "New.", "operation Probe: the name is not valid; write it as 'service.operation'"),
        (
            "probe",
            "/new",
            "New.",
            "operation probe: the name exists already; give each operation its own name",
        ),
        (
            "probe.new",
            "new",
            "New.",
            "operation probe.new: path 'new' is not valid; write it as '/service/operation'",
        ),
        ("probe.new", "/probe", "New.", "operation probe.new: POST /probe exists already; use another path"),
        (
            "probe.new",
            "/new",
            "",
            "operation probe.new: the summary is empty; write one sentence on what it does",
        ),
    ):
        with pytest.raises(ValueError) as refused:
            contract.post(path, ProbeRequest, ProbeResponse, name=name, summary=summary)
        assert str(refused.value) == message
    with pytest.raises(ValueError) as refused:
        contract.post(
            "/new",
            PictureRequest,
            PictureResponse,
            name="probe.new",
            summary="New.",
            raw_bodies={"image/png": "image"},
        )
    assert str(refused.value) == (
        "operation probe.new: raw_bodies['image/png'] is 'image', which is not a field of the request; use one of "
        "picture, most, deep"
    )
    with pytest.raises(ValidationError):
        contract.post(
            "/new", ProbeRequest, ProbeResponse, name="probe.new", summary="New.", request_example={"text": 5}
        )
    assert [operation.name for operation in contract] == ["probe"]


def test_reading_contracts_loads_pydantic_and_nothing_heavier() -> None:
    heavy = ("aws_lambda_powertools", "boto3", "botocore", "numpy", "onnxruntime", "PIL", "spacy", "fasttext")
    contracts = ", ".join(f"handlers.{service}.contract" for service in SERVICES)
    program = f"import sys, {contracts}; print(*sorted(set(sys.modules) & set({heavy!r})))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
