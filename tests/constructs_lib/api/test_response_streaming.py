"""Streamed responses: functions that stream, integrations that let them, and what excludes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    Cache,
    ConflictError,
    ConstructError,
    ExistingFunction,
    Function,
    InvalidArgumentError,
    LambdaAuthorizer,
    LambdaIntegration,
    LimitExceededError,
    Public,
    RestApi,
)
from tests.support.streaming import with_client
from tests.support.synthesis import Configuration, FakeArchive, alias_arn, refused

CLIENT = "handlers/common/streaming_runtime.py"


@pytest.fixture
def streaming(stack: AwsStack, archive: FakeArchive) -> Function:
    return Function(stack, "chat", archive=with_client(archive), timeout_seconds=300, response_streaming=True)


@pytest.fixture
def body_api(stack: AwsStack) -> RestApi:
    return RestApi(stack, "v1", name="v1", definition="openapi")


def add(api: RestApi, function: Function | ExistingFunction, **options: Any) -> None:
    integration = LambdaIntegration(function, stream=True, **options)
    api.resource_for("/chat").add_method("POST", integration, authorization=Public())


def test_a_streaming_function_is_started_by_the_client_in_its_archive(
    stack: AwsStack, streaming: Function
) -> None:
    streaming.add_environment(MODE="fast")
    assert Configuration(stack).only("lambda_function")["environment"]["variables"] == {
        "AWS_LAMBDA_EXEC_WRAPPER": f"/var/task/{CLIENT}",
        "MODE": "fast",
    }


def test_a_streamed_route_in_an_openapi_body(stack: AwsStack, body_api: RestApi, streaming: Function) -> None:
    add(body_api, streaming)
    body_api.deploy("live")
    configuration = Configuration(stack)
    document = json.loads(configuration.only("api_gateway_rest_api")["body"])
    assert document["paths"]["/chat"]["post"]["x-amazon-apigateway-integration"] == {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "passthroughBehavior": "when_no_match",
        "responseTransferMode": "STREAM",
        "timeoutInMillis": 900_000,
        "uri": (
            "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/"
            f"{alias_arn(configuration, 'shop-chat')}/response-streaming-invocations"
        ),
    }
    permission = configuration.only("lambda_permission")
    assert (permission["action"], permission["principal"]) == (
        "lambda:InvokeFunction",
        "apigateway.amazonaws.com",
    )
    assert permission["source_arn"].endswith("/*/POST/chat")


def test_a_streaming_and_a_buffered_function_come_from_one_archive(
    stack: AwsStack, body_api: RestApi, streaming: Function, archive: FakeArchive
) -> None:
    buffered = Function(stack, "whole", archive=archive)
    add(body_api, streaming)
    body_api.resource_for("/models").add_method("GET", LambdaIntegration(buffered), authorization=Public())
    integrations = {route.path: route.integration for route in body_api.definition.routes}
    assert (integrations["/chat"].streamed, integrations["/models"].streamed) == (True, False)
    assert "streamed" not in json.loads(body_api.definition.canonical_json())["routes"][1]["integration"]


def test_an_existing_function_may_stream(stack: AwsStack, body_api: RestApi) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:chat:live"
    add(body_api, ExistingFunction(stack, "chat", arn=arn, response_streaming=True), timeout_ms=60_000)
    body_api.deploy("live")
    document = json.loads(Configuration(stack).only("api_gateway_rest_api")["body"])
    integration = document["paths"]["/chat"]["post"]["x-amazon-apigateway-integration"]
    assert integration["uri"].endswith(f"/2021-11-15/functions/{arn}/response-streaming-invocations")
    assert integration["timeoutInMillis"] == 60_000


@pytest.mark.parametrize(
    ("provider", "timeout_ms", "problem"),
    [
        (">= 5.100.0, < 7.0.0", 29_000, "6.25.0"),
        (">= 6.24.0, < 7.0.0", 29_000, "6.25.0"),
        (">= 6.25.0, < 7.0.0", 29_001, "6.26.0"),
        (">= 6.25.0, < 7.0.0", 29_000, None),
        (">= 6.26.0, < 7.0.0", 900_000, None),
    ],
)
def test_an_api_of_resources_needs_a_provider_that_knows_it(
    app: App, archive: FakeArchive, provider: str, timeout_ms: int, problem: str | None
) -> None:
    stack = AwsStack(app, "new", region="us-east-1", provider_version=provider)
    function = Function(stack, "chat", archive=with_client(archive), response_streaming=True)
    api = RestApi(stack, "api", name="shop")
    if problem is None:
        add(api, function, timeout_ms=timeout_ms)
        integration = Configuration(stack).only("api_gateway_integration")
        assert (integration["response_transfer_mode"], integration["timeout_milliseconds"]) == (
            "STREAM",
            timeout_ms,
        )
        return
    assert refused(lambda: add(api, function, timeout_ms=timeout_ms)) == (
        ConflictError,
        (
            f"new/api/chat/POST: response streaming in an API of Terraform resources needs version {problem} of the AWS provider, and provider_version allows older ones; pass provider_version='>= {problem}, < 7.0.0' to the stack, or "
            "definition='openapi' to the API"
        ),
    )
    assert api.definition.routes == ()


def test_compression_and_caches_are_refused(stack: AwsStack, body_api: RestApi, streaming: Function) -> None:
    small = RestApi(stack, "small", name="small", definition="openapi", minimum_compression_bytes=0)
    assert refused(lambda: add(small, streaming)) == (
        ConflictError,
        (
            "shop/small/chat/POST: API Gateway cannot compress a response that it streams; leave "
            "minimum_compression_bytes of the API out, or add the route to another API"
        ),
    )
    cached = RestApi(stack, "cached", name="cached", definition="openapi")
    cached.deploy("live", cache=Cache())
    assert refused(lambda: add(cached, streaming)) == (
        ConflictError,
        (
            "shop/cached/chat/POST: stage 'live' caches responses, and API Gateway cannot cache a response that it "
            "streams; leave cache of the stage out, or add the route to another API"
        ),
    )
    add(body_api, streaming)
    assert refused(lambda: body_api.deploy("live", cache=Cache())) == (
        ConflictError,
        (
            "shop/v1/stage-live: POST /chat streams its response, and API Gateway cannot cache it; leave cache out, or "
            "move the route to another API"
        ),
    )


@pytest.mark.parametrize(
    ("make", "kind", "problem"),
    [
        (
            lambda streaming, buffered: LambdaIntegration(buffered, stream=True),
            ConflictError,
            (
                "shop/whole (LambdaIntegration): the function does not stream its response, and API Gateway would answer "
                "502; pass response_streaming=True to the Function, or leave stream out"
            ),
        ),
        (
            lambda streaming, buffered: LambdaIntegration(streaming),
            ConflictError,
            (
                "shop/chat (LambdaIntegration): the function streams its response, which API Gateway does not understand "
                "without stream=True; pass stream=True, or add another function of the same archive without "
                "response_streaming"
            ),
        ),
        (
            lambda streaming, buffered: LambdaIntegration(streaming, stream=True, timeout_ms=900_001),
            LimitExceededError,
            "shop/chat (LambdaIntegration): timeout_ms is 900001; use 50 to 900000",
        ),
        (
            lambda streaming, buffered: LambdaIntegration(streaming, stream=True, timeout_ms=300_000),
            ConflictError,
            (
                "shop/chat (LambdaIntegration): the function may run 300 s and API Gateway waits 300000 ms, so callers get a response that is cut off while it runs on; lower the function's timeout_seconds below 300, or do the "
                "work in the background"
            ),
        ),
    ],
)
def test_integrations_that_are_refused(
    stack: AwsStack,
    streaming: Function,
    archive: FakeArchive,
    make: Callable[[Function, Function], object],
    kind: type[ConstructError],
    problem: str,
) -> None:
    buffered = Function(stack, "whole", archive=archive)
    assert refused(lambda: make(streaming, buffered)) == (kind, problem)


def test_an_authorizer_that_streams_is_refused(
    api: RestApi, streaming: Function, archive: FakeArchive
) -> None:
    short = Function(AwsStack.of(api), "guard", archive=archive, response_streaming=True)
    guard = LambdaAuthorizer(name="guard", function=short)
    function = Function(AwsStack.of(api), "whole", archive=archive)
    assert refused(lambda: api.root.add_method("GET", LambdaIntegration(function), authorization=guard)) == (
        ConflictError,
        (
            "shop/api/GET: authorizer 'guard' asks a function that streams its response; pass a function without "
            "response_streaming"
        ),
    )


@pytest.mark.parametrize(
    ("mode", "options", "kind", "problem"),
    [
        (
            None,
            {},
            InvalidArgumentError,
            (
                f"archive 'chat' has no {CLIENT}, which streams the response; add 'handlers/common' to include in its "
                "package.toml"
            ),
        ),
        (
            0o644,
            {},
            InvalidArgumentError,
            f"{CLIENT} in archive 'chat' is not executable, and Lambda could not start it; run `chmod +x {CLIENT}`",
        ),
        (
            0o755,
            {"environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/x"}},
            ConflictError,
            (
                "response_streaming sets the environment variable AWS_LAMBDA_EXEC_WRAPPER, and environment has it too; "
                "remove it from environment, or leave response_streaming out"
            ),
        ),
        (
            0o755,
            {"snap_start": True},
            ConflictError,
            (
                "the runtime client of streaming functions does not support snapshots; leave snap_start out; pass "
                "provisioned_concurrency to keep instances started"
            ),
        ),
    ],
)
def test_functions_that_cannot_stream(
    stack: AwsStack,
    archive: FakeArchive,
    mode: int | None,
    options: dict[str, Any],
    kind: type[ConstructError],
    problem: str,
) -> None:
    code = archive if mode is None else with_client(archive, mode=mode)
    assert refused(lambda: Function(stack, "chat", archive=code, response_streaming=True, **options)) == (
        kind,
        f"shop/chat: {problem}",
    )
