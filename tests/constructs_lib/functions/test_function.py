"""Function: what it is made of, in which order, and what is refused."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    EncryptionKey,
    Environment,
    Function,
    InvalidArgumentError,
    LimitExceededError,
    LogGroup,
    PolicyStatement,
    StackDefaults,
    UnsafeSettingError,
)
from tests.support.synthesis import (
    Configuration,
    FakeArchive,
    FakeTarget,
    children,
    refused,
    statements,
    validate,
)


def test_a_function_with_nothing_but_an_archive(
    stack: AwsStack, function: Function, archive: FakeArchive
) -> None:
    configuration = Configuration(stack)
    assert configuration.types() == {
        "cloudwatch_log_group",
        "iam_role",
        "iam_role_policy",
        "lambda_alias",
        "lambda_function",
    }
    log_group = configuration.address("cloudwatch_log_group")
    resource = configuration.only("lambda_function")
    depends_on = resource.pop("depends_on")
    assert resource == {
        "architectures": ["arm64"],
        "ephemeral_storage": {"size": 512},
        "filename": f"assets/chat-{archive.digest[:12]}.zip",
        "function_name": "shop-chat",
        "handler": "chat.handler",
        "logging_config": {
            "application_log_level": "INFO",
            "log_format": "JSON",
            "log_group": f"${{{log_group}.name}}",
            "system_log_level": "INFO",
        },
        "memory_size": 512,
        "publish": True,
        "role": f"${{{configuration.address('iam_role')}.arn}}",
        "runtime": "python3.13",
        "source_code_hash": archive.source_code_hash,
        "timeout": 10,
        "tracing_config": {"mode": "Active"},
    }
    assert set(depends_on) == {log_group, *configuration.all("iam_role_policy")}
    assert configuration.only("cloudwatch_log_group") == {
        "name": "/aws/lambda/shop-chat",
        "retention_in_days": 365,
    }
    assert configuration.only("lambda_alias") == {
        "description": "The version that callers use",
        "function_name": f"${{{configuration.address('lambda_function')}.function_name}}",
        "function_version": f"${{{configuration.address('lambda_function')}.version}}",
        "lifecycle": {"replace_triggered_by": [f"{configuration.address('lambda_function')}.id"]},
        "name": "live",
    }
    assert (function.function_name, function.timeout_seconds) == ("shop-chat", 10)


def test_every_argument_arrives(stack: AwsStack, archive: FakeArchive) -> None:
    Function(
        stack,
        "chat",
        archive=archive,
        handler="other.app.handler",
        function_name="chat_2",
        description="Talks",
        memory_mb=1024,
        timeout_seconds=25,
        environment={"LOG_LEVEL": "INFO"},
        tracing=False,
        log_format="Text",
        log_retention_days=30,
        ephemeral_storage_mb=1024,
        reserved_concurrency=0,
    )
    configuration = Configuration(stack)
    function = configuration.only("lambda_function")
    assert {
        name: function[name] for name in ("description", "function_name", "handler", "memory_size", "timeout")
    } == {
        "description": "Talks",
        "function_name": "chat_2",
        "handler": "other.app.handler",
        "memory_size": 1024,
        "timeout": 25,
    }
    assert function["environment"] == {"variables": {"LOG_LEVEL": "INFO"}}
    assert function["tracing_config"] == {"mode": "PassThrough"}
    assert function["logging_config"] == {
        "log_format": "Text",
        "log_group": f"${{{configuration.address('cloudwatch_log_group')}.name}}",
    }
    assert function["ephemeral_storage"] == {"size": 1024}
    assert function["reserved_concurrent_executions"] == 0
    assert configuration.only("cloudwatch_log_group") == {
        "name": "/aws/lambda/chat_2",
        "retention_in_days": 30,
    }
    assert [policy["name"] for policy in configuration.all("iam_role_policy").values()] == ["logs"]


def test_the_log_level_can_be_chosen(stack: AwsStack, archive: FakeArchive) -> None:
    Function(stack, "chat", archive=archive, log_level="DEBUG")
    logging = Configuration(stack).only("lambda_function")["logging_config"]
    assert (logging["application_log_level"], logging["system_log_level"]) == ("DEBUG", "INFO")


def test_the_role_may_write_to_its_own_log_group_send_traces_and_nothing_else(
    stack: AwsStack, function: Function
) -> None:
    configuration = Configuration(stack)
    policies = {
        policy["name"]: statements(policy["policy"])
        for policy in configuration.all("iam_role_policy").values()
    }
    assert policies == {
        "logs": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": [f"${{{configuration.address('cloudwatch_log_group')}.arn}}:*"],
            }
        ],
        "xray": [
            {
                "Effect": "Allow",
                "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                "Resource": ["*"],
            }
        ],
    }
    role = configuration.only("iam_role")
    assert role["name_prefix"] == "shop-chat-role-"
    (identity,) = configuration.json["data"]["aws_caller_identity"]
    assert statements(role["assume_role_policy"]) == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": f"${{data.aws_caller_identity.{identity}.account_id}}"}
            },
        }
    ]


def test_a_policy_that_is_added_later_is_awaited_too(stack: AwsStack, function: Function) -> None:
    function.role.add_policy(
        "read", PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::talks/*"])
    )
    configuration = Configuration(stack)
    (address,) = (
        address
        for address, policy in configuration.all("iam_role_policy").items()
        if policy["name"] == "read"
    )
    assert address in configuration.only("lambda_function")["depends_on"]


TOKEN = "${aws_s3_bucket.x.arn}"


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"memory_mb": 64},
            LimitExceededError,
            "memory_mb is 64; use 128 to 10240",
        ),
        (
            {"memory_mb": 512.0},
            InvalidArgumentError,
            "memory_mb 512.0 is not a whole number; use 128 to 10240",
        ),
        ({"timeout_seconds": 901}, LimitExceededError, "timeout_seconds is 901; use 1 to 900"),
        ({"timeout_seconds": 0}, LimitExceededError, "timeout_seconds is 0; use 1 to 900"),
        (
            {"ephemeral_storage_mb": 511},
            LimitExceededError,
            "ephemeral_storage_mb is 511; use 512 to 10240",
        ),
        (
            {"reserved_concurrency": -1},
            LimitExceededError,
            "reserved_concurrency is -1; use 0 to 100000",
        ),
        (
            {"log_format": "text"},
            InvalidArgumentError,
            "log_format 'text' is unknown; choose 'JSON' or 'Text'",
        ),
        (
            {"log_level": "info"},
            InvalidArgumentError,
            "log_level 'info' is unknown; choose 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR' or 'FATAL'",
        ),
        (
            {"log_level": "INFO", "log_format": "Text"},
            ConflictError,
            (
                "log_level 'INFO' has no effect on a log in the format Text; leave log_level out and filter in the "
                "code, or use log_format='JSON'"
            ),
        ),
        (
            {"log_retention_days": 2},
            InvalidArgumentError,
            (
                "log_retention_days 2 is unknown; choose 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, "
                "545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653"
            ),
        ),
        (
            {"function_name": "chat bot"},
            InvalidArgumentError,
            (
                "function_name 'chat bot' is not valid; pass function_name with 1 to 64 letters, digits, '-' and '_'"
            ),
        ),
        (
            {"function_name": TOKEN},
            InvalidArgumentError,
            (
                "function_name is a reference, which only Terraform can resolve; pass a plain string: names, paths and routes must be known at synth"
            ),
        ),
        (
            {"handler": "handlers/chat.py"},
            InvalidArgumentError,
            "handler 'handlers/chat.py' is not valid; write it as 'package.module.function', without '.py'",
        ),
        (
            {"handler": "handler"},
            InvalidArgumentError,
            "handler 'handler' is not valid; write it as 'package.module.function', without '.py'",
        ),
        (
            {"environment": {"TOKEN": "ghp_" + "a" * 36}},
            UnsafeSettingError,
            (
                "environment variable TOKEN holds an access token in plain text; store it in Secrets Manager or the Parameter Store, and pass its name"
            ),
        ),
    ],
)
def test_functions_that_are_refused(
    stack: AwsStack, archive: FakeArchive, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    assert refused(lambda: Function(stack, "chat", archive=archive, **arguments)) == (
        kind,
        f"shop/chat: {problem}",
    )
    assert children(stack) == before


@pytest.mark.parametrize(
    ("archive", "kind", "problem"),
    [
        (
            {"unpacked_bytes": 262_144_001},
            LimitExceededError,
            (
                "archive 'chat' unpacks to 262,144,001 bytes and Lambda allows 262,144,000; exclude packages that the function does not import, or split the function"
            ),
        ),
        (
            {"handler": None},
            InvalidArgumentError,
            (
                "archive 'chat' has no handler in its package file; pass handler='package.module.function', or set "
                "it in the package file"
            ),
        ),
        (
            {"target": FakeTarget(runtime="python3.14")},
            ConflictError,
            (
                "runtime python3.14 needs version 6.21.0 of the AWS provider, and provider_version allows older ones; pass "
                "provider_version='>= 6.21.0, < 7.0.0' to the stack"
            ),
        ),
    ],
)
def test_archives_that_are_refused(
    stack: AwsStack, tmp_path: Path, archive: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    content = FakeArchive.make(tmp_path, **archive)
    assert refused(lambda: Function(stack, "chat", archive=content)) == (kind, f"shop/chat: {problem}")
    assert children(stack) == before


def test_an_archive_of_more_than_50_mb_goes_by_the_bucket_of_the_stack(
    stack: AwsStack, tmp_path: Path
) -> None:
    for name in ("vision", "language"):
        archive = FakeArchive.make(tmp_path, name=name, zip_bytes=50_000_001)
        Function(stack, name, archive=archive)
    configuration = Configuration(stack)
    bucket = configuration.address("s3_bucket")
    uploads = configuration.all("s3_object")
    assert {body["bucket"] for body in uploads.values()} == {f"${{{bucket}.id}}"}
    functions = configuration.all("lambda_function").values()
    assert {body["s3_key"] for body in functions} == {f"${{{upload}.key}}" for upload in uploads}


def test_the_bucket_of_the_stack_may_be_one_that_exists(app: App, tmp_path: Path) -> None:
    stack = AwsStack(
        app, "shop", region="us-east-1", defaults=StackDefaults(archive_bucket="archives-{account}")
    )
    Function(stack, "chat", archive=FakeArchive.make(tmp_path, zip_bytes=50_000_001))
    configuration = Configuration(stack)
    assert configuration.all("s3_bucket") == {}
    (account,) = configuration.json["data"]["aws_caller_identity"]
    assert configuration.only("s3_object")["bucket"] == (
        f"archives-${{data.aws_caller_identity.{account}.account_id}}"
    )


def test_a_function_has_the_defaults_of_its_stack(app: App, tmp_path: Path) -> None:
    stack = AwsStack(
        app,
        "shop",
        environment=Environment.from_variables({"ENVIRONMENT": "dev"}),
        defaults=StackDefaults(
            log_retention_days=30, reserved_concurrency=20, reserved_concurrency_of={"chat": 50}
        ),
    )
    archive = FakeArchive.make(tmp_path)
    chat, mail, own = (
        Function(stack, "chat", archive=archive),
        Function(stack, "mail", archive=archive),
        Function(stack, "own", archive=archive, reserved_concurrency=1, log_retention_days=7),
    )
    assert [one.function_name for one in (chat, mail, own)] == [
        "shop-dev-chat",
        "shop-dev-mail",
        "shop-dev-own",
    ]
    assert [one.reserved_concurrency for one in (chat, mail, own)] == [50, 20, 1]
    days = {
        body["name"]: body["retention_in_days"]
        for body in Configuration(stack).all("cloudwatch_log_group").values()
    }
    assert days == {
        "/aws/lambda/shop-dev-chat": 30,
        "/aws/lambda/shop-dev-mail": 30,
        "/aws/lambda/shop-dev-own": 7,
    }


def test_a_reserved_concurrency_for_a_function_that_does_not_exist_is_an_error(
    app: App, tmp_path: Path
) -> None:
    stack = AwsStack(
        app, "shop", region="us-east-1", defaults=StackDefaults(reserved_concurrency_of={"chat": 5, "cat": 7})
    )
    Function(stack, "chat", archive=FakeArchive.make(tmp_path))
    with pytest.raises(
        RuntimeError,
        match="reserved_concurrency_of names 'cat', and the stack has no such function; use one of chat",
    ):
        validate(stack)


def test_environment_variables_can_be_added(stack: AwsStack, archive: FakeArchive) -> None:
    function = Function(stack, "chat", archive=archive, environment={"MODEL": "small", "LOG": "on"})
    function.add_environment(MODEL="large", REGION_NAME="eu")
    assert Configuration(stack).only("lambda_function")["environment"] == {
        "variables": {"LOG": "on", "MODEL": "large", "REGION_NAME": "eu"}
    }
    assert refused(lambda: function.add_environment(BIG="x" * 4_100))[0] is LimitExceededError


def test_environment_variables_cannot_be_added_without_their_key(app: App, tmp_path: Path) -> None:
    stack = AwsStack(app, "shop", region="us-east-1")
    stack.encrypt_with(EncryptionKey(stack, "key"))
    function = Function(stack, "chat", archive=FakeArchive.make(tmp_path))
    assert refused(lambda: function.add_environment(MODEL="large")) == (
        ConflictError,
        (
            "shop/chat: was created without environment variables, and so without the key that encrypts them; pass "
            "environment={...} with at least one variable to Function"
        ),
    )


def test_an_archive_of_exactly_250_mb_is_taken(stack: AwsStack, tmp_path: Path) -> None:
    Function(stack, "chat", archive=FakeArchive.make(tmp_path, unpacked_bytes=262_144_000))


def test_a_path_that_is_too_long_for_a_name_asks_for_one(stack: AwsStack, archive: FakeArchive) -> None:
    long = "c" * 60
    assert refused(lambda: Function(stack, long, archive=archive)) == (
        InvalidArgumentError,
        (
            f"shop/{long}: function_name 'shop-{long}' is not valid; pass function_name with 1 to 64 letters, digits, "
            "'-' and '_'"
        ),
    )


def test_a_name_is_taken_once(stack: AwsStack, function: Function, archive: FakeArchive) -> None:
    before = children(stack)
    assert refused(lambda: Function(stack, "other", archive=archive, function_name="shop-chat")) == (
        ConflictError,
        "shop/other: function_name 'shop-chat' is taken by shop/chat; choose another name",
    )
    assert refused(lambda: LogGroup(stack, "log", name="/aws/lambda/shop-chat")) == (
        ConflictError,
        (
            "shop/log: log group name '/aws/lambda/shop-chat' is taken by shop/chat/log-group; choose another name"
        ),
    )
    LogGroup(stack, "log", name="/aws/lambda/shop-bot")
    before = children(stack)
    assert refused(lambda: Function(stack, "bot", archive=archive)) == (
        ConflictError,
        "shop/bot/log-group: log group name '/aws/lambda/shop-bot' is taken by shop/log; choose another name",
    )
    assert children(stack) == before


def test_log_groups_that_are_refused(stack: AwsStack) -> None:
    remedy = "use 1 to 512 letters, digits and '_./#-'"
    assert refused(lambda: LogGroup(stack, "log", name="")) == (
        InvalidArgumentError,
        f"shop/log: name is empty; {remedy}",
    )
    assert refused(lambda: LogGroup(stack, "log", name="a b")) == (
        InvalidArgumentError,
        f"shop/log: name 'a b' is not valid; {remedy}",
    )


def test_the_archive_has_the_module_of_the_handler(stack: AwsStack, archive: FakeArchive) -> None:
    assert refused(lambda: Function(stack, "talk", archive=archive, handler="chatt.handler")) == (
        InvalidArgumentError,
        (
            "shop/talk: handler 'chatt.handler' is not in a module of archive 'chat', which has no chatt.py; correct it, or "
            "include the module in the archive"
        ),
    )
    assert stack.node.try_find_child("talk") is None


def test_the_module_of_the_handler_is_python(stack: AwsStack, archive: FakeArchive) -> None:
    with zipfile.ZipFile(archive.zip_path, "a") as content:
        content.writestr("talk.py", "def handler(event, context):\n    retrun event\n")
    this = replace(
        archive, target=FakeTarget(runtime=f"python{sys.version_info.major}.{sys.version_info.minor}")
    )
    assert refused(lambda: Function(stack, "talk", archive=this, handler="talk.handler")) == (
        InvalidArgumentError,
        "shop/talk: talk.py:2: invalid syntax; correct it",
    )
    another = replace(archive, target=FakeTarget(runtime="python3.9"))  # whose syntax may be another one
    Function(stack, "talk", archive=another, handler="talk.handler")
