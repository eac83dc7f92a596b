"""Inputs and outputs by reference, against S3 as moto has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from handlers.common.aws_api import AwsApi
from handlers.common.contract import Contract
from handlers.common.errors import InternalError, InvalidRequest
from handlers.common.invocation import Invocation
from handlers.common.payloads import Payloads
from handlers.common.service import Service
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.language.summarizer import LexRank
from tests.unit.handlers import aws
from tests.unit.handlers.events import Context


@pytest.fixture
def payloads() -> Iterator[Payloads]:
    with mock_aws():
        client = aws.client("s3")
        client.create_bucket(Bucket="payloads")
        client.put_object(Bucket="payloads", Key="jobs/1/input.json", Body=b'{"text": "One sentence."}')
        client.put_object(Bucket="payloads", Key="jobs/1/text.txt", Body=b"no JSON")
        yield Payloads("payloads", api=AwsApi("s3", make_client=lambda _name, _tries: client))


@pytest.fixture
def service(payloads: Payloads) -> Service:
    contract = Contract("probe")
    operation = contract.post("/probe", SummaryRequest, SummaryResponse, summary="Summarize.")
    made = Service(contract, payloads=lambda: payloads)

    @made.implements(operation)
    def probe(request: SummaryRequest, invocation: Invocation) -> SummaryResponse:
        return LexRank().summarize(request.text, max_sentences=1, deadline=invocation.deadline)

    return made


def test_only_keys_travel(service: Service) -> None:
    event = {"operation": "probe", "inputFrom": "jobs/1/input.json", "outputTo": "jobs/1/output.json"}
    assert service.handler(event, Context()) == {"key": "jobs/1/output.json"}
    again = {"operation": "probe", "input": {"text": "One sentence."}}
    expected = service.handler(again, Context())
    stored = aws.client("s3").get_object(Bucket="payloads", Key="jobs/1/output.json")["Body"].read()
    assert stored == b'{"summary":"One sentence.","model":"lexrank"}'
    assert expected == {"summary": "One sentence.", "model": "lexrank"}


def test_fields_come_from_where_they_are(service: Service) -> None:
    aws.client("s3").put_object(
        Bucket="payloads", Key="jobs/1/page.json", Body=b'{"lines": 2, "text": "A. B."}'
    )
    event = {
        "operation": "probe",
        "inputFrom": {"text": "jobs/1/page.json#text"},
        "input": {"max_sentences": 2},
    }
    assert service.handler(event, Context())["model"] == "lexrank"
    for source, message in (
        ({"text": "jobs/1/page.json#words"}, "The object that the event refers to has no such field."),
        ({"text": 5}, "inputFrom should be a key, or for each field its KEY#FIELD."),
        ([], "inputFrom should be a key, or for each field its KEY#FIELD."),
    ):
        with pytest.raises(InvalidRequest) as refused:
            service.handler({"operation": "probe", "inputFrom": source}, Context())
        assert str(refused.value) == message


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("jobs/1/gone.json", "The input that the event refers to does not exist any more."),
        ("jobs/1/text.txt", "The body is not valid JSON"),
        ("jobs/../1/input.json", "A reference should be the key of an object, such as jobs/1f2e/input.json."),
        ("/etc/passwd", "A reference should be the key of an object, such as jobs/1f2e/input.json."),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(service: Service, key: object, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        service.handler({"operation": "probe", "inputFrom": key}, Context())
    assert str(refused.value).startswith(message)


def test_without_a_bucket_references_are_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYLOAD_BUCKET", raising=False)
    contract = Contract("probe")
    operation = contract.get("/probe", None, summary="Nothing.")
    made = Service(contract)

    @made.implements(operation)
    def probe() -> dict[str, object]:
        return {}

    with pytest.raises(InternalError):
        made.handler({"operation": "probe", "inputFrom": "jobs/1/input.json"}, Context())
