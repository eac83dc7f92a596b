"""Saved state: it is on disk from the stop of the local cloud to its next start, and never longer."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy_tools.cloud import Cloud, ensure_cloud, rest_apis, stop_cloud
from deploy_tools.local_session import local_session
from local_cloud import saved_state
from local_cloud.saved_state import UnreadableStateError
from local_cloud.server import LocalCloud
from tests.support.cloud_in_thread import REGION, CloudInThread, FakeFunctions
from tests.support.moto_state import forget_everything
from tests.support.waiting import eventually

TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
FLOW = {
    "StartAt": "first",
    "States": {"first": {"Type": "Pass", "Next": "end"}, "end": {"Type": "Succeed"}},
}
SLOW = {"StartAt": "wait", "States": {"wait": {"Type": "Wait", "Seconds": 900, "End": True}}}
BODY = os.urandom(200_000)


@dataclass
class Filled:
    """A local cloud in the test process, with something of everything."""

    cloud: CloudInThread
    api: str
    machine: str
    executions: dict[str, str]
    queue: str
    key: str
    ciphertext: bytes
    pool: str
    client: str

    @property
    def path(self) -> str:
        return f"/_aws/execute-api/{self.api}/live/"


def fill(cloud: CloudInThread) -> Filled:
    role = cloud.client("iam").create_role(
        RoleName="role",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}),
    )["Role"]["Arn"]
    states = cloud.client("stepfunctions")
    machines = {
        name: states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)[
            "stateMachineArn"
        ]
        for name, definition in (("flow", FLOW), ("slow", SLOW))
    }
    executions = {
        name: states.start_execution(stateMachineArn=arn, input='{"x": 1}')["executionArn"]
        for name, arn in machines.items()
    }
    described = lambda: states.describe_execution(executionArn=executions["flow"])["status"]  # noqa: E731
    assert eventually(lambda: described() == "SUCCEEDED")
    queue = cloud.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="message")
    tables = cloud.client("dynamodb")
    tables.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    tables.put_item(TableName="table", Item={"id": {"S": "one"}})
    cloud.client("s3").create_bucket(Bucket="bucket")
    cloud.client("s3").put_object(Bucket="bucket", Key="key", Body=BODY)
    key = cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    ciphertext = cloud.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    users = cloud.client("cognito-idp")
    pool = users.create_user_pool(PoolName="pool")["UserPool"]["Id"]
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = users.create_user_pool_client(UserPoolId=pool, ClientName="c", ExplicitAuthFlows=flows)
    users.admin_create_user(UserPoolId=pool, Username="ada")
    users.admin_set_user_password(UserPoolId=pool, Username="ada", Password="Correct-horse-1", Permanent=True)
    api = make_api(cloud)
    client_id = client["UserPoolClient"]["ClientId"]
    return Filled(cloud, api, machines["flow"], executions, queue, key, ciphertext, pool, client_id)


def make_api(cloud: CloudInThread) -> str:
    """Create an API with a mock, and delete the mock after its deployment."""
    gateway = cloud.client("apigateway")
    api: str = gateway.create_rest_api(name="api")["id"]
    place = {"restApiId": api, "resourceId": gateway.get_resources(restApiId=api)["items"][0]["id"]}
    method = {**place, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(
        **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
    )
    gateway.put_method_response(**method, statusCode="200")
    gateway.put_integration_response(**method, statusCode="200")
    gateway.create_deployment(restApiId=api, stageName="live")
    gateway.delete_method(**method)
    return api


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A local cloud that has taken over what another one has saved."""
    directory = tmp_path_factory.mktemp("cloud")
    forget_everything()
    first = CloudInThread(directory)
    first.start()
    content = fill(first)
    saved_state.save(directory, first.cloud.instance)
    first.stop()
    forget_everything()
    content.cloud = CloudInThread(directory)
    content.cloud.cloud = LocalCloud(
        host="127.0.0.1",
        port=0,
        directory=directory,
        saved=saved_state.find(directory),
        make_functions=lambda _url, _directory: FakeFunctions(),
    )
    content.cloud.start()
    assert content.cloud.cloud.instance == first.cloud.instance
    yield content
    content.cloud.stop()


def test_a_stage_serves_the_snapshot_that_it_served(filled: Filled) -> None:
    assert filled.cloud.request("GET", filled.path).status == 200
    gateway = filled.cloud.client("apigateway")
    (root,) = gateway.get_resources(restApiId=filled.api)["items"]
    assert "resourceMethods" not in root  # the method was deleted after the deployment


