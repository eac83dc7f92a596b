"""The keyed hash of callers, with the key that moto's KMS has."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.common.aws_api import AwsApi
from handlers.common.caller_hash import HASH, CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError
from tests.support import aws
from tests.support.events import Context
from tests.support.moto_state import mock_aws


@pytest.fixture
def kms() -> Iterator[Any]:
    with mock_aws():
        yield aws.client("kms")


def new_key(kms: Any) -> str:
    return str(kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"])


def hashes(kms: Any, key: str) -> CallerHashes:
    return CallerHashes(key, api=AwsApi("kms", make_client=lambda _name, _tries: kms))


def deadline() -> Deadline:
    return Deadline.of_context(Context())


def test_a_caller_has_one_hash_and_another_with_another_key(kms: Any) -> None:
    key = new_key(kms)
    ada = hashes(kms, key).hash_of("user:ada", deadline=deadline())
    assert HASH.fullmatch(ada)
    assert hashes(kms, key).hash_of("user:ada", deadline=deadline()) == ada
    assert hashes(kms, key).hash_of("tenant:ada", deadline=deadline()) != ada
    assert hashes(kms, new_key(kms)).hash_of("user:ada", deadline=deadline()) != ada
    mac = kms.generate_mac(KeyId=key, Message=b"user:ada", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert base64.b64encode(mac).decode().startswith(ada)


def test_kms_is_called_once_for_each_of_the_last_thousand() -> None:
    api = aws.Answering({"generate_mac": {"Mac": b"m" * 32}})
    hashes = CallerHashes("key", api=api)  # type: ignore[arg-type]
    for number in (*range(1001), *range(1, 1001), 0):
        hashes.hash_of(f"user:{number}", deadline=deadline())
    messages = [parameters["Message"] for _, parameters, _ in api.calls]
    assert len(messages) == 1002
    assert (messages[0], messages[-1]) == (b"user:0", b"user:0")


@pytest.mark.parametrize("answer", [{}, {"Mac": None}, {"Mac": 5}])
def test_an_answer_that_cannot_be_read_is_an_error(answer: dict[str, object]) -> None:
    hashes = CallerHashes("key", api=aws.Answering({"generate_mac": answer}))  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="The AI backend's answer cannot be used"):
        hashes.hash_of("user:ada", deadline=deadline())
