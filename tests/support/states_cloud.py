"""A local cloud inside the test process, with functions that run, and state machines over them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from local_cloud.functions.environment import machine_architecture, machine_runtime
from local_cloud.server import LocalCloud
from tests.support import aws
from tests.support.loop_thread import LoopThread
from tests.support.moto_state import forget_everything
from tests.support.zips import archive
from tools.executions import list_executions

ACCOUNT = "123456789012"
REGION = "us-east-1"
STATES = {"Service": "states.amazonaws.com"}
"""Who assumes the role of a state machine."""

_FUNCTIONS = """
    import json, time
    from pathlib import Path

    class Overloaded(Exception):
        pass

    def handler(event, context):
        action = event.get("do", "echo") if isinstance(event, dict) else "echo"
        if action == "sleep":
            time.sleep(event["seconds"])
        if action == "fail":
            raise Overloaded("too much of " + event.get("what", "it"))
        if action == "fail_at_first":
            seen = Path(event["file"])
            calls = seen.read_text() if seen.exists() else ""
            seen.write_text(calls + "x")
            if len(calls) < event["times"]:
                raise Overloaded("not yet")
            return {"calls": len(calls) + 1}
        if action == "large":
            return "x" * event["bytes"]
        return event
"""


_numbers = iter(range(100_000))


class States:
    """A running local cloud and what a test does with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._clients: dict[str, Any] = {}
        self._thread = LoopThread()
        self.cloud = LocalCloud(host="127.0.0.1", port=0, directory=directory)
        self._thread.run(self.cloud.start())
        role = self.client("iam").create_role(RoleName=self.name("states"), AssumeRolePolicyDocument="{}")
        self.role: str = role["Role"]["Arn"]
        self.function = self.deploy(_FUNCTIONS)

    def stop(self) -> None:
        self._thread.run(self.cloud.close())
        for client in self._clients.values():
            client.close()
        self._thread.stop()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = aws.client(
                service,
                endpoint_url=self.cloud.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
            )
        return self._clients[service]

    @property
    def sfn(self) -> Any:
        return self.client("stepfunctions")

    def name(self, prefix: str = "machine") -> str:
        return f"{prefix}-{next(_numbers)}"

    def deploy(self, code: str, **options: Any) -> str:
        """Create a function of one file; gives its ARN."""
        created = self.client("lambda").create_function(
            FunctionName=self.name("function"),
            Runtime=machine_runtime(),
            Architectures=[machine_architecture()],
            Handler="app.handler",
            Role=self.role,
            Code={"ZipFile": archive({"app.py": code})},
            **({"Timeout": 10} | options),
        )
        return str(created["FunctionArn"])

    def machine(self, definition: dict[str, Any], *, kind: str = "EXPRESS", **options: Any) -> str:
        """Create a state machine; gives its ARN."""
        created = self.sfn.create_state_machine(
            name=self.name(), definition=json.dumps(definition), roleArn=self.role, type=kind, **options
        )
        return str(created["stateMachineArn"])

    def run(self, definition: dict[str, Any], given: Any = None) -> dict[str, Any]:
        """Run a definition as Express; gives the answer, its output read."""
        arn = self.machine(definition)
        answer = dict(
            self.sfn.start_sync_execution(
                stateMachineArn=arn, input=json.dumps({} if given is None else given)
            )
        )
        if "output" in answer:
            answer["output"] = json.loads(answer["output"])
        return answer

    def output(self, definition: dict[str, Any], given: Any = None) -> Any:
        """Run a definition as Express and expect success."""
        answer = self.run(definition, given)
        assert answer["status"] == "SUCCEEDED", answer
        return answer["output"]

    def start(self, arn: str, given: Any = None, **options: Any) -> str:
        started = self.sfn.start_execution(
            stateMachineArn=arn, input=json.dumps({} if given is None else given), **options
        )
        return str(started["executionArn"])

    def wait(self, execution: str, *, within_seconds: float = 30.0) -> dict[str, Any]:
        """Wait for the end of an execution; gives what DescribeExecution answers."""
        end = time.monotonic() + within_seconds
        while time.monotonic() < end:
            described = dict(self.sfn.describe_execution(executionArn=execution))
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.01)
        raise AssertionError(f"{execution} still runs")

    def events(self, execution: str) -> list[dict[str, Any]]:
        return list(self.sfn.get_execution_history(executionArn=execution, maxResults=1000)["events"])

    def kinds(self, execution: str) -> list[str]:
        return [event["type"] for event in self.events(execution)]

    def kinds_of_newest(self, arn: str) -> list[str]:
        """The types of the events of a state machine's newest execution."""
        listed = list_executions(self.sfn, arn)
        return self.kinds(listed[0]["executionArn"]) if listed else []

    def log(self, arn: str) -> str:
        return (self.directory / "logs" / "state_machines" / f"{arn.split(':')[6]}.log").read_text()


def invoke(function: str, **more: Any) -> dict[str, Any]:
    """A state that calls a function with its input, and whose output is what the function returned."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        **more,
    }


def only(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The definition of a state machine of one state."""
    ends = {} if state["Type"] in ("Choice", "Fail", "Succeed") else {"End": True}
    return {"StartAt": "Only", "States": {"Only": {**state, **ends}}, **more}


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[States]:
    forget_everything()
    running = States(tmp_path_factory.mktemp("states"))
    yield running
    running.stop()
