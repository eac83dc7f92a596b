"""Workflows as jobs, deployed by the real Terraform and called over HTTP: results, failures and notifications.

The last test destroys what all tests of workflows share, so that this file comes last of them.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from local_cloud.console.timeline import Row, timeline
from tests.support.callback_receiver import BROKEN, Callback
from tests.support.small_workflows import Flows, refused, until
from tests.support.terraform import check_unchanged
from tests.support.workflow_stack import STACK

FIRST = f"{STACK}-first"
ODD = {"do": "fail", "error": "Odd"}
NO_KEY = "0" * 32


def start(flows: Flows, workflow: str, given: Any, **options: Any) -> str:
    answer = flows.call("POST", f"/workflows/{workflow}/jobs", {"input": given}, **options)
    assert answer.status == 202, answer
    return str(answer.body["id"])


def execution(flows: Flows, workflow: str, job_id: str) -> str:
    """The execution of a job."""
    (found,) = [
        one["executionArn"]
        for one in flows.executions(f"job-{workflow}")
        if f":{job_id}-" in one["executionArn"]
    ]
    return str(found)


def rows(flows: Flows, execution_arn: str) -> dict[str, Row]:
    """Return the outcome of each state once the execution has ended, a moment after its job."""
    client = flows.client("stepfunctions")
    until(lambda: client.describe_execution(executionArn=execution_arn)["status"] != "RUNNING")
    return {row.state: row for row in timeline(flows.events(execution_arn))}


def test_a_job_gives_its_result(flows: Flows) -> None:
    started = flows.call("POST", "/workflows/one/jobs", {"input": {"say": "done"}})
    assert (started.status, started.body["status"], started.body["workflow"]) == (202, "running", "one")
    job_id = started.body["id"]
    assert started.headers["location"] == f"/prod/jobs/{job_id}"
    job = flows.ended(job_id)
    assert (job["status"], job["result"], job["error"]) == (
        "succeeded",
        {"one": {"said": "done", "by": FIRST}},
        None,
    )
    found = rows(flows, execution(flows, "one", job_id))
    assert {name: row.outcome for name, row in found.items()} == {
        "work": "succeeded",
        "its links": "succeeded",
        "do it": "succeeded",
        "it": "succeeded",
        "note the result": "succeeded",
        "tell of the result": "succeeded",
        "done": "succeeded",
    }


def test_a_job_says_how_far_it_is(flows: Flows) -> None:
    job_id = start(flows, "pages", {"pages": [{"say": 1}, {"do": "sleep", "seconds": 1.5}]})
    at = f"/jobs/{job_id}"
    running = until(lambda: (one := flows.call("GET", at).body) and one["progress"] is not None and one)
    assert (running["status"], running["result"]) == ("running", None)
    assert running["progress"]["states_done"] >= 0
    assert flows.ended(job_id)["progress"] is None


def test_one_page_that_fails_leaves_the_others(flows: Flows) -> None:
    job = flows.ended(start(flows, "pages", {"pages": [{"say": 1}, ODD]}))
    assert job["status"] == "succeeded", job
    first, second = job["result"]["pages"]
    assert first["result"]["key"].endswith("/items/0/done.json")
    assert second == {"result": None, "error": {"code": "step_failed", "message": "This step failed."}}


def test_a_job_loses_no_page_to_workers_that_are_killed(flows: Flows) -> None:
    pages = [{"do": "sleep", "seconds": 0.5, "say": number} for number in range(12)]
    job_id = start(flows, "pages", {"pages": pages})
    at = execution(flows, "pages", job_id)
    until(lambda: sum(event["type"] == "TaskStarted" for event in flows.events(at)) >= 8)
    assert flows.kill_workers() >= 4
    job = flows.ended(job_id)
    assert job["status"] == "succeeded", job
    assert [sorted(page) for page in job["result"]["pages"]] == [["result"]] * 12
    attempts = [event for event in flows.events(at) if event["type"] == "TaskFailed"]
    assert {event["taskFailedEventDetails"]["error"] for event in attempts} == {"Runtime.ExitError"}


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (
            {**ODD, "error": "UnprocessableInput", "message": "There is no text in it."},
            {"code": "unprocessable_input", "message": "There is no text in it."},
        ),
        (ODD, {"code": "workflow_failed", "message": "A part of the workflow failed."}),
    ],
    ids=["typed", "untyped"],
)
def test_a_job_that_fails_says_why(flows: Flows, failure: object, error: dict[str, str]) -> None:
    job_id = start(flows, "one", failure)
    job = flows.ended(job_id)
    assert (job["status"], job["result"], job["error"]) == ("failed", None, error)
    at = execution(flows, "one", job_id)
    until(lambda: flows.client("stepfunctions").describe_execution(executionArn=at)["status"] == "FAILED")
    assert flows.messages("failed_queue") == []


def test_only_keys_are_in_the_states_of_a_job(flows: Flows) -> None:
    canary = secrets.token_hex(12)
    job_id = start(flows, "pages", {"pages": [{"say": canary}, {**ODD, "say": canary}], "more": canary})
    assert flows.ended(job_id)["status"] == "succeeded"
    at = execution(flows, "pages", job_id)
    given = flows.client("stepfunctions").describe_execution(executionArn=at)["input"]
    assert set(json.loads(given)) == {"owner", "job_id", "input_key", "output_key", "items"}
    assert canary not in given + json.dumps(flows.events(at), default=str)
    stored = flows.client("s3").get_object(
        Bucket=flows.outputs["bucket"], Key=json.loads(given)["items"][0]["input_key"]
    )
    assert canary in stored["Body"].read().decode()


@pytest.mark.parametrize(
    ("workflow", "body", "status", "code"),
    [
        ("unknown", {"input": {}}, 404, "not_found"),
        ("one", {}, 400, "invalid_request"),
        ("pages", {"input": {}}, 400, "invalid_request"),
        ("pages", {"input": {"pages": [1]}}, 400, "invalid_request"),
        ("pages", {"input": {"pages": [{}] * 13}}, 413, "payload_too_large"),
        *(
            ("one", {"input": {}, "callback_url": url}, 400, "invalid_request")
            for url in (
                "http://example.com/",
                "https://localhost/",
                "https://10.0.0.1/",
                "https://[::1]/",
                "https://169.254.169.254/latest",
                "https://2130706433/",
                "https://127.0x1/",
                "https://[::ffff:7f00:1]/",
                "https://service.internal/",
                "https://example.com:8443/",
                "https://user@example.com/",
            )
        ),
    ],
)
def test_what_cannot_be_a_job_is_refused(
    flows: Flows, workflow: str, body: object, status: int, code: str
) -> None:
    refused(flows.call("POST", f"/workflows/{workflow}/jobs", body), status, code)


def links(flows: Flows, execution_arn: str) -> Any:
    """The presigned URLs that the first task of a job got."""
    outputs = (
        json.loads(event["taskSucceededEventDetails"]["output"])["Payload"]
        for event in flows.events(execution_arn)
        if event["type"] == "TaskSucceeded"
    )
    return next(output for output in outputs if "read" in output)


def sent(url: str, method: str = "GET", body: bytes | None = None) -> int:
    request = Request(url, body, {"Content-Type": "application/json"} if body else {}, method=method)  # noqa: S310 - of this machine
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - of this machine
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_a_function_reaches_the_objects_of_its_job_and_no_other(flows: Flows) -> None:
    mine, other = start(flows, "one", {"say": "mine"}), start(flows, "one", {"say": "other"})
    for job_id in (mine, other):
        assert flows.ended(job_id)["status"] == "succeeded"
    roles = flows.client("iam")
    role = flows.client("lambda").get_function(FunctionName=FIRST)["Configuration"]["Role"].rpartition("/")[2]
    policies = [
        roles.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in roles.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    assert policies
    assert "s3:" not in json.dumps(policies)
    given = links(flows, execution(flows, "one", mine))
    read, write = given["read"]["it"], given["write"]["it"]
    key = execution(flows, "one", other).rpartition(":")[2]
    assert sent(read) == 200
    for foreign in (re.sub("jobs/[^/]+/", f"jobs/{key}/", url) for url in (read, write)):
        assert (sent(foreign), sent(foreign, "PUT", b"{}")) == (403, 403)
    assert (sent(read, "PUT", b"{}"), sent(write), sent(read, "DELETE")) == (403, 403, 403)


def test_what_links_say_is_in_no_log(flows: Flows) -> None:
    job_id = start(flows, "pages", {"pages": [{"say": 1}, ODD]})
    assert flows.ended(job_id)["status"] == "succeeded"
    at = execution(flows, "pages", job_id)
    signature = links(flows, at)["read"]["page"].rpartition("X-Amz-Signature=")[2].partition("&")[0]
    assert len(signature) == 64
    written = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in (flows.directory / "cloud" / "logs").rglob("*")
        if path.is_file()
    )
    logs = flows.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            written += "".join(event["message"] for event in page["events"])
    assert "do a page" in written
    assert signature not in written
    assert "X-Amz-Security-Token" not in written


def test_so_many_jobs_of_one_caller_run_at_once(flows: Flows) -> None:
    together = threading.Barrier(8)

    def ask(_: int) -> Any:
        together.wait()
        return flows.call("POST", "/workflows/pages/jobs", {"input": {"pages": [SLOW]}}, caller="carol")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert sorted(answer.status for answer in answers) == [202] * 5 + [429] * 3
    for answer in answers:
        if answer.status == 429:
            refused(answer, 429, "too_many_jobs")
            assert answer.headers["retry-after"] == "15"
    assert flows.call("POST", "/workflows/one/jobs", {"input": {"say": 1}}, caller="dave").status == 202
    for answer in answers:
        if answer.status == 202:
            assert flows.ended(answer.body["id"], caller="carol")["status"] == "succeeded"
    assert flows.call("POST", "/workflows/one/jobs", {"input": {"say": 1}}, caller="carol").status == 202


SLOW = {"do": "sleep", "seconds": 3}


def test_a_job_is_found_by_its_caller_only(flows: Flows) -> None:
    job_id = start(flows, "one", {"say": "mine"})
    assert flows.ended(job_id)["status"] == "succeeded"
    for path, caller in ((job_id, "bob"), (NO_KEY, "ada"), ("x", "ada"), ("..%2f" + job_id, "ada")):
        refused(flows.call("GET", f"/jobs/{path}", caller=caller), 404, "not_found")


def test_an_idempotency_key_stands_for_one_job_of_one_caller(flows: Flows) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    job_id = start(flows, "one", {"say": 1}, headers=key)
    assert start(flows, "one", {"say": 1}, headers=key) == job_id
    assert flows.ended(job_id)["status"] == "succeeded"
    again = flows.call("POST", "/workflows/one/jobs", {"input": {"say": 1}}, headers=key)
    assert (again.status, again.body["id"], again.body["status"]) == (202, job_id, "succeeded")
    for workflow, given in (("one", {"say": 2}), ("pages", {"pages": [{}]})):
        other = flows.call("POST", f"/workflows/{workflow}/jobs", {"input": given}, headers=key)
        refused(other, 422, "idempotency_key_reused")
    assert start(flows, "one", {"say": 2}, headers=key, caller="bob") != job_id
    assert execution(flows, "one", job_id)


def test_two_requests_with_one_key_at_the_same_moment_are_one_job(flows: Flows) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    together = threading.Barrier(4)

    def ask(_: int) -> str:
        together.wait()
        return start(flows, "one", {"say": "once"}, headers=key)

    with ThreadPoolExecutor(4) as threads:
        (job_id,) = set(threads.map(ask, range(4)))
    assert flows.ended(job_id)["result"] == {"one": {"said": "once", "by": FIRST}}
    assert execution(flows, "one", job_id)


def test_an_expired_job_is_gone_and_its_key_is_free_again(flows: Flows) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    job_id = start(flows, "one", {"say": "old"}, headers=key)
    job = flows.ended(job_id)
    assert job["status"] == "succeeded"
    # Its execution has the second in its name, and no job lives for less than a minute.
    created_at = datetime.fromisoformat(job["created_at"]).timestamp()
    until(lambda: time.time() >= created_at + 1)
    flows.client("dynamodb").update_item(
        TableName=flows.outputs["table"],
        Key={"owner": {"S": "principal:ada"}, "job_id": {"S": job_id}},
        UpdateExpression="SET expires_at = :past, created_at = created_at - :day",
        ExpressionAttributeValues={":past": {"N": "1"}, ":day": {"N": "86400"}},
    )
    refused(flows.call("GET", f"/jobs/{job_id}"), 404, "not_found")
    assert start(flows, "one", {"say": "new"}, headers=key) == job_id
    assert flows.ended(job_id)["result"] == {"one": {"said": "new", "by": FIRST}}


def test_an_end_that_is_delivered_twice_is_noted_once(flows: Flows) -> None:
    job_id = start(flows, "one", {"say": "once"})
    job = flows.ended(job_id)
    given = finish_event(flows, job_id)
    for ending in (given, given, with_error(given, "UnprocessableInput")):
        answer = flows.client("lambda").invoke(
            FunctionName=f"{STACK}-jobs-finish", Qualifier="live", Payload=json.dumps(ending)
        )
        assert json.loads(answer["Payload"].read()) == {"noted": True}
    assert flows.call("GET", f"/jobs/{job_id}").body == job


def test_the_end_of_an_execution_of_before_is_not_that_of_the_job_of_today(flows: Flows) -> None:
    job_id = start(flows, "one", {"say": "today"})
    job = flows.ended(job_id)
    given = finish_event(flows, job_id)
    flows.client("dynamodb").update_item(
        TableName=flows.outputs["table"],
        Key={"owner": {"S": "principal:ada"}, "job_id": {"S": job_id}},
        UpdateExpression="SET #status = :running",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":running": {"S": "accepted"}},
    )
    before = json.loads(json.dumps(given).replace(f"{job_id}-", f"{job_id}-1"))
    for ending in (before, with_error(before, "UnprocessableInput")):
        answer = flows.client("lambda").invoke(
            FunctionName=f"{STACK}-jobs-finish", Qualifier="live", Payload=json.dumps(ending)
        )
        assert json.loads(answer["Payload"].read()) == {"noted": False}
    assert flows.call("GET", f"/jobs/{job_id}").body["status"] == "running"
    flows.client("lambda").invoke(
        FunctionName=f"{STACK}-jobs-finish", Qualifier="live", Payload=json.dumps(given)
    )["Payload"].read()
    assert flows.call("GET", f"/jobs/{job_id}").body == job


def finish_event(flows: Flows, job_id: str) -> dict[str, Any]:
    """Return the input with which a job's execution called the function that records its end."""
    calls = (
        json.loads(event["taskScheduledEventDetails"]["parameters"])
        for event in flows.events(execution(flows, "one", job_id))
        if "taskScheduledEventDetails" in event
    )
    return next(call["Payload"] for call in calls if call["Payload"].get("operation") == "jobs.finish")


