"""Archives, concurrency and event sources of functions, which moto forgets or answers wrongly."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread
from tests.support.zips import archive

MakeFunction = Callable[[Callable[[Any], Any]], str]


@pytest.fixture
def functions(cloud: CloudInThread) -> Any:
    return cloud.client("lambda")


@pytest.fixture
def name(functions: Any, make_function: MakeFunction) -> str:
    """A function with a version 1, a version 2 and the alias `live`."""
    name = make_function(lambda _event: {}).split(":")[-1]
    functions.publish_version(FunctionName=name)
    functions.update_function_configuration(FunctionName=name, MemorySize=256)
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


def refusal(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    response = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


# --- archives -----------------------------------------------------------------------------------------------------


def downloaded_digest(address: str) -> str:
    with urllib.request.urlopen(address) as answer:  # noqa: S310 - of the local cloud
        assert answer.headers["Content-Type"] == "application/zip"
        return base64.b64encode(hashlib.sha256(answer.read()).digest()).decode()


def test_archives_are_downloaded_from_their_addresses(functions: Any, name: str) -> None:
    for qualifier in ("$LATEST", "1", "live"):
        described = functions.get_function(FunctionName=name, Qualifier=qualifier)
        assert described["Code"]["RepositoryType"] == "S3"
        digest = downloaded_digest(described["Code"]["Location"])
        assert digest == described["Configuration"]["CodeSha256"]
    content = {"ZipFile": archive({"data.txt": "of a layer"})}
    version = functions.publish_layer_version(LayerName="layer", Content=content)["Version"]
    layer = functions.get_layer_version(LayerName="layer", VersionNumber=version)["Content"]
    assert downloaded_digest(layer["Location"]) == layer["CodeSha256"]


def test_an_archive_that_is_gone(functions: Any, name: str) -> None:
    address = functions.get_function(FunctionName=name)["Code"]["Location"]
    functions.delete_function(FunctionName=name)
    with pytest.raises(HTTPError) as error:
        urllib.request.urlopen(address)  # noqa: S310 - of the local cloud
    assert error.value.code == 404
    assert json.loads(error.value.read())["message"].startswith("There is no archive of arn:aws:lambda:")


# --- reserved concurrency -----------------------------------------------------------------------------------------


def test_reserved_concurrency_of_zero_is_described(functions: Any, name: str) -> None:
    assert "Concurrency" not in functions.get_function(FunctionName=name)
    for reserved in (0, 7):
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        described = functions.get_function(FunctionName=name)["Concurrency"]
        assert described == {"ReservedConcurrentExecutions": reserved}
    functions.delete_function_concurrency(FunctionName=name)
    assert "Concurrency" not in functions.get_function(FunctionName=name)


# --- provisioned concurrency --------------------------------------------------------------------------------------


def test_provisioned_concurrency_is_kept_for_its_qualifier(functions: Any, name: str) -> None:
    where = {"FunctionName": name, "Qualifier": "live"}
    functions.put_provisioned_concurrency_config(**where, ProvisionedConcurrentExecutions=2)
    functions.put_provisioned_concurrency_config(**where, ProvisionedConcurrentExecutions=3)
    found = functions.get_provisioned_concurrency_config(**where)
    assert (found["Status"], found["RequestedProvisionedConcurrentExecutions"]) == ("READY", 3)
    listed = functions.list_provisioned_concurrency_configs(FunctionName=name)
    assert [item["FunctionArn"].split(":", 6)[-1] for item in listed["ProvisionedConcurrencyConfigs"]] == [
        f"{name}:live"
    ]
    functions.delete_provisioned_concurrency_config(**where)
    for call in (
        functions.get_provisioned_concurrency_config,
        functions.delete_provisioned_concurrency_config,
    ):
        with pytest.raises(ClientError) as caught:
            call(**where)
        assert refusal(caught) == (
            404,
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        )


def test_provisioned_concurrency_that_aws_refuses(functions: Any, name: str) -> None:
    def put(qualifier: str, executions: int = 1) -> str:
        with pytest.raises(ClientError) as caught:
            functions.put_provisioned_concurrency_config(
                FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=executions
            )
        status, code, message = refusal(caught)
        assert (status, code) == (400, "InvalidParameterValueException")
        return message

    assert put("$LATEST") == (
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
    assert put("1", 6) == (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )
    functions.update_alias(
        FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )
    assert put("live") == "Alias with weights can not be used with Provisioned Concurrency"


# --- event source mappings ----------------------------------------------------------------------------------------


@pytest.fixture
def queue_arn(cloud: CloudInThread, name: str) -> str:
    queues = cloud.client("sqs")
    url = queues.create_queue(QueueName=f"source-of-{name}")["QueueUrl"]
    answer = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def test_an_event_source_mapping_keeps_its_qualifier(functions: Any, name: str, queue_arn: str) -> None:
    function_arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]

    def target(uuid: str) -> str:
        return str(functions.get_event_source_mapping(UUID=uuid)["FunctionArn"])

    created = functions.create_event_source_mapping(
        EventSourceArn=queue_arn, FunctionName=f"{function_arn}:live"
    )
    assert created["FunctionArn"] == target(created["UUID"]) == f"{function_arn}:live"
    functions.update_event_source_mapping(UUID=created["UUID"], FunctionName=f"{name}:2")
    assert target(created["UUID"]) == f"{function_arn}:2"
    functions.update_event_source_mapping(UUID=created["UUID"], FunctionName=name)
    assert target(created["UUID"]) == function_arn
    functions.delete_event_source_mapping(UUID=created["UUID"])


def test_an_event_source_mapping_can_be_changed(functions: Any, name: str, queue_arn: str) -> None:
    uuid = functions.create_event_source_mapping(
        EventSourceArn=queue_arn, FunctionName=name, ScalingConfig={"MaximumConcurrency": 2}
    )["UUID"]
    changes = {
        "ScalingConfig": {"MaximumConcurrency": 4},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BatchSize": 3,
    }
    functions.update_event_source_mapping(UUID=uuid, **changes)
    found = functions.get_event_source_mapping(UUID=uuid)
    assert {key: found[key] for key in changes} == changes
    functions.delete_event_source_mapping(UUID=uuid)


def test_what_aws_refuses_of_a_mapping_is_refused(
    cloud: CloudInThread, functions: Any, name: str, queue_arn: str
) -> None:
    def refusal(**settings: Any) -> str:
        with pytest.raises(functions.exceptions.InvalidParameterValueException) as refused:
            functions.create_event_source_mapping(EventSourceArn=queue_arn, FunctionName=name, **settings)
        return str(refused.value.response["Error"]["Message"])

    assert refusal(BatchSize=11) == (
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    )
    queues = cloud.client("sqs")
    url = queues.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    timeout = functions.get_function(FunctionName=name)["Configuration"]["Timeout"]
    assert refusal() == (
        f"Queue visibility timeout: 2 seconds is less than Function timeout: {timeout} seconds"
    )
