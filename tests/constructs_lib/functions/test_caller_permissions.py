"""Function: who may call it, and how functions know of each other."""

from __future__ import annotations

import json

from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    Function,
    Role,
)
from tests.support.synthesis import Configuration, FakeArchive, alias_arn, refused, statements


def invoke_policies(configuration: Configuration) -> dict[str, list[str]]:
    return {
        policy["role"].split(".")[1].split("_")[0]: statements(policy["policy"])[0]["Resource"]
        for policy in configuration.all("iam_role_policy").values()
        if policy["name"].startswith("invoke-")
    }


def opened_after(configuration: Configuration) -> dict[str, list[str]]:
    """Functions whose aliases an alias waits for, by the function of that alias."""
    return {
        address.split(".")[1].split("_")[0]: [
            one.split(".")[1].split("_")[0] for one in body.get("depends_on", [])
        ]
        for address, body in configuration.all("lambda_alias").items()
    }


def test_a_caller_is_created_beside_what_it_calls_and_opened_after_it(
    stack: AwsStack, function: Function, archive: FakeArchive
) -> None:
    caller = Function(stack, "caller", archive=archive, environment={"CHAT": function.arn_by_name})
    function.grant_invoke(caller)
    function.grant_invoke(caller)
    configuration = Configuration(stack)
    arn = alias_arn(configuration, "shop-chat")
    assert invoke_policies(configuration) == {"caller": [arn]}
    (resource,) = (
        body for address, body in configuration.all("lambda_function").items() if "caller" in address
    )
    assert resource["environment"]["variables"] == {"CHAT": arn}
    assert any("invoke-shop-chat" in address for address in resource["depends_on"])
    assert not any(".chat_" in address for address in resource["depends_on"])
    assert opened_after(configuration) == {"chat": [], "caller": ["chat"]}


def test_functions_may_call_each_other_and_themselves(
    stack: AwsStack, function: Function, archive: FakeArchive
) -> None:
    second = Function(stack, "second", archive=archive)
    third = Function(stack, "third", archive=archive)
    function.grant_invoke(second)
    second.grant_invoke(third)
    third.grant_invoke(function)
    second.grant_invoke(second)
    configuration = Configuration(stack)
    assert opened_after(configuration) == {"chat": [], "second": ["chat"], "third": ["second"]}
    names = sorted(policy["name"] for policy in configuration.all("iam_role_policy").values())
    assert [name for name in names if name.startswith("invoke")] == [
        "invoke-shop-chat",
        "invoke-shop-second",
        "invoke-shop-second",
        "invoke-shop-third",
    ]


def test_a_role_may_be_granted_it(stack: AwsStack, function: Function) -> None:
    function.grant_invoke(Role(stack, "states", service="states.amazonaws.com"))
    assert list(invoke_policies(Configuration(stack))) == ["states"]


def test_a_function_of_another_stack_cannot_be_granted_it(
    app: App, function: Function, archive: FakeArchive
) -> None:
    other = Function(AwsStack(app, "other", region="us-east-1"), "caller", archive=archive)
    assert refused(lambda: function.grant_invoke(other)) == (
        ConflictError,
        "shop/chat: is in stack 'shop' and other/caller in stack 'other'; create both in the same stack",
    )


def test_a_permission_names_the_alias_and_one_source(stack: AwsStack, function: Function) -> None:
    function.add_permission(
        stack, "from-bucket", principal="s3.amazonaws.com", source_arn="arn:aws:s3:::talks"
    )
    configuration = Configuration(stack)
    assert configuration.only("lambda_permission") == {
        "action": "lambda:InvokeFunction",
        "function_name": f"${{{configuration.address('lambda_function')}.function_name}}",
        "lifecycle": {"replace_triggered_by": [f"{configuration.address('lambda_alias')}.id"]},
        "principal": "s3.amazonaws.com",
        "qualifier": f"${{{configuration.address('lambda_alias')}.name}}",
        "source_arn": "arn:aws:s3:::talks",
        "statement_id_prefix": "shop-",
    }


def test_environment_values_may_refer_to_other_resources(
    stack: AwsStack, function: Function, archive: FakeArchive
) -> None:
    services = json.dumps({"chat": function.qualified_arn})
    Function(stack, "caller", archive=archive, environment={"AI_SERVICES": services})
    configuration = Configuration(stack)
    (resource,) = (
        body for address, body in configuration.all("lambda_function").items() if "caller" in address
    )
    value = resource["environment"]["variables"]["AI_SERVICES"]
    (alias,) = (address for address in configuration.all("lambda_alias") if "chat" in address)
    assert json.loads(value) == {"chat": f"${{{alias}.arn}}"}
