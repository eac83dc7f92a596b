"""The two functions of the jobs against DynamoDB, S3 and Step Functions as moto has them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable
from handlers.common.meter import Meter
from handlers.common.service import Service
from handlers.jobs import app, finish
from handlers.jobs.approvals import Approvals
from handlers.jobs.callback import CallbackFailed, Callbacks
from handlers.jobs.execution_end import Executions
from handlers.jobs.notices import Notices
from handlers.jobs.payloads import Payloads
from handlers.jobs.questions import Questions
from handlers.jobs.records import JobRecords
from handlers.jobs.workflows import JobWorkflow, JobWorkflows
from local_cloud.dynamodb import operations  # noqa: F401 - makes moto's transactions atomic among threads
from tests.support import aws
from tests.support.events import Answer, Context, ask, proxy_event
from tests.support.moto_state import mock_aws

NOW = 1_800_000_000
FIRST_TOKEN = "token-1"
ALICE, BOB = {"claims": {"sub": "alice"}}, {"claims": {"sub": "bob"}}
PAGES = {"pages": [{"image": "b25l"}, {"image": "dHdv"}], "language": "en"}


@dataclass
class Jobs:
    """The two functions of the jobs, and the clock they go by."""

    service: Service
    finish: Service
    workflows: JobWorkflows
    records: JobRecords
    sent: list[tuple[str, Mapping[str, object]]]
    now: int = NOW
    failing: list[str] = field(default_factory=list)
    meter: Meter | None = None
    delivered: list[tuple[str, object]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)

    def post(
        self, body: object, *, workflow: str = "document", key: str | None = None, caller: object = ALICE
    ) -> Answer:
        headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
        return self._ask("POST", workflow, json.dumps(body), headers, caller)

    def get(self, job_id: str, *, caller: object = ALICE) -> Answer:
        return self._ask("GET", job_id, None, {}, caller)

    def end(self, job_id: str, **ending: object) -> dict[str, object]:
        value = {
            "owner": "user:alice",
            "job_id": job_id,
            "output_key": f"jobs/{job_id}-{NOW}/result.json",
            **ending,
        }
        with redirect_stdout(io.StringIO()):
            return self.finish.handler({"operation": "jobs.finish", "input": value}, Context())

    def asks(self, job_id: str, *, name: str = "pay it", token: str = FIRST_TOKEN, **more: object) -> object:
        """As a state that waits for an approval does."""
        value = {
            "owner": "user:alice",
            "job_id": job_id,
            "output_key": f"jobs/{job_id}-{NOW}/result.json",
            "name": name,
            "question": "Pay it?",
            "about": {"total": 12.5},
            "scope": "pay",
            "by_requester": False,
            "otherwise": "rejected",
            "seconds": 600,
            "asked_at": "2027-01-15T08:00:00.000Z",
            "token": token,
            **more,
        }
        with redirect_stdout(self.log):
            return self.finish.handler({"operation": "jobs.ask", "input": value}, Context())["status"]

    def decides(self, job_id: str, decision: str, *, caller: object, **more: object) -> Answer:
        """Decide what a job asks, over HTTP."""
        event = proxy_event(
            json.dumps({"decision": decision, **more}),
            method="POST",
            resource="/jobs/{job}/approval",
            path=f"/jobs/{job_id}/approval",
            headers={"Content-Type": "application/json"},
        )
        event["pathParameters"] = {"job": job_id}
        event["requestContext"] |= {"authorizer": caller, "path": f"/prod/jobs/{job_id}/approval"}
        answer = ask(self.service, event)
        self.log.write(answer.log)
        return answer

    def tell(self, job_id: str) -> dict[str, object]:
        """As the state machine does."""
        value = {"owner": "user:alice", "job_id": job_id}
        return self.finish.handler({"operation": "jobs.callback", "input": value}, Context())

    def executions(self) -> list[dict[str, Any]]:
        arn = aws.client("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]
        found: list[dict[str, Any]] = aws.client("stepfunctions").list_executions(stateMachineArn=arn)[
            "executions"
        ]
        return found

    def _ask(self, *request: Any) -> Answer:
        return ask(self.service, self.event(*request))

    @staticmethod
    def event(
        method: str, name: str, body: str | None, headers: dict[str, str], caller: object
    ) -> dict[str, Any]:
        variable, resource = (
            ("workflow", "/workflows/{workflow}/jobs") if method == "POST" else ("job", "/jobs/{job}")
        )
        path = resource.replace(f"{{{variable}}}", name)
        event = proxy_event(body, method=method, resource=resource, path=path, headers=headers)
        event["pathParameters"] = {variable: name}
        event["requestContext"] |= {"authorizer": caller, "path": f"/prod{path}"}
        return event


class Table(JobRecords):
    """The table, which may fail between two of its writes."""

    failing: list[str]

    def mark_running(self, *arguments: Any, **options: Any) -> None:
        if "mark_running" in self.failing:
            raise BackendUnavailable
        super().mark_running(*arguments, **options)

    def mark_told(self, *arguments: Any, **options: Any) -> None:
        if "mark_told" in self.failing:
            raise BackendUnavailable
        super().mark_told(*arguments, **options)


class RecordedCallbacks(Callbacks):
    """Calls back, unless it is to fail."""

    def __init__(self, failing: list[str], sent: list[tuple[str, Mapping[str, object]]]) -> None:
        self._failing = failing
        self._sent = sent

    def send(self, url: str, payload: Mapping[str, object], *, deadline: Deadline) -> None:
        if "callback" in self._failing or deadline.seconds_left() <= 0:
            raise CallbackFailed
        self._sent.append((url, dict(payload)))


class Outside:
    """Step Functions and SNS, as far as approvals use them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, object]:  # noqa: N803 - AWS names it
        if "states" in self._jobs.failing:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "SendTaskSuccess")
        if taskToken in self._jobs.failing:
            raise ClientError({"Error": {"Code": "TaskTimedOut"}}, "SendTaskSuccess")
        self._jobs.delivered.append((taskToken, json.loads(output)))
        return {}

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> dict[str, object]:  # noqa: N803
        if "topic" in self._jobs.failing:
            raise ClientError({"Error": {"Code": "InternalError"}}, "Publish")
        self._jobs.notices.append(f"{TopicArn}\n{Subject}\n{Message}")
        return {}


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    with mock_aws():
        clients = {name: aws.client(name) for name in ("dynamodb", "s3", "stepfunctions", "iam")}

        def api(name: str) -> AwsApi:
            return AwsApi(name, make_client=lambda _name, _tries: clients[name])

        clients["dynamodb"].create_table(
            TableName="jobs",
            KeySchema=[{"AttributeName": "owner", "KeyType": "HASH"}, {"AttributeName": "job_id", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "owner", "AttributeType": "S"},
                {"AttributeName": "job_id", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )  # fmt: skip
        clients["s3"].create_bucket(Bucket="payloads")
        machine = clients["stepfunctions"].create_state_machine(
            name="document",
            definition='{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 900, "End": true}}}',
            roleArn="arn:aws:iam::123456789012:role/document",
        )["stateMachineArn"]
        payloads = Payloads("payloads", api=api("s3"), make_signer=lambda: clients["s3"])
        records = Table("jobs", api=api("dynamodb"))
        workflows = JobWorkflows(
            {
                "document": JobWorkflow(machine, each="pages", max_items=3, nano_usd=10, nano_usd_each=100),
                "summary": JobWorkflow(machine),
                "payment": JobWorkflow(machine, approvals=True),
            },
            api=api("stepfunctions"),
        )
        jobs: Jobs

        def outside(name: str) -> AwsApi:
            return AwsApi(name, choices=(Tries(1, 1, 1),), make_client=lambda _name, _tries: Outside(jobs))

        approvals = Approvals("jobs", api=api("dynamodb"), states=outside("stepfunctions"))
        notices = Notices("arn:aws:sns:us-east-1:123456789012:open", api=outside("sns"))
        service = app.create_service(
            app.Jobs(
                records=lambda: records,
                workflows=lambda: workflows,
                payloads=lambda: payloads,
                approvals=lambda: approvals,
                meter=lambda: jobs.meter,
                clock=lambda: jobs.now,
                lifetime_seconds=3600,
            )
        )
        sent: list[tuple[str, Mapping[str, object]]] = []
        ending = finish.create_service(
            finish.Endings(
                records=lambda: records,
                payloads=lambda: payloads,
                callbacks=lambda: RecordedCallbacks(jobs.failing, sent),
                executions=lambda: Executions(api=api("stepfunctions")),
                meter=lambda: jobs.meter,
                clock=lambda: jobs.now,
            ),
            questions=Questions(
                records=lambda: records,
                approvals=lambda: approvals,
                notices=lambda: notices,
                clock=lambda: jobs.now,
            ),
            payloads=lambda: payloads,
        )
        jobs = Jobs(service, ending, workflows, records, sent)
        records.failing = jobs.failing
        yield jobs
