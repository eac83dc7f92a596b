"""The keyed hash of callers, with the key that moto's KMS has, and the trigger that puts it into ID tokens."""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.claims.app import TokenTrigger
from handlers.common.aws_api import AwsApi
from handlers.common.caller_hash import HASH, CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendUnavailable
from tests.support import aws
from tests.support.events import Context
from tests.support.moto_state import mock_aws

SUB = "6f0f7c2e-1111-4222-8333-123456789abc"
EVENT: dict[str, Any] = {
    "version": "1",
    "triggerSource": "TokenGeneration_Authentication",
    "userName": "ada",
    "request": {"userAttributes": {"sub": SUB, "email": "ada@shop.example"}},
    "response": {"claimsOverrideDetails": None},
}


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
    ada = hashes(kms, key).hash_of("cognito:ada", deadline=deadline())
    assert HASH.fullmatch(ada)
    assert hashes(kms, key).hash_of("cognito:ada", deadline=deadline()) == ada
    assert hashes(kms, key).hash_of("partner:ada", deadline=deadline()) != ada
    assert hashes(kms, new_key(kms)).hash_of("cognito:ada", deadline=deadline()) != ada
    mac = kms.generate_mac(KeyId=key, Message=b"cognito:ada", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert base64.b64encode(mac).decode().startswith(ada)


def test_kms_is_called_once_for_each_of_the_last_thousand() -> None:
    api = aws.Answering({"generate_mac": {"Mac": b"m" * 32}})
    made = CallerHashes("key", api=api)  # type: ignore[arg-type]
    for number in (*range(1001), *range(1, 1001), 0):
        made.hash_of(f"cognito:{number}", deadline=deadline())
    asked = [parameters["Message"] for _, parameters, _ in api.calls]
    assert len(asked) == 1002
    assert (asked[0], asked[-1]) == (b"cognito:0", b"cognito:0")


@pytest.mark.parametrize("answer", [{}, {"Mac": None}, {"Mac": 5}])
def test_an_answer_that_cannot_be_read_is_an_error(answer: dict[str, object]) -> None:
    made = CallerHashes("key", api=aws.Answering({"generate_mac": answer}))  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="The AI backend's answer cannot be used"):
        made.hash_of("cognito:ada", deadline=deadline())


def trigger(made: CallerHashes, event: dict[str, Any]) -> tuple[dict[str, Any], str]:
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        return TokenTrigger(lambda: made).handler(event, Context()), log.getvalue()


def test_the_trigger_adds_the_hash_and_logs_nothing_else_of_the_user(kms: Any) -> None:
    made = hashes(kms, new_key(kms))
    answer, log = trigger(made, EVENT)
    caller = made.hash_of(f"cognito:{SUB}", deadline=deadline())
    assert answer == EVENT | {
        "response": {"claimsOverrideDetails": {"claimsToAddOrOverride": {"caller": caller}}}
    }
    line = json.loads(log)
    assert (line["operation"], line["status"], line["caller"]) == ("users.claims", 200, caller)
    for secret in (SUB, "ada"):
        assert secret not in log


@pytest.mark.parametrize("request_part", [None, {}, {"userAttributes": {}}, {"userAttributes": {"sub": 5}}])
def test_no_token_is_issued_without_a_user(kms: Any, request_part: object) -> None:
    with pytest.raises(Exception, match=r"^The service failed\."):
        trigger(hashes(kms, new_key(kms)), EVENT | {"request": request_part})


def test_no_token_is_issued_while_kms_fails() -> None:
    made = CallerHashes("key", api=aws.Answering({"generate_mac": BackendUnavailable()}))  # type: ignore[arg-type]
    with pytest.raises(BackendUnavailable):
        trigger(made, EVENT)