def with_error(event: dict[str, Any], error: str) -> dict[str, Any]:
    given = {name: value for name, value in event["input"].items() if name != "result"}
    return {**event, "input": {**given, "error": {"Error": error, "Cause": ""}}}


def test_a_crash_after_the_result_is_stored_and_before_it_is_noted_is_made_good(flows: Flows) -> None:
    with flows.refused("jobs-finish", "dynamodb:UpdateItem"):
        job_id = start(flows, "one", {"say": "kept"})
        at = execution(flows, "one", job_id)
        until(
            lambda: any(
                row.state == "note the result" and row.error is not None for row in timeline(flows.events(at))
            )
        )
        key = json.loads(flows.client("stepfunctions").describe_execution(executionArn=at)["input"])
        stored = flows.client("s3").get_object(Bucket=flows.outputs["bucket"], Key=key["output_key"])
        assert json.loads(stored["Body"].read())["one"]["said"] == "kept"
        assert flows.call("GET", f"/jobs/{job_id}").body["status"] == "running"
    assert flows.ended(job_id)["result"] == {"one": {"said": "kept", "by": FIRST}}
    note = rows(flows, at)["note the result"]
    assert (note.outcome, note.attempts > 1) == ("succeeded", True)
    assert flows.messages("failed_queue") == []


