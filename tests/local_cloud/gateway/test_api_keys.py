"""API keys and usage plans: whose key counts, and how often it may come."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from local_cloud.gateway.api_keys import ApiKeys, period_start
from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.gateway.errors import GatewayError
from local_cloud.gateway.exchange import DeployedStage, Exchange
from local_cloud.gateway.routing import Router
from local_cloud.messages import Request
from tests.support.cloud_in_thread import ACCOUNT, REGION, DeployedApi
from tests.support.threads import at_once

MakeApi = Callable[..., DeployedApi]
MakeFunction = Callable[[Callable[[Any], Any]], str]

FORBIDDEN = (403, b'{"message":"Forbidden"}', "ForbiddenException")
THROTTLED = (429, b'{"message":"Too Many Requests"}', "TooManyRequestsException")
USED_UP = (429, b'{"message":"Limit Exceeded"}', "LimitExceededException")


def answered(response: Any) -> tuple[int, bytes, str]:
    return response.status, response.content, response.headers["x-amzn-ErrorType"]


_names = iter(range(10_000))


@dataclass
class Scene:
    """An API whose methods need the key of a plan."""

    api: DeployedApi
    served: list[dict[str, Any]] = field(default_factory=list)

    @property
    def aws(self) -> Any:
        return self.api.aws

    def key(self, *, plan: str | None = None, enabled: bool = True) -> dict[str, str]:
        key: dict[str, str] = self.aws.create_api_key(name=f"key-{next(_names)}", enabled=enabled)
        if plan is not None:
            self.aws.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        return key

    def plan(self, stage: str = "stage", **options: Any) -> str:
        stages = [{"apiId": self.api.api_id, "stage": stage}]
        return str(
            self.aws.create_usage_plan(name=f"plan-{next(_names)}", **{"apiStages": stages} | options)["id"]
        )

    def call(self, value: str | None, path: str = "/a", method: str = "GET") -> Any:
        return self.api.call(method, path, headers={} if value is None else {"X-API-Key": value})


@pytest.fixture
def scene(make_api: MakeApi) -> Scene:
    served: list[dict[str, Any]] = []

    def serve(event: dict[str, Any]) -> dict[str, Any]:
        served.append(event)
        return {"statusCode": 200}

    api = make_api(serve)
    for path in ("/", "/a", "/a/b"):
        api.method(path, apiKeyRequired=True)
    api.method("/open")
    api.deploy()
    return Scene(api, served)


# --- whose key --------------------------------------------------------------------------------------------------


def test_the_key_of_a_plan_for_the_stage_is_let_in(scene: Scene) -> None:
    key = scene.key(plan=scene.plan())
    assert scene.call(key["value"]).status == 200
    identity = scene.served[0]["requestContext"]["identity"]
    assert (identity["apiKey"], identity["apiKeyId"]) == (key["value"], key["id"])
    assert scene.call(None, "/open").status == 200
    assert "apiKey" not in scene.served[1]["requestContext"]["identity"]


def test_other_keys_get_one_and_the_same_answer(scene: Scene) -> None:
    plan = scene.plan()
    values = {
        "none": None,
        "empty": "",
        "unknown": "abc",
        "not a plan's": scene.key()["value"],
        "of a plan for another stage": scene.key(plan=scene.plan("other"))["value"],
        "of a plan for another API": scene.key(plan=scene.plan(apiStages=[{"apiId": "x", "stage": "stage"}]))[
            "value"
        ],
        "of a plan for nothing": scene.key(plan=scene.plan(apiStages=[]))["value"],
        "disabled": scene.key(plan=plan, enabled=False)["value"],
        "an id": scene.key(plan=plan)["id"],
        "é": "é",
    }
    assert {name: answered(scene.call(value)) for name, value in values.items()} == dict.fromkeys(
        values, FORBIDDEN
    )
    assert scene.served == []


def test_what_changes_counts_at_once(scene: Scene) -> None:
    plan = scene.plan()
    key = scene.key(plan=plan)

    def enable(value: str) -> None:
        operations = [{"op": "replace", "path": "/enabled", "value": value}]
        scene.aws.update_api_key(apiKey=key["id"], patchOperations=operations)

    assert scene.call(key["value"]).status == 200
    enable("false")
    assert scene.call(key["value"]).status == 403
    enable("true")
    assert scene.call(key["value"]).status == 200
    scene.aws.delete_usage_plan_key(usagePlanId=plan, keyId=key["id"])
    assert scene.call(key["value"]).status == 403
    scene.aws.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    assert scene.call(key["value"]).status == 200
    operations = [{"op": "remove", "path": "/apiStages", "value": f"{scene.api.api_id}:stage"}]
    scene.aws.update_usage_plan(usagePlanId=plan, patchOperations=operations)
    assert scene.call(key["value"]).status == 403
    scene.aws.delete_api_key(apiKey=key["id"])
    assert scene.call(key["value"]).status == 403


def test_the_answer_is_a_gateway_response(scene: Scene) -> None:
    for kind in ("INVALID_API_KEY", "QUOTA_EXCEEDED", "THROTTLED"):
        scene.aws.put_gateway_response(
            restApiId=scene.api.api_id,
            responseType=kind,
            responseParameters={"gatewayresponse.header.Retry-After": "'60'"},
            responseTemplates={
                "application/json": '{"code": "$context.error.responseType", "message": $context.error.messageString}'
            },
        )
    scene.api.deploy()
    plan = scene.plan(quota={"limit": 1, "period": "DAY"}, throttle={"rateLimit": 0.001, "burstLimit": 2})
    key = scene.key(plan=plan)
    scene.call(key["value"])
    answers = [scene.call(None), scene.call(key["value"]), scene.call(key["value"])]
    assert [(answer.status, json.loads(answer.content)) for answer in answers] == [
        (403, {"code": "INVALID_API_KEY", "message": "Forbidden"}),
        (429, {"code": "QUOTA_EXCEEDED", "message": "Limit Exceeded"}),
        (429, {"code": "THROTTLED", "message": "Too Many Requests"}),
    ]
    assert {answer.headers["Retry-After"] for answer in answers} == {"60"}


# --- the authorizer's key ---------------------------------------------------------------------------------------


def test_an_authorizer_may_name_the_key(make_api: MakeApi, make_function: MakeFunction) -> None:
    named: dict[str, str] = {}

    def decide(_event: Any) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
        return {"principalId": "me", "policyDocument": {"Statement": [statement]}} | named

    api = make_api(lambda _event: {"statusCode": 200}, apiKeySource="AUTHORIZER")
    scene = Scene(api)
    function_arn = make_function(decide)
    api.cloud.client("lambda").add_permission(
        FunctionName=function_arn,
        StatementId="a",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    authorizer = api.aws.create_authorizer(
        restApiId=api.api_id,
        name="a",
        type="REQUEST",
        authorizerUri=api.proxy_integration(function_arn)["uri"],
        authorizerResultTtlInSeconds=0,
    )["id"]
    api.method("/a", authorizationType="CUSTOM", authorizerId=authorizer, apiKeyRequired=True)
    api.deploy()
    value = scene.key(plan=scene.plan())["value"]
    assert answered(scene.call(value)) == FORBIDDEN  # the header does not count
    named["usageIdentifierKey"] = value
    assert scene.call(None).status == 200
    named["usageIdentifierKey"] = "other"
    assert answered(scene.call(value)) == FORBIDDEN


def test_who_may_not_call_is_told_before_the_key_is_looked_at(scene: Scene) -> None:
    scene.api.method("/signed", authorizationType="AWS_IAM", apiKeyRequired=True)
    scene.api.deploy()
    response = scene.call(None, "/signed")
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


# --- limits -----------------------------------------------------------------------------------------------------


def test_a_quota_is_used_up_over_http(scene: Scene) -> None:
    plan = scene.plan(quota={"limit": 2, "period": "MONTH"})
    first, second = scene.key(plan=plan)["value"], scene.key(plan=plan)["value"]
    assert [scene.call(first).status for _ in range(2)] == [200, 200]
    assert answered(scene.call(first)) == USED_UP
    assert scene.call(second).status == 200
    operations = [{"op": "replace", "path": "/quota/limit", "value": "3"}]
    scene.aws.update_usage_plan(usagePlanId=plan, patchOperations=operations)
    assert scene.call(first).status == 200
    assert answered(scene.call(first)) == USED_UP


def test_a_throttle_of_a_plan_is_for_each_key(scene: Scene) -> None:
    plan = scene.plan(throttle={"rateLimit": 0.001, "burstLimit": 2})
    first, second = scene.key(plan=plan)["value"], scene.key(plan=plan)["value"]
    assert [scene.call(first, path).status for path in ("/a", "/a/b")] == [200, 200]
    assert answered(scene.call(first)) == THROTTLED
    assert scene.call(second).status == 200


def test_a_method_may_have_its_own_throttle(scene: Scene) -> None:
    plan = scene.plan(throttle={"rateLimit": 1000, "burstLimit": 1000})
    stage = f"/apiStages/{scene.api.api_id}:stage/throttle"
    operations = [
        {"op": "replace", "path": f"{stage}/~1a~1b~1GET/rateLimit", "value": "0.001"},
        {"op": "replace", "path": f"{stage}/~1a~1b~1GET/burstLimit", "value": "1"},
        {"op": "replace", "path": f"{stage}/~1~1GET/rateLimit", "value": "0.001"},
        {"op": "replace", "path": f"{stage}/~1~1GET/burstLimit", "value": "1"},
    ]
    scene.aws.update_usage_plan(usagePlanId=plan, patchOperations=operations)
    key = scene.key(plan=plan)["value"]
    for path in ("/a/b", "/"):
        assert scene.call(key, path).status == 200
        assert answered(scene.call(key, path)) == THROTTLED
        assert scene.call(key, path, "PUT").status == 200
    assert [scene.call(key, "/a").status for _ in range(3)] == [200] * 3


class Backend:
    """Stands in for moto's objects: a key in a plan."""

    def __init__(self, **plan: Any) -> None:
        self.key = SimpleNamespace(id="key", value="value", name="mine", enabled=True)
        stages = [{"apiId": "api", "stage": "stage"}]
        self.plan = Plan(**({"throttle": {}, "quota": {}, "api_stages": stages} | plan))
        self.keys = {"key": self.key}
        self.usage_plans = {"plan": self.plan}
        self.usage_plan_keys = {"plan": {"key": object()}}


