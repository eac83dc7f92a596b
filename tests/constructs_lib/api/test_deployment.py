"""Deployment: it waits for the whole API, and is made anew when and only when the API changes."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    Deployment,
    Function,
    InvalidArgumentError,
    LambdaIntegration,
    Public,
    RestApi,
    StackDefaults,
)
from tests.support.synthesis import Configuration, FakeArchive, children, public_method, refused, validate


def test_a_deployment_depends_on_the_parts_of_its_api_and_on_nothing_else(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    public_method(api, function, "GET", "/a")
    public_method(api, function, "POST", "/b")
    deployment = Deployment(stack, "deployment", api=api, description="Serves")
    configuration = Configuration(stack)
    resource = configuration.only("api_gateway_deployment")
    assert set(resource.pop("depends_on")) == {
        *configuration.all("api_gateway_method"),
        *configuration.all("api_gateway_integration"),
        *configuration.all("api_gateway_request_validator"),
    }
    assert resource == {
        "description": "Serves",
        "lifecycle": {"create_before_destroy": True},
        "rest_api_id": f"${{{configuration.address('api_gateway_rest_api')}.id}}",
        "triggers": {"redeployment": api.definition.digest()},
    }
    assert deployment.api is api


def test_routes_that_are_added_later_are_in_it(stack: AwsStack, api: RestApi, function: Function) -> None:
    public_method(api, function, "GET", "/a")
    deployment = Deployment(stack, "deployment", api=api)
    before = deployment.digest
    public_method(api, function, "POST", "/b")
    configuration = Configuration(stack)
    resource = configuration.only("api_gateway_deployment")
    assert resource["triggers"] == {"redeployment": deployment.digest}
    assert deployment.digest == api.definition.digest() != before
    assert set(resource["depends_on"]) == {
        *configuration.all("api_gateway_method"),
        *configuration.all("api_gateway_integration"),
        *configuration.all("api_gateway_request_validator"),
    }
    assert len(resource["depends_on"]) == 5


def trigger(app: App, archive: FakeArchive, **changes: Any) -> str:
    """The trigger of a small API, of which each argument changes one thing."""
    stack = AwsStack(
        app,
        f"shop{len(app.node.children)}",
        allowed_account_ids=[f"{len(app.node.children):012}"],
        region=changes.get("region", "us-east-1"),
        defaults=StackDefaults(tags=changes.get("tags", {})),
    )
    function = Function(
        stack,
        "chat",
        archive=archive,
        function_name=changes.get("function_name", "chat"),
        memory_mb=changes.get("memory_mb", 512),
        environment=changes.get("environment"),
    )
    api = RestApi(
        stack,
        "api",
        name=changes.get("name", "shop"),
        description=changes.get("description", ""),
        binary_media_types=changes.get("binary_media_types", ()),
        minimum_compression_bytes=changes.get("minimum_compression_bytes"),
    )
    integration = LambdaIntegration(function, timeout_ms=changes.get("timeout_ms", 29_000))
    paths = changes.get("paths", ["/a", "/b"])
    for path in paths:
        api.resource_for(path).add_method(
            changes.get("http_method", "GET"),
            integration,
            authorization=Public(),
            request_parameters=changes.get("request_parameters"),
        )
    for path in changes.get("paths_without_methods", ()):
        api.resource_for(path)
    Deployment(stack, "deployment", api=api)
    triggers = Configuration(stack).only("api_gateway_deployment")["triggers"]
    assert list(triggers) == ["redeployment"]
    return str(triggers["redeployment"])


@pytest.mark.parametrize(
    "change",
    [
        {"paths": ["/a", "/c"]},
        {"paths": ["/a"]},
        {"http_method": "POST"},
        {"timeout_ms": 28_000},
        {"function_name": "other"},
        {"binary_media_types": ["image/png"]},
        {"minimum_compression_bytes": 0},
        {"request_parameters": {"method.request.querystring.page": False}},
    ],
    ids=str,
)
def test_a_change_of_the_api_redeploys(app: App, archive: FakeArchive, change: dict[str, Any]) -> None:
    assert trigger(app, archive, **change) != trigger(app, archive)


@pytest.mark.parametrize(
    "change",
    [
        {"paths": ["/b", "/a"]},
        {"paths_without_methods": ["/c"]},
        {"name": "store"},
        {"description": "Sells"},
        {"memory_mb": 1024},
        {"environment": {"LOG_LEVEL": "DEBUG"}},
        {"tags": {"team": "shop"}},
        {"region": "eu-central-1"},
    ],
    ids=str,
)
def test_nothing_else_redeploys(app: App, archive: FakeArchive, change: dict[str, Any]) -> None:
    assert trigger(app, archive, **change) == trigger(app, archive)


def test_new_code_does_not_redeploy(app: App, archive: FakeArchive, tmp_path: Any) -> None:
    assert trigger(app, FakeArchive.make(tmp_path, text="new")) == trigger(app, archive)


def test_extra_triggers_redeploy_for_what_the_definition_does_not_know(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    method = public_method(api, function)
    assert method.resource is not None
    method.resource.add_override("operation_name", "hello")
    Deployment(stack, "deployment", api=api, extra_triggers={"operation_name": "hello"})
    public_method(api, function, "PUT")
    assert Configuration(stack).only("api_gateway_deployment")["triggers"] == {
        "operation_name": "hello",
        "redeployment": api.definition.digest(),
    }


def test_deployments_that_are_refused(app: App, stack: AwsStack, api: RestApi) -> None:
    before = children(stack)
    assert refused(
        lambda: Deployment(stack, "deployment", api=api, extra_triggers={"redeployment": "x"})
    ) == (
        ConflictError,
        "shop/deployment: extra_triggers has 'redeployment', which is the API's own; name it otherwise",
    )
    assert refused(
        lambda: Deployment(stack, "deployment", api=api, extra_triggers={"api": api.rest_api_id})
    ) == (
        InvalidArgumentError,
        (
            "shop/deployment: extra_triggers['api'] is a reference, which only Terraform can resolve; pass a plain string: names, paths and routes must be known at synth"
        ),
    )
    assert children(stack) == before
    other = AwsStack(app, "other", region="us-east-1")
    assert refused(lambda: Deployment(other, "deployment", api=api)) == (
        ConflictError,
        "other/deployment: is in stack 'other' and shop/api in stack 'shop'; create both in the same stack",
    )


def test_an_api_without_methods_is_found_when_all_is_put_together(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    Deployment(stack, "deployment", api=api)
    with pytest.raises(RuntimeError) as failure:
        validate(stack)
    assert (
        "[shop/deployment] REST API 'shop' has no methods, and AWS refuses to deploy it; add one with add_method"
    ) in str(failure.value)
    public_method(api, function)
    validate(stack)
