"""Requests that Lambda rejects: an apply that would fail on AWS fails here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread
from tests.support.zips import NO_CODE

_names = iter(range(10_000))


def too_large() -> bytes:
    """A zip file whose directory has 251 MB."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        opened.writestr("a", b"")
        opened.getinfo("a").file_size = 251 * 1024 * 1024
    return content.getvalue()


def create(cloud: CloudInThread, role: str, **options: Any) -> str:
    given = {
        "FunctionName": f"validated-{next(_names)}",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": role,
        "Code": {"ZipFile": NO_CODE},
        **options,
    }
    return str(cloud.client("lambda").create_function(**given)["FunctionName"])


def refused(call: Callable[..., Any], *given: Any, **options: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(*given, **options)
    return str(error.value.response["Error"]["Code"])


INVALID = "InvalidParameterValueException"
UNFIT = "ValidationException"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"Runtime": "python3.7"}, INVALID),
        ({"Runtime": "nodejs14.x"}, INVALID),
        ({"Runtime": "java8"}, INVALID),
        ({"Runtime": "python9"}, INVALID),
        ({"FunctionName": "a:b"}, UNFIT),
        ({"FunctionName": "a b"}, UNFIT),
        ({"FunctionName": "a" * 65}, UNFIT),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, INVALID),
        ({"Environment": {"Variables": {"BIG": "x" * 5000}}}, INVALID),
        ({"Environment": {"Variables": {"1A-": "x"}}}, UNFIT),
        ({"Code": {"ZipFile": b"no archive"}}, INVALID),
        ({"Code": {"ZipFile": too_large()}}, INVALID),
        ({"Code": {"S3Bucket": "no-such-bucket", "S3Key": "a"}}, INVALID),
    ],
)
def test_functions(cloud: CloudInThread, role_arn: str, options: dict[str, Any], code: str) -> None:
    assert refused(create, cloud, role_arn, **options) == code


UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
EMPTY = "Uploaded file must be a non-empty zip"


@pytest.mark.parametrize(
    ("content", "message"), [(b"no archive", UNZIP), (b"", EMPTY), (b"PK\5\6" + b"\0" * 18, EMPTY)]
)
def test_archives_of_functions_and_layers(
    cloud: CloudInThread, role_arn: str, content: bytes, message: str
) -> None:
    s3, client, name = cloud.client("s3"), cloud.client("lambda"), create(cloud, role_arn)
    s3.create_bucket(Bucket="archives")
    s3.put_object(Bucket="archives", Key="a.zip", Body=content)
    in_bucket = {"S3Bucket": "archives", "S3Key": "a.zip"}
    calls: list[Callable[[], Any]] = [
        lambda: create(cloud, role_arn, Code={"ZipFile": content}),
        lambda: create(cloud, role_arn, Code=in_bucket),
        lambda: client.update_function_code(FunctionName=name, ZipFile=content),
        lambda: client.update_function_code(FunctionName=name, **in_bucket),
        lambda: client.publish_layer_version(LayerName="layer", Content={"ZipFile": content}),
        lambda: client.publish_layer_version(LayerName="layer", Content=in_bucket),
    ]
    for call in calls:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"] == {"Code": INVALID, "Message": message}


def test_an_object_that_is_not_there(cloud: CloudInThread, role_arn: str) -> None:
    cloud.client("s3").create_bucket(Bucket="archives")
    code = {"S3Bucket": "archives", "S3Key": "none.zip"}
    assert refused(create, cloud, role_arn, Code=code) == INVALID


def test_changes_aliases_and_permissions(cloud: CloudInThread, role_arn: str) -> None:
    aws = cloud.client("lambda")
    name = create(cloud, role_arn, Environment={"Variables": {"STAGE": "x", "TABLE_NAME": "y"}})
    variables = {"Variables": {"AWS_REGION": "x"}}
    assert refused(aws.update_function_configuration, FunctionName=name, Environment=variables) == INVALID
    assert refused(aws.update_function_code, FunctionName=name, ZipFile=b"no archive") == INVALID
    statement = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    assert refused(aws.add_permission, **statement, StatementId="a.b") == UNFIT
    aws.add_permission(**statement, StatementId="a-b_1")
    version = aws.publish_version(FunctionName=name)["Version"]
    alias = {"FunctionName": name, "FunctionVersion": version}
    assert refused(aws.create_alias, **alias, Name="2024") == UNFIT
    weights = {"AdditionalVersionWeights": {"1": 0.1, "2": 0.1}}
    assert refused(aws.create_alias, **alias, Name="live", RoutingConfig=weights) == INVALID
    aws.create_alias(**alias, Name="live")
    assert refused(aws.update_alias, FunctionName=name, Name="live", RoutingConfig=weights) == INVALID


def test_an_operation_that_is_not_there_says_so(cloud: CloudInThread) -> None:
    with pytest.raises(ClientError) as error:
        cloud.client("lambda").get_account_settings()
    answer = error.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "/2016-08-19/account-settings: not implemented in the local cloud" in str(error.value)


def test_a_function_url_is_named_as_missing(cloud: CloudInThread, role_arn: str) -> None:
    functions = cloud.client("lambda")
    with pytest.raises(ClientError) as error:
        functions.create_function_url_config(FunctionName=create(cloud, role_arn), AuthType="AWS_IAM")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "function URLs; put the function behind a REST API" in str(error.value)


def test_functions_are_named_by_whole_and_partial_arns(cloud: CloudInThread, role_arn: str) -> None:
    client, name = cloud.client("lambda"), create(cloud, role_arn)
    for given in (
        name,
        f"123456789012:function:{name}",
        f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
    ):
        assert client.list_aliases(FunctionName=given)["Aliases"] == []
        assert client.get_function(FunctionName=given)["Configuration"]["FunctionName"] == name
        assert client.update_function_configuration(FunctionName=given, Timeout=9)["Timeout"] == 9


def test_a_version_is_published_of_the_code_that_was_named(cloud: CloudInThread, role_arn: str) -> None:
    name = create(cloud, role_arn)
    with pytest.raises(ClientError, match="is different from current CodeSHA256 in"):
        cloud.client("lambda").publish_version(FunctionName=name, CodeSha256="x")
