"""The partners' authorizer against DynamoDB's own rules, as moto has them."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.common.aws_api import AwsApi
from handlers.common.caller_hash import CallerHashes
from handlers.common.errors import BackendUnavailable
from handlers.partners.app import PartnerAuthorizer, PartnerTable
from tests.support import aws
from tests.support.events import Context
from tests.support.moto_state import mock_aws

ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/prod/POST/partners/ai-service"
GOOD, EXPIRED, BARRED, WITHOUT_KEY = "a" * 43, "b" * 43, "c" * 43, "e" * 43
HASH = "bW1tbW1tbW1tbW1tbW1tbW1t"
KEY, OTHER_KEY = "key-of-acme-0123456789", "key-of-globex-0123456789"
NOW = 1_800_000_000


def sha256(text: str) -> dict[str, str]:
    return {"S": hashlib.sha256(text.encode()).hexdigest()}


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
            (WITHOUT_KEY, {"api_key_sha256": {"S": ""}}),
        ):
            key = {"token_sha256": sha256(token), "api_key_sha256": sha256(KEY)}
            client.put_item(TableName="partners", Item={**key, "partner": {"S": "acme"}, **more})
        table = PartnerTable("partners", api=AwsApi("dynamodb", make_client=lambda _name, _tries: client))
        yield PartnerAuthorizer(lambda: table, hashes, clock=lambda: NOW)


def hashes() -> CallerHashes:
    return CallerHashes("key", api=aws.Answering({"generate_mac": {"Mac": b"m" * 32}}))  # type: ignore[arg-type]


def event_of(**headers: object) -> dict[str, object]:
    """The event of an authorizer of type REQUEST, with a header's values in a list."""
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return {"type": "REQUEST", "methodArn": ARN, "multiValueHeaders": sent}


def ask(authorizer: PartnerAuthorizer, *tokens: object, keys: list[object] | None = None) -> dict[str, Any]:
    event = event_of(Authorization=list(tokens), X_Api_Key=[KEY] if keys is None else keys)
    with contextlib.redirect_stdout(io.StringIO()):
        return authorizer.handler(event, Context())


def test_who_holds_a_token_may_call_the_one_method_that_was_asked_for(authorizer: PartnerAuthorizer) -> None:
    assert ask(authorizer, f"Bearer {GOOD}") == {
        "principalId": "acme",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": ARN}],
        },
        "context": {"partner": "acme", "caller": HASH},
    }


def test_a_partner_who_is_barred_is_denied(authorizer: PartnerAuthorizer) -> None:
    (statement,) = ask(authorizer, f"Bearer {BARRED}")["policyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"


@pytest.mark.parametrize(
    ("token", "keys"),
    [
        (GOOD, [OTHER_KEY]),
        (GOOD, []),
        (GOOD, [KEY, KEY]),
        (GOOD, [KEY, OTHER_KEY]),
        (GOOD, [KEY + " "]),
        (GOOD, ["\udcff"]),
        (WITHOUT_KEY, [KEY]),
        (WITHOUT_KEY, [""]),
    ],
)
def test_a_token_goes_with_one_api_key(authorizer: PartnerAuthorizer, token: str, keys: list[object]) -> None:
    (statement,) = ask(authorizer, f"Bearer {token}", keys=keys)["policyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"


def test_two_tokens_are_unauthorized(authorizer: PartnerAuthorizer) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, f"Bearer {GOOD}", f"Bearer {GOOD}")


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
        ask(PartnerAuthorizer(lambda: table, hashes), f"Bearer {GOOD}")


def test_nobody_passes_while_the_hash_cannot_be_made(authorizer: PartnerAuthorizer) -> None:
    failing = CallerHashes("key", api=aws.Answering({"generate_mac": BackendUnavailable()}))  # type: ignore[arg-type]
    with pytest.raises(BackendUnavailable):
        ask(PartnerAuthorizer(authorizer._table, lambda: failing, clock=lambda: NOW), f"Bearer {GOOD}")


def test_the_log_has_no_token(authorizer: PartnerAuthorizer) -> None:
    log = io.StringIO()
    event = event_of(Authorization=[f"Bearer {GOOD}"], X_Api_Key=[KEY])
    with contextlib.redirect_stdout(log):
        authorizer.handler(event, Context())
    assert '"operation":"partners.authorize"' in log.getvalue()
    assert f'"caller":"{HASH}"' in log.getvalue()
    assert GOOD not in log.getvalue()
    assert KEY not in log.getvalue()
