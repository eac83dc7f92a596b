"""A stack with a workflow for each pattern, and jobs, whose functions do what the request tells them to.

It is deployed by the real Terraform; no models are in it. A request says what a function does: `{"say": 1}` is said again,
`{"do": "fail", "error": NAME}` fails, `{"do": "sleep", "seconds": 2}` takes its time, `{"do": "large", "bytes": N}`
answers much.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cdktf import App, TerraformOutput

from constructs_lib import (
    AwsStack,
    BedrockInvokeModel,
    Choice,
    DeadLetterQueue,
    Deployment,
    DynamoDbGetItem,
    DynamoDbPutItem,
    ExistingApiGatewayAccount,
    Fail,
    Function,
    GatewayResponses,
    Input,
    Item,
    Jobs,
    Jsonata,
    LambdaArchive,
    LambdaAuthorizer,
    LambdaIntegration,
    LambdaTask,
    Map,
    Parallel,
    PayloadBucket,
    RestApi,
    Retry,
    SqsSendMessage,
    Stage,
    Step,
    StepFunctionsIntegration,
    Succeed,
    Table,
    Variable,
    Wait,
    Workflow,
)
from constructs_lib.workflows.failures import THROTTLING_ERRORS
from handlers.jobs.models import Job, JobRequest
from lambda_archives import Target
from tests.engine.small_api import InlineArchive
from tools.deployment import PROJECT, ensure_cloud, stop_cloud
from tools.terraform import Terraform, environment_for, find_engine

STACK = "flows"
SECRET = "secret-cause-7d1e"
"""What every failure has in its cause, and no answer."""

ACTOR = f"""
import json
import os
import time

SECRET = "{SECRET}"


def handler(event, context):
    if "inputFrom" not in event:
        return act(event)
    import boto3

    bucket, objects = os.environ["PAYLOAD_BUCKET"], boto3.client("s3")
    given = json.loads(objects.get_object(Bucket=bucket, Key=event["inputFrom"])["Body"].read())
    answer = json.dumps(act(given)).encode()
    objects.put_object(Bucket=bucket, Key=event["outputTo"], Body=answer)
    return {{"key": event["outputTo"]}}


def act(given):
    do = given.get("do", "say")
    if do == "fail":
        raise type(given["error"], (Exception,), {{}})(given.get("message", SECRET))
    if do == "sleep":
        time.sleep(given["seconds"])
    if do == "large":
        return {{"said": "x" * given["bytes"]}}
    return {{"said": given.get("say"), "by": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}}
