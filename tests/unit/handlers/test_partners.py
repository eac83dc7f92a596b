"""The partners' authorizer against DynamoDB's own rules, as moto has them."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from handlers.common.aws_api import AwsApi
from handlers.common.errors import BackendUnavailable
from handlers.partners.app import PartnerAuthorizer, PartnerTable
from tests.unit.handlers import aws
from tests.unit.handlers.events import Context

ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/prod/POST/partners/ai-service"
GOOD, EXPIRED, BARRED = "a" * 43, "b" * 43, "c" * 43
NOW = 1_800_000_000


@pytest.fixture
def authorizer() -> Iterator[PartnerAuthorizer]:
    with mock_aws():
        client = aws.client("dynamodb")
        client.create_table(
            TableName="partners",
            KeySchema=[{"AttributeName": "token_sha256", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "token_sha256", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for token, more in (
            (GOOD, {"expires_at": {"N": str(NOW + 1)}}),
            (EXPIRED, {"expires_at": {"N": str(NOW)}}),
            (BARRED, {"enabled": {"BOOL": False}}),
        ):
            key = {"token_sha256": {"S": hashlib.sha256(token.encode()).hexdigest()}}
            client.put_item(TableName="partners", Item={**key, "partner": {"S": "acme"}, **more})
        table = PartnerTable("partners", api=AwsApi("dynamodb", make_client=lambda _name, _tries: client))
        yield PartnerAuthorizer(lambda: table, clock=lambda: NOW)


def ask(authorizer: PartnerAuthorizer, header: object) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": header, "methodArn": ARN}
    with contextlib.redirect_stdout(io.StringIO()):
        return authorizer.handler(event, Context())


def test_who_holds_a_token_may_call_the_one_method_that_was_asked_for(authorizer: PartnerAuthorizer) -> None:
    assert ask(authorizer, f"Bearer {GOOD}") == {
        "principalId": "acme",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": ARN}],
        },
        "context": {"partner": "acme"},
    }


def test_a_partner_who_is_barred_is_denied(authorizer: PartnerAuthorizer) -> None:
    (statement,) = ask(authorizer, f"Bearer {BARRED}")["policyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"


@pytest.mark.parametrize(
    "header",
    [None, 5, "", GOOD, "Bearer", f"Bearer {EXPIRED}", "Bearer " + "d" * 43, f"bearer {GOOD}", f"Bearer {GOOD} x",
     "Bearer " + "a" * 42, f"Bearer {GOOD}\n"],
)  # fmt: skip
def test_everything_else_is_unauthorized(authorizer: PartnerAuthorizer, header: object) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, header)


def test_nobody_passes_while_the_table_cannot_be_asked() -> None:
    table = PartnerTable("partners", api=aws.Answering({"get_item": BackendUnavailable()}))  # type: ignore[arg-type]
    with pytest.raises(BackendUnavailable):
        ask(PartnerAuthorizer(lambda: table), f"Bearer {GOOD}")


def test_the_log_has_no_token(authorizer: PartnerAuthorizer) -> None:
    log = io.StringIO()
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {GOOD}", "methodArn": ARN}
    with contextlib.redirect_stdout(log):
        authorizer.handler(event, Context())
    assert '"operation":"partners.authorize"' in log.getvalue()
    assert GOOD not in log.getvalue()
