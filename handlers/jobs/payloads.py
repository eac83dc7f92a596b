"""The objects of jobs in the payload bucket: inputs, parts and results, so that what callers sent is in no state and no log.

Functions that work on a job get no right on the bucket but presigned URLs of single objects.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, InternalError, InvalidRequest, PayloadTooLarge
from handlers.common.once import Once
from handlers.common.payload_links import CONTENT_TYPE, MAX_PAYLOAD_BYTES
from handlers.common.strict_json import MAX_PAYLOAD_VALUES, read_json_object

LINK_SECONDS = 900
"""How long a presigned URL is good. It ends sooner where the credentials of the function do that sign it."""

_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}(?:/[A-Za-z0-9_.-]{1,200}){1,5}")
_CHOICES = (Tries(3, 1, 3), Tries(2, 1, 2), Tries(1, 0.5, 2), Tries(1, 0.5, 0.5))


class Payloads:
    """Objects in one bucket, each a JSON object.

    Args:
        bucket: The bucket's name.
        api: S3; made from the environment when left out.
        make_signer: Makes the client that signs. Default: from the environment.
    """

    def __init__(
        self, bucket: str, *, api: AwsApi | None = None, make_signer: Callable[[], Any] | None = None
    ) -> None:
        self._bucket = bucket
        self._api = api or AwsApi("s3", choices=_CHOICES)
        self._signer = Once(make_signer or _signer)

    @classmethod
    def from_environment(cls) -> Payloads:
        """The objects of the bucket that PAYLOAD_BUCKET names.

        Raises:
            InternalError: It names none.
        """
        bucket = os.environ.get("PAYLOAD_BUCKET")
        if not bucket:
            raise InternalError(detail="PAYLOAD_BUCKET is not set")
        return cls(bucket)

    def read(self, key: object, *, deadline: Deadline) -> dict[str, object]:
        """Return the object as data.

        Raises:
            InvalidRequest: The key is none, or there is no such object: it may have expired.
            PayloadTooLarge: The object has more than 20 MB or 200,000 values.
            ServiceError: S3 fails.
        """
        answer = self._api.call(
            "get_object",
            {"Bucket": self._bucket, "Key": _checked(key)},
            deadline=deadline,
            refusals={
                "NoSuchKey": lambda: InvalidRequest(
                    "The input that the event refers to does not exist any more."
                )
            },
        )
        body = answer.get("Body")
        if not isinstance(body, bytes):
            raise BackendError(detail="s3.get_object: no body")
        if len(body) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(f"The input is larger than {MAX_PAYLOAD_BYTES:,} bytes.")
        return read_json_object(body, max_values=MAX_PAYLOAD_VALUES)

    def write(self, key: object, value: Mapping[str, object], *, deadline: Deadline) -> dict[str, object]:
        """Put data into an object, which may be there already.

        Returns:
            Where it is: `{"key": …}`.

        Raises:
            InvalidRequest: The key is none.
            ServiceError: S3 fails.
        """
        name = _checked(key)
        content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        self._api.call(
            "put_object",
            {"Bucket": self._bucket, "Key": name, "Body": content, "ContentType": CONTENT_TYPE},
            deadline=deadline,
        )
        return {"key": name}

    def link_to_read(self, key: object) -> str:
        """Return a presigned URL that reads an object, without a call to S3.

        Raises:
            InvalidRequest: The key is none.
        """
        return self._link("get_object", Key=_checked(key))

    def link_to_write(self, key: object) -> str:
        """Return a presigned URL that writes an object, with the Content-Type of JSON.

        Raises:
            InvalidRequest: The key is none.
        """
        return self._link("put_object", Key=_checked(key), ContentType=CONTENT_TYPE)

    def _link(self, operation: str, **parameters: str) -> str:
        url: str = self._signer().generate_presigned_url(
            operation, Params={"Bucket": self._bucket, **parameters}, ExpiresIn=LINK_SECONDS
        )
        return url


def _signer() -> Any:
    import boto3
    from botocore.config import Config

    # Otherwise the URL would lead to the global endpoint, which redirects to other regions and breaks the signature.
    regional = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
    return boto3.client("s3", config=Config(signature_version="s3v4", s3=regional))


def _checked(key: object) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key) or ".." in key:
        raise InvalidRequest("A reference should be the key of an object, such as jobs/1f2e/input.json.")
    return key