"""
GUARD = """
def handler(event, context):
    name = event["authorizationToken"].removeprefix("Bearer ")
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"].split("/")[0] + "/*"}
    return {"principalId": name, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""
PATIENT = Retry(
    errors=THROTTLING_ERRORS,
    max_attempts=20,
    interval_seconds=1,
    backoff_rate=1,
    max_delay_seconds=2,
    jitter=False,
)
HAND_WRITTEN = {
    "StartAt": "call",
    "States": {
        "call": {
            "Type": "Task",
            "Resource": "${Actor}",
            "Parameters": {"say.$": "$.body.say"},
            "TimeoutSeconds": 10,
            "ResultPath": "$.answer",
            "Next": "anything?",
        },
        "anything?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.answer.said", "StringEquals": "", "Next": "nothing"}],
            "Default": "said",
        },
        "nothing": {"Type": "Fail", "Error": "UnprocessableInput", "Cause": SECRET},
        "said": {"Type": "Pass", "Parameters": {"heard.$": "$.answer.said"}, "End": True},
    },
}


def patterns(first: Function, second: Function, table: Table, queue: DeadLetterQueue) -> Step:
    """Every pattern in one workflow: `kind` of the body says which."""

    def of_body(name: str, field_name: str, function: Function = first, **options: Any) -> LambdaTask:
        return LambdaTask(name, function, input=Input(f"body.{field_name}"), timeout_seconds=10, **options)

    def branches(prefix: str) -> dict[str, Step]:
        return {
            side: of_body(f"{prefix}: {side}", side, function)
            for side, function in (("left", first), ("right", second))
        }

    after = LambdaTask(
        "second", second, input={"say": {"after": Variable("one.said")}}, timeout_seconds=10, result="two"
    )
    sequence = of_body("first", "first", result="one") >> after
    both = Parallel("both", branches("both"), catch_each=True, result="both")
    strict = Parallel("all or nothing", branches("all"), result="all")
    work = LambdaTask("work", first, input=Item(), timeout_seconds=10)
    items = Map("items", Input("body.items"), each=work, max_concurrency=3, catch_each=True, result="items")
    fallback = of_body("preferred", "call", result="answer").or_else(
        of_body("instead", "instead", second, result="answer")
    )
    model = BedrockInvokeModel(
        "model",
        model_id="amazon.nova-lite-v1:0",
        body={"say": Input("body.say")},
        timeout_seconds=5,
        result="answered",
    ).or_else(
        LambdaTask(
            "no model",
            second,
            input={"say": Input("body.say")},
            timeout_seconds=10,
            result="answered",
        )
    )
    impatient = LambdaTask(
        "impatient", first, input=Input("body.call"), timeout_seconds=1, retry=[], result="late"
    )
    patient = LambdaTask(
        "patient", first, input=Input("body.call"), timeout_seconds=10, retry=[PATIENT], result="patient"
    )
    key = {"id": {"S": Input("body.id")}}
    services = (
        DynamoDbPutItem(
            "keep",
            table.resource,
            item={**key, "said": {"S": Input("body.say")}},
            condition="attribute_not_exists(id)",
            timeout_seconds=5,
            result="kept",
        )
        >> SqsSendMessage(
            "send", queue.resource, body={"said": Input("body.say")}, timeout_seconds=5, result="sent"
        )
        >> DynamoDbGetItem("read", table.resource, key=key, timeout_seconds=5, result="found")
    )
    kinds: dict[str, Step] = {
        "sequence": sequence >> Succeed("in sequence", output={"two": Variable("two.said")}),
        "parallel": both >> Succeed("in parallel", output=Variable("both")),
        "strict": strict >> Succeed("all of it", output=Variable("all")),
        "map": items >> Succeed("for each", output={"items": Variable("items")}),
        "fallback": fallback >> Succeed("one of two", output=Variable("answer")),
        "model": model >> Succeed("by a model or not", output=Variable("answered")),
        "impatient": impatient >> Succeed("in time", output=Variable("late")),
        "patient": patient >> Succeed("in the end", output=Variable("patient")),
        "services": services >> Succeed("by services", output={"said": Variable("found.Item.said.S")}),
        "wait": Wait("pause", seconds=Input("body.seconds")) >> Succeed("rested", output={"rested": True}),
    }
    rules = [(Input("body.kind").equals(name), steps) for name, steps in kinds.items()]
    return Choice("kind", rules, default=Fail("no such kind", error="UnprocessableInput", cause=SECRET))


def flows_stack(app: App, archives: Path, endpoint_url: str) -> None:
    """The workflows, the jobs, and the API in front of them."""
    stack = AwsStack(app, STACK, region="us-east-1")
    payloads = PayloadBucket(stack, "payloads", expire_days=None, force_destroy=True)
    actor = InlineArchive.make(archives, "actor", ACTOR)
    environment = {"PAYLOAD_BUCKET": payloads.name}
    first, second = (
        Function(stack, name, archive=actor, environment=environment, timeout_seconds=15)
        for name in ("first", "second")
    )
    guard = Function(stack, "guard", archive=InlineArchive.make(archives, "guard", GUARD))
    table = Table(stack, "kept", partition_key="id", deletion_protection=False)
    queue = DeadLetterQueue(stack, "told")
    relay = LambdaTask(
        "relay", first, input={"say": Input()}, timeout_seconds=10, retry=[PATIENT], result="said"
    ) >> Succeed("relayed", output=Variable("said"))
    raised = LambdaTask(
        "call", first, input=Input("body"), timeout_seconds=10, retry=[], result="said"
    ) >> Succeed("called", output=Variable("said"))
    definitions: dict[str, Any] = {
        "relay": relay,
        "call": raised,
        "patterns": patterns(first, second, table, queue),
        "hand-written": Workflow.from_definition(HAND_WRITTEN, references={"Actor": first}),
        "endless": Wait("for long", seconds=20) >> Succeed("never"),
    }
    workflows = {
        name: Workflow(stack, name, definition=steps, timeout_seconds=1 if name == "endless" else 27)
        for name, steps in definitions.items()
    }
    front, jobs = _jobs(stack, payloads, first)

    api = RestApi(
        stack,
        "api",
        name="flows",
        default_authorization=LambdaAuthorizer(name="guard", function=guard),
        gateway_responses=GatewayResponses(),
    )
    for name, workflow in workflows.items():
        path = "/relay/{place}" if name == "relay" else f"/{name}"
        api.resource_for(path).add_method("POST", StepFunctionsIntegration(workflow))
    at_job = api.resource_for("/jobs/{job}")
    at_job.add_method("POST", LambdaIntegration(front), request_model=JobRequest)
    at_job.add_method("GET", LambdaIntegration(front), response_model=Job)
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        execute_api_endpoint=endpoint_url,
    )
    machines = {**workflows, **{f"job-{one.workflow_name.rpartition('-')[2]}": one for one in jobs.workflows}}
    outputs: dict[str, Any] = {
        "invoke_url": stage.invoke_url,
        "bucket": payloads.name,
        "table": jobs.table.table_name,
        "failed_queue": jobs.queue.resource.url,
        "told_queue": queue.resource.url,
        "machines": {name: workflow.arn for name, workflow in machines.items()},
    }
    for name, value in outputs.items():
        TerraformOutput(stack, name, value=value)


def _jobs(stack: AwsStack, payloads: PayloadBucket, actor: Function) -> tuple[Function, Jobs]:
    """Two kinds of jobs: `one` does what its input says, `pages` does it for each page."""
    archive = LambdaArchive.from_package(
        PROJECT / "handlers" / "jobs" / "package.toml", target=Target.this_machine()
    )
    jobs = Jobs(stack, "jobs", payloads=payloads, name="flows", deletion_protection=False)
    finish = Function(
        stack,
        "finish",
        archive=archive,
        handler="handlers.jobs.finish.handler",
        environment=jobs.finish_environment,
    )
    jobs.use_finish(finish)
    one = LambdaTask(
        "do it",
        actor,
        input={"inputFrom": Input("input_key"), "outputTo": Jsonata('$states.input.output_key & ".part"')},
        retry=[],
        result="one",
    ) >> Succeed("it", output={"one": {"from": Variable("one.key")}})
    jobs.add_workflow("one", one, timeout_seconds=60)
    page = LambdaTask(
        "do a page",
        actor,
        input={
            "inputFrom": Item("input_key"),
            "outputTo": Jsonata('$states.input.output_prefix & "/done.json"'),
        },
        retry=[],
    )
    pages = Map("the pages", Input("items"), each=page, catch_each=True, result="pages")
    jobs.add_workflow(
        "pages", pages >> Succeed("them", output={"pages": Variable("pages")}), each="pages", max_items=3
    )
    jobs.grant_payloads(actor.role)
    front = Function(
        stack,
        "front",
        archive=archive,
        handler="handlers.jobs.app.handler",
        environment=jobs.api_environment,
        timeout_seconds=25,
    )
    jobs.serve(front)
    return front, jobs


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """What its JSON says."""
        return json.loads(self.text)


@dataclass(slots=True)
class Flows:
    """The stack, on a local cloud of its own.

    Attributes:
        terraform: Terraform where its configuration is.
        url: The local cloud.
        directory: Where all of it is.
        outputs: The stack's outputs.
    """

    terraform: Terraform
    url: str
    directory: Path
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
        """Makes a request; a body that is neither text nor bytes is sent as JSON."""
        place = urlsplit(self.outputs["invoke_url"])
        content = body if isinstance(body, str | bytes | None) else json.dumps(body)
        sent = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json", **(headers or {})}
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
        listed = self.client("stepfunctions").list_executions(
            stateMachineArn=self.outputs["machines"][machine]
        )
        return sorted(listed["executions"], key=lambda one: one["startDate"], reverse=True)

    def events(self, execution_arn: str) -> list[dict[str, Any]]:
        """The history of an execution."""
        found: list[dict[str, Any]] = self.client("stepfunctions").get_execution_history(
            executionArn=execution_arn, maxResults=1000
        )["events"]
        return found

    @contextmanager
    def no_calls(self, function: str) -> Iterator[None]:
        """Has Lambda refuse every call of a function, as it does when all that may run at once is running."""
        functions = self.client("lambda")
        functions.put_function_concurrency(
            FunctionName=f"{STACK}-{function}", ReservedConcurrentExecutions=0
        )
        try:
            yield
        finally:
            functions.delete_function_concurrency(FunctionName=f"{STACK}-{function}")

    @contextmanager
    def refused(self, function: str, action: str) -> Iterator[None]:
        """Has AWS refuse an API call of a function, by a policy of its role."""
        roles = self.client("iam")
        role = self.client("lambda").get_function(FunctionName=f"{STACK}-{function}")["Configuration"]["Role"]
        named = {"RoleName": role.rpartition("/")[2], "PolicyName": "fault"}
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        roles.put_role_policy(
            **named, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
        try:
            yield
        finally:
            roles.delete_role_policy(**named)

    def messages(self, queue: str) -> list[Any]:
        """Takes the messages out of a queue."""
        queues, url, found = self.client("sqs"), self.outputs[queue], []
        while received := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                found.append(json.loads(message["Body"]))
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def ended(self, job_id: str, *, caller: str = "ada") -> dict[str, Any]:
        """Waits until a job has ended; returns what the API says of it."""

        def look() -> dict[str, Any] | None:
            answer = self.call("GET", f"/jobs/{job_id}", caller=caller)
            assert answer.status == 200, answer
            return None if answer.body["status"] == "running" else dict(answer.body)

        return until(look)

    def close(self) -> None:
        """Closes the clients."""
        for client in self._clients.values():
            client.close()


def until(look: Callable[[], Any], *, within_seconds: float = 40) -> Any:
    """Looks until there is something; returns it."""
    end = time.monotonic() + within_seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return found


@contextmanager
def deployed(directory: Path) -> Iterator[Flows]:
    """The stack, synthesized and applied; its local cloud ends with it."""
    engine = find_engine()
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        archives = directory / "archives"
        archives.mkdir()
        app = App(outdir=str(directory / "cdktf.out"))
        flows_stack(app, archives, cloud.url)
        app.synth()
        environment = environment_for(directory / "cloud", endpoint_url=cloud.url)
        terraform = Terraform(engine, directory / "cdktf.out" / "stacks" / STACK, environment)
        terraform.init()
        print(terraform.run("apply", "-no-color", "-input=false", "-auto-approve").stdout)  # TEMP
        made = Flows(terraform, cloud.url, directory, terraform.outputs())
        try:
            yield made
        finally:
            made.close()
    finally:
        stop_cloud(cloud.directory)
