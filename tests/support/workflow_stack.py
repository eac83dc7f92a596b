"""A stack with a workflow for each pattern, and jobs, whose functions do what the request tells them to.

It is deployed by the real Terraform; no models are in it. A request names the function's behaviour: `{"say": 1}` is returned,
`{"do": "fail", "error": NAME}` fails, `{"do": "sleep", "seconds": 2}` takes its time, `{"do": "large", "bytes": N}`
answers much.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cdktf import App, TerraformOutput

from constructs_lib import (
    AlarmTopic,
    Approval,
    AwsStack,
    BedrockInvokeModel,
    Choice,
    CircuitBreaker,
    DeadLetterQueue,
    Deployment,
    DynamoDbGetItem,
    DynamoDbPutItem,
    EncryptionKey,
    ExistingApiGatewayAccount,
    Fail,
    Function,
    GatewayResponses,
    Input,
    Item,
    JobRunner,
    Jsonata,
    LambdaArchive,
    LambdaAuthorizer,
    LambdaTask,
    Map,
    Parallel,
    Pass,
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
from handlers.jobs.contract import jobs
from lambda_archives import Target
from tests.support.small_api import InlineArchive
from tools.project import PROJECT

STACK = "flows"
SECRET = "secret-cause-7d1e"
"""What every failure has in its cause, and no answer."""

FAILURES = 3
"""What opens the circuit of the workflow `guarded`."""

OPEN_SECONDS = 4

BRIEF_SECONDS = 6
"""How long the job `brief` may take: no less than the function that ends jobs."""

CALLBACKS_HERE = Path(__file__).with_name("callbacks_here.py")

ACTOR = f"""
import json
import os
import time
from urllib.request import Request, urlopen

SECRET = "{SECRET}"


def handler(event, context):
    if "inputFrom" not in event:
        return act(event)
    with urlopen(event["inputFrom"], timeout=5) as source:
        given = json.load(source)
    body = json.dumps(act(given)).encode()
    headers = {{"Content-Type": "application/json"}}
    with urlopen(Request(event["outputTo"], body, headers, method="PUT"), timeout=5):
        return {{"bytes": len(body)}}


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
    context = {"scopes": "pay"} if name.startswith("boss") else {}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": name, "policyDocument": policy, "context": context}
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


def guarded(breaker: CircuitBreaker, first: Function, second: Function | None = None) -> Step:
    """Answer with the body, by the first function as long as it can, or else by the second."""
    task = LambdaTask("call it", first, input=Input("body"), timeout_seconds=10, retry=[], result="answer")
    other = None
    if second is not None:
        other = LambdaTask(
            "ask the other", second, input={"say": "instead"}, timeout_seconds=10, result="answer"
        )
    return breaker.around(task, instead=other) >> Succeed("answered", output=Variable("answer"))


def flows_stack(app: App, archives: Path, endpoint_url: str, receiver: str) -> None:
    """The workflows, the jobs, and the API in front of them; `receiver` is where callbacks arrive."""
    stack = AwsStack(app, STACK, region="us-east-1")
    payloads = PayloadBucket(stack, "payloads", expire_days=None, force_destroy=True)
    actor = InlineArchive.make(archives, "actor", ACTOR)
    first, second = (Function(stack, name, archive=actor, timeout_seconds=15) for name in ("first", "second"))
    guard = Function(stack, "guard", archive=InlineArchive.make(archives, "guard", GUARD))
    table = Table(stack, "kept", partition_key="id", deletion_protection=False)
    queue = DeadLetterQueue(stack, "told")
    circuit = CircuitBreaker(
        stack, "circuit", failures=FAILURES, open_seconds=OPEN_SECONDS, deletion_protection=False
    )
    lonely = CircuitBreaker(stack, "lonely-circuit", failures=1, table=circuit.table)
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
        "guarded": guarded(circuit, first, second),
        "guarded-alone": guarded(lonely, first),
        "hand-written": Workflow.from_definition(HAND_WRITTEN, references={"Actor": first}),
        "endless": Wait("for long", seconds=20) >> Succeed("never"),
    }
    workflows = {
        name: Workflow(stack, name, definition=steps, timeout_seconds=1 if name == "endless" else 27)
        for name, steps in definitions.items()
    }
    runner = _jobs(stack, payloads, first, archives, receiver)
    topic = AlarmTopic(stack, "open-approvals", encryption_key=EncryptionKey(stack, "key"))
    runner.notify(topic)

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
    api.add_services(runner)
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        execute_api_endpoint=endpoint_url,
    )
    machines = {
        **workflows,
        **{f"job-{one.workflow_name.rpartition('-')[2]}": one for one in runner.workflows},
    }
    outputs: dict[str, Any] = {
        "invoke_url": stage.invoke_url,
        "bucket": payloads.name,
        "table": runner.table.table_name,
        "failed_queue": runner.queue.resource.url,
        "topic": topic.arn,
        "told_queue": queue.resource.url,
        "circuits": circuit.table.table_name,
        "machines": {name: workflow.arn for name, workflow in machines.items()},
    }
    for name, value in outputs.items():
        TerraformOutput(stack, name, value=value)


