"""Requests a minute of each user: what is written to DynamoDB, and what the caller gets at the limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.stub import Stubber

from handlers.common.admission import Admission
from handlers.common.aws_api import Tries
from handlers.common.caller_limit import CallerLimit
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    ServiceError,
    TooManyRequests,
)
from handlers.common.service import Service
from tests.support.aws import Answering, stubbed
from tests.support.events import Answer, ask, call, problem, proxy_event
from tests.support.probe import probe_service

NOW = 1_800_000_017.25
MINUTE = 30_000_000
UPDATE = {
    "TableName": "callers",
    "Key": {"id": {"S": f"requests#cognito:ada-1#{MINUTE}"}},
    "UpdateExpression": "SET expires_at = :expires_at ADD requests :one",
    "ConditionExpression": "attribute_not_exists(requests) OR requests < :limit",
    "ExpressionAttributeValues": {
        ":one": {"N": "1"},
        ":limit": {"N": "300"},
        ":expires_at": {"N": "1800003617"},
    },
}
USER = {"authorizer": {"claims": {"sub": "ada-1"}}}
OTHERS = [
    {"authorizer": {"principalId": "acme"}},
    {"authorizer": {"principalId": "cognito:ada-1"}},
    {"identity": {"sourceIp": "203.0.113.7", "userArn": "arn:aws:iam::123456789012:user/operator"}},
    {},
]


def limited(api: object, work: Callable[[str], object] | None = None) -> Service:
    """The probe whose users may make 300 requests a minute."""
    limit = CallerLimit("callers", per_minute=300, api=api, clock=lambda: NOW)  # type: ignore[arg-type]
    return probe_service(work, admission=Admission(limit))


def ask_as(service: Service, context: dict[str, object], body: str = '{"text": "a"}') -> Answer:
    event = proxy_event(body)
    event["requestContext"] |= context
    return ask(service, event)


@pytest.fixture
def dynamodb() -> object:
    with stubbed("dynamodb", choices=(Tries(1, 0.5, 1),)) as (api, stub):
        yield api, stub


def test_a_request_of_a_user_is_counted_in_the_item_of_the_minute(dynamodb: tuple[object, Stubber]) -> None:
    api, stub = dynamodb
    stub.add_response("update_item", {}, UPDATE)
    assert ask_as(limited(api), USER).status == 200


@pytest.mark.parametrize(
    "code",
    ["ConditionalCheckFailedException", "ProvisionedThroughputExceededException", "ThrottlingException"],
)
def test_beyond_the_limit_a_user_waits_for_the_next_minute(
    code: str, dynamodb: tuple[object, Stubber]
) -> None:
    api, stub = dynamodb
    stub.add_client_error("update_item", code, http_status_code=400, expected_params=UPDATE)
    answer = ask_as(limited(api), USER)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "43")
    assert answer.body == problem(
        "too_many_requests",
        "The limit of 300 requests a minute is reached. Try again when the next minute begins.",
    )
    assert answer.log_line["error_code"] == "too_many_requests"
    assert "ada-1" not in answer.raw


@pytest.mark.parametrize("error", [BackendTimeout(), BackendError(), BackendUnavailable()])
def test_a_request_that_cannot_be_counted_is_not_served(error: ServiceError) -> None:
    answer = ask_as(limited(Answering({"update_item": error})), USER)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.body == problem("backend_unavailable", "The request cannot be counted. Try again later.")


@pytest.mark.parametrize("context", OTHERS, ids=["partner", "named like a user", "operator", "no caller"])
def test_only_users_are_counted(context: dict[str, object]) -> None:
    api = Answering({})
    assert ask_as(limited(api), context).status == 200
    assert api.calls == []


def test_a_direct_event_is_not_counted_again() -> None:
    api = Answering({})
    call(limited(api), "probe", {"text": "a"})
    assert api.calls == []


def test_a_request_is_counted_before_its_body_is_read() -> None:
    api = Answering({"update_item": {}})
    assert ask_as(limited(api), USER, body="{").status == 400
    assert [name for name, _, _ in api.calls] == ["update_item"]


def test_nothing_is_done_for_a_request_beyond_the_limit() -> None:
    def never(text: str) -> object:
        raise AssertionError(text)

    assert ask_as(limited(Answering({"update_item": TooManyRequests()}), never), USER).status == 429


def test_the_environment_describes_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLER_TABLE", raising=False)
    assert CallerLimit.from_environment() is None
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("CALLER_TABLE", "callers")
    monkeypatch.setenv("CALLER_REQUESTS_PER_MINUTE", "many")
    with pytest.raises(ValueError, match="many"):
        CallerLimit.from_environment()
    monkeypatch.setenv("CALLER_REQUESTS_PER_MINUTE", "7")
    assert isinstance(CallerLimit.from_environment(), CallerLimit)
