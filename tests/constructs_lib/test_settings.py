"""The settings of the constructs that need no jsii: environment variables, policies, access logs, single values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.api.access_log import DEFAULT_FIELDS, AccessLog
from constructs_lib.authorization.kinds import IamAuthorization, Public
from constructs_lib.checks import check_choice, check_pattern, check_range
from constructs_lib.errors import (
    ConflictError,
    ConstructError,
    InvalidArgumentError,
    LimitExceededError,
    UnsafeSettingError,
)
from constructs_lib.functions.function_environment import check_environment
from constructs_lib.functions.plaintext_secrets import find_secret
from constructs_lib.iam.policy import PolicyStatement, policy_document
from constructs_lib.templates import has_reference, without_references

TOKEN = "${TfToken[TOKEN.12]}"
KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


def refused(act: Callable[[], object]) -> tuple[type[ConstructError], str]:
    with pytest.raises(ConstructError) as refusal:
        act()
    return type(refusal.value), str(refusal.value)


def test_an_error_says_where_what_and_what_to_do() -> None:
    error = ConflictError("shop/api", "it is wrong", "do this")
    assert str(error) == "shop/api: it is wrong; do this"
    assert (error.where, error.problem, error.remedy) == ("shop/api", "it is wrong", "do this")
    assert isinstance(error, ConstructError)


# --- single values


@pytest.mark.parametrize(
    ("check", "kind", "message"),
    [
        (
            lambda: check_choice("shop", "size", "M", Literal["S", "L"]),
            InvalidArgumentError,
            "shop: size 'M' is unknown; choose 'S' or 'L'",
        ),
        (
            lambda: check_choice("shop", "days", True, Literal[1, 3, 5]),
            InvalidArgumentError,
            "shop: days True is unknown; choose 1, 3 or 5",
        ),
        (
            lambda: check_choice("shop", "log", "ON", Literal["OFF"]),
            InvalidArgumentError,
            "shop: log 'ON' is unknown; choose 'OFF'",
        ),
        (lambda: check_range("shop", "mb", 0, 1, 9), LimitExceededError, "shop: mb is 0; use 1 to 9"),
        (lambda: check_range("shop", "mb", 10, 1, 9), LimitExceededError, "shop: mb is 10; use 1 to 9"),
        (
            lambda: check_range("shop", "mb", "5", 1, 9),
            InvalidArgumentError,
            "shop: mb '5' is not a whole number; use 1 to 9",
        ),
        (
            lambda: check_range("shop", "mb", True, 1, 9),
            InvalidArgumentError,
            "shop: mb True is not a whole number; use 1 to 9",
        ),
        (
            lambda: check_pattern("shop", "name", "a\n", "[a-z]", "use one letter"),
            InvalidArgumentError,
            "shop: name 'a\\n' is not valid; use one letter",
        ),
        (
            lambda: check_pattern("shop", "name", None, "[a-z]", "use one letter"),
            InvalidArgumentError,
            "shop: name None is not a string; pass a string",
        ),
    ],
)
def test_single_values_that_are_refused(
    check: Callable[[], object], kind: type[ConstructError], message: str
) -> None:
    assert refused(check) == (kind, message)


@pytest.mark.parametrize("value", [1, 9])
def test_both_ends_of_a_range_are_in_it(value: int) -> None:
    check_range("shop", "mb", value, 1, 9)


def test_tokens_are_found_and_left_out() -> None:
    text = f"a{TOKEN}b${{aws_s3_bucket.x.arn}}c$context.d"
    assert has_reference(text)
    assert without_references(text) == "abc$context.d"
    assert not has_reference("$context.requestId and {id}")


# --- environment variables


@pytest.mark.parametrize(
    ("environment", "kind", "problem"),
    [
        (
            {"1A": "x"},
            InvalidArgumentError,
            "environment variable '1A' is not valid; start with a letter and use two or more letters, digits and '_'",
        ),
        (
            {"A": "x"},
            InvalidArgumentError,
            "environment variable 'A' is not valid; start with a letter and use two or more letters, digits and '_'",
        ),
        (
            {"AWS_REGION": "x"},
            InvalidArgumentError,
            "environment variable AWS_REGION belongs to Lambda; choose another name",
        ),
        (
            {"LIMIT": 5},
            InvalidArgumentError,
            "environment variable LIMIT is of type int; pass a string, such as str(value) or json.dumps(value)",
        ),
        (
            {"MODEL_KEY": "sk-" + "a1B2" * 8},
            UnsafeSettingError,
            (
                "environment variable MODEL_KEY holds an API key in plain text; store it in Secrets Manager or the Parameter Store, and pass its name"
            ),
        ),
        (
            {"TEXT": "x" * 4093},
            LimitExceededError,
            (
                "the environment variables take 4097 bytes and Lambda allows 4096; ship the larger values as files in the "
                "archive"
            ),
        ),
    ],
)
def test_environments_that_are_refused(
    environment: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    assert refused(lambda: check_environment("shop/chat", environment)) == (kind, f"shop/chat: {problem}")


def test_an_environment_may_fill_4_kb_and_hold_references() -> None:
    check_environment("shop/chat", {"TEXT": "x" * (4096 - 4 - 6), "URLS": f"{TOKEN}\u00e9"})


def test_a_multi_byte_character_counts_its_bytes() -> None:
    kind, message = refused(lambda: check_environment("shop/chat", {"TEXT": "\u20ac" * 1365}))
    assert (kind, message.split(";")[0]) == (
        LimitExceededError,
        "shop/chat: the environment variables take 4099 bytes and Lambda allows 4096",
    )


# --- secrets


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"),
        ("-----BEGIN PRIVATE KEY-----", "a private key"),
        (KEY, "an AWS access key"),
        (f'{{"id": "{KEY}"}}', "an AWS access key"),
        ("sk-proj-" + "aB3_" * 6, "an API key"),
        ("AIza" + "b" * 35, "an API key"),
        ("hf_" + "c" * 34, "an API key"),
        ("ghp_" + "d" * 36, "an access token"),
        ("glpat-" + "e" * 20, "an access token"),
        ("xoxb-" + "1" * 12, "an access token"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl", "a signed token"),
        ("postgres://shop:hunter2@db/orders", "a password in a URL"),
    ],
)
def test_secrets_are_found(value: str, kind: str) -> None:
    assert find_secret(value) == kind


@pytest.mark.parametrize(
    "value",
    [
        "",
        "local",
        "task-scheduler-service-name",
        "https://api.example.com:8443/v1?x=1",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn:aws:lambda:us-east-1:123456789012:function:shop-chat:live",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:model-key-AbCdEf",
        "-----BEGIN CERTIFICATE-----",
        "AKIA is what access keys start with",
    ],
)
def test_what_is_no_secret_passes(value: str) -> None:
    assert find_secret(value) is None


@given(st.text(st.characters(codec="ascii", categories=("Ll", "Nd"))))
def test_words_of_small_letters_and_digits_are_no_secrets(value: str) -> None:
    assert find_secret(value) is None


# --- policies


def test_a_policy_document_is_what_iam_reads() -> None:
    statement = PolicyStatement(
        actions=["s3:GetObject"],
        resources=(f"{TOKEN}/*",),
        conditions={"StringEquals": {"aws:SourceVpc": ["vpc-1"]}},
    )
    assert json.loads(policy_document(statement.as_dict())) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": ["${TfToken[TOKEN.12]}/*"],
                "Condition": {"StringEquals": {"aws:SourceVpc": ["vpc-1"]}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("actions", "resources", "kind", "problem"),
    [
        (
            ["s3:*"],
            ["arn:aws:s3:::talks/*"],
            UnsafeSettingError,
            "action 's3:*' has a wildcard; name each action",
        ),
        (["*"], ["arn"], UnsafeSettingError, "action '*' has a wildcard; name each action"),
        (
            ["xray:PutTraceSegments", "s3:PutObject", "s3:GetObject"],
            ["*"],
            UnsafeSettingError,
            (
                "resource '*' allows s3:GetObject, s3:PutObject on every resource in the account; pass ARNs, with a '*' in their last part if the name is not known, or pass unscoped=True to allow all"
            ),
        ),
        (
            ["GetObject"],
            ["arn"],
            InvalidArgumentError,
            "action 'GetObject' is not valid; write it as 'service:Action'",
        ),
        (
            "s3:GetObject",
            ["arn"],
            InvalidArgumentError,
            "actions 's3:GetObject' is not a list of strings; pass at least one",
        ),
        (
            ["s3:GetObject"],
            [],
            InvalidArgumentError,
            "resources [] is not a list of strings; pass at least one",
        ),
    ],
)
def test_policies_that_are_refused(
    actions: list[str], resources: list[str], kind: type[ConstructError], problem: str
) -> None:
    assert refused(lambda: PolicyStatement(actions=actions, resources=resources)) == (
        kind,
        f"PolicyStatement: {problem}",
    )


@pytest.mark.parametrize(
    "action",
    [
        "comprehend:DetectEntities",
        "logs:CreateLogDelivery",
        "polly:DescribeVoices",
        "rekognition:DetectText",
        "sts:GetCallerIdentity",
        "textract:DetectDocumentText",
        "textract:detectdocumenttext",
        "translate:TranslateText",
        "xray:PutTraceSegments",
    ],
)
def test_an_action_without_a_resource_type_takes_everything(action: str) -> None:
    assert PolicyStatement(actions=[action], resources=["*"]).as_dict()["Resource"] == ["*"]


@pytest.mark.parametrize("action", ["newservice:DetectText", "s3:GetObject", "textract:NewAction"])
def test_any_other_action_takes_everything_where_that_is_said(action: str) -> None:
    assert refused(lambda: PolicyStatement(actions=[action], resources=["*"]))[0] is UnsafeSettingError
    statement = PolicyStatement(actions=[action], resources=["*"], unscoped=True)
    assert statement.as_dict() == {"Effect": "Allow", "Action": [action], "Resource": ["*"]}
    assert statement.within_account("123456789012").as_dict()["Resource"] == ["*"]


# --- access logs


def test_a_line_of_the_access_log_is_json_with_one_context_variable_a_field() -> None:
    fields = json.loads(AccessLog().format)
    assert fields == dict(DEFAULT_FIELDS)
    assert all(value.startswith("$context.") for value in fields.values())


@pytest.mark.parametrize(
    "variable",
    [
        "$context.authorizer.claims.email",
        "$context.authorizer.claims",
        "$context.authorizer.limits",
        "$context.identity.apiKey",
        "$context.identity.cognitoIdentityId",
        "$context.identity.clientCert.clientCertPem",
        "$context.requestOverride.header.authorization",
    ],
)
def test_a_secret_does_not_get_into_the_access_log(variable: str) -> None:
    assert refused(lambda: AccessLog(fields={"id": "$context.requestId", "x": variable})) == (
        UnsafeSettingError,
        f"AccessLog: field 'x' would log {variable}, which may hold a secret; leave it out",
    )


@pytest.mark.parametrize("variable", ["$context.authorizer.principalId", "$context.identity.apiKeyId"])
def test_who_called_may_be_logged(variable: str) -> None:
    assert variable in AccessLog(fields={"id": "$context.requestId", "who": variable}).format


def test_the_caller_is_logged_as_what_authorizers_say_of_it() -> None:
    fields = json.loads(AccessLog(callers=True).format)
    assert fields == {
        **DEFAULT_FIELDS,
        "caller": "$context.authorizer.caller",
        "tenant": "$context.authorizer.tenant",
        "key": "$context.authorizer.key",
    }


@pytest.mark.parametrize(
    ("fields", "retention", "message"),
    [
        (
            {"status": "$context.status"},
            30,
            "AccessLog: no field is $context.requestId, which API Gateway requires; add one",
        ),
        (
            {"id": "$context.requestId", "x": "$request.header.Authorization"},
            30,
            (
                "AccessLog: field 'x': '$request.header.Authorization' is not valid; use one variable, such as "
                "'$context.status'"
            ),
        ),
        (
            {"id": "$context.requestId"},
            31,
            (
                "AccessLog: retention_days 31 is unknown; choose 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, "
                "400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653"
            ),
        ),
    ],
)
def test_access_logs_that_are_refused(fields: dict[str, str], retention: Any, message: str) -> None:
    assert refused(lambda: AccessLog(fields=fields, retention_days=retention)) == (
        InvalidArgumentError,
        message,
    )


# --- authorization


def test_the_authorizations_as_data() -> None:
    assert Public().definition().type == "NONE"
    assert IamAuthorization().definition().type == "AWS_IAM"