def test_executions_that_ended_have_their_history_and_others_were_aborted(filled: Filled) -> None:
    states = filled.cloud.client("stepfunctions")
    events = states.get_execution_history(executionArn=filled.executions["flow"])["events"]
    assert [event["type"] for event in events][-1] == "ExecutionSucceeded"
    aborted = states.describe_execution(executionArn=filled.executions["slow"])
    assert (aborted["status"], aborted["cause"]) == ("ABORTED", "The local cloud was stopped")
    again = states.start_execution(stateMachineArn=filled.machine, input="{}")["executionArn"]
    assert eventually(lambda: states.describe_execution(executionArn=again)["status"] == "SUCCEEDED")


def test_messages_items_and_objects_are_there(filled: Filled) -> None:
    client = filled.cloud.client
    name = client("sqs").get_queue_url(QueueName="queue")["QueueUrl"]
    assert client("sqs").receive_message(QueueUrl=name)["Messages"][0]["Body"] == "message"
    assert client("dynamodb").get_item(TableName="table", Key={"id": {"S": "one"}})["Item"]
    assert client("s3").get_object(Bucket="bucket", Key="key")["Body"].read() == BODY
    client("s3").put_object(Bucket="bucket", Key="other", Body=b"x")


def test_keys_decrypt_and_users_sign_in(filled: Filled) -> None:
    decrypted = filled.cloud.client("kms").decrypt(CiphertextBlob=filled.ciphertext, KeyId=filled.key)
    assert decrypted["Plaintext"] == b"secret"
    signed_in = filled.cloud.client("cognito-idp").admin_initiate_auth(
        UserPoolId=filled.pool,
        ClientId=filled.client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-horse-1"},
    )
    assert signed_in["AuthenticationResult"]["IdToken"]


def test_what_was_taken_over_can_be_saved_again_with_one_file_for_each_large_content(
    filled: Filled, tmp_path: Path
) -> None:
    filled.cloud.client("s3").put_object(Bucket="bucket", Key="copy", Body=BODY)
    saved_state.save(tmp_path, "next")
    assert len(list((tmp_path / "saved" / "blobs").iterdir())) == 1
    assert (found := saved_state.find(tmp_path)) is not None
    assert found.instance == "next"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("{", "its header cannot be read"),
        ('{"instance": "x"}', "its header cannot be read"),
        ('{"instance": "x", "version": {"format": "0"}}', "another version"),
    ],
)
def test_a_header_that_cannot_be_read_is_an_error(tmp_path: Path, header: str, problem: str) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text(header, encoding="utf-8")
    with pytest.raises(UnreadableStateError, match=problem):
        saved_state.find(tmp_path)


def test_without_a_state_there_is_none(tmp_path: Path) -> None:
    assert saved_state.find(tmp_path) is None


# From stop to start, by the commands.


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cloud"
    stop_cloud(tmp_path / "cloud", forget=True)


def started(directory: Path) -> Cloud:
    return ensure_cloud(directory, 0)[0]


def names(cloud: Cloud) -> list[Any]:
    return [api["name"] for api in rest_apis(cloud)]


def add_api(cloud: Cloud, name: str) -> None:
    local_session(REGION).client("apigateway", endpoint_url=cloud.url).create_rest_api(name=name)


def test_a_stop_keeps_what_is_deployed_and_a_crash_or_a_stop_that_forgets_does_not(directory: Path) -> None:
    first = started(directory)
    add_api(first, "shop")
    assert stop_cloud(directory).endswith("; the next start has what is deployed")
    second = started(directory)
    assert (second.instance, second.restored, names(second)) == (first.instance, True, ["shop"])
    assert second.origin(reused=False) == "started with what was deployed before"
    add_api(second, "later")
    pid = json.loads((directory / "cloud.json").read_text(encoding="utf-8"))["pid"]
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not answers(second))
    third = started(directory)
    assert (third.restored, names(third)) == (False, [])
    assert third.instance != first.instance
    add_api(third, "shop")
    assert stop_cloud(directory, forget=True).endswith("; the next start is empty")
    assert names(started(directory)) == []


def answers(cloud: Cloud) -> bool:
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/_local_cloud/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_a_state_that_cannot_be_read_is_said_and_gone(directory: Path) -> None:
    cloud = started(directory)
    for damage in ("version", "content"):
        add_api(cloud, "shop")
        stop_cloud(directory)
        if damage == "version":
            header = json.loads((directory / "saved" / "state.json").read_text(encoding="utf-8"))
            header["version"]["moto"] = "5.0.0"
            (directory / "saved" / "state.json").write_text(json.dumps(header), encoding="utf-8")
        else:
            (directory / "saved" / "state.pickle").write_bytes(b"\x80\x05broken")
        cloud = started(directory)
        assert cloud.note.startswith("what was deployed before is gone, as its state cannot be read: ")
        assert ("(moto)" in cloud.note) == (damage == "version")
        assert (cloud.restored, names(cloud)) == (False, [])
        assert not (directory / "saved").exists()
