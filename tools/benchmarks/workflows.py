"""`make bench`: benchmark of a synchronous workflow beside the functions that it calls.

    python -m tools.benchmarks.workflows [--runs N]       N requests of each kind, 200 by default

Two workflows over HTTP, through API Gateway and StartSyncExecution: four tasks one after the other, and the steps of
`workflows/document.py`, three of which run at the same time. Beside each, the same calls of the same functions without
a workflow: handed to their workers by this process, in the same order. The functions answer at once, so that what is
left is the workflow's own time. The figures are medians; the two take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import io
import json
import platform
import statistics
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from constructs_lib import Input, LambdaTask, ModelRoute, OfflineModel, Step, Succeed, Variable
from constructs_lib.workflows.http_errors import ERRORS
from constructs_lib.workflows.http_templates import request_template, response_template
from constructs_lib.workflows.rendering import render
from deploy_tools import interrupts
from deploy_tools.console import heading
from deploy_tools.local_session import local_session
from local_cloud.console.timeline import timeline
from local_cloud.functions.executor import FunctionExecutor
from local_cloud.functions.moto_backend import install
from local_cloud.server import LocalCloud
from tools.executions import list_executions
from workflows.document import document

GOAL_MS = 10.0
RUNS = 200
WARM_UP_RUNS = 5
LOOKED_AT = 50
"""Number of executions whose histories are read for the table of the states."""

FUNCTION = """
ANSWERS = {"vision.text": {"text": "TOTAL 5", "lines": [], "complete": True}, "language.summary": {"summary": "TOTAL 5", "model": "none"}}


def handler(event, context):
    return ANSWERS.get(event["operation"], {"of": event["operation"]})
"""
_ACCOUNT = "123456789012"
_REGION = "us-east-1"

Call = tuple[str, dict[str, Any]]
"""Operation of a function, and its input."""


@dataclass(frozen=True, slots=True)
class Service:
    """Function behind every task of the workflows."""

    qualified_arn: str
    function_name: str = "bench"
    timeout_seconds: int = 20
    routes: tuple[ModelRoute, ...] = (ModelRoute("fast", [OfflineModel()]),)


@dataclass(frozen=True, slots=True)
class Flow:
    """Workflow, and the same calls without one.

    Attributes:
        name: Name in the tables.
        steps: The workflow.
        calls: The calls of functions that it makes: one after the other, those of one group at the same time.
        body: What is sent to it.
    """

    name: str
    steps: Step
    calls: tuple[tuple[Call, ...], ...]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements of a workflow; medians in milliseconds.

    Attributes:
        name: Its name.
        over_http_ms: Request to it.
        functions_ms: Calls of its functions without it.
        states: Duration of each state, in the order in which they are entered.
    """

    name: str
    over_http_ms: float
    functions_ms: float
    states: Mapping[str, float]

    @property
    def overhead_ms(self) -> float:
        """Overhead of a state, with its share of the request through API Gateway."""
        return (self.over_http_ms - self.functions_ms) / len(self.states)


def flows(service: Service) -> tuple[Flow, ...]:
    """The workflows that are measured."""
    numbers = range(1, 5)
    tasks = [
        LambdaTask(
            f"task {number}",
            service,
            input={"operation": f"task-{number}", "input": Input("body")},
            result=f"r{number}",
        )
        for number in numbers
    ]
    first, *others = tasks
    chain: Step = first
    for task in others:
        chain = chain >> task
    body = {"text": "TOTAL 5"}
    picture = {"image": "QUJD" * 1_000}
    understood = (
        ("language.analysis", body),
        ("embeddings", {"inputs": ["TOTAL 5"]}),
        ("language.summary", body),
    )
    return (
        Flow(
            "one after the other",
            chain >> Succeed("answer", output=Variable("r4")),
            tuple(((f"task-{number}", dict(body)),) for number in numbers),
            body,
        ),
        Flow(
            "document",
            document(dict.fromkeys(("vision", "language", "embeddings", "chat"), service)),  # type: ignore[arg-type] # any CalledFunction does
            ((("vision.text", picture),), understood),
            picture,
        ),
    )


