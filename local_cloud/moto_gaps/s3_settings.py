"""Policies, encryption and checksums of S3, and notifications to EventBridge.

moto 5.2.5 shows, sets and deletes the policy of any account's bucket. S3 answers callers of another account
with 405, and a configuration that uses a bucket by its name finds out by that whose bucket it is. moto
applies a policy to every request, without the conditions of its statements. It sends notifications to
EventBridge and does not show the setting, so that Terraform plans to switch them on for ever. It encrypts
nothing unless asked, where S3 encrypts every object with AES256, and stores an object whose checksum is
wrong. Without awscrt it takes CRC32 for CRC64NVME, which it does not name where it is the default.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3 import models, responses
from moto.s3.exceptions import MethodNotAllowed, S3ClientError
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response

from local_cloud.iam.conditions import applies
from local_cloud.iam.documents import statements_of
from local_cloud.patches import checks, extends, replaces

_CRC64 = "CRC64NVME"
_ALGORITHMS = ("CRC32", _CRC64, "SHA1", "SHA256")
_ONES = (1 << 64) - 1
_POLYNOMIAL = 0x9A6C9329AC4BC9B5
_ENCRYPTION = {
    "Rule": {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": "false",
    }
}
_FACTS = {"aws:securetransport": "true", "s3:tlsversion": "1.3"}


S3Backend.get_bucket_encryption = lambda backend, name: backend.get_bucket(name).encryption or _ENCRYPTION


@replaces(FakeBucket)
def _get_permission(bucket: Any, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = with_conditions_met(json.loads(bucket.policy))
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


@extends(S3Response)
def _get_bucket_notification(original: Callable[[Any], Any], response: Any) -> Any:
    configuration = response.backend.get_bucket_notification_configuration(response.bucket_name)
    if configuration is None or configuration.event_bridge is None:
        return original(response)
    serialized = response.serialized
    response.serialized = lambda answer: serialized(
        ActionResult({**answer.result, "EventBridgeConfiguration": {}})
    )
    try:
        return original(response)
    finally:
        del response.serialized


@checks(S3Backend, "get_bucket_policy", "put_bucket_policy", "delete_bucket_policy")
def _check_owner(backend: Any, bucket_name: str, *_: Any) -> None:
    _, owner = s3_backends.bucket_accounts.get(bucket_name, (None, backend.account_id))
    if owner != backend.account_id:
        raise MethodNotAllowed


def with_conditions_met(policy: dict[str, Any]) -> dict[str, Any]:
    """Return the policy without the statements whose conditions do not hold, and the rest without conditions."""
    met = [
        {key: value for key, value in statement.items() if key != "Condition"}
        for statement in statements_of(policy)
        if applies(statement, _FACTS)
    ]
    return policy | {"Statement": met}


@extends(FakeKey, "__init__")
def _encrypt(original: Callable[..., None], key: Any, *arguments: Any, **options: Any) -> None:
    original(key, *arguments, **options)
    key.encryption = key.encryption or "AES256"


def _crc64_of(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_CRC64_OF_BYTES = [_crc64_of(byte) for byte in range(256)]


@extends(models, "compute_checksum")
@extends(responses, "compute_checksum")
def _compute_checksum(
    original: Callable[..., bytes], body: bytes, algorithm: str, encode_base64: bool = True
) -> bytes:
    """Compute a checksum; CRC64NVME of 10 MB takes a second."""
    if algorithm != _CRC64:
        return original(body, algorithm, encode_base64)
    crc = _ONES
    for byte in body:
        crc = _CRC64_OF_BYTES[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    checksum = (crc ^ _ONES).to_bytes(8, "big")
    return base64.b64encode(checksum) if encode_base64 else checksum


@extends(S3Backend)
def _complete_multipart_upload(original: Callable[..., Any], *arguments: Any) -> Any:
    key = original(*arguments)
    if key is not None and key.checksum_value:
        key.checksum_algorithm = key.checksum_algorithm or _CRC64
    return key


@extends(S3Response, "_get_checksum")
def _check_sum(original: Callable[..., Any], response: Any, response_headers: dict[str, Any]) -> Any:
    """Compare the checksum that came with an object; returns its algorithm and its value."""
    for algorithm in _ALGORITHMS:
        header = f"x-amz-checksum-{algorithm.lower()}"
        sent = response.headers.get(header)
        if sent and "aws-chunked" not in (response.headers.get("content-encoding") or ""):
            computed = responses.compute_checksum(response.raw_body, algorithm=algorithm)
            if sent != (computed.decode() if isinstance(computed, bytes) else computed):
                raise S3ClientError(
                    "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
                )
            response_headers.update({header: sent, "x-amz-checksum-type": "FULL_OBJECT"})
            return algorithm, sent
    return original(response, response_headers)
