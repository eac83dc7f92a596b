"""The authorizer with keys and tokens, against DynamoDB's and KMS's own rules as moto has them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from constructs_lib.metering.tenant_records import ACCESS, GROUP, KEY, NewKey, TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from handlers.authorizer.app import Authorizer
from handlers.authorizer.records import TenantTable
from handlers.authorizer.user_tokens import InvalidToken, User
from handlers.common.aws_api import AwsApi
from handlers.common.caller import Caller, Limit
from handlers.common.caller_hash import CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendUnavailable
from tests.support import aws
from tests.support.events import Context
from tests.support.moto_state import mock_aws

ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/prod/POST/vision/text"
PSEUDONYM = "bW1tbW1tbW1tbW1tbW1tbW1t"
NOW = 1_800_000_000
GOOD = NewKey.for_tenant("acme")
LATER = NewKey.for_tenant("acme")
ACME = TenantAccess(
    services=["vision", "chat"],
    models=["fast"],
    limits=[
        UsageLimit("tenant", "day", "usd", "0.5"),
        UsageLimit("key", "minute", "requests", 60),
        UsageLimit("route:fast", "day", "tokens", 1000),
    ],
)
USERS = TenantAccess(limits=[UsageLimit("key", "minute", "requests", 300)])


class Users:
    """In place of the verifier: a token is the user's name and groups."""

    def user(self, token: str, **_deadline: Deadline) -> User:
        name, _, groups = token.partition(".")
        if not name.startswith("user-"):
            raise InvalidToken("not valid")
        return User(name, tuple(filter(None, groups.split("."))))


