"""Gaps of moto's KMS, SQS, CloudWatch and Cognito that Terraform needs closed: each patch does what it is for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import REGION, CloudInThread

# --- keys of KMS --------------------------------------------------------------------------------------------------


@pytest.fixture
def key_id(cloud: CloudInThread) -> str:
    return str(cloud.client("kms").create_key()["KeyMetadata"]["KeyId"])


def rotation(cloud: CloudInThread, key_id: str) -> dict[str, Any]:
    status = cloud.client("kms").get_key_rotation_status(KeyId=key_id)
    return {name: status.get(name) for name in ("KeyRotationEnabled", "RotationPeriodInDays")}


def test_the_rotation_period_of_a_key_is_kept(cloud: CloudInThread, key_id: str) -> None:
    keys = cloud.client("kms")
    assert rotation(cloud, key_id) == {"KeyRotationEnabled": False, "RotationPeriodInDays": None}
    keys.enable_key_rotation(KeyId=key_id)
    assert rotation(cloud, key_id) == {"KeyRotationEnabled": True, "RotationPeriodInDays": 365}
    keys.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    assert rotation(cloud, key_id) == {"KeyRotationEnabled": True, "RotationPeriodInDays": 90}
    keys.disable_key_rotation(KeyId=key_id)
    assert rotation(cloud, key_id) == {"KeyRotationEnabled": False, "RotationPeriodInDays": None}


def test_the_next_rotation_is_one_period_after_the_key_was_made(cloud: CloudInThread, key_id: str) -> None:
    keys = cloud.client("kms")
    keys.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=100)
    created = keys.describe_key(KeyId=key_id)["KeyMetadata"]["CreationDate"]
    assert (keys.get_key_rotation_status(KeyId=key_id)["NextRotationDate"] - created).days == 100


# --- CloudWatch Logs ----------------------------------------------------------------------------------------------


def test_a_log_group_is_given_a_key_and_loses_it(cloud: CloudInThread) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/keyed")
    arn = f"arn:aws:kms:{REGION}:123456789012:key/k"

    def key() -> list[str | None]:
        groups = logs.describe_log_groups(logGroupNamePrefix="/keyed")["logGroups"]
        return [group.get("kmsKeyId") for group in groups]

    logs.associate_kms_key(logGroupName="/keyed", kmsKeyId=arn)
    assert key() == [arn]
    logs.disassociate_kms_key(resourceIdentifier=f"arn:aws:logs:{REGION}:123456789012:log-group:/keyed")
    assert key() == [None]
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.associate_kms_key(logGroupName="/missing", kmsKeyId=arn)


def test_a_metric_filter_is_replaced(cloud: CloudInThread) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/filtered")
    for name in ("First", "Second"):
        logs.put_metric_filter(
            logGroupName="/filtered",
            filterName="errors",
            filterPattern="ERROR",
            metricTransformations=[{"metricName": name, "metricNamespace": "N", "metricValue": "1"}],
        )
    found = logs.describe_metric_filters(logGroupName="/filtered")["metricFilters"]
    assert [item["metricTransformations"][0]["metricName"] for item in found] == ["Second"]


# --- alarms -------------------------------------------------------------------------------------------------------


def test_a_composite_alarm_is_kept_apart_from_metric_alarms(cloud: CloudInThread) -> None:
    alarms = cloud.client("cloudwatch")
    alarms.put_composite_alarm(
        AlarmName="both",
        AlarmRule="ALARM(a) AND ALARM(b)",
        AlarmActions=["arn:aws:sns:us-east-1:123456789012:t"],
    )
    found = alarms.describe_alarms(AlarmNames=["both"], AlarmTypes=["CompositeAlarm"])
    assert found["MetricAlarms"] == []
    assert [(item["AlarmName"], item["AlarmRule"]) for item in found["CompositeAlarms"]] == [
        ("both", "ALARM(a) AND ALARM(b)")
    ]
    alarms.delete_alarms(AlarmNames=["both"])
    assert alarms.describe_alarms(AlarmNames=["both"])["CompositeAlarms"] == []


# --- queues -------------------------------------------------------------------------------------------------------


def attributes(cloud: CloudInThread, url: str) -> dict[str, str]:
    answer = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return dict(answer["Attributes"])


def test_redrive_policies_of_a_queue_come_back_compact_and_sorted(cloud: CloudInThread) -> None:
    queues = cloud.client("sqs")
    dead = queues.create_queue(QueueName="gaps-dead")["QueueUrl"]
    dead_arn = attributes(cloud, dead)["QueueArn"]
    redrive = json.dumps({"maxReceiveCount": "3", "deadLetterTargetArn": dead_arn})
    allow = '{"sourceQueueArns": ["a"], "redrivePermission": "byQueue"}'
    url = queues.create_queue(QueueName="gaps-queue", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    queues.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allow})
    assert attributes(cloud, url)["RedrivePolicy"] == (
        f'{{"deadLetterTargetArn":"{dead_arn}","maxReceiveCount":3}}'
    )
    named = queues.get_queue_attributes(QueueUrl=dead, AttributeNames=["RedriveAllowPolicy"])["Attributes"]
    assert named == {"RedriveAllowPolicy": '{"redrivePermission":"byQueue","sourceQueueArns":["a"]}'}
    queues.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": ""})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "RedriveAllowPolicy" not in attributes(cloud, dead)
    assert "RedrivePolicy" not in attributes(cloud, url)


def test_a_queue_keeps_its_policy_when_something_else_is_set(cloud: CloudInThread) -> None:
    queues = cloud.client("sqs")
    url = queues.create_queue(QueueName="gaps-policy")["QueueUrl"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    found = attributes(cloud, url)
    assert (found["Policy"], found["VisibilityTimeout"]) == (policy, "77")
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in attributes(cloud, url)


def test_a_queue_has_one_kind_of_encryption(cloud: CloudInThread) -> None:
    queues = cloud.client("sqs")
    url = queues.create_queue(QueueName="gaps-key", Attributes={"KmsMasterKeyId": "alias/k"})["QueueUrl"]
    keyed = attributes(cloud, url)
    assert (keyed["KmsMasterKeyId"], keyed["SqsManagedSseEnabled"]) == ("alias/k", "false")
    queues.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    managed = attributes(cloud, url)
    assert ("KmsMasterKeyId" in managed, managed["SqsManagedSseEnabled"]) == (False, "true")


# --- buckets ------------------------------------------------------------------------------------------------------


def test_a_bucket_says_that_it_notifies_eventbridge(cloud: CloudInThread) -> None:
    buckets = cloud.client("s3")
    buckets.create_bucket(Bucket="gaps-notified")
    found = []
    configurations: tuple[dict[str, Any], ...] = ({"EventBridgeConfiguration": {}}, {})
    for configuration in configurations:
        buckets.put_bucket_notification_configuration(
            Bucket="gaps-notified", NotificationConfiguration=configuration
        )
        answer = buckets.get_bucket_notification_configuration(Bucket="gaps-notified")
        found.append(answer.get("EventBridgeConfiguration"))
    assert found == [{}, None]


# --- Cognito ------------------------------------------------------------------------------------------------------


def test_a_resource_server_is_changed_and_deleted(cloud: CloudInThread) -> None:
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="gaps")["UserPool"]["Id"]
    where = {"UserPoolId": pool, "Identifier": "https://api"}
    cognito.create_resource_server(**where, Name="old", Scopes=[])
    scopes = [{"ScopeName": "read", "ScopeDescription": "Read"}]
    cognito.update_resource_server(**where, Name="new", Scopes=scopes)
    found = cognito.describe_resource_server(**where)["ResourceServer"]
    assert (found["Name"], found["Scopes"]) == ("new", scopes)
    cognito.delete_resource_server(**where)
    for call in (cognito.describe_resource_server, cognito.delete_resource_server):
        with pytest.raises(cognito.exceptions.ResourceNotFoundException):
            call(**where)


@pytest.mark.parametrize("admin_only", [True, False])
def test_only_administrators_create_users_where_the_pool_says_so(
    cloud: CloudInThread, admin_only: bool
) -> None:
    cognito = cloud.client("cognito-idp")
    settings = {"AllowAdminCreateUserOnly": admin_only}
    pool = cognito.create_user_pool(PoolName="closed", AdminCreateUserConfig=settings)["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="app")["UserPoolClient"]["ClientId"]
    user = {"ClientId": client, "Username": "ada", "Password": "Secret-123"}
    if admin_only:
        with pytest.raises(cognito.exceptions.NotAuthorizedException) as raised:
            cognito.sign_up(**user)
        assert raised.value.response["Error"]["Message"] == "SignUp is not permitted for this user pool"
        assert cognito.list_users(UserPoolId=pool)["Users"] == []
        cognito.admin_create_user(UserPoolId=pool, Username="ada")
    else:
        cognito.sign_up(**user)
    assert [user["Username"] for user in cognito.list_users(UserPoolId=pool)["Users"]] == ["ada"]


def test_a_user_pool_has_tags_that_change(cloud: CloudInThread) -> None:
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="tagged", UserPoolTags={"a": "1", "b": "2"})["UserPool"]
    arn = pool["Arn"]
    cognito.tag_resource(ResourceArn=arn, Tags={"a": "3"})
    cognito.untag_resource(ResourceArn=arn, TagKeys=["b"])
    assert cognito.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"a": "3"}
    assert cognito.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["UserPoolTags"] == {"a": "3"}


def test_an_updated_user_pool_keeps_what_only_its_creation_can_say(cloud: CloudInThread) -> None:
    cognito = cloud.client("cognito-idp")
    parameters: dict[str, Any] = {
        "UsernameAttributes": ["email"],
        "UsernameConfiguration": {"CaseSensitive": False},
        "UserPoolTags": {"a": "1"},
    }
    pool = cognito.create_user_pool(PoolName="named", **parameters)["UserPool"]["Id"]
    cognito.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    found = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
    assert {name: found.get(name) for name in parameters} == parameters


# --- names, encryption, checksums and capacity that a user would notice -------------------------------------------


@pytest.mark.parametrize("name", ["a b", "é", "x" * 513])
def test_a_secret_needs_a_valid_name(cloud: CloudInThread, name: str) -> None:
    with pytest.raises(
        ClientError, match=r"Invalid name\. Must be a valid name containing alphanumeric characters"
    ):
        cloud.client("secretsmanager").create_secret(Name=name, SecretString="x")


def test_objects_are_encrypted_and_their_checksums_compared(cloud: CloudInThread) -> None:
    storage = cloud.client("s3")
    storage.create_bucket(Bucket="checked")
    stored = storage.put_object(Bucket="checked", Key="k", Body=b"x", ChecksumAlgorithm="SHA256")
    assert (stored["ServerSideEncryption"], stored["ChecksumType"]) == ("AES256", "FULL_OBJECT")
    assert storage.head_object(Bucket="checked", Key="k")["ServerSideEncryption"] == "AES256"
    rules = storage.get_bucket_encryption(Bucket="checked")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    with pytest.raises(ClientError, match="The SHA256 you specified did not match the calculated checksum"):
        storage.put_object(Bucket="checked", Key="k", Body=b"y", ChecksumSHA256=stored["ChecksumSHA256"])


def test_checksums_by_crc64nvme(cloud: CloudInThread) -> None:
    storage, named = cloud.client("s3"), {"Bucket": "checked", "Key": "digits"}
    storage.create_bucket(Bucket="checked")
    expected = base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()  # of the catalogue of CRCs
    stored = storage.put_object(**named, Body=b"123456789", ChecksumCRC64NVME=expected)
    assert (stored["ChecksumCRC64NVME"], stored["ChecksumType"]) == (expected, "FULL_OBJECT")
    assert storage.head_object(**named, ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == expected
    with pytest.raises(ClientError, match="The CRC64NVME you specified did not match"):
        storage.put_object(**named, Body=b"12345678", ChecksumCRC64NVME=expected)
    upload = {**named, "UploadId": storage.create_multipart_upload(**named)["UploadId"]}
    etag = storage.upload_part(**upload, PartNumber=1, Body=b"123456789")["ETag"]
    storage.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    found = storage.get_object_attributes(**named, ObjectAttributes=["Checksum"])["Checksum"]
    assert found == {"ChecksumCRC64NVME": expected, "ChecksumType": "FULL_OBJECT"}


def test_consumed_capacity_is_returned_on_request_only(cloud: CloudInThread) -> None:
    client, key = cloud.client("dynamodb"), {"id": {"S": "1"}}
    client.create_table(
        TableName="capacity",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    answers = (
        client.update_item(TableName="capacity", Key=key, UpdateExpression="REMOVE a"),
        client.batch_write_item(RequestItems={"capacity": [{"PutRequest": {"Item": key}}]}),
        client.get_item(TableName="capacity", Key=key),
    )
    assert not any("ConsumedCapacity" in answer for answer in answers)
    response = client.get_item(TableName="capacity", Key=key, ReturnConsumedCapacity="TOTAL")
    assert response["ConsumedCapacity"]["TableName"] == "capacity"
