"""The jobs API: what is started, found and told."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from typing import Any

import pytest

from handlers.common.errors import ServiceError
from handlers.jobs import app
from handlers.jobs.workflows import JobWorkflow, JobWorkflows
from tests.support import aws
from tests.support.events import Context, ask, proxy_event
from tests.support.jobs import ALICE, BOB, NOW, PAGES, Jobs
from tests.support.waiting import eventually


def stored(key: str) -> Any:
    return json.loads(aws.client("s3").get_object(Bucket="payloads", Key=key)["Body"].read())


def test_a_job_is_accepted_and_only_keys_reach_the_state_machine(jobs: Jobs) -> None:
    answer = jobs.post({"input": PAGES})
    job_id = answer.body["id"]
    assert (answer.status, answer.headers["Location"]) == (202, f"/prod/jobs/{job_id}")
    assert answer.body == {
        "id": job_id,
        "workflow": "document",
        "status": "running",
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-15T09:00:00Z",
        "progress": {"states_done": 0},
        "result": None,
        "error": None,
        "approvals": [],
    }
    (execution,) = jobs.executions()
    described = aws.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    prefix = f"jobs/{job_id}-{NOW}"
    assert json.loads(described["input"]) == {
        "owner": "user:alice",
        "job_id": job_id,
        "input_key": f"{prefix}/input.json",
        "output_key": f"{prefix}/result.json",
        "items": [
            {
                "number": number,
                "input_key": f"{prefix}/items/{number}.json",
                "output_prefix": f"{prefix}/items/{number}",
            }
            for number in (0, 1)
        ],
    }
    assert stored(f"{prefix}/input.json") == {"language": "en"}
    assert stored(f"{prefix}/items/1.json") == {"image": "dHdv"}


def test_the_result_is_there_once_the_workflow_has_noted_it(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {"text": "a"}}, workflow="summary").body["id"]
    assert jobs.end(job_id, result={"summary": "short"}) == {"noted": True}
    # What is delivered twice changes nothing.
    assert jobs.end(job_id, result={"summary": "short"}) == {"noted": True}
    assert jobs.end(job_id, error={"Error": "States.Timeout"}) == {"noted": True}
    found = jobs.get(job_id)
    assert (found.status, found.body["status"], found.body["result"]) == (
        200,
        "succeeded",
        {"summary": "short"},
    )
    assert (found.body["progress"], found.body["error"]) == (None, None)


def test_parts_that_were_stored_or_failed_are_put_together(jobs: Jobs) -> None:
    job_id = jobs.post({"input": PAGES}).body["id"]
    aws.client("s3").put_object(Bucket="payloads", Key="jobs/x/text.json", Body=b'{"text": "one"}')
    failed = {"Error": "BackendError", "Cause": '{"errorMessage": "The model failed."}'}
    page = {"text": {"from": "jobs/x/text.json"}, "labels": {"result": None, "error": failed}}
    jobs.end(job_id, result={"pages": [page], "count": 1})
    assert jobs.get(job_id).body["result"] == {
        "pages": [
            {
                "text": {"text": "one"},
                "labels": {
                    "result": None,
                    "error": {"code": "backend_error", "message": "The model failed."},
                },
            }
        ],
        "count": 1,
    }


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"Error": "States.Timeout"}, "workflow_timeout", "The workflow took too long."),
        ({"Error": "Runtime.ExitError", "Cause": '{"errorMessage": "canary"}'}, "backend_error",
         "The service failed."),
        ({"Error": "Lambda.Unknown"}, "backend_error", "The service failed."),
        ({"Error": "Sandbox.Timedout"}, "backend_timeout",
         "The service did not answer in time. Try again later."),
        ({"Error": "Lambda.TooManyRequestsException"}, "backend_unavailable",
         "The service is busy. Try again later."),
        ({"Error": "ZeroDivisionError", "Cause": '{"errorMessage": "canary"}'}, "workflow_failed",
         "A part of the workflow failed."),
        ({"Error": "UnprocessableInput", "Cause": '{"errorMessage": "The image is damaged."}'},
         "unprocessable_input", "The image is damaged."),
        ({"Error": "BackendTimeout", "Cause": "no JSON"}, "backend_timeout",
         "The AI backend did not answer in time. Try again later."),
    ],
)  # fmt: skip
def test_a_failure_says_what_may_be_said(jobs: Jobs, error: object, code: str, message: str) -> None:
    job_id = jobs.post({"input": {}}, workflow="summary").body["id"]
    jobs.end(job_id, error=error)
    body = jobs.get(job_id).body
    assert (body["status"], body["error"]) == ("failed", {"code": code, "message": message})


def test_the_same_key_gives_the_same_job_and_starts_it_once(jobs: Jobs) -> None:
    first, second = (jobs.post({"input": PAGES}, key="order-1") for _ in range(2))
    assert first.body["id"] == second.body["id"]
    assert second.status == 202
    assert len(jobs.executions()) == 1


def test_the_same_key_at_the_same_moment_starts_it_once(jobs: Jobs) -> None:
    event = jobs.event("POST", "summary", '{"input": {}}', {"Idempotency-Key": "k"}, ALICE)
    with ThreadPoolExecutor(4) as threads, redirect_stdout(io.StringIO()):
        responses = list(threads.map(lambda _: jobs.service.handler(dict(event), Context()), range(8)))
    assert {response["statusCode"] for response in responses} == {202}
    answers = [json.loads(str(response["body"]))["id"] for response in responses]
    assert len(set(answers)) == 1
    assert len(jobs.executions()) == 1


def test_the_same_key_with_another_body_is_refused(jobs: Jobs) -> None:
    jobs.post({"input": PAGES}, key="order-1")
    for other in ({"input": PAGES, "callback_url": "https://example.com/a"}, {"input": {"pages": [{}]}}):
        answer = jobs.post(other, key="order-1")
        assert (answer.status, answer.body["code"]) == (422, "idempotency_key_reused")
    assert jobs.post({"input": {}}, key="order-1", workflow="summary").status == 422


def test_after_a_crash_the_same_key_finishes_what_was_begun(jobs: Jobs) -> None:
    jobs.failing.append("mark_running")
    assert jobs.post({"input": PAGES}, key="order-1").status == 503
    jobs.failing.clear()
    answer = jobs.post({"input": PAGES}, key="order-1")
    assert answer.status == 202
    assert len(jobs.executions()) == 1
    assert jobs.get(answer.body["id"]).body["status"] == "running"


def test_another_callers_job_is_not_there(jobs: Jobs) -> None:
    job_id = jobs.post({"input": PAGES}, key="order-1").body["id"]
    answer = jobs.get(job_id, caller=BOB)
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    assert jobs.post({"input": PAGES}, key="order-1", caller=BOB).body["id"] != job_id


@pytest.mark.parametrize("job_id", ["0" * 32, "x", "..", "0" * 33])
def test_a_job_that_never_was_is_a_404(jobs: Jobs, job_id: str) -> None:
    assert jobs.get(job_id).status == 404


def test_what_has_expired_is_gone_even_before_dynamodb_deletes_it(jobs: Jobs) -> None:
    first = jobs.post({"input": PAGES}, key="order-1").body
    jobs.now += 3600
    assert jobs.get(first["id"]).status == 404
    assert jobs.post({"input": {"pages": [{}]}}, key="order-1").status == 202
    assert len(jobs.executions()) == 2


def test_a_workflow_that_was_stopped_from_outside_has_failed(jobs: Jobs) -> None:
    job_id = jobs.post({"input": PAGES}).body["id"]
    (execution,) = jobs.executions()
    states, name = aws.client("stepfunctions"), {"executionArn": execution["executionArn"]}
    # moto's thread fails if the execution is stopped before the first state.
    assert eventually(lambda: len(states.get_execution_history(**name)["events"]) > 1)
    states.stop_execution(**name)
    body = jobs.get(job_id).body
    assert (body["status"], body["progress"]) == ("failed", None)
    assert body["error"] == {"code": "workflow_stopped", "message": "The workflow was stopped."}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"input": []}, 400, "input should be an object."),
        ({}, 400, "input is required."),
        ({"input": {}}, 400, "input.pages should be an array of objects, at least one."),
        ({"input": {"pages": []}}, 400, "input.pages should be an array of objects, at least one."),
        ({"input": {"pages": ["a"]}}, 400, "input.pages should be an array of objects, at least one."),
        ({"input": {"pages": [{}] * 4}}, 413, "input.pages should have at most 3 items."),
        (
            {"input": PAGES, "callback_url": "http://example.com"},
            400,
            "callback_url should start with https://.",
        ),
    ],
)
def test_wrong_input_starts_nothing(jobs: Jobs, body: object, status: int, message: str) -> None:
    answer = jobs.post(body)
    assert (answer.status, answer.body["message"]) == (status, message)
    assert jobs.executions() == []


@pytest.mark.parametrize("key", ["", "a b", "k" * 129, "\u00e9"])
def test_an_idempotency_key_is_visible_ascii(jobs: Jobs, key: str) -> None:
    assert jobs.post({"input": PAGES}, key=key).status == 400


def test_a_workflow_that_is_not_there_is_a_404_that_names_those_that_are(jobs: Jobs) -> None:
    answer = jobs.post({"input": {}}, workflow="poetry")
    assert answer.status == 404
    assert answer.body["message"] == "Unknown workflow. Available: document, payment, summary."


def test_a_route_without_authorization_starts_nothing(jobs: Jobs) -> None:
    answer = jobs.post({"input": PAGES}, caller=None)
    assert (answer.status, answer.body["code"]) == (500, "internal_error")


def test_what_ends_a_job_that_has_expired_notes_nothing(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {}}, workflow="summary").body["id"]
    jobs.now += 3600
    assert jobs.end(job_id, result={}) == {"noted": False}


def test_what_ends_an_earlier_job_of_the_same_key_notes_nothing(jobs: Jobs) -> None:
    jobs.post({"input": {}}, workflow="summary", key="a-key")
    jobs.now += 3600
    job_id = jobs.post({"input": {}}, workflow="summary", key="a-key").body["id"]
    assert jobs.end(job_id, result={"of": "before"}) == {"noted": False}
    assert jobs.end(job_id, error={"Error": "States.Timeout"}) == {"noted": False}
    assert jobs.get(job_id).body["status"] == "running"


def test_what_a_later_version_notes_besides_does_no_harm(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {}}, workflow="summary").body["id"]
    aws.client("dynamodb").update_item(
        TableName="jobs",
        Key={"owner": {"S": "user:alice"}, "job_id": {"S": job_id}},
        UpdateExpression="SET priority = :high",
        ExpressionAttributeValues={":high": {"S": "high"}},
    )
    assert jobs.get(job_id).body["status"] == "running"


def test_without_a_callback_nobody_is_called(jobs: Jobs) -> None:
    job_id = jobs.post({"input": {}}, workflow="summary").body["id"]
    assert jobs.tell(job_id) == {"called": False}


def test_where_nobody_can_be_called_back_a_callback_is_refused(jobs: Jobs) -> None:
    never: Any = lambda: None  # noqa: E731
    workflows = JobWorkflows({"summary": JobWorkflow("arn")}, api=aws.Answering({}))  # type: ignore[arg-type]
    service = app.create_service(
        app.Jobs(records=never, workflows=lambda: workflows, payloads=never, approvals=never, callbacks=False)
    )
    event = proxy_event(
        json.dumps({"input": {}, "callback_url": "https://example.com"}),
        resource="/workflows/{workflow}/jobs",
    )
    event["pathParameters"] = {"workflow": "summary"}
    assert ask(service, event).status == 422


def test_settings_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_WORKFLOWS", '{"document": {"machine": "arn"}}')
    with pytest.raises(ValueError, match=r"^JOB_WORKFLOWS should be a JSON object of workflows$"):
        JobWorkflows.from_environment()


def test_an_error_of_step_functions_reaches_the_caller(jobs: Jobs) -> None:
    gone = JobWorkflow("arn:aws:states:us-east-1:123456789012:stateMachine:gone")
    from handlers.common.deadline import Deadline

    with pytest.raises(ServiceError):
        jobs.workflows.start(gone, "name", {}, deadline=Deadline.after(20))


def test_the_workflows_that_can_be_started_are_listed(jobs: Jobs) -> None:
    answer = ask(jobs.service, proxy_event(method="GET", resource="/workflows", headers={}))
    assert (answer.status, answer.body) == (
        200,
        {
            "workflows": [
                {"name": "document", "each": "pages", "max_items": 3},
                {"name": "payment", "each": None, "max_items": None},
                {"name": "summary", "each": None, "max_items": None},
            ]
        },
    )