def test_an_end_that_cannot_be_noted_is_in_the_queue(flows: Flows) -> None:
    with flows.refused("jobs-finish", "dynamodb:*"):
        job_id = start(flows, "one", {"say": "lost"})
        (message,) = until(lambda: flows.messages("failed_queue"))
    assert message == {
        "owner": "principal:ada",
        "job_id": job_id,
        "problem": "the end could not be noted",
        "error": "BackendError",
    }
    job = flows.ended(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "workflow_failed")


def test_a_callback_to_a_private_address_is_refused_and_kept(flows: Flows) -> None:
    body = {"input": {"say": 1}, "callback_url": "https://inside.example/told"}
    answer = flows.call("POST", "/workflows/one/jobs", body)
    assert answer.status == 202, answer
    job_id = answer.body["id"]
    (message,) = until(lambda: flows.messages("failed_queue"))
    assert message == {"owner": "principal:ada", "job_id": job_id, "problem": "the callback was not taken"}
    assert flows.ended(job_id)["status"] == "succeeded"
    at = execution(flows, "one", job_id)
    notified = rows(flows, at)["tell of the result"]
    assert (notified.outcome, notified.error, notified.attempts) == ("caught", "CallbackRefused", 1)
    assert flows.receiver.of(job_id) == []


CALLBACK = "https://client.example/told"
TOO_MUCH = "A part of the workflow gave more than the next can take."
TOO_LONG = {"code": "workflow_timeout", "message": "The workflow took too long."}