class Bench:
    """A local cloud in this process, with the function, the workflows and the API.

    Args:
        cloud: The local cloud, started.
        executors: Executors of its functions, after the first request.
    """

    def __init__(self, cloud: LocalCloud, executors: Sequence[FunctionExecutor]) -> None:
        self._cloud = cloud
        self._executors = executors
        self._session = local_session(_REGION)
        self._clients: dict[str, Any] = {}
        self._function_arn = ""
        self._urls: dict[str, str] = {}
        self._machines: dict[str, str] = {}

    def deploy(self) -> tuple[Flow, ...]:
        """Deploy everything with AWS's APIs; return the workflows."""
        self._function_arn = self._client("lambda").create_function(
            FunctionName="bench",
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=self._role("lambda", "logs:PutLogEvents"),
            Handler="handler.handler",
            Code={"ZipFile": _zipped(FUNCTION)},
            Architectures=["arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"],
            Timeout=20,
        )["FunctionArn"]
        workflows = flows(Service(self._function_arn))
        role, starts = (
            self._role("states", "lambda:InvokeFunction"),
            self._role("apigateway", "states:StartSyncExecution"),
        )
        api = self._client("apigateway")
        identifier = api.create_rest_api(name="bench")["id"]
        root = api.get_resources(restApiId=identifier)["items"][0]["id"]
        for number, flow in enumerate(workflows):
            arn = self._client("stepfunctions").create_state_machine(
                name=f"bench-{number}",
                definition=json.dumps(render("bench", flow.steps, timeout_seconds=27).asl),
                roleArn=role,
                type="EXPRESS",
            )["stateMachineArn"]
            self._add_route(identifier, root, f"flow-{number}", arn, starts)
            self._machines[flow.name] = arn
            self._urls[flow.name] = f"{self._cloud.url}/_aws/execute-api/{identifier}/bench/flow-{number}"
        api.create_deployment(restApiId=identifier, stageName="bench")
        return workflows

    async def measure(self, flow: Flow, runs: int) -> Measured:
        """Run a workflow, and its calls without it, in turn."""
        over_http, functions = [], []
        for number in range(WARM_UP_RUNS + runs):
            request, calls = await self._request(flow), await self._calls(flow)
            if number >= WARM_UP_RUNS:
                over_http.append(request)
                functions.append(calls)
        states = await asyncio.to_thread(self._states, flow, min(runs, LOOKED_AT))
        return Measured(flow.name, statistics.median(over_http), statistics.median(functions), states)

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            client.close()

    async def _request(self, flow: Flow) -> float:
        return await asyncio.to_thread(_post, self._urls[flow.name], json.dumps(flow.body))

    async def _calls(self, flow: Flow) -> float:
        started = time.perf_counter()
        for group in flow.calls:
            await asyncio.gather(*(self._call(*one) for one in group))
        return (time.perf_counter() - started) * 1000

    async def _call(self, operation: str, given: dict[str, Any]) -> None:
        event = json.dumps({"operation": operation, "input": given}).encode()
        result = await self._executors[0].invoke(self._function_arn, event)
        if result.function_error is not None:
            raise RuntimeError(f"{operation} failed: {result.payload.decode()}")

    def _states(self, flow: Flow, count: int) -> dict[str, float]:
        client = self._client("stepfunctions")
        newest = list_executions(client, self._machines[flow.name])[:count]
        durations: dict[str, list[float]] = defaultdict(list)
        for execution in newest:
            history = client.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)
            for row in timeline(history["events"]):
                durations["  " * row.depth + row.state].append(row.duration_ms)
        return {name: statistics.median(taken) for name, taken in durations.items()}

    def _add_route(self, api_id: str, root: str, part: str, machine: str, role: str) -> None:
        api = self._client("apigateway")
        resource = api.create_resource(restApiId=api_id, parentId=root, pathPart=part)["id"]
        method = {"restApiId": api_id, "resourceId": resource, "httpMethod": "POST"}
        api.put_method(**method, authorizationType="NONE")
        api.put_integration(
            **method,
            type="AWS",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{_REGION}:states:action/StartSyncExecution",
            credentials=role,
            requestTemplates={"application/json": request_template(machine)},
            passthroughBehavior="NEVER",
        )
        api.put_method_response(**method, statusCode="200")
        answer = response_template(ERRORS)
        api.put_integration_response(
            **method, statusCode="200", responseTemplates={"application/json": answer}
        )

    def _role(self, service: str, action: str) -> str:
        iam = self._client("iam")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        allowed = {"Effect": "Allow", "Action": action, "Resource": "*"}
        arn = iam.create_role(RoleName=f"bench-{service}", AssumeRolePolicyDocument=_policy(trust))["Role"][
            "Arn"
        ]
        iam.put_role_policy(RoleName=f"bench-{service}", PolicyName="all", PolicyDocument=_policy(allowed))
        return str(arn)

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self._cloud.url)
        return self._clients[service]


def _post(url: str, body: str) -> float:
    """Make one request on a connection of its own; return its milliseconds.

    Raises:
        RuntimeError: The answer is not 200.
    """
    place = urlsplit(url)
    started = time.perf_counter()
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=35)
    try:
        connection.request("POST", place.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status}: {content.decode(errors='replace')}")
    return (time.perf_counter() - started) * 1000


def _policy(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", source)
    return packed.getvalue()


async def measure_all(runs: int) -> list[Measured]:
    """Measure every workflow on a local cloud of its own."""
    with tempfile.TemporaryDirectory() as directory:
        executors: list[FunctionExecutor] = []

        def make_functions(endpoint_url: str, place: Path) -> FunctionExecutor:
            executors.append(FunctionExecutor(endpoint_url=endpoint_url, directory=place))
            install(executors[0])
            return executors[0]

        cloud = LocalCloud(host="127.0.0.1", port=0, directory=Path(directory), make_functions=make_functions)
        await cloud.start()
        bench = Bench(cloud, executors)
        try:
            workflows = await asyncio.to_thread(bench.deploy)
            return [await bench.measure(flow, runs) for flow in workflows]
        finally:
            bench.close()
            await cloud.close()


def show(found: Sequence[Measured]) -> None:
    """Print the tables."""
    print(
        f"  {'workflow':<22}{'states':>7}{'over HTTP':>14}{'its functions':>16}{'adds':>12}{'per state':>12}"
    )
    for one in found:
        adds = one.over_http_ms - one.functions_ms
        print(
            f"  {one.name:<22}{len(one.states):>7}{one.over_http_ms:>11.1f} ms{one.functions_ms:>13.1f} ms"
            f"{adds:>9.1f} ms{one.overhead_ms:>9.1f} ms"
        )
    print(f"  goal: at most {GOAL_MS:g} ms per state")
    for one in found:
        print(f"\n  {one.name}: each state, from being entered to being left")
        for name, milliseconds in one.states.items():
            print(f"    {name:<27}{milliseconds:>8.1f} ms")


def main(arguments: Sequence[str]) -> int:
    """Run the command line described at the top of this file; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.workflows", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="requests of each kind")
    runs = parser.parse_args(arguments).runs
    if runs < 1:
        parser.error("--runs is less than 1")
    heading(f"What a synchronous workflow adds to its functions (medians of {runs} runs)")
    show(asyncio.run(measure_all(runs)))
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:])))