class Table:
    """The table of tenants in moto."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.reads = 0
        client.create_table(
            TableName="tenants",
            KeySchema=[
                {"AttributeName": "tenant", "KeyType": "HASH"},
                {"AttributeName": "record", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("tenant", "record")
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def put(self, item: Mapping[str, Any]) -> None:
        self.client.put_item(TableName="tenants", Item=item)

    def delete(self, tenant: str, record: str) -> None:
        self.client.delete_item(TableName="tenants", Key={"tenant": {"S": tenant}, "record": {"S": record}})


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield aws.client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> Iterator[Table]:
    table = Table(dynamodb)
    table.put(ACME.to_item("acme", ACCESS, usage_key={"S": "usage-of-acme"}))
    table.put(GOOD.to_item("acme", created_at=NOW))
    table.put(LATER.to_item("acme", created_at=NOW, expires_at=NOW + 60))
    table.put(USERS.to_item("users", ACCESS, usage_key={"S": "usage-of-users"}))
    yield table
    dynamodb.delete_table(TableName="tenants")


def hashes() -> CallerHashes:
    return CallerHashes("key", api=aws.Answering({"generate_mac": {"Mac": b"m" * 32}}))  # type: ignore[arg-type]


@pytest.fixture
def authorizer(table: Table) -> Authorizer:
    records = TenantTable("tenants", api=AwsApi("dynamodb", make_client=lambda _name, _tries: table.client))
    return Authorizer(lambda: records, hashes, Users, clock=lambda: NOW)  # type: ignore[arg-type, return-value]


def event_of(*authorization: object) -> dict[str, Any]:
    """The event of an authorizer of type REQUEST."""
    return {
        "type": "REQUEST",
        "methodArn": ARN,
        "multiValueHeaders": {"Authorization": list(authorization)} if authorization else {},
        "requestContext": {"requestId": "request-1"},
    }


def ask(authorizer: Authorizer, *authorization: object) -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()):
        return authorizer.handler(event_of(*authorization), Context())


def caller_of(answer: Mapping[str, Any]) -> Caller | None:
    """The caller as functions see it: what the authorizer writes is what they read."""
    context = {**answer["context"], "principalId": answer["principalId"]}
    assert all(isinstance(value, str) for value in context.values())
    return Caller.from_event({"requestContext": {"authorizer": context}})


def effect(answer: Mapping[str, Any]) -> str:
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", ARN)
    return str(statement["Effect"])


def test_a_key_lets_its_tenant_in_with_its_rights_limits_and_usage_plan(authorizer: Authorizer) -> None:
    answer = ask(authorizer, f"Bearer {GOOD.value}")
    assert effect(answer) == "Allow"
    assert answer["usageIdentifierKey"] == "usage-of-acme"
    assert caller_of(answer) == Caller(
        principal="tenant:acme",
        tenant="acme",
        key=GOOD.key_id,
        pseudonym=PSEUDONYM,
        services=frozenset({"vision", "chat"}),
        models=frozenset({"fast"}),
        limits=(
            Limit("tenant:acme", "day", "nano_usd", 500_000_000),
            Limit(f"key:{GOOD.key_id}", "minute", "requests", 60),
            Limit("route:fast", "day", "tokens", 1000),
        ),
    )


def test_a_token_lets_a_user_in_with_the_rights_of_all_users(authorizer: Authorizer) -> None:
    answer = ask(authorizer, "bearer user-ada")
    assert effect(answer) == "Allow"
    assert answer["usageIdentifierKey"] == "usage-of-users"
    assert caller_of(answer) == Caller(
        principal="user:user-ada",
        tenant="users",
        key=PSEUDONYM,
        pseudonym=PSEUDONYM,
        limits=(Limit(f"key:{PSEUDONYM}", "minute", "requests", 300),),
    )


def test_a_user_in_groups_has_what_one_of_them_has(authorizer: Authorizer, table: Table) -> None:
    day, minute = (UsageLimit("key", "day", "usd", 1), UsageLimit("key", "minute", "requests", 10))
    group = TenantAccess(services=["vision"], models=[], limits=[day, minute])
    more = TenantAccess(
        services=["chat"], models=["fast"], limits=[UsageLimit("key", "day", "usd", 2)], scopes=["pay"]
    )
    table.put(group.to_item("users", f"{GROUP}staff"))
    table.put(more.to_item("users", f"{GROUP}lab"))
    alone = caller_of(ask(authorizer, "Bearer user-ada.staff.unknown"))
    assert alone is not None
    assert (alone.services, alone.models) == (frozenset({"vision"}), frozenset())
    assert [limit.maximum for limit in alone.limits] == [1_000_000_000, 10]
    both = ask(authorizer, "Bearer user-ada.staff.lab")
    assert both["usageIdentifierKey"] == "usage-of-users"
    caller = caller_of(both)
    assert caller is not None
    assert (caller.services, caller.models) == (frozenset({"vision", "chat"}), frozenset({"fast"}))
    assert (alone.scopes, caller.scopes) == (frozenset(), frozenset({"pay"}))
    assert [limit.to_json() for limit in caller.limits] == [
        [f"key:{PSEUDONYM}", "day", "nano_usd", 2_000_000_000]
    ]
    unknown = caller_of(ask(authorizer, "Bearer user-ada.unknown"))
    assert unknown is not None
    assert unknown.may_use_service("language")


def test_a_revoked_key_is_refused_at_the_next_request_and_the_other_keys_are_not(
    authorizer: Authorizer, table: Table
) -> None:
    assert effect(ask(authorizer, f"Bearer {GOOD.value}")) == "Allow"
    table.put(GOOD.to_item("acme", created_at=NOW) | {"revoked_at": {"N": str(NOW)}})
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, f"Bearer {GOOD.value}")
    assert effect(ask(authorizer, f"Bearer {LATER.value}")) == "Allow"
    table.delete("acme", f"{KEY}{LATER.key_id}")
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, f"Bearer {LATER.value}")


def test_a_key_expires(authorizer: Authorizer, table: Table) -> None:
    table.put(LATER.to_item("acme", created_at=NOW, expires_at=NOW))
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, f"Bearer {LATER.value}")


def test_a_change_of_rights_holds_at_the_next_request(authorizer: Authorizer, table: Table) -> None:
    table.put(TenantAccess(services=[], models=[]).to_item("acme", ACCESS))
    answer = ask(authorizer, f"Bearer {GOOD.value}")
    assert "usageIdentifierKey" not in answer
    caller = caller_of(answer)
    assert caller is not None
    assert not caller.may_use_service("vision")
    assert caller.limits == ()


@pytest.mark.parametrize("token", [GOOD.value, "user-ada"], ids=["key", "user"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_tenant_that_is_disabled_or_has_no_record_is_denied(
    authorizer: Authorizer, table: Table, token: str, gone: bool
) -> None:
    tenant = "acme" if token == GOOD.value else "users"
    if gone:
        table.delete(tenant, ACCESS)
    else:
        table.put(ACME.to_item(tenant, ACCESS, enabled={"BOOL": False}))
    answer = ask(authorizer, f"Bearer {token}")
    assert effect(answer) == "Deny"
    assert set(answer) == {"principalId", "policyDocument"}


OTHER = NewKey.for_tenant("acme")
HEADERS: list[tuple[object, ...]] = [
    (),
    ("",),
    (5,),
    ("Bearer",),
    ("Bearer ",),
    (GOOD.value,),
    (f"Basic {GOOD.value}",),
    (f"Bearer {GOOD.value} x",),
    (f"Bearer {GOOD.value}\n",),
    (f"Bearer {GOOD.value}, Bearer {GOOD.value}",),
    (f"Bearer {GOOD.value}", f"Bearer {GOOD.value}"),
    (f"Bearer {OTHER.value}",),
    (f"Bearer {GOOD.value[:-1]}",),
    (f"Bearer {GOOD.value[:-1]}{'a' if GOOD.value[-1] != 'a' else 'b'}",),
    (f"Bearer {GOOD.value.replace('acme', 'globex')}",),
    (f"Bearer {GOOD.value.replace('acme', 'users')}",),
    (f"Bearer aio_acme_{GOOD.key_id}_" + "0" * 44,),
    ("Bearer aio_acme",),
    ("Bearer unknown",),
    ("Bearer \udcff",),
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_everything_else_is_unauthorized(authorizer: Authorizer, header: tuple[object, ...]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, *header)


def test_a_key_of_the_tenant_of_users_is_worth_nothing(authorizer: Authorizer, table: Table) -> None:
    key = NewKey.for_tenant("users")
    table.put(key.to_item("users", created_at=NOW))
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask(authorizer, f"Bearer {key.value}")


def test_no_request_passes_while_the_table_cannot_be_read() -> None:
    records = TenantTable("tenants", api=aws.Answering({"query": BackendUnavailable()}))  # type: ignore[arg-type]
    closed = Authorizer(lambda: records, hashes, Users, clock=lambda: NOW)  # type: ignore[arg-type, return-value]
    for token in (GOOD.value, "user-ada"):
        with pytest.raises(BackendUnavailable):
            ask(closed, f"Bearer {token}")


def test_no_request_passes_while_the_pseudonym_cannot_be_computed(table: Table) -> None:
    records = TenantTable("tenants", api=AwsApi("dynamodb", make_client=lambda _name, _tries: table.client))
    failing = CallerHashes("key", api=aws.Answering({"generate_mac": BackendUnavailable()}))  # type: ignore[arg-type]
    closed = Authorizer(lambda: records, lambda: failing, Users, clock=lambda: NOW)  # type: ignore[arg-type, return-value]
    with pytest.raises(BackendUnavailable):
        ask(closed, f"Bearer {GOOD.value}")


@pytest.mark.parametrize(
    "changes",
    [
        {"limits": {"S": "{"}},
        {"limits": {"S": '[["tenant","day","euros",1]]'}},
        {"limits": {"S": '[["tenant","day","requests",-1]]'}},
        {"services": {"S": "*"}},
        {"models": {"L": [{"N": "1"}]}},
    ],
)
def test_a_record_that_cannot_be_read_rejects_the_request(
    authorizer: Authorizer, table: Table, changes: dict[str, Any]
) -> None:
    table.put(ACME.to_item("acme", ACCESS) | changes)
    with pytest.raises(BackendError):
        ask(authorizer, f"Bearer {GOOD.value}")


def test_records_on_several_pages_are_one_tenant(table: Table) -> None:
    first, second = ACME.to_item("acme", ACCESS), GOOD.to_item("acme", created_at=NOW)

    class Pages:
        def call(self, _operation: str, parameters: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
            if "ExclusiveStartKey" in parameters:
                return {"Items": [second]}
            return {"Items": [first], "LastEvaluatedKey": {"tenant": {"S": "acme"}}}

    records = TenantTable("tenants", api=Pages())  # type: ignore[arg-type]
    authorizer = Authorizer(lambda: records, hashes, Users, clock=lambda: NOW)  # type: ignore[arg-type, return-value]
    assert effect(ask(authorizer, f"Bearer {GOOD.value}")) == "Allow"


@pytest.mark.parametrize(
    ("token", "status"),
    [(GOOD.value, 200), ("user-ada", 200), (OTHER.value, 401), ("unknown", 401)],
    ids=["key", "user", "unknown key", "malformed token"],
)
def test_the_log_has_the_request_and_the_pseudonym_and_nothing_that_is_secret(
    authorizer: Authorizer, token: str, status: int
) -> None:
    log = io.StringIO()
    with contextlib.redirect_stdout(log), contextlib.suppress(Exception):
        authorizer.handler(event_of(f"Bearer {token}"), Context())
    line = json.loads(log.getvalue())
    assert (line["operation"], line["request_id"], line["status"]) == (
        "authorizer.authorize",
        "request-1",
        status,
    )
    assert line.get("caller") == (PSEUDONYM if status == 200 else None)
    assert token not in log.getvalue()
    assert token.rpartition("_")[2] not in log.getvalue()
