"""Callers who may not, or not so often, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cloud_in_thread import DeployedApi
from tests.support.real_api import (
    SHOP,
    TENANT_KEY,
    RealApi,
    function_failure,
    give_error_form,
    problem_of,
)
from tests.support.zips import NO_CODE

CANARY = "qzcanary7q"
MakeApi = Callable[..., DeployedApi]


def test_who_comes_too_often_is_told_when_to_come_again(make_api: MakeApi) -> None:
    api = make_api(lambda _event: {"statusCode": 200})
    api.method("/keyed", "GET", apiKeyRequired=True)
    api.method("/throttled", "GET")
    give_error_form(api)
    api.deploy()
    limit = {"rateLimit": "0.01", "burstLimit": "1"}
    api.aws.update_stage(
        restApiId=api.api_id,
        stageName=api.stage,
        patchOperations=[
            {"op": "replace", "path": f"/throttled/GET/throttling/{name}", "value": value}
            for name, value in limit.items()
        ],
    )
    key = api.aws.create_api_key(name="k", enabled=True)
    stages = [{"apiId": api.api_id, "stage": api.stage}]
    plan = api.aws.create_usage_plan(name="p", apiStages=stages, quota={"limit": 1, "period": "DAY"})
    api.aws.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    for path, headers, code, seconds in (
        ("/keyed", {"x-api-key": key["value"]}, "quota_exceeded", "3600"),
        ("/throttled", {}, "too_many_requests", "1"),
    ):
        assert api.call("GET", path, headers=headers).status == 200
        for _ in range(3):
            refused = api.call("GET", path, headers=headers | {"Origin": SHOP})
            assert (refused.status, problem_of(refused)["code"]) == (429, code)
            assert refused.headers["Retry-After"] == seconds
            assert refused.headers["Access-Control-Allow-Origin"] == SHOP


KEY = TENANT_KEY.value
printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


@given(
    token=st.text(printable, max_size=60)
    | st.text(printable, max_size=40).map(lambda text: f"Bearer {text}")
    | st.sampled_from([f"Basic {KEY}", f"Bearer {KEY},", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", KEY])
)  # fmt: skip
def test_any_token_that_is_none_is_401(real: RealApi, token: str) -> None:
    before = [arn for arn in real.invoked if "orchestrator" in arn]
    answer = real.call("POST", "/authorized/ai-service", headers={"Authorization": token})
    assert (answer.status, problem_of(answer)["code"]) == (401, "unauthorized")
    assert [arn for arn in real.invoked if "orchestrator" in arn] == before


def test_a_key_passes_without_an_api_key(real: RealApi) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {"service": "language.analysis", "input": {"text": "London"}}
    assert real.post("/authorized/ai-service", body, **headers).status == 200


@dataclass
class Guarded:
    api: DeployedApi
    answer: Any = None
    served: list[Any] = field(default_factory=list)


@pytest.fixture(scope="module")
def guarded(real: RealApi) -> Iterator[Guarded]:
    """A route of its own whose authorizer answers what the test says."""
    cloud = real.api.cloud
    guarded = Guarded(real.api)

    def serve(_event: Any) -> dict[str, Any]:
        guarded.served.append(1)
        return {"statusCode": 200}

    names = {"guard": lambda _event: guarded.answer, "served": serve}
    arns = {}
    for name, handler in names.items():
        arn = real.arns["crashing"].rpartition(":")[0] + f":{name}"
        cloud.functions.handlers[name] = handler
        role = cloud.client("iam").list_roles()["Roles"][0]["Arn"]
        cloud.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role,
            Code={"ZipFile": NO_CODE},
        )
        cloud.client("lambda").add_permission(
            FunctionName=name,
            StatementId="all",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        arns[name] = arn
    authorizer = real.api.aws.create_authorizer(
        restApiId=real.api.api_id,
        name="guard",
        type="TOKEN",
        authorizerUri=real.api.proxy_integration(arns["guard"])["uri"],
        identitySource="method.request.header.Authorization",
        authorizerResultTtlInSeconds=0,
    )["id"]
    real.api.method(
        "/guarded",
        "GET",
        integration=real.api.proxy_integration(arns["served"]),
        authorizationType="CUSTOM",
        authorizerId=authorizer,
    )
    real.api.deploy()
    yield guarded
    for name in names:
        cloud.client("lambda").delete_function(FunctionName=name)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([CANARY, "Allow", "*", "execute-api:Invoke", "2012-10-17"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["principalId", "policyDocument", "Version", "Statement", "Effect", "Action", "Resource", "context",
                         "usageIdentifierKey", "Condition", "NotAction", "NotResource"]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(answer=values | st.sampled_from([function_failure("ValueError", CANARY), b"\xff", b"", b"{"]))
def test_whatever_an_authorizer_answers_nobody_passes_unless_it_says_so(
    guarded: Guarded, answer: Any
) -> None:
    guarded.answer = answer
    refused = guarded.api.call("GET", "/guarded", headers={"Authorization": "token"})
    assert refused.status in {403, 500, 503}
    assert problem_of(refused)["code"] in {"forbidden", "internal_error", "backend_unavailable"}
    assert CANARY not in refused.content.decode()
    assert guarded.served == []


@pytest.mark.parametrize(
    "context", [{"list": [1]}, {"map": {"a": 1}}, {"nested": {"deep": [{}]}}, [1], "text", 7, True]
)
def test_a_context_that_is_not_flat_lets_nobody_pass(guarded: Guarded, context: Any) -> None:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    guarded.answer = {"principalId": "acme", "policyDocument": policy, "context": context}
    assert guarded.api.call("GET", "/guarded", headers={"Authorization": "token"}).status == 500
    assert guarded.served == []