def start_told(flows: Flows, workflow: str, given: Any = None, *, url: str = CALLBACK) -> str:
    """Start a job with a callback."""
    body = {"input": given or {}, "callback_url": url}
    answer = flows.call("POST", f"/workflows/{workflow}/jobs", body)
    assert answer.status == 202, answer
    return str(answer.body["id"])


def callback(flows: Flows, job_id: str) -> Callback:
    """The one callback for a job."""
    found: list[Callback] = until(lambda: flows.receiver.of(job_id))
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(("given", "status"), [({"say": 1}, "succeeded"), (ODD, "failed")])
def test_a_client_is_told_and_can_check_who_told(flows: Flows, given: Any, status: str) -> None:
    job_id = start_told(flows, "one", given)
    notified = callback(flows, job_id)
    assert (notified.url, notified.content) == (CALLBACK, {"id": job_id, "workflow": "one", "status": status})
    assert flows.ended(job_id)["status"] == status
    signed_at, _, signature = notified.signature.partition(",v1=")
    kms = flows.client("kms")
    (key,) = [
        one["TargetKeyId"] for one in kms.list_aliases()["Aliases"] if one["AliasName"].endswith("-callbacks")
    ]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signed = signed_at.removeprefix("t=").encode() + b"." + notified.body
    public.verify(base64.b64decode(signature), signed, ec.ECDSA(hashes.SHA256()))
    at = execution(flows, "one", job_id)
    assert (
        rows(flows, at)[f"tell of the {'result' if status == 'succeeded' else 'failure'}"].outcome
        == "succeeded"
    )
    if status == "failed":  # the state machine told it itself
        assert deliver_end(flows, at) == {"noted": False, "called": False}
    assert flows.receiver.of(job_id) == [notified]
    assert flows.messages("failed_queue") == []


