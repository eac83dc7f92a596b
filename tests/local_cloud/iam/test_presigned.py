"""Presigned URLs of S3: each is good for one object and one method, until it expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
from botocore.config import Config

from local_cloud.iam.presigned import fault_of
from local_cloud.messages import Request
from tests.support import aws
from tests.support.cloud_in_thread import CloudInThread
from tests.support.roles import MakeRole, Somebody, allow

BUCKET = "presigned-pages"


@pytest.fixture(scope="module", autouse=True)
def bucket(cloud: CloudInThread) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name in ("mine", "other", "a b+c"):
        s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode())


@pytest.fixture
def signer(make_role: MakeRole) -> Somebody:
    resources = [f"arn:aws:s3:::{BUCKET}/*"]
    return make_role(allow("s3:GetObject", *resources), allow("s3:PutObject", *resources))


def presigned(signer: Somebody, operation: str, key: str, **more: Any) -> str:
    client = aws.client(
        "s3",
        endpoint_url=signer.cloud.cloud.url,
        region_name="us-east-1",
        aws_access_key_id=signer.keys["AccessKeyId"],
        aws_secret_access_key=signer.keys["SecretAccessKey"],
        aws_session_token=signer.keys["SessionToken"],
        config=Config(signature_version="s3v4"),
    )
    parameters = {"Bucket": BUCKET, "Key": key, **more}
    url: str = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=900)
    return url


def sent(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(HttpRequest(url, body, named, method=method), timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def refused(answer: tuple[int, bytes], code: bytes) -> None:
    assert answer[0] == 403, answer
    assert b"<Code>%s</Code>" % code in answer[1]


@pytest.mark.parametrize("key", ["mine", "a b+c"])
def test_a_link_reads_its_object(signer: Somebody, key: str) -> None:
    assert sent(presigned(signer, "get_object", key)) == (200, key.encode())


def test_a_link_writes_its_object_with_what_was_signed(cloud: CloudInThread, signer: Somebody) -> None:
    url = presigned(signer, "put_object", "new", ContentType="application/json")
    assert sent(url, "PUT", b"{}", Content_Type="application/json")[0] == 200
    assert cloud.client("s3").get_object(Bucket=BUCKET, Key="new")["Body"].read() == b"{}"
    refused(sent(url, "PUT", b"<html>", Content_Type="text/html"), b"SignatureDoesNotMatch")


def test_a_link_that_is_altered_is_refused(signer: Somebody) -> None:
    read = presigned(signer, "get_object", "mine")
    for altered in (
        read.replace("/mine?", "/other?"),
        read.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        read[:-1] + ("0" if read[-1] != "0" else "1"),
        read + "&versionId=1",
    ):
        refused(sent(altered), b"SignatureDoesNotMatch")
    refused(sent(read, "PUT", b"x"), b"SignatureDoesNotMatch")
    refused(sent(read, "DELETE"), b"SignatureDoesNotMatch")
    assert sent(read) == (200, b"mine")


def test_a_link_gives_no_more_than_its_signer_may(make_role: MakeRole) -> None:
    reader = make_role(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/mine"))
    assert sent(presigned(reader, "get_object", "mine"))[0] == 200
    refused(sent(presigned(reader, "get_object", "other")), b"AccessDenied")


def test_a_link_that_is_not_complete_is_refused(signer: Somebody) -> None:
    url = presigned(signer, "get_object", "mine")
    incomplete = "&".join(part for part in url.split("&") if not part.startswith("X-Amz-Expires"))
    refused(sent(incomplete), b"AuthorizationQueryParametersError")


def test_a_link_expires(signer: Somebody) -> None:
    parts = urlsplit(presigned(signer, "get_object", "mine"))
    request = Request(
        "GET", parts.path, parts.query, (("Host", parts.netloc),), b"", "127.0.0.1", "HTTP/1.1", 80
    )
    secret, now = signer.keys["SecretAccessKey"], datetime.now(UTC)
    assert fault_of(request, secret, now=now + timedelta(seconds=880)) is None
    assert fault_of(request, secret, now=now + timedelta(seconds=920)) == "AccessDenied"
