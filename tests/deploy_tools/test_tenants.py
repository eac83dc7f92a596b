"""The command `tenants` against DynamoDB and API Gateway as moto has them, and what the authorizer makes of its records."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from constructs_lib.metering.tenant_records import ACCESS, TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from deploy_tools import tenants
from deploy_tools.errors import DeploymentError
from deploy_tools.tenant_register import MAX_KEYS, TenantRegister
from handlers.authorizer.keys import TenantKey
from handlers.authorizer.records import TenantRecords, TenantTable
from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from tests.support import aws
from tests.support.fake_app import fake_app
from tests.support.moto_state import mock_aws
from tests.support.pages import tenant_commands
from tests.support.paths import PROJECT

HOUR = 3_600


class Clock:
    def __init__(self) -> None:
        self.now: float = 1_800_000_000

    def __call__(self) -> float:
        return self.now


class Cloud:
    """Clients of moto, a table and a usage plan."""

    def __init__(self) -> None:
        self.dynamodb, self.apigateway = aws.client("dynamodb"), aws.client("apigateway")
        keys = {"tenant": "HASH", "record": "RANGE"}
        self.dynamodb.create_table(
            TableName="tenants",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        self.plan = str(self.apigateway.create_usage_plan(name="plan")["id"])
        self.clock = Clock()
        self.register = TenantRegister(
            self.dynamodb, self.apigateway, table="tenants", usage_plan_id=self.plan, clock=self.clock
        )
        self.register_of_users()

    def register_of_users(self) -> None:
        """The record that the stack declares."""
        item = TenantAccess().to_item("users", ACCESS, declared={"BOOL": True})
        self.dynamodb.put_item(TableName="tenants", Item=item)

    def records(self, tenant: str) -> TenantRecords:
        """Return the records that the authorizer reads."""
        table = TenantTable("tenants", api=AwsApi("dynamodb", make_client=lambda *_: self.dynamodb))
        return table.records(tenant, deadline=Deadline.after(5))

    def accepts(self, key: str) -> bool:
        """Return whether the authorizer accepts a key at the time of the clock."""
        read = TenantKey.read(key)
        assert read is not None
        record = self.records(read.tenant).keys.get(read.key_id)
        return (
            record is not None
            and read.matches(record.sha256)
            and not record.revoked
            and (record.expires_at is None or record.expires_at > self.clock.now)
        )

    def api_keys(self) -> dict[str, str]:
        found = self.apigateway.get_usage_plan_keys(usagePlanId=self.plan)["items"]
        return {
            one["name"]: self.apigateway.get_api_key(apiKey=one["id"], includeValue=True)["value"]
            for one in found
        }


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud()


@pytest.fixture
def run(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run the command and return its output. It names the table itself, so that nothing has to be deployed."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("ENVIRONMENT", "dev")
    cloud.clock.now = time.time()
    parser = argparse.ArgumentParser()
    tenants.add_arguments(parser)

    def command(*arguments: str) -> str:
        named = ["--table", "tenants", "--usage-plan", cloud.plan, *arguments]
        assert tenants.run(parser.parse_args(named), fake_app(tmp_path, shop=[])) == 0
        return capsys.readouterr().out

    return command


def key_in(printed: str) -> str:
    return printed.splitlines()[-1]


def test_a_tenant_gets_a_key_and_a_place_in_the_usage_plan(cloud: Cloud) -> None:
    access = TenantAccess(services=["vision"], limits=[UsageLimit("tenant", "day", "usd", 5)])
    key = cloud.register.add("acme", access)
    assert cloud.accepts(key.value)
    records = cloud.records("acme")
    assert records.access is not None
    assert records.access.usage_key == cloud.api_keys()["plan-acme"]
    assert records.access.services == {"vision"}
    assert [limit.maximum for limit in records.access.limits] == [5_000_000_000]
    stored = str(cloud.dynamodb.scan(TableName="tenants")["Items"])
    assert key.value not in stored
    assert key.value.rpartition("_")[2] not in stored
    assert key.value not in repr(key)
    with pytest.raises(DeploymentError, match=r"^tenant acme exists already; `tenants set` changes it$"):
        cloud.register.add("acme", access)


def test_a_run_that_was_cut_short_can_be_repeated(cloud: Cloud) -> None:
    cloud.register._usage_key("acme")
    before = cloud.api_keys()
    cloud.register.add("acme", TenantAccess())
    assert cloud.api_keys() == before


def test_rotation_lets_the_old_key_expire_after_the_overlap(cloud: Cloud) -> None:
    first = cloud.register.add("acme", TenantAccess()).value
    second = cloud.register.rotate("acme", overlap_seconds=HOUR).value
    assert cloud.accepts(first)
    assert cloud.accepts(second)
    third = cloud.register.rotate("acme", overlap_seconds=24 * HOUR).value
    cloud.clock.now += HOUR
    assert [cloud.accepts(key) for key in (first, second, third)] == [False, True, True]
    cloud.clock.now += 24 * HOUR
    assert [cloud.accepts(key) for key in (first, second, third)] == [False, False, True]
    assert not cloud.accepts(cloud.register.rotate("acme", expires_days=0).value)


def test_a_tenant_has_a_bounded_number_of_keys(cloud: Cloud) -> None:
    cloud.register.add("acme", TenantAccess())
    for _ in range(MAX_KEYS - 1):
        cloud.register.rotate("acme")
    with pytest.raises(DeploymentError, match=r"has 10 valid keys; revoke one of them first"):
        cloud.register.rotate("acme")


def test_revocation_holds_at_once_for_one_key_or_all(cloud: Cloud) -> None:
    first = cloud.register.add("acme", TenantAccess())
    second, third = cloud.register.rotate("acme"), cloud.register.rotate("acme")
    assert cloud.register.revoke("acme", first.key_id) == [first.key_id]
    assert [cloud.accepts(key.value) for key in (first, second, third)] == [False, True, True]
    assert set(cloud.register.revoke("acme")) == {second.key_id, third.key_id}
    assert not any(cloud.accepts(key.value) for key in (first, second, third))
    assert cloud.register.revoke("acme") == []
    with pytest.raises(
        DeploymentError, match=r"^tenant acme has no key k9; `tenants list acme` shows its keys$"
    ):
        cloud.register.revoke("acme", "k9")


def test_what_is_not_named_stays_as_it_is(cloud: Cloud) -> None:
    key = cloud.register.add("acme", TenantAccess(services=["vision"], models=["fast"]))
    cloud.register.change("acme", limits=[UsageLimit("key", "minute", "requests", 1)], enabled=False)
    access = cloud.records("acme").access
    assert access is not None
    assert (access.services, access.models, access.enabled) == ({"vision"}, {"fast"}, False)
    assert access.usage_key == cloud.api_keys()["plan-acme"]
    cloud.register.change("acme", services=["*"], enabled=True)
    access = cloud.records("acme").access
    assert access is not None
    assert (access.services, access.enabled, len(access.limits)) == ({"*"}, True, 1)
    assert cloud.accepts(key.value)


def test_groups_of_users_are_added_changed_and_deleted(cloud: Cloud) -> None:
    cloud.register.change("users", group="staff", services=["chat"])
    cloud.register.change("users", group="staff", models=["fast"])
    found = cloud.records("users").access_of_user(["staff"])
    assert found is not None
    assert (found.services, found.models) == ({"chat"}, {"fast"})
    cloud.register.delete("users", "staff")
    assert cloud.records("users").groups == {}


def test_what_the_stack_declares_is_changed_in_the_stack(cloud: Cloud) -> None:
    for change in (
        lambda: cloud.register.change("users", services=["chat"]),
        lambda: cloud.register.delete("users"),
    ):
        with pytest.raises(DeploymentError, match=r"^tenant users is declared in the stack"):
            change()
    with pytest.raises(DeploymentError, match=r"users have no keys"):
        cloud.register.rotate("users")


def test_a_tenant_is_deleted_with_its_keys_and_its_place_in_the_plan(cloud: Cloud) -> None:
    key = cloud.register.add("acme", TenantAccess())
    cloud.register.rotate("acme")
    cloud.register.add("globex", TenantAccess())
    cloud.register.delete("acme")
    assert not cloud.accepts(key.value)
    assert cloud.records("acme") == TenantRecords()
    assert set(cloud.api_keys()) == {"plan-globex"}
    with pytest.raises(DeploymentError, match=r"^tenant acme does not exist; `tenants list` shows all$"):
        cloud.register.delete("acme")


@pytest.mark.parametrize("name", ["Acme", "users", "operators", "a_b"])
def test_an_id_that_a_key_could_not_carry_is_rejected(cloud: Cloud, name: str) -> None:
    with pytest.raises(DeploymentError, match=r"tenants add|exists already"):
        cloud.register.add(name, TenantAccess())


def test_the_command_prints_a_table_and_a_new_key_once(cloud: Cloud, run: Callable[..., str]) -> None:
    access = ("--service", "vision", "--service", "chat", "--scope", "pay", "--limit", "tenant/day/usd=5")
    printed = run("add", "acme", *access)
    assert printed.splitlines()[:2] == [
        "TENANT  STATE    SERVICES     MODELS  SCOPES  LIMITS            VALID KEYS  MANAGED BY",
        "acme    enabled  vision chat  all     pay     tenant/day/usd=5  1           this command",
    ]
    first = key_in(printed)
    assert cloud.accepts(first)
    second = key_in(run("rotate", "acme", "--overlap-hours", "1"))
    listed = run("list", "acme")
    assert first not in listed
    assert second not in listed
    first_id, second_id = (key.split("_")[2] for key in (first, second))
    assert re.search(rf"^{first_id}  valid  .+  \d{{4}}-\d\d-\d\d \d\d:\d\d$", listed, re.MULTILINE)
    assert re.search(rf"^{second_id}  valid  .+  -$", listed, re.MULTILINE)
    assert f"{second_id}  revoked" in run("revoke", "acme", second_id)
    changed = run("set", "acme", "--disable", "--no-limits", "--no-scopes")
    assert "acme    disabled  vision chat  all     -       none" in changed
    assert "users/staff  enabled  all       none" in run(
        "set", "users", "--group", "staff", "--model", "none"
    )
    assert run("delete", "users", "--group", "staff") == "deleted users/staff\n"
    assert [line.split()[0] for line in run("list").splitlines()] == ["TENANT", "acme", "users"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("add", "acme", "--limit", "tenant/day/usd"),
            r"^--limit tenant/day/usd: is not a limit; write SCOPE",
        ),
        (
            ("add", "acme", "--limit", "tenant/week/usd=5"),
            r"^--limit tenant/week/usd=5: window 'week' is unknown; choose 'minute', 'day' or 'month'$",
        ),
        (("add", "acme", "--service", "A B"), r"services 'A B' is not valid"),
        (("set", "acme", "--no-limits", "--limit", "tenant/day/usd=1"), r"exclude each other"),
        (("set", "acme", "--group", "staff"), r"^tenant acme has no groups; --group goes with users only$"),
        (("rotate", "acme", "--overlap-hours", "-1"), r"--overlap-hours is -1; use 0 or more"),
        (("list", "acme"), r"^tenant acme does not exist; `tenants list` shows all$"),
    ],
)
def test_a_mistake_is_explained(run: Callable[..., str], arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        run(*arguments)


def test_the_table_and_the_plan_go_together(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    tenants.add_arguments(parser)
    with pytest.raises(DeploymentError, match=r"^--table and --usage-plan go together"):
        tenants.run(parser.parse_args(["--table", "tenants", "list"]), fake_app(tmp_path, shop=[]))


def test_commands_of_the_guides_run_in_their_order(run: Callable[..., str]) -> None:
    guides = [PROJECT / "docs/guides/callers.md", PROJECT / "docs/guides/budgets.md"]
    commands = [command for guide in guides for command in tenant_commands(guide)]
    assert {command[0] for command in commands} == {"add", "list", "rotate", "set", "revoke", "delete"}
    for command in commands:
        assert run(*command)
