"""S3 under many threads: conditions hold, versions stay, and objects are read whole."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread
from tests.support.threads import THREADS, at_once

_names = iter(range(10_000))


@pytest.fixture
def s3(cloud: CloudInThread) -> Any:
    return cloud.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"isolation-{next(_names)}"
    s3.create_bucket(Bucket=name)
    return name


def succeeds(call: Callable[..., Any], *, or_else: str, **parameters: Any) -> bool:
    """Make a call; return whether it succeeded. It may fail with one code only."""
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != or_else:
            raise
        return False
    return True


def test_one_of_many_creates_an_object(s3: Any, bucket: str) -> None:
    def create(key: str, number: int) -> bool:
        written = {"Bucket": bucket, "Key": key, "Body": str(number).encode()}
        return succeeds(s3.put_object, or_else="PreconditionFailed", **written, IfNoneMatch="*")

    for key in ("a", "b", "c"):
        created = at_once([functools.partial(create, key, number) for number in range(THREADS)])
        (winner,) = [number for number, has_created in enumerate(created) if has_created]
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == str(winner).encode()


def test_no_increment_is_lost(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="count", Body=b"0")

    def increment() -> None:
        while True:
            read = s3.get_object(Bucket=bucket, Key="count")
            written = {"Bucket": bucket, "Key": "count", "Body": b"%d" % (int(read["Body"].read()) + 1)}
            if succeeds(s3.put_object, or_else="PreconditionFailed", **written, IfMatch=read["ETag"]):
                return

    at_once([increment] * 24, threads=8)
    assert s3.get_object(Bucket=bucket, Key="count")["Body"].read() == b"24"


def test_one_of_many_deletes_what_it_has_read(s3: Any, bucket: str) -> None:
    tag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]

    def delete() -> bool:
        return succeeds(s3.delete_object, or_else="NoSuchKey", Bucket=bucket, Key="a", IfMatch=tag)

    assert sum(at_once([delete] * THREADS)) == 1


def test_every_version_is_kept(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(number: int) -> str:
        return str(s3.put_object(Bucket=bucket, Key="a", Body=str(number).encode())["VersionId"])

    written = at_once([functools.partial(put, number) for number in range(3 * THREADS)])
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert {version["VersionId"] for version in versions} == set(written)
    for number, version in enumerate(written):
        body = s3.get_object(Bucket=bucket, Key="a", VersionId=version)["Body"].read()
        assert body == str(number).encode()


def test_an_object_is_read_with_its_own_metadata(s3: Any, bucket: str) -> None:
    def put(number: int) -> None:
        s3.put_object(Bucket=bucket, Key="a", Body=str(number).encode(), Metadata={"number": str(number)})

    def is_whole() -> bool:
        read = s3.get_object(Bucket=bucket, Key="a")
        return bool(read["Body"].read().decode() == read["Metadata"].get("number"))

    put(0)
    puts = [functools.partial(put, number) for number in range(2 * THREADS)]
    works: list[Any] = [work for pair in zip(puts, [is_whole] * len(puts), strict=True) for work in pair]
    assert all(result is not False for result in at_once(works))


def test_one_of_many_completes_an_upload_of_parts(s3: Any, bucket: str) -> None:
    uploads = []
    for _ in range(THREADS):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=1, Body=b"x")
        uploads.append((upload, [{"ETag": part["ETag"], "PartNumber": 1}]))

    def complete(upload: str, parts: list[dict[str, Any]]) -> bool:
        whole = {"Bucket": bucket, "Key": "a", "UploadId": upload, "MultipartUpload": {"Parts": parts}}
        return succeeds(s3.complete_multipart_upload, or_else="PreconditionFailed", **whole, IfNoneMatch="*")

    assert sum(at_once([functools.partial(complete, *upload) for upload in uploads])) == 1


def test_every_write_is_notified(cloud: CloudInThread, s3: Any, bucket: str) -> None:
    queues = cloud.client("sqs")
    url = queues.create_queue(QueueName=bucket)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    puts = [
        functools.partial(s3.put_object, Bucket=bucket, Key=f"{number}", Body=b"x")
        for number in range(THREADS)
    ]
    at_once(puts)
    found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert int(found["Attributes"]["ApproximateNumberOfMessages"]) == THREADS + 1  # and the test event