@pytest.mark.parametrize(
    ("workflow", "status", "error"),
    [
        ("brief", "TIMED_OUT", TOO_LONG),
        ("brief", "ABORTED", {"code": "workflow_stopped", "message": "The workflow was stopped."}),
        (
            "large",
            "FAILED",
            {
                "code": "workflow_failed",
                "message": TOO_MUCH,
            },
        ),
    ],
    ids=["timed out", "stopped", "too large"],
)
def test_an_end_that_no_state_can_note_is_noted_and_told(
    flows: Flows, workflow: str, status: str, error: dict[str, str]
) -> None:
    job_id = start_told(flows, workflow)
    at = execution(flows, workflow, job_id)
    client = flows.client("stepfunctions")
    if status == "ABORTED":
        assert flows.call("GET", f"/jobs/{job_id}").body["status"] == "running"
        client.stop_execution(executionArn=at)
    notified = callback(flows, job_id)
    assert notified.content == {"id": job_id, "workflow": workflow, "status": "failed"}
    assert client.describe_execution(executionArn=at)["status"] == status
    assert not {"note the failure", "tell of the failure"} & set(rows(flows, at))
    job = flows.ended(job_id)
    assert (job["status"], job["error"], job["result"], job["progress"]) == ("failed", error, None, None)
    for left_out in ((), ("input", "error")):  # it is delivered at least once
        assert deliver_end(flows, at, *left_out) == {"noted": False, "called": False}
    assert flows.receiver.of(job_id) == [notified]
    assert flows.call("GET", f"/jobs/{job_id}").body == job
    assert flows.messages("failed_queue") == []


