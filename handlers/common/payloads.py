"""Inputs and outputs that travel by reference, so that what callers sent is in no workflow's state and in no log."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, InternalError, InvalidRequest, PayloadTooLarge
from handlers.common.strict_json import read_json_object

MAX_PAYLOAD_BYTES = 20_000_000
"""The largest input that is read; what is larger takes more memory than a function has to spare."""

_MAX_PAYLOAD_VALUES = 200_000
"""More than the largest output of a service, 64 vectors of 1,024 numbers."""

_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}(?:/[A-Za-z0-9_.-]{1,200}){1,5}")
_CHOICES = (Tries(3, 1, 3), Tries(2, 1, 2), Tries(1, 0.5, 2), Tries(1, 0.5, 0.5))


class Payloads:
    """Objects in one bucket, each a JSON object.

    Args:
        bucket: The bucket's name.
        api: S3; made from the environment when left out.
    """

    def __init__(self, bucket: str, *, api: AwsApi | None = None) -> None:
        self._bucket = bucket
        self._api = api or AwsApi("s3", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> Payloads:
        """The objects of the bucket that PAYLOAD_BUCKET names.

        Raises:
            InternalError: It names none.
        """
        bucket = os.environ.get("PAYLOAD_BUCKET")
        if not bucket:
            raise InternalError(detail="PAYLOAD_BUCKET is not set and an event names an object")
        return cls(bucket)

    def read(self, key: object, *, deadline: Deadline) -> dict[str, object]:
        """Returns the object as data.

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
        return read_json_object(body, max_values=_MAX_PAYLOAD_VALUES)

    def read_input(self, source: object, given: object, *, deadline: Deadline) -> dict[str, object]:
        """Returns an operation's input that is given by reference, in whole or field by field.

        Args:
            source: The key of an object that is the input; or by the names of fields, where each is: `KEY#FIELD`.
            given: The other fields, as they are.
            deadline: When it must be there.

        Raises:
            InvalidRequest: A reference cannot be read, or leads to nothing.
            ServiceError: S3 fails.
        """
        fields: dict[str, object] = dict(given) if isinstance(given, dict) else {}
        if isinstance(source, str):
            return fields | self.read(source, deadline=deadline)
        if not isinstance(source, dict) or not all(isinstance(place, str) for place in source.values()):
            raise InvalidRequest("inputFrom should be a key, or for each field its KEY#FIELD.")
        objects: dict[str, dict[str, object]] = {}
        for name, place in source.items():
            key, _, field = place.partition("#")
            if key not in objects:
                objects[key] = self.read(key, deadline=deadline)
            if field not in objects[key]:
                raise InvalidRequest("The object that the event refers to has no such field.")
            fields[name] = objects[key][field]
        return fields

    def write(self, key: object, value: Mapping[str, object], *, deadline: Deadline) -> dict[str, object]:
        """Puts data into an object, which may be there already.

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
            {"Bucket": self._bucket, "Key": name, "Body": content, "ContentType": "application/json"},
            deadline=deadline,
        )
        return {"key": name}


def _checked(key: object) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key) or ".." in key:
        raise InvalidRequest("A reference should be the key of an object, such as jobs/1f2e/input.json.")
    return key
