"""LambdaIntegration: timeouts that fit, one stack, and room for its permissions."""

from __future__ import annotations

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Function,
    LambdaIntegration,
    LimitExceededError,
    Public,
    RestApi,
)
from tests.support.synthesis import FakeArchive, children, public_method, refused


@pytest.mark.parametrize(
    ("timeout_seconds", "timeout_ms", "kind", "problem"),
    [
        (
            29,
            29_000,
            ConflictError,
            (
                "the function may run 29 s and API Gateway waits 29000 ms, so callers get a 504 while it runs on; "
                "lower the function's timeout_seconds below 29, or do the work in the background"
            ),
        ),
        (
            3,
            2_500,
            ConflictError,
            (
                "the function may run 3 s and API Gateway waits 2500 ms, so callers get a 504 while it runs on; "
                "lower the function's timeout_seconds below 2.5, or do the work in the background"
            ),
        ),
        (1, 29_001, LimitExceededError, "timeout_ms is 29001; use 50 to 29000"),
        (1, 49, LimitExceededError, "timeout_ms is 49; use 50 to 29000"),
    ],
)
def test_timeouts_that_are_refused(
    stack: AwsStack,
    archive: FakeArchive,
    timeout_seconds: int,
    timeout_ms: int,
    kind: type[ConstructError],
    problem: str,
) -> None:
    function = Function(stack, "chat", archive=archive, timeout_seconds=timeout_seconds)
    assert refused(lambda: LambdaIntegration(function, timeout_ms=timeout_ms)) == (
        kind,
        f"shop/chat (LambdaIntegration): {problem}",
    )


def test_a_function_that_ends_just_before_api_gateway_stops_waiting(
    stack: AwsStack, archive: FakeArchive
) -> None:
    assert (
        LambdaIntegration(Function(stack, "chat", archive=archive, timeout_seconds=28)).timeout_ms == 29_000
    )


def test_a_function_of_another_stack_is_refused(app: App, api: RestApi, archive: FakeArchive) -> None:
    function = Function(AwsStack(app, "other", region="us-east-1"), "chat", archive=archive)
    assert refused(lambda: public_method(api, function)) == (
        ConflictError,
        ("shop/api/GET: is in stack 'shop' and other/chat in stack 'other'; create both in the same stack"),
    )
    assert api.definition.routes == ()


def test_the_permissions_of_a_function_fit_into_its_policy(api: RestApi, function: Function) -> None:
    integration = LambdaIntegration(function)
    resources = [api.root.add_resource(f"a-path-of-some-length-{number:02}") for number in range(54)]
    for resource in resources[:53]:
        resource.add_method("GET", integration, authorization=Public())
    before = children(AwsStack.of(api))
    assert refused(lambda: resources[53].add_method("GET", integration, authorization=Public())) == (
        LimitExceededError,
        (
            "shop/api/a-path-of-some-length-53/GET: the permissions of function 'shop-chat' would take about 20574 "
            "bytes and Lambda allows 20480; let one ANY method or one {proxy+} resource take several routes, or divide "
            "the function"
        ),
    )
    assert len(api.definition.routes) == 53
    assert children(AwsStack.of(api)) == before
