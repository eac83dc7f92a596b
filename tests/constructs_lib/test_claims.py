"""Names that AWS allows once in a region or an account, in the stacks of one App."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cdktf import App
from constructs import Construct

from constructs_lib import (
    AlarmTopic,
    ApiGatewayAccount,
    AwsStack,
    Budget,
    CircuitBreaker,
    ConflictError,
    DeadLetterQueue,
    EncryptionKey,
    Environment,
    Function,
    LogGroup,
    Pass,
    Table,
    Workflow,
)
from tests.support.synthesis import Configuration, FakeArchive, refused

OTHER_ACCOUNT = "pass each stack its allowed_account_ids if they are deployed to different AWS accounts"


def function(stack: AwsStack, folder: Path) -> Construct:
    return Function(stack, "chat", archive=FakeArchive.make(folder), function_name="chat")


def budget(stack: AwsStack, folder: Path) -> Construct:
    topic = AlarmTopic(
        stack, "alarms", name=f"alarms-{stack.node.id}", encryption_key=EncryptionKey(stack, "key")
    )
    return Budget(stack, "budget", topic=topic, monthly_usd=100, name="monthly")


def workflow(stack: AwsStack, folder: Path) -> Construct:
    return Workflow(stack, "scan", definition=Pass("answer", output={}), workflow_name="scan")


BY_REGION: dict[str, Callable[[AwsStack, Path], Construct]] = {
    "the API Gateway account of region 'us-east-1'": lambda stack, folder: ApiGatewayAccount(
        stack, "account"
    ),
    "function_name 'chat'": function,
    "table_name 'orders'": lambda stack, folder: Table(
        stack, "orders", partition_key="id", table_name="orders"
    ),
    "workflow_name 'scan'": workflow,
    "log group name '/audit'": lambda stack, folder: LogGroup(stack, "audit", name="/audit"),
    "queue name 'failed'": lambda stack, folder: DeadLetterQueue(stack, "failed", name="failed"),
    "key alias 'data'": lambda stack, folder: EncryptionKey(stack, "data", alias="data"),
}


@pytest.mark.parametrize("taken", BY_REGION)
def test_a_name_of_a_region_in_two_stacks(app: App, tmp_path: Path, taken: str) -> None:
    create = BY_REGION[taken]
    first = create(AwsStack(app, "shop", region="us-east-1"), tmp_path)
    create(AwsStack(app, "shop-europe", region="eu-central-1"), tmp_path)
    second = AwsStack(app, "store", region="us-east-1")
    kind, message = refused(lambda: create(second, tmp_path))
    assert kind is ConflictError
    assert message.startswith(f"store/{first.node.id}: {taken} is taken by shop/{first.node.id}; ")
    assert message.endswith(f", or {OTHER_ACCOUNT}")


@pytest.mark.parametrize("taken", BY_REGION)
def test_two_accounts_have_names_of_their_own(app: App, tmp_path: Path, taken: str) -> None:
    for name, account_ids in (("shop", ["111111111111"]), ("store", ["222222222222", "333333333333"])):
        BY_REGION[taken](AwsStack(app, name, region="us-east-1", allowed_account_ids=account_ids), tmp_path)
    third = AwsStack(app, "depot", region="us-east-1", allowed_account_ids=["444444444444", "333333333333"])
    assert refused(lambda: BY_REGION[taken](third, tmp_path))[0] is ConflictError


def test_the_local_cloud_has_names_of_its_own(app: App) -> None:
    for name in ("local", "dev"):
        environment = Environment.from_variables({"ENVIRONMENT": name})
        ApiGatewayAccount(AwsStack(app, f"shop-{name}", environment=environment), "account")


def test_the_message_names_both_and_says_what_to_do(app: App, tmp_path: Path) -> None:
    shop, store = (AwsStack(app, name, region="us-east-1") for name in ("shop", "store"))
    function(shop, tmp_path)
    assert refused(lambda: function(store, tmp_path)) == (
        ConflictError,
        f"store/chat: function_name 'chat' is taken by shop/chat; choose another name, or {OTHER_ACCOUNT}",
    )
    assert store.node.try_find_child("chat") is None


def test_a_budget_is_taken_in_all_regions(app: App, tmp_path: Path) -> None:
    budget(AwsStack(app, "shop", region="us-east-1"), tmp_path)
    other = AwsStack(app, "store", region="eu-central-1")
    assert refused(lambda: budget(other, tmp_path)) == (
        ConflictError,
        (
            "store/budget: budget name 'monthly' is taken by shop/budget; choose another name, or "
            f"{OTHER_ACCOUNT}"
        ),
    )


def test_the_alarm_of_a_queue_has_a_name_in_the_region(app: App) -> None:
    stack = AwsStack(app, "shop", region="us-east-1")
    topic = AlarmTopic(stack, "alarms", encryption_key=EncryptionKey(stack, "key"))
    stack.claim("shop/other", "alarm", "failed")
    queue = DeadLetterQueue(stack, "failed", name="failed")
    assert refused(lambda: queue.alarm(topic)) == (
        ConflictError,
        "shop/failed: alarm 'failed' is taken by shop/other; pass the queue another name",
    )


def test_breakers_of_two_tables_may_share_a_name(stack: AwsStack) -> None:
    tables = [Table(stack, name, partition_key="id", ttl_attribute="expires_at") for name in ("one", "two")]
    for table in tables:
        CircuitBreaker(stack, f"breaker-{table.node.id}", name="model", table=table)
    assert refused(lambda: CircuitBreaker(stack, "third", name="model", table=tables[0])) == (
        ConflictError,
        "shop/third: circuit breaker of table 'shop-one' 'model' is taken by shop/breaker-one; choose another name",
    )


def test_names_that_hold_references_belong_to_their_stack(app: App) -> None:
    stacks = [AwsStack(app, name, region="us-east-1") for name in ("shop", "store")]
    for stack in stacks:
        LogGroup(stack, "log", name="API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.api.id}/prod")
        assert Configuration(stack).only("cloudwatch_log_group")
    assert (
        refused(
            lambda: LogGroup(
                stacks[0], "again", name="API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.api.id}/prod"
            )
        )[0]
        is ConflictError
    )
