"""The small stack with workflows and jobs on a local cloud under the real Terraform, and what its tests do with it."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from cdktf import App

from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.terraform import Terraform, environment_for, find_engine
from local_cloud.console.timeline import timeline
from local_cloud.state_file import read
from tests.support.callback_receiver import Receiver, receiving
from tests.support.terraform import apply_at_once
from tests.support.workflow_stack import SECRET, STACK, flows_stack
from tools.executions import list_executions


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Content of its JSON."""
        return json.loads(self.text)


@dataclass(slots=True)
class Flows:
    """The stack, on a local cloud of its own.

    Attributes:
        terraform: Terraform where its configuration is.
        url: The local cloud.
        directory: Where all of it is.
        receiver: Where the callbacks of jobs arrive.
        outputs: The stack's outputs.
    """

    terraform: Terraform
    url: str
    directory: Path
    receiver: Receiver
    outputs: dict[str, Any] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        caller: str = "ada",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request, with an `Idempotency-Key` of its own. A body that is neither text nor bytes is sent as JSON."""
        place = urlsplit(self.outputs["invoke_url"])
        content = body if isinstance(body, str | bytes | None) else json.dumps(body)
        sent = {
            "Authorization": f"Bearer {caller}",
            "Content-Type": "application/json",
            "Idempotency-Key": secrets.token_hex(8),
            **(headers or {}),
        }
        with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=35)) as connection:
            connection.request(method, f"{place.path}{path}", body=content, headers=sent)
            answer = connection.getresponse()
            text = answer.read().decode()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)

    def client(self, service: str) -> Any:
        """A boto3 client that talks to the local cloud as its root user."""
        import boto3

        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
        return self._clients[service]

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """The executions of a workflow, newest first."""
        return list_executions(self.client("stepfunctions"), self.outputs["machines"][machine])

    def events(self, execution_arn: str) -> list[dict[str, Any]]:
        """The history of an execution."""
        found: list[dict[str, Any]] = self.client("stepfunctions").get_execution_history(
            executionArn=execution_arn, maxResults=1000
        )["events"]
        return found

    def kill_workers(self) -> int:
        """Kill the processes of all functions; return their number."""
        cloud = read(self.directory / "cloud")
        assert cloud is not None
        children = psutil.Process(cloud.pid).children()
        workers = [child for child in children if "warden_process" not in " ".join(child.cmdline())]
        for worker in workers:
            worker.kill()
        return len(workers)

    @contextmanager
    def no_calls(self, function: str) -> Iterator[None]:
        """Make Lambda reject every invocation of a function, as with an exhausted concurrency."""
        functions = self.client("lambda")
        functions.put_function_concurrency(FunctionName=f"{STACK}-{function}", ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            functions.delete_function_concurrency(FunctionName=f"{STACK}-{function}")

    @contextmanager
    def refused(self, function: str, action: str) -> Iterator[None]:
        """Make AWS reject an API call of a function, by a policy of its role."""
        found = self.client("lambda").get_function(FunctionName=f"{STACK}-{function}")
        with self._denied(found["Configuration"]["Role"], action):
            yield

    @contextmanager
    def refused_in(self, machine: str, action: str) -> Iterator[None]:
        """Make AWS reject an API call of a workflow's states, by a policy of its role."""
        arn = self.outputs["machines"][machine]
        found = self.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
        with self._denied(found["roleArn"], action):
            yield

    @contextmanager
    def _denied(self, role_arn: str, action: str) -> Iterator[None]:
        roles = self.client("iam")
        named = {"RoleName": role_arn.rpartition("/")[2], "PolicyName": "fault"}
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        roles.put_role_policy(
            **named, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
        try:
            yield
        finally:
            roles.delete_role_policy(**named)

    def states(self, machine: str) -> list[str]:
        """The states that the newest execution of a workflow went through."""
        return [row.state for row in timeline(self.events(self.executions(machine)[0]["executionArn"]))]

    def messages(self, queue: str) -> list[Any]:
        """Take the messages out of a queue."""
        queues, url, found = self.client("sqs"), self.outputs[queue], []
        while received := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                found.append(json.loads(message["Body"]))
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def ended(self, job_id: str, *, caller: str = "ada") -> dict[str, Any]:
        """Wait until a job has ended; return what the API says of it."""

        def look() -> dict[str, Any] | None:
            answer = self.call("GET", f"/jobs/{job_id}", caller=caller)
            assert answer.status == 200, answer
            return None if answer.body["status"] == "running" else dict(answer.body)

        return until(look)

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            client.close()


def refused(answer: Answer, status: int, code: str) -> None:
    """Check an answer that is a problem, and that nothing of what happened inside is in it."""
    assert (answer.status, answer.body["code"]) == (status, code), answer
    assert set(answer.body) == {"code", "message", "requestId"}
    assert answer.headers["content-type"] == "application/json"
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert SECRET not in answer.text


def until(look: Callable[[], Any], *, within_seconds: float = 40) -> Any:
    """Look until there is something; return it."""
    end = time.monotonic() + within_seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


@contextmanager
def deployed(directory: Path) -> Iterator[Flows]:
    """The stack, synthesized and applied; its local cloud ends with it."""
    with receiving() as receiver, _deployed(directory, receiver) as flows:
        yield flows


@contextmanager
def _deployed(directory: Path, receiver: Receiver) -> Iterator[Flows]:
    engine = find_engine()
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        archives = directory / "archives"
        archives.mkdir()
        app = App(outdir=str(directory / "cdktf.out"))
        flows_stack(app, archives, cloud.url, receiver.address)
        app.synth()
        environment = environment_for(directory / "cloud", endpoint_url=cloud.url)
        terraform = Terraform(engine, directory / "cdktf.out" / "stacks" / STACK, environment)
        terraform.init()
        apply_at_once(terraform)
        flows = Flows(terraform, cloud.url, directory, receiver, terraform.outputs())
        try:
            yield flows
        finally:
            flows.close()
    finally:
        stop_cloud(cloud.directory, forget=True)
