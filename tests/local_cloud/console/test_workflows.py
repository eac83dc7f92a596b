"""Executions as the console shows them, with the invocations that belong to them."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any

from tests.support.states_cloud import States, invoke, only
from tests.support.waiting import eventually


def read(states: States, path: str, body: dict[str, Any] | None = None) -> Any:
    with closing(http.client.HTTPConnection("127.0.0.1", states.cloud.port, timeout=30)) as connection:
        sent = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", f"/_local_cloud/api/{path}", body=sent)
        response = connection.getresponse()
        content = response.read()
    assert response.status == 200, content
    return json.loads(content)


def test_an_execution_and_its_functions(states: States) -> None:
    arn = states.machine(only(invoke(states.function)), kind="STANDARD")
    name = arn.split(":")[6]
    started = read(states, f"machines/{name}/executions", {"input": '{"do": "echo", "n": 1}'})
    eventually(lambda: read(states, f"executions/{started['arn']}")["status"] == "SUCCEEDED")
    details = read(states, f"executions/{started['arn']}")
    (row,) = details["rows"]
    assert (row["state"], row["kind"], row["outcome"], row["attempts"]) == ("Only", "Task", "succeeded", 1)
    assert json.loads(row["input"]) == {"do": "echo", "n": 1}
    assert json.loads(details["output"]) == json.loads(row["output"])
    assert details["definition"]["StartAt"] == "Only"
    assert [event["type"] for event in details["events"]][:2] == ["ExecutionStarted", "TaskStateEntered"]
    (invocation,) = details["invocations"]
    assert invocation["function"] == states.function.split(":")[6]
    (machine,) = [one for one in read(states, "machines") if one["name"] == name]
    assert [one["arn"] for one in machine["executions"]] == [started["arn"]]


def test_functions_with_their_processes_and_logs(states: States) -> None:
    states.run(only(invoke(states.function)), {"do": "echo"})
    name = states.function.split(":")[6]
    (function,) = [one for one in read(states, "functions") if one["name"] == name]
    assert [one["state"] for one in function["instances"]] == ["idle"]
    assert function["invocations"][-1]["init_ms"] > 0
    assert "REPORT RequestId" in read(states, f"logs/functions/{name}")["text"]
    assert read(states, "logs/functions/none") == {"text": ""}
