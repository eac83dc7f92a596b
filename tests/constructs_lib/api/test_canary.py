"""Canary: a second deployment for a few of the requests, while the stage's own stays what it is."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    Canary,
    ConflictError,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    RestApi,
    Stage,
)
from tests.support.synthesis import Configuration, FakeArchive, public_method, refused

LIVE = "9f86d081" * 8


def stage_with(stack: AwsStack, deployment: Deployment, canary: Any) -> Stage:
    return Stage(
        stack,
        "stage",
        deployment=deployment,
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        canary=canary,
    )


def test_a_part_of_the_requests_gets_the_changed_api(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    public_method(api, function)
    live = Deployment(stack, "live", api=api, pinned_digest=LIVE)
    tried = Deployment(stack, "tried", api=api)
    stage_with(stack, live, Canary(percent=10, deployment=tried, variables={"color": "green"}))
    public_method(api, function, "POST")
    configuration = Configuration(stack)
    deployments = configuration.all("api_gateway_deployment")
    pinned, following = sorted(deployments)
    stage = configuration.only("api_gateway_stage")
    assert stage["deployment_id"] == f"${{{pinned}.id}}"
    assert stage["canary_settings"] == {
        "deployment_id": f"${{{following}.id}}",
        "percent_traffic": 10,
        "stage_variable_overrides": {"color": "green"},
    }
    assert deployments[pinned]["triggers"] == {"redeployment": LIVE}
    assert deployments[following]["triggers"] == {"redeployment": api.definition.digest()}
    assert (live.digest, live.is_pinned, tried.is_pinned) == (LIVE, True, False)


def test_a_deployment_that_is_pinned_to_what_it_is_changes_nothing(app: App, archive: FakeArchive) -> None:
    def synthesized(name: str, pinned: str | None) -> tuple[str, str]:
        account_id = "1" * 12 if pinned is None else "2" * 12
        stack = AwsStack(app, name, region="us-east-1", allowed_account_ids=[account_id])
        api = RestApi(stack, "api", name="shop")
        public_method(api, Function(stack, "chat", archive=archive, function_name="chat"))
        deployment = Deployment(stack, "deployment", api=api, pinned_digest=pinned)
        resource = Configuration(stack).only("api_gateway_deployment")
        return deployment.digest, resource["triggers"]["redeployment"]

    digest, trigger = synthesized("first", None)
    assert synthesized("second", digest) == (digest, trigger)


def test_a_canary_that_would_be_no_canary(
    app: App, stack: AwsStack, api: RestApi, function: Function
) -> None:
    public_method(api, function)
    other = RestApi(stack, "other", name="other")
    public_method(other, function)
    live = Deployment(stack, "live", api=api, pinned_digest=LIVE)
    following = Deployment(stack, "following", api=api)
    second = Deployment(stack, "second", api=api)
    foreign = Deployment(stack, "foreign", api=other)
    same = (
        "shop/stage: its canary would serve what the stage serves: only one of two deployments may follow the API; pass "
        "the stage a Deployment with pinned_digest, and the canary one without"
    )
    for deployment, tried in ((live, live), (following, second), (following, live)):
        assert refused(
            lambda deployment=deployment, tried=tried: stage_with(  # type: ignore[misc]
                stack, deployment, Canary(percent=10, deployment=tried)
            )
        ) == (ConflictError, same)
    assert refused(lambda: stage_with(stack, live, Canary(percent=10, deployment=foreign))) == (
        ConflictError,
        "shop/stage: its canary is a deployment of shop/other and it serves shop/api; pass a Deployment of the same API",
    )
    assert refused(lambda: stage_with(stack, live, 0.1)) == (
        InvalidArgumentError,
        "shop/stage: canary is of type float; pass Canary(percent=..., deployment=...)",
    )


def test_canaries_that_are_refused(stack: AwsStack, api: RestApi) -> None:
    deployment = Deployment(stack, "tried", api=api)
    assert refused(lambda: Canary(percent=0, deployment=deployment)) == (
        LimitExceededError,
        "Canary: percent is 0; use 1 to 99",
    )
    nothing: Any = "abc123"
    assert refused(lambda: Canary(percent=10, deployment=nothing)) == (
        InvalidArgumentError,
        "Canary: deployment is of type str; pass a Deployment",
    )
    assert refused(lambda: Deployment(stack, "pinned", api=api, pinned_digest="abc")) == (
        InvalidArgumentError,
        "shop/pinned: pinned_digest 'abc' is not valid; pass the digest of the deployment that is live",
    )


def test_variables_of_a_canary_are_checked_as_those_of_a_stage(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    public_method(api, function)
    live = Deployment(stack, "live", api=api, pinned_digest=LIVE)
    tried = Deployment(stack, "tried", api=api)
    with pytest.raises(InvalidArgumentError, match="stage variable color: 'dark green' is not valid"):
        stage_with(stack, live, Canary(percent=10, deployment=tried, variables={"color": "dark green"}))