def deliver_end(flows: Flows, execution_arn: str, *left_out: str) -> Any:
    """Call the function as EventBridge does, which omits what a customer-managed key encrypts."""
    described = flows.client("stepfunctions").describe_execution(executionArn=execution_arn)
    names = ("executionArn", "stateMachineArn", "name", "status", "input", "error")
    detail = {name: None if name in left_out else described.get(name) for name in names}
    event = {"source": "aws.states", "detail": detail}
    answer = flows.client("lambda").invoke(
        FunctionName=f"{STACK}-jobs-finish", Qualifier="live", Payload=json.dumps(event)
    )
    return json.loads(answer["Payload"].read())


def test_a_job_is_seen_to_have_failed_before_that_is_noted(flows: Flows) -> None:
    with flows.no_calls("jobs-finish"):
        job_id = start_told(flows, "brief")
        before = flows.ended(job_id)
        assert (before["status"], before["error"]) == ("failed", TOO_LONG)
        assert flows.receiver.of(job_id) == []
    callback(flows, job_id)
    assert flows.call("GET", f"/jobs/{job_id}").body == before


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (f"https://client.example{BROKEN}", "CallbackFailed"),
        ("https://inside.example/told", "CallbackRefused"),
    ],
    ids=["broken", "private"],
)
def test_a_client_that_cannot_be_told_of_such_an_end_is_in_the_queue(
    flows: Flows, url: str, error: str
) -> None:
    job_id = start_told(flows, "large", url=url)
    (message,) = until(lambda: flows.messages("failed_queue"))
    assert message["requestContext"]["condition"] == "RetriesExhausted"
    assert message["requestContext"]["approximateInvokeCount"] == 3
    assert json.loads(message["requestPayload"]["detail"]["input"])["job_id"] == job_id
    assert message["responsePayload"]["errorType"] == error
    assert flows.call("GET", f"/jobs/{job_id}").body["error"]["code"] == "workflow_failed"


def test_a_rule_that_may_not_call_puts_the_end_into_the_queue(flows: Flows) -> None:
    (rule,) = flows.client("events").list_rules()["Rules"]
    functions, named = flows.client("lambda"), {"FunctionName": f"{STACK}-jobs-finish", "Qualifier": "live"}
    (statement,) = [
        one
        for one in json.loads(functions.get_policy(**named)["Policy"])["Statement"]
        if one["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": rule["Arn"]}}
    functions.remove_permission(**named, StatementId=statement["Sid"])
    try:
        job_id = start_told(flows, "large")
        (message,) = until(lambda: flows.messages("failed_queue"))
    finally:
        functions.add_permission(
            **named,
            StatementId=statement["Sid"],
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule["Arn"],
        )
    assert (message["source"], message["detail"]["error"]) == ("aws.states", "States.DataLimitExceeded")
    assert json.loads(message["detail"]["input"])["job_id"] == job_id
    at = message["detail"]["executionArn"]
    with flows.refused("jobs-finish", "states:DescribeExecution"):
        assert deliver_end(flows, at, "input")["errorType"] == "BackendError"
    assert flows.receiver.of(job_id) == []
    assert deliver_end(flows, at, "input", "error") == {"noted": True, "called": True}
    assert flows.call("GET", f"/jobs/{job_id}").body["error"]["message"] == TOO_MUCH


def test_a_second_plan_changes_nothing(flows: Flows) -> None:
    check_unchanged(flows.terraform)


@pytest.mark.long  # the provider waits for 45 s after it has deleted a queue
def test_destroy_leaves_nothing(flows: Flows) -> None:
    flows.terraform.destroy()
    left: dict[str, list[Any]] = {
        "state machines": flows.client("stepfunctions").list_state_machines()["stateMachines"],
        "functions": flows.client("lambda").list_functions()["Functions"],
        "tables": flows.client("dynamodb").list_tables()["TableNames"],
        "queues": flows.client("sqs").list_queues().get("QueueUrls", []),
        "rules": flows.client("events").list_rules()["Rules"],
        "buckets": flows.client("s3").list_buckets()["Buckets"],
        "roles": flows.client("iam").list_roles()["Roles"],
        "log groups": flows.client("logs").describe_log_groups()["logGroups"],
        "APIs": flows.client("apigateway").get_rest_apis()["items"],
        "key aliases": [
            alias
            for alias in flows.client("kms").list_aliases()["Aliases"]
            if not alias["AliasName"].startswith("alias/aws/")
        ],
    }
    assert {kind: found for kind, found in left.items() if found} == {}
