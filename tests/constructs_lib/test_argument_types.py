"""Arguments of a wrong type: each is an error that says where, what and what to do, and never one of Python's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cdktf import App

import constructs_lib
from constructs_lib import (
    AlarmTopic,
    AwsStack,
    DeadLetterQueue,
    Deployment,
    EncryptionKey,
    ExistingApiGatewayAccount,
    Function,
    InvalidArgumentError,
    LambdaIntegration,
    Pass,
    Public,
    RestApi,
    Stage,
    Table,
    UserPool,
    Workflow,
)
from constructs_lib.functions.vpc_access import VpcAccess
from tests.support.synthesis import FakeArchive, public_method, refused


class Given:
    """The stack, and what is in it already."""

    def __init__(self, directory: Path) -> None:
        self.app = App(outdir=str(directory / "cdktf.out"))
        self.stack = stack = AwsStack(self.app, "shop", region="us-east-1")
        self.archive = FakeArchive.make(directory)
        self.function = Function(stack, "chat", archive=self.archive)
        self.api = api = RestApi(stack, "api", name="shop")
        public_method(api, self.function)
        self.deployment = Deployment(stack, "deployment", api=api)
        self.account = ExistingApiGatewayAccount()
        self.stage = Stage(
            stack, "stage", deployment=self.deployment, stage_name="prod", account=self.account
        )
        self.key = EncryptionKey(stack, "key")
        self.topic = AlarmTopic(stack, "alarms", encryption_key=self.key)
        self.queue = DeadLetterQueue(stack, "failed")
        self.table = Table(stack, "table", partition_key="id")
        self.workflow = Workflow(stack, "scan", definition=Pass("a"), timeout_seconds=5)
        self.pool = UserPool(stack, "users")

    def make(self, kind: str, **arguments: Any) -> Any:
        return getattr(constructs_lib, kind)(self.stack, "one", **arguments)

    def method(self, *, integration: Any = None, **arguments: Any) -> Any:
        chosen = LambdaIntegration(self.function) if integration is None else integration
        return self.api.resource_for("/one").add_method(
            "POST", chosen, **{"authorization": Public(), **arguments}
        )


PLACE: Any = "arn:aws:lambda:us-east-1:123456789012:function:orders"

CASES: dict[str, Callable[[Given], object]] = {
    "LambdaIntegration: function is of type str; pass a Function": lambda g: LambdaIntegration(PLACE),
    "shop/one: archive is of type str; pass LambdaArchive": lambda g: g.make("Function", archive="x.zip"),
    "shop/one: vpc is of type str; pass VpcAccess(...)": lambda g: g.make(
        "Function", archive=g.archive, vpc="subnet-1"
    ),
    "shop/one: asynchronous_calls is of type str; pass AsynchronousCalls(...)": lambda g: g.make(
        "Function", archive=g.archive, asynchronous_calls="x"
    ),
    "shop/one: environment is of type list; pass a dictionary {...}": lambda g: g.make(
        "Function", archive=g.archive, environment=["A=1"]
    ),
    "shop/one: description is of type list; pass a string": lambda g: g.make(
        "Function", archive=g.archive, description=["x"]
    ),
    "shop/one: function_name is of type int; pass a string": lambda g: g.make(
        "Function", archive=g.archive, function_name=5
    ),
    "shop/one: 'shop' is of type str, not a construct; pass the construct itself": lambda g: g.make(
        "Deployment", api="shop"
    ),
    "shop/one: 'x' is of type str, not a construct": lambda g: g.make(
        "Stage", deployment="x", stage_name="q", account=g.account
    ),
    "shop/one: throttle is of type int; pass Throttle(...)": lambda g: g.make(
        "Stage", deployment=g.deployment, stage_name="q", account=g.account, throttle=5
    ),
    "shop/one: cache is of type str; pass Cache(...)": lambda g: g.make(
        "Stage", deployment=g.deployment, stage_name="q", account=g.account, cache="0.5"
    ),
    "shop/one: account is of type str; pass ApiGatewayAccount or ExistingApiGatewayAccount(...)": lambda g: (
        g.make("Stage", deployment=g.deployment, stage_name="q", account="x")
    ),
    "shop/one: account is the class itself; pass": lambda g: g.make(
        "Stage", deployment=g.deployment, stage_name="q", account=ExistingApiGatewayAccount
    ),
    "shop/one: stages is of type Stage, not a list; pass [...]": lambda g: g.make(
        "UsagePlan", stages=g.stage
    ),
    "shop/one: quota is of type int; pass Quota(...)": lambda g: g.make(
        "UsagePlan", stages=[g.stage], quota=5
    ),
    "shop/one: mutual_tls is of type str; pass MutualTls(...)": lambda g: g.make(
        "DomainName", domain_name="a.shop.example", stage=g.stage, hosted_zone_id="Z12345678", mutual_tls="x"
    ),
    "shop/api/one/POST: authorization is the class Public itself; pass Public()": lambda g: g.method(
        authorization=Public
    ),
    "shop/api/one/POST: integration is of type Function; pass LambdaIntegration(function)": lambda g: (
        g.method(integration=g.function)
    ),
    "shop/api/one/POST: request_parameters is of type list; pass a dictionary {...}": lambda g: g.method(
        request_parameters=["querystring.x"]
    ),
    "shop/api/one/POST: documentation is of type str; pass RouteDocumentation(...)": lambda g: g.method(
        documentation="x"
    ),
    "shop/api: contract is of type str; pass the contract of a service": lambda g: g.api.add_service(
        PLACE, LambdaIntegration(g.function)
    ),
    "CognitoAuthorizer 'a': user_pools is of type UserPool, not a list": lambda g: (
        constructs_lib.CognitoAuthorizer(name="a", user_pools=g.pool)  # type: ignore[arg-type]
    ),
    "LambdaAuthorizer 'a': function is of type str": lambda g: constructs_lib.LambdaAuthorizer(
        name="a", function=PLACE
    ),
    "shop/one: topic is of type str; pass AlarmTopic(...)": lambda g: g.make(
        "Alarms", topic="x", stages=[g.stage]
    ),
    "shop/one: functions is of type Function, not a list": lambda g: g.make(
        "Alarms", topic=g.topic, functions=g.function
    ),
    "shop/one: pattern is of type str; pass a dictionary {...}": lambda g: g.make(
        "EventRule", pattern="x", function=g.function, dead_letters=g.queue
    ),
    "shop/table: grant is given a Function; pass a Role, such as function.role": lambda g: g.table.grant(
        g.function,  # type: ignore[arg-type]
        "GetItem",
    ),
    "shop/chat/role/p: a statement is of type dict; pass PolicyStatement(...)": lambda g: (
        g.function.role.add_policy(
            "p",
            {"Effect": "Allow"},  # type: ignore[arg-type]
        )
    ),
    "shop/one: stages is of type Stage, not a list": lambda g: g.make("WebAcl", stages=g.stage),
    "desk: defaults is of type dict; pass StackDefaults(...)": lambda g: AwsStack(
        g.app,
        "desk",
        region="us-east-1",
        defaults={},  # type: ignore[arg-type]
    ),
    "desk: environment is of type str; pass Environment.from_variables(os.environ)": lambda g: AwsStack(
        g.app,
        "desk",
        environment="local",  # type: ignore[arg-type]
    ),
    "PolicyStatement: one of resources is of type Table; pass strings": lambda g: (
        constructs_lib.PolicyStatement(
            actions=["s3:GetObject"],
            resources=[g.table],  # type: ignore[list-item]
        )
    ),
    "'stack': is of type str, not a construct; pass the construct itself": lambda g: Function(
        "stack",  # type: ignore[arg-type]
        "one",
        archive=g.archive,
    ),
    "App: is not in a stack; create constructs in an AwsStack": lambda g: Function(
        g.app, "one", archive=g.archive
    ),
    "SqsSendMessage 'a': queue is of type str; pass the queue itself": lambda g: (
        constructs_lib.SqsSendMessage("a", PLACE, body={})
    ),
    "Parallel 'a': branches is of type str; pass a dictionary {...}": lambda g: constructs_lib.Parallel(
        "a", PLACE
    ),
    "Workflow.from_definition: one of permissions is of type str": lambda g: Workflow.from_definition(
        {"StartAt": "a", "States": {}},
        permissions=["x"],  # type: ignore[list-item]
    ),
    "VpcAccess: subnet_ids 5 is not a list of 2 or more ids": lambda g: VpcAccess(
        subnet_ids=5,  # type: ignore[arg-type]
        security_group_ids=["sg-1"],
    ),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """One stack for all cases, as each leaves it as it was."""
    return Given(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize("message", CASES)
def test_an_argument_of_another_type(given: Given, message: str) -> None:
    kind, text = refused(lambda: CASES[message](given))
    assert kind is InvalidArgumentError
    assert text.startswith(message)
    assert given.stack.node.try_find_child("one") is None
