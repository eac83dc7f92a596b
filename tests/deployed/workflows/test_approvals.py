"""Jobs that wait for an approval, deployed by the real Terraform: they go on, end, expire, and lose no decision."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.console.timeline import timeline
from tests.support.small_workflows import Flows, refused, until


def start(flows: Flows, workflow: str = "pay") -> str:
    answer = flows.call("POST", f"/workflows/{workflow}/jobs", {"input": {}})
    assert answer.status == 202, answer
    return str(answer.body["id"])


def asked(flows: Flows, job_id: str, *, caller: str = "boss") -> Any:
    """Wait until the job asks; return what."""

    def look() -> Any:
        answer = flows.call("GET", f"/jobs/{job_id}", caller=caller)
        return answer.status == 200 and answer.body["approvals"]

    (approval,) = until(look)
    return approval


def decide(flows: Flows, job_id: str, decision: str, *, caller: str = "boss") -> Any:
    return flows.call("POST", f"/jobs/{job_id}/approval", {"decision": decision}, caller=caller)


def test_a_job_goes_on_when_it_is_approved(flows: Flows) -> None:
    job_id = start(flows)
    approval = asked(flows, job_id)
    assert (approval["question"], approval["about"], approval["you_may_decide"]) == (
        "Pay it?",
        {"sum": 12},
        True,
    )
    refused(decide(flows, job_id, "approved", caller="ada"), 403, "forbidden")
    refused(decide(flows, job_id, "approved", caller="bob"), 404, "not_found")
    refused(decide(flows, job_id, "perhaps"), 400, "invalid_request")
    assert decide(flows, job_id, "approved").status == 200
    refused(decide(flows, job_id, "rejected", caller="boss-2"), 409, "approval_closed")
    job = flows.ended(job_id)
    assert (job["status"], job["result"], job["approvals"][0]["status"]) == (
        "succeeded",
        {"paid": "approved"},
        "approved",
    )
    refused(decide(flows, job_id, "rejected"), 409, "approval_closed")


def test_a_job_ends_when_it_is_rejected(flows: Flows) -> None:
    job_id = start(flows)
    asked(flows, job_id)
    assert decide(flows, job_id, "rejected").status == 200
    job = flows.ended(job_id)
    assert (job["status"], job["error"]) == (
        "failed",
        {"code": "approval_rejected", "message": "The approval was rejected."},
    )


def test_a_job_whose_approval_expires_ends_with_the_outcome_that_the_workflow_sets(flows: Flows) -> None:
    job_id = start(flows, "nod")
    job = flows.ended(job_id)
    assert (job["status"], job["result"]) == ("succeeded", {"paid": "expired"})
    refused(decide(flows, job_id, "rejected"), 409, "approval_closed")
    # It asked again at its heartbeat.
    (row,) = [row for row in timeline(flows.events(execution(flows, "nod", job_id))) if row.state == "nod it"]
    assert row.attempts >= 2


def test_a_decision_that_could_not_be_delivered_counts_at_the_next_heartbeat(flows: Flows) -> None:
    job_id = start(flows)
    asked(flows, job_id)
    with flows.refused("jobs", "states:SendTaskSuccess"):
        assert decide(flows, job_id, "approved").status == 200
    assert flows.ended(job_id)["result"] == {"paid": "approved"}


def test_an_execution_that_is_stopped_takes_no_decision_any_more(flows: Flows) -> None:
    job_id = start(flows)
    asked(flows, job_id)
    flows.client("stepfunctions").stop_execution(executionArn=execution(flows, "pay", job_id))
    assert flows.ended(job_id)["error"]["code"] == "workflow_stopped"
    until(lambda: decide(flows, job_id, "approved").status == 409)


def test_the_topic_is_notified_and_the_token_is_in_no_log(flows: Flows) -> None:
    queues = flows.client("sqs")
    url = queues.create_queue(QueueName="notices")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    flows.client("sns").subscribe(TopicArn=flows.outputs["topic"], Protocol="sqs", Endpoint=arn)
    job_id = start(flows)
    asked(flows, job_id)

    def notice() -> Any:
        found = queues.receive_message(QueueUrl=url).get("Messages", ())
        return next((text for one in found if job_id in (text := json.loads(one["Body"])["Message"])), None)

    assert "Pay it?" in until(notice)
    items = flows.client("dynamodb").query(
        TableName=flows.outputs["table"],
        KeyConditionExpression="#owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":owner": {"S": f"approval:{job_id}"}},
    )["Items"]
    (token,) = [item["token"]["S"] for item in items]
    decide(flows, job_id, "approved")
    flows.ended(job_id)
    logs = [path for path in (flows.directory / "cloud" / "logs").rglob("*.log") if path.is_file()]
    assert any("jobs.ask" in path.read_text() for path in logs)
    assert not [path for path in logs if token in path.read_text()]


def execution(flows: Flows, workflow: str, job_id: str) -> str:
    found = [one["executionArn"] for one in flows.executions(f"job-{workflow}")]
    return str(next(arn for arn in found if f":{job_id}-" in arn))


@pytest.mark.parametrize("field", ["scope", "token"])
def test_no_request_can_set_what_the_workflow_sets(flows: Flows, field: str) -> None:
    job_id = start(flows)
    asked(flows, job_id)
    answer = flows.call(
        "POST", f"/jobs/{job_id}/approval", {"decision": "approved", field: "x"}, caller="boss"
    )
    refused(answer, 400, "invalid_request")
    assert decide(flows, job_id, "rejected").status == 200
