"""Texts that Terraform would take for templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cdktf import App
from cdktf_cdktf_provider_aws.dynamodb_table import DynamodbTable, DynamodbTableAttribute, DynamodbTableTtl

from constructs_lib import (
    ApiKey,
    AwsStack,
    EncryptionKey,
    Function,
    InvalidArgumentError,
    LambdaIntegration,
    PolicyStatement,
    Public,
    RestApi,
    Role,
    StackDefaults,
)
from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
from constructs_lib.functions.event_rule import EventRule
from constructs_lib.references import attribute, make
from constructs_lib.templates import accidental, escaped, has_reference, literal, plain, without_references
from tests.support.synthesis import Configuration, FakeArchive, refused

REFERENCES = [
    "${TfToken[TOKEN.12]}",
    "${aws_sqs_queue.jobs_1A2B3C4D.arn}",
    "${data.aws_caller_identity.current.account_id}",
    "${one(aws_acm_certificate.one.domain_validation_options).resource_record_name}",
    "${jsonencode({a = 1})}",
    "${random_id.suffix.hex}",
    "${var.name}",
    "${terraform.workspace}",
]
TEXTS = [
    "${aws:username}",
    "${aws:PrincipalTag/team, 'none'}",
    "${cognito-identity.amazonaws.com:sub}",
    "${*}",
    "${HOME}",
    "${order.customer.name}",
    "%{x}",
    "%{ if true }",
    "${",
]


@pytest.mark.parametrize("text", REFERENCES)
def test_references_are_filled_in(text: str) -> None:
    around = f"a {text} b"
    assert has_reference(around)
    assert accidental(around) is None
    assert escaped(around) == around
    assert without_references(around) == "a  b"


@pytest.mark.parametrize("text", TEXTS)
def test_all_else_is_text(text: str) -> None:
    around = f"a {text}"
    assert not has_reference(around)
    assert accidental(around) == text
    assert escaped(around) == literal(around)
    assert plain(escaped(around)) == around
    assert accidental(escaped(around)) is None
    assert escaped(escaped(around)) == escaped(around), "what is escaped is not escaped again"
    assert without_references(around) == around


def test_texts_and_references_stand_side_by_side() -> None:
    text = "arn:aws:s3:::${TfToken[TOKEN.1]}/${aws:username}/%{x}/${aws_s3_bucket.b.id}"
    assert escaped(text) == "arn:aws:s3:::${TfToken[TOKEN.1]}/$${aws:username}/%%{x}/${aws_s3_bucket.b.id}"


def test_variables_of_iam_stay_in_policies(stack: AwsStack) -> None:
    role = Role(stack, "reader", service="lambda.amazonaws.com")
    key = EncryptionKey(stack, "key")
    role.add_policy(
        "home",
        PolicyStatement(
            actions=["dynamodb:GetItem"],
            resources=[f"{attribute(key.resource, 'arn')}/${{aws:username}}/*"],
            conditions={"StringLike": {"s3:prefix": ["${aws:username}/%{x}"], "x": key.arn}},
        ),
    )
    written = Configuration(stack)
    (policy,) = written.all("iam_role_policy").values()
    (statement,) = json.loads(policy["policy"])["Statement"]
    address = written.address("kms_key")
    assert statement["Resource"] == [f"${{{address}.arn}}/$${{aws:username}}/*"]
    assert statement["Condition"] == {
        "StringLike": {"s3:prefix": ["$${aws:username}/%%{x}"], "x": f"${{{address}.arn}}"}
    }


def test_a_pattern_of_events_is_text(stack: AwsStack, function: Function) -> None:
    pattern = {"source": ["shop"], "detail": {"path": [{"wildcard": "${x}/*"}]}}
    rule = EventRule(
        stack, "rule", pattern=pattern, function=function, dead_letters=DeadLetterQueue(stack, "failed")
    )
    assert json.loads(plain(Configuration(stack).only("cloudwatch_event_rule")["event_pattern"])) == pattern
    rule.match({"source": ["%{x}"]})
    assert Configuration(stack).only("cloudwatch_event_rule")["event_pattern"] == '{"source": ["%%{x}"]}'


def described(kind: Callable[..., Any], **more: Any) -> Callable[[AwsStack, str], object]:
    return lambda stack, text: kind(stack, "one", description=text, **more)


ARGUMENTS: dict[str, Callable[[AwsStack, str], object]] = {
    "Role": described(Role, service="lambda.amazonaws.com"),
    "EncryptionKey": described(EncryptionKey),
    "RestApi": described(RestApi, name="shop"),
    "ApiKey": described(ApiKey, name="acme"),
}


@pytest.mark.parametrize(("text", "doubled"), [("for ${x}", "$${x}"), ("for %{x}", "%%{x}")])
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_description_that_terraform_would_fill_in(
    stack: AwsStack, kind: str, text: str, doubled: str
) -> None:
    assert refused(lambda: ARGUMENTS[kind](stack, text)) == (
        InvalidArgumentError,
        (
            f"shop/one: description contains {doubled[1:]}, which Terraform would evaluate; write {doubled} for the literal text, or pass an attribute of a resource"
        ),
    )
    assert stack.node.try_find_child("one") is None
    ARGUMENTS[kind](stack, f"for {doubled}")


def test_environment_and_tags_that_terraform_would_fill_in(
    app: App, stack: AwsStack, archive: FakeArchive
) -> None:
    assert refused(lambda: Function(stack, "chat", archive=archive, environment={"PATTERN": "${x}"})) == (
        InvalidArgumentError,
        (
            "shop/chat: environment variable PATTERN contains ${x}, which Terraform would evaluate; write $${x} for the literal text, or pass an attribute of a resource"
        ),
    )
    assert stack.node.try_find_child("chat") is None
    assert refused(
        lambda: AwsStack(app, "desk", region="us-east-1", defaults=StackDefaults(tags={"team": "%{x}"}))
    ) == (
        InvalidArgumentError,
        (
            "desk: default tag 'team' contains %{x}, which Terraform would evaluate; write %%{x} for the literal text, or pass an attribute of a resource"
        ),
    )
    assert refused(lambda: stack.output(note={"a": ["${x}"]})) == (
        InvalidArgumentError,
        (
            "shop/note: the value of the output contains ${x}, which Terraform would evaluate; write $${x} for the literal text, or pass an attribute of a resource"
        ),
    )


def test_blocks_lists_and_maps_of_any_resource_are_checked(stack: AwsStack) -> None:
    for value in (
        {"tags": {"${x}": "one"}},
        {"tags": {"one": "a ${x}"}},
        {"attribute": [DynamodbTableAttribute(name="${x}", type="S")]},
        {"ttl": DynamodbTableTtl(attribute_name="${x}", enabled=True)},
    ):
        (argument,) = value
        assert refused(lambda value=value: make(DynamodbTable, stack, "table", name="table", **value)) == (  # type: ignore[misc]
            InvalidArgumentError,
            (
                f"shop/table: {argument} contains ${{x}}, which Terraform would evaluate; write $${{x}} for the literal text, or pass an attribute of a resource"
            ),
        )


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_a_description_with_a_reference_or_an_escape_is_the_same_in_both_forms(
    stack: AwsStack, function: Function, form: Any
) -> None:
    key = EncryptionKey(stack, "key")
    text = f"$${{x}} {attribute(key.resource, 'arn')}"
    api = RestApi(stack, "api", name="shop", description=text, definition=form)
    api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
    written = Configuration(stack).only("api_gateway_rest_api")
    assert written["description"] == text
    if form == "openapi":
        assert json.loads(written["body"])["info"]["description"] == text