def _jobs(
    stack: AwsStack, payloads: PayloadBucket, actor: Function, archives: Path, receiver: str
) -> JobRunner:
    """Kinds of jobs: `one` does what its input says, `pages` does it for each page; `pay` and `nod` ask for an approval, the
    second for four seconds; `brief` and `large` cannot end well.
    """
    archive = LambdaArchive.from_package(
        PROJECT / "handlers" / "jobs" / "package.toml", target=Target.this_machine()
    )
    runner = JobRunner(
        stack,
        jobs,
        payloads=payloads,
        archive=replace(
            InlineArchive.beside(archives, archive, "callbacks_here", CALLBACKS_HERE.read_text()),
            handler=archive.handler,
        ),
        finish_handler="callbacks_here.handler",
        finish_timeout_seconds=BRIEF_SECONDS,
        deletion_protection=False,
    )
    runner.finish_function.add_environment(CALLBACK_RECEIVER=receiver)
    part = Jsonata('$states.context.Execution.Input.output_key & ".part"')
    links = runner.links("its links", read={"it": Input("input_key")}, write={"it": part}, result="links")
    one = LambdaTask(
        "do it",
        actor,
        input={"inputFrom": Variable("links.read.it"), "outputTo": Variable("links.write.it")},
        retry=[],
        result="one",
    )
    runner.add_workflow(
        "one", links >> one >> Succeed("it", output={"one": {"from": part}}), timeout_seconds=60
    )
    for name, seconds, otherwise in (("pay", 60, "rejected"), ("nod", 4, "approved")):
        approval = Approval(
            f"{name} it",
            runner,
            question="Pay it?",
            about={"sum": 12},
            scope="pay",
            expires_seconds=seconds,
            heartbeat_seconds=2,
            otherwise=otherwise,
        )
        paid = Succeed("paid", output={"paid": Variable("approval.status")})
        runner.add_workflow(name, approval >> paid, timeout_seconds=90)
    done = Jsonata('$states.input.output_prefix & "/done.json"')
    page_links = runner.links(
        "a page's links", read={"page": Item("input_key")}, write={"page": done}, result="page_links"
    )
    page = LambdaTask(
        "do a page",
        actor,
        input={
            "inputFrom": Variable("page_links.read.page"),
            "outputTo": Variable("page_links.write.page"),
        },
        result="page",
    )
    stored = Pass("a page", output={"key": done})
    pages = Map(
        "the pages", Input("items"), each=page_links >> page >> stored, catch_each=True, result="pages"
    )
    runner.add_workflow(
        "pages", pages >> Succeed("them", output={"pages": Variable("pages")}), each="pages", max_items=12
    )
    runner.add_workflow(
        "brief", Wait("too long", seconds=60) >> Succeed("never"), timeout_seconds=BRIEF_SECONDS
    )
    more = LambdaTask("too much", actor, input={"do": "large", "bytes": 300_000}, retry=[], result="much")
    runner.add_workflow("large", more >> Succeed("not so", output={"much": Variable("much.said")}))
    return runner
