"""Marked secrets, sent everywhere and through every failure, turn up in no log and in no error."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from constructs_lib import AccessLog
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread
from tests.support.real_api import CRASH, TENANT_KEY, RealApi
from tests.support.secrets import IMAGE, MARK, PROMPT, SENT, in_files, log_lines, marked
from tests.support.waiting import eventually

BODIES: list[tuple[str, bytes, str]] = [
    (path, body, content_type)
    for path in ("/language/analysis", "/language/summary", "/embeddings", "/vision/text", "/ai-service", "/crashing")
    for body, content_type in (
        (json.dumps({"text": PROMPT, "language": "en"}).encode(), "application/json"),
        (json.dumps({"text": f"{CRASH} {PROMPT}"}).encode(), "application/json"),
        (json.dumps({"inputs": [f"{CRASH} {PROMPT}"]}).encode(), "application/json"),
        (json.dumps({"image": base64.b64encode(IMAGE).decode(), MARK: MARK}).encode(), "application/json"),
        (json.dumps({"image": base64.b64encode(IMAGE).decode()}).encode(), "application/json"),
        (json.dumps({"service": f"language.{MARK}", "input": {}}).encode(), "application/json"),
        (json.dumps({"service": "language.analysis", "input": {"text": f"{CRASH} {PROMPT}"}}).encode(), "application/json"),
        (f'{{"text": "{MARK}'.encode(), "application/json"),
        (f'{{"{MARK}": NaN}}'.encode(), "application/json"),
        (PROMPT.encode(), "text/plain"),
        (PROMPT.encode(), f"application/json; charset={MARK}"),
        (IMAGE, "image/png"),
        (IMAGE + bytes(4_600_000), "image/png"),
    )
]  # fmt: skip


@pytest.fixture
def access_log(real: RealApi, cloud: CloudInThread) -> str:
    group = "faults-access"
    logs = cloud.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    values = {
        "/accessLogSettings/destinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}",
        "/accessLogSettings/format": AccessLog().format,
    }
    real.api.aws.update_stage(
        restApiId=real.api.api_id,
        stageName=real.api.stage,
        patchOperations=[{"op": "replace", "path": path, "value": value} for path, value in values.items()],
    )
    return group


def refuse_marks(answer: Any) -> None:
    assert not marked(str(answer.headers.items()))
    if answer.status >= 400:
        assert not marked(answer.content.decode())


def test_secrets_that_are_sent_are_in_no_log_and_no_error(
    real: RealApi,
    checked: RealApi,
    cloud: CloudInThread,
    access_log: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    statuses = set()
    for path, body, content_type in BODIES:
        for api in (real, checked):
            target = f"{path}?token={MARK}-query&{MARK}=1"
            answer = api.call("POST", target, body=body, headers={**SENT, "Content-Type": content_type})
            refuse_marks(answer)
            statuses.add(answer.status)
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        for path in ("/ai-service", "/crashing", "/nowhere", "/behind/a", "/authorized/ai-service"):
            answer = real.call(method, f"{path}?token={MARK}", headers=SENT)
            refuse_marks(answer)
            statuses.add(answer.status)
    assert {200, 400, 403, 404, 405, 413, 415, 500, 502} <= statuses
    lines = list(log_lines(cloud.client("logs")))
    assert eventually(lambda: len(list(log_lines(cloud.client("logs")))) >= len(BODIES))
    lines = list(log_lines(cloud.client("logs")))
    assert not [line for line in lines if marked(line)]
    assert in_files(cloud.directory / "logs") == {}
    captured = capfd.readouterr()
    assert '"error_types":["KeyError"' in captured.out
    assert not marked(captured.out + captured.err)
    assert not marked(caplog.text)


@pytest.mark.parametrize(
    "token",
    [f"Bearer {MARK}{'x' * 40}", f"Basic {MARK}", f"Bearer {TENANT_KEY.value[:-10]}{MARK}"],
    ids=range(3),
)
def test_credentials_of_tenants_are_in_no_log(
    real: RealApi,
    cloud: CloudInThread,
    capfd: pytest.CaptureFixture[str],
    token: str,
) -> None:
    answer = real.call("POST", "/authorized/ai-service", headers={"Authorization": token})
    refuse_marks(answer)
    assert answer.status == 401
    good = {"Authorization": f"Bearer {TENANT_KEY.value}", "x-api-key": MARK}
    body = {"service": "language.analysis", "input": {"text": PROMPT, "language": "en"}}
    assert real.post("/authorized/ai-service", body, **good).status == 200
    captured = capfd.readouterr()
    logs = captured.out + captured.err + (cloud.directory / "logs" / "requests.log").read_text()
    assert '"operation":"authorizer.authorize"' in logs
    assert "POST   /_aws/execute-api" in logs
    for secret in (MARK, TENANT_KEY.value, TENANT_KEY.value.rpartition("_")[2], real.usage_key):
        assert secret not in logs