class Plan:
    def __init__(self, **members: Any) -> None:
        self.id = "plan"
        self.name = "gold"
        self.__dict__ |= members


@dataclass
class Desk:
    """API keys with clocks that are set by hand."""

    backend: Backend
    seconds: float = 0.0
    moment: datetime = datetime(2026, 3, 14, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.keys = ApiKeys(clock=lambda: self.seconds, wall_clock=lambda: self.moment.timestamp())

    def outcome(self) -> str:
        method = Method(
            "r", "/a", "ANY", "NONE", None, (), True, False, False, {}, {}, None, None, frozenset()
        )
        stage = DeployedStage("stage", ApiDefinition("api", "name", ACCOUNT, REGION, "d", Router([])), None)
        request = Request("GET", "/a", "", (("x-api-key", "value"),), b"", "127.0.0.1", "HTTP/1.1", 80)
        try:
            self.keys.check(Exchange(request, stage, "/a", "host", method=method))
        except GatewayError as error:
            return f"{error.fault.response_type}: {error.reason}"
        return "passes"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    from moto.apigateway import models

    def make(**plan: Any) -> Desk:
        backend = Backend(**plan)
        monkeypatch.setattr(models, "apigateway_backends", {ACCOUNT: {REGION: backend}})
        return Desk(backend)

    return make


def test_a_quota_begins_anew_with_its_period(desk: Callable[..., Desk]) -> None:
    keys = desk(quota={"limit": 2, "period": "DAY"})
    used_up = "QUOTA_EXCEEDED: key mine has used up the 2 requests a day of usage plan gold"
    assert [keys.outcome() for _ in range(3)] == ["passes", "passes", used_up]
    keys.moment = datetime(2026, 3, 14, 23, 59, 59, tzinfo=UTC)
    assert keys.outcome() == used_up
    keys.moment = datetime(2026, 3, 15, tzinfo=UTC)
    assert [keys.outcome() for _ in range(3)] == ["passes", "passes", used_up]


def test_what_is_throttled_is_not_counted(desk: Callable[..., Desk]) -> None:
    keys = desk(quota={"limit": 2, "period": "DAY"}, throttle={"rateLimit": 1.0, "burstLimit": 1})
    throttled = (
        "THROTTLED: key mine is over the limit of usage plan gold: 1 requests a second with a burst of 1"
    )
    assert [keys.outcome() for _ in range(3)] == ["passes", throttled, throttled]
    keys.seconds = 1.0
    assert keys.outcome() == "passes"
    keys.seconds = 2.0
    assert keys.outcome().startswith("QUOTA_EXCEEDED: ")


def test_a_changed_throttle_starts_anew_and_half_of_one_is_the_accounts(desk: Callable[..., Desk]) -> None:
    keys = desk(throttle={"rateLimit": 1.0, "burstLimit": 0})
    assert keys.outcome().startswith("THROTTLED: ")
    keys.backend.plan.throttle = {"rateLimit": 1.0}
    assert {keys.outcome() for _ in range(100)} == {"passes"}


@pytest.mark.parametrize(
    ("period", "offset", "now", "expected"),
    [
        ("DAY", 0, (2026, 3, 14, 12, 30), (2026, 3, 14)),
        ("WEEK", 0, (2026, 3, 14), (2026, 3, 8)),  # a Saturday; the week began on Sunday
        ("WEEK", 0, (2026, 3, 15), (2026, 3, 15)),
        ("WEEK", 1, (2026, 3, 15), (2026, 3, 9)),
        ("WEEK", 6, (2026, 3, 14), (2026, 3, 14)),
        ("WEEK", 6, (2026, 3, 13), (2026, 3, 7)),
        ("MONTH", 0, (2026, 3, 1), (2026, 3, 1)),
        ("MONTH", 14, (2026, 3, 14), (2026, 2, 15)),
        ("MONTH", 14, (2026, 3, 15), (2026, 3, 15)),
        ("MONTH", 27, (2026, 1, 1), (2025, 12, 28)),
    ],
)
def test_when_a_period_begins(
    period: str, offset: int, now: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    start = period_start(datetime(*now, tzinfo=UTC), period, offset)  # type: ignore[misc,arg-type]
    assert start == datetime(*expected, tzinfo=UTC)  # type: ignore[misc,arg-type]


# --- many at once -------------------------------------------------------------------------------------------------


def test_a_quota_is_exact_for_many_threads(scene: Scene) -> None:
    plan = scene.plan(quota={"limit": 100, "period": "DAY"})
    keys = [scene.key(plan=plan)["value"] for _ in range(2)]
    calls = [functools.partial(scene.call, keys[number % 2]) for number in range(300)]
    statuses = [answer.status for answer in at_once(calls)]
    for place in range(2):
        assert Counter(statuses[place::2]) == {200: 100, 429: 50}
    assert len(scene.served) == 200


def test_a_burst_is_exact_for_many_threads(scene: Scene) -> None:
    key = scene.key(plan=scene.plan(throttle={"rateLimit": 0.0001, "burstLimit": 40}))["value"]
    statuses = [answer.status for answer in at_once([functools.partial(scene.call, key)] * 120)]
    assert Counter(statuses) == {200: 40, 429: 80}
