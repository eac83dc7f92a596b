"""Gaps of moto's Lambda and S3 that Terraform needs closed: each patch does what it is for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud import moto_gaps
from local_cloud.moto_gaps.s3_settings import with_conditions_met
from tests.support.cloud_in_thread import CloudInThread
from tests.support.zips import NO_CODE

MakeFunction = Callable[[Callable[[Any], Any]], str]

PERMISSION = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}


@pytest.fixture
def name(make_function: MakeFunction) -> str:
    return make_function(lambda _event: {}).split(":")[-1]


@pytest.fixture
def functions(cloud: CloudInThread) -> Any:
    return cloud.client("lambda")


# --- configuration ----------------------------------------------------------------------------------------------


def test_logging_is_kept_and_has_awss_defaults(functions: Any, name: str) -> None:
    described = functions.get_function_configuration(FunctionName=name)
    assert described["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    settings = {"LogFormat": "JSON", "LogGroup": "/mine", "SystemLogLevel": "WARN"}
    updated = functions.update_function_configuration(FunctionName=name, LoggingConfig=settings)
    assert updated["LoggingConfig"] == settings | {"ApplicationLogLevel": "INFO"}
    assert (
        functions.get_function(FunctionName=name)["Configuration"]["LoggingConfig"]
        == updated["LoggingConfig"]
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TracingConfig", {"Mode": "Active"}),
        ("EphemeralStorage", {"Size": 2048}),
        ("DeadLetterConfig", {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:q"}),
        ("KMSKeyArn", "arn:aws:kms:us-east-1:123456789012:key/k"),
        ("MemorySize", 1024),
    ],
)
def test_a_setting_can_be_changed(functions: Any, name: str, setting: str, value: Any) -> None:
    assert functions.update_function_configuration(FunctionName=name, **{setting: value})[setting] == value
    assert functions.get_function_configuration(FunctionName=name)[setting] == value


def test_snap_start_is_kept_and_applies_to_versions(functions: Any, name: str) -> None:
    functions.update_function_configuration(FunctionName=name, SnapStart={"ApplyOn": "PublishedVersions"})
    functions.publish_version(FunctionName=name)
    latest = functions.get_function_configuration(FunctionName=name)["SnapStart"]
    version = functions.get_function_configuration(FunctionName=name, Qualifier="1")["SnapStart"]
    assert latest == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert version == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}


def test_an_environment_can_be_emptied(functions: Any, name: str) -> None:
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"AB": "1"}})
    assert "Environment" not in functions.update_function_configuration(FunctionName=name, Environment={})


def test_new_code_may_have_a_new_architecture(functions: Any, name: str) -> None:
    functions.update_function_code(FunctionName=name, ZipFile=NO_CODE, Architectures=["arm64"])
    assert functions.get_function_configuration(FunctionName=name)["Architectures"] == ["arm64"]


def test_a_published_version_keeps_its_settings(functions: Any, name: str) -> None:
    functions.publish_version(FunctionName=name)
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"AB": "2"}}, TracingConfig={"Mode": "Active"}
    )
    old = functions.get_function_configuration(FunctionName=name, Qualifier="1")
    assert "Environment" not in old
    assert old["TracingConfig"] == {"Mode": "PassThrough"}


# --- policies ---------------------------------------------------------------------------------------------------


def sids(functions: Any, name: str, **qualifier: str) -> list[str]:
    try:
        policy = json.loads(functions.get_policy(FunctionName=name, **qualifier)["Policy"])
    except functions.exceptions.ResourceNotFoundException:
        return []
    return [statement["Sid"] for statement in policy["Statement"]]


def test_a_policy_belongs_to_its_qualifier(functions: Any, name: str) -> None:
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    functions.add_permission(FunctionName=name, StatementId="same", **PERMISSION)
    functions.add_permission(FunctionName=name, StatementId="same", Qualifier="live", **PERMISSION)
    assert sids(functions, name) == sids(functions, name, Qualifier="live") == ["same"]
    assert sids(functions, name, Qualifier="1") == []
    functions.remove_permission(FunctionName=name, StatementId="same", Qualifier="live")
    assert (sids(functions, name), sids(functions, name, Qualifier="live")) == (["same"], [])
    with pytest.raises(ClientError) as caught:
        functions.remove_permission(FunctionName=name, StatementId="same", Qualifier="live")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_statement_id_is_used_once(functions: Any, name: str) -> None:
    functions.add_permission(FunctionName=name, StatementId="s", **PERMISSION)
    with pytest.raises(ClientError) as caught:
        functions.add_permission(FunctionName=name, StatementId="s", **PERMISSION)
    assert caught.value.response["Error"]["Code"] == "ResourceConflictException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


# --- asynchronous invocations -----------------------------------------------------------------------------------


def test_settings_of_asynchronous_invocations(functions: Any, name: str, make_function: MakeFunction) -> None:
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    put = functions.put_function_event_invoke_config(
        FunctionName=arn, Qualifier="live", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=60
    )
    assert put["FunctionArn"] == f"{arn}:live"
    functions.update_function_event_invoke_config(FunctionName=name, Qualifier="live", MaximumRetryAttempts=0)

    def get(**qualifier: str) -> dict[str, Any]:
        answer = functions.get_function_event_invoke_config(FunctionName=name, **qualifier)
        return {key: value for key, value in answer.items() if key.startswith("Maximum")}

    assert get(Qualifier="live") == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    assert get() == {"MaximumRetryAttempts": 1}
    listed = functions.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert sorted(item["FunctionArn"] for item in listed) == [f"{arn}:$LATEST", f"{arn}:live"]
    functions.delete_function_event_invoke_config(FunctionName=name, Qualifier="live")
    assert get() == {"MaximumRetryAttempts": 1}
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        get(Qualifier="live")


# --- bucket policies --------------------------------------------------------------------------------------------


def bucket_policy(bucket: str, condition: dict[str, Any]) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_policy_that_demands_tls_does_not_lock_out_this_machine(cloud: CloudInThread) -> None:
    storage = cloud.client("s3")
    storage.create_bucket(Bucket="tls-only")
    condition = {"Bool": {"aws:SecureTransport": "false"}, "NumericLessThan": {"s3:TlsVersion": 1.2}}
    storage.put_bucket_policy(Bucket="tls-only", Policy=bucket_policy("tls-only", condition))
    storage.put_object(Bucket="tls-only", Key="k", Body=b"x")
    storage.put_bucket_policy(
        Bucket="tls-only", Policy=bucket_policy("tls-only", {"Bool": {"aws:SecureTransport": "true"}})
    )
    with pytest.raises(ClientError):
        storage.put_object(Bucket="tls-only", Key="k", Body=b"x")
    storage.delete_bucket_policy(Bucket="tls-only")


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:securetransport": False}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, False),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, True),
        ({"StringEquals": {"aws:SourceVpc": ["vpc-1"]}}, False),
        ({"Null": {"aws:SourceVpc": "true"}}, True),
        ({"Null": {"aws:SecureTransport": "true"}}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, False),
        ({"NumericGreaterThanEquals": {"s3:TlsVersion": "1.3"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}, "Null": {"aws:SecureTransport": "true"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], applies: bool) -> None:
    statement = {"Effect": "Deny", "Condition": condition}
    statements = with_conditions_met({"Statement": statement})["Statement"]
    assert statements == ([{"Effect": "Deny"}] if applies else [])


def test_the_policy_of_a_bucket_is_for_the_account_that_owns_it(cloud: CloudInThread) -> None:
    from moto.s3.models import s3_backends

    s3_backends["999999999999"]["aws"].create_bucket("taken", "us-east-1")
    storage, policy = cloud.client("s3"), bucket_policy("taken", {})
    calls = (
        lambda: storage.get_bucket_policy(Bucket="taken"),
        lambda: storage.put_bucket_policy(Bucket="taken", Policy=policy),
        lambda: storage.delete_bucket_policy(Bucket="taken"),
    )
    for call in calls:
        with pytest.raises(ClientError) as error:
            call()
        answer = error.value.response
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (
            405,
            "MethodNotAllowed",
        )


# --- the version ------------------------------------------------------------------------------------------------


def test_another_version_of_moto_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(moto_gaps, "_applied", False)
    monkeypatch.setattr(moto_gaps, "__path__", [])
    with caplog.at_level(logging.WARNING):
        moto_gaps.apply()
    assert caplog.messages == []
    monkeypatch.setattr(moto_gaps, "_applied", False)
    monkeypatch.setattr("moto.__version__", "9.9.9")
    moto_gaps.apply()
    assert caplog.messages == [
        "moto is 9.9.9, but local_cloud/moto_gaps was written against 5.2.5: run the tests in tests/local_cloud"
    ]
