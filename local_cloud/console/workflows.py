"""State machines and their executions, as the console shows them, and new executions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from local_cloud.console.exchanges import trace_root
from local_cloud.console.timeline import details_of, timeline
from local_cloud.moto_backends import every

MOST_EXECUTIONS = 100
"""Executions of a state machine that a list shows, the newest first."""


def list_machines() -> list[dict[str, Any]]:
    """Return the state machines, with their newest executions."""
    return sorted((_machine(machine) for _, machine in _machines()), key=lambda item: str(item["name"]))


def find_execution(arn: str) -> Any | None:
    """Return the execution with an ARN; None if there is none."""
    return next((execution for execution in _executions() if execution.exec_arn == arn), None)


def executions_of(root: str) -> list[dict[str, Any]]:
    """Return the executions that a request started, by the root of its trace."""
    return [execution_row(one) for one in _executions() if root and trace_root(one.passed_on) == root]


def execution_row(execution: Any) -> dict[str, Any]:
    """Return what lists of executions show of one."""
    described = execution.describe()
    stopped = described.get("stopDate")
    return {
        "arn": described["executionArn"],
        "name": described["name"],
        "machine": execution.state_machine_arn.split(":")[6],
        "status": described["status"],
        "at": described["startDate"].timestamp(),
        "ms": None if stopped is None else round((stopped - described["startDate"]).total_seconds() * 1000),
        "error": described.get("error"),
    }


def execution_details(execution: Any) -> dict[str, Any]:
    """Return an execution with its definition, the visits to its states, and its history."""
    # moto has them as the answer is before it is serialized.
    events = [
        {**event, "timestamp": datetime.fromisoformat(event["timestamp"]), "type": event["type"].value}
        for event in execution.to_history_output()["events"]
    ]
    described = execution.describe()
    return {
        **execution_row(execution),
        "definition": json.loads(execution.state_machine.definition),
        "input": described["input"],
        "output": described.get("output"),
        "cause": described.get("cause"),
        "trace": trace_root(execution.passed_on),
        "rows": [asdict(row) for row in timeline(events)] if events else [],
        "events": [_event(event) for event in events],
    }


def start(name: str, execution_input: str) -> dict[str, Any]:
    """Start an execution of a state machine."""
    for backend, machine in _machines():
        if machine.name == name:
            return execution_row(backend.start_execution(machine.arn, None, execution_input))
    raise LookupError(f"there is no state machine {name!r}")


def _machine(machine: Any) -> dict[str, Any]:
    newest = sorted([*machine.executions], key=lambda item: item.start_date, reverse=True)
    return {
        "name": machine.name,
        "arn": machine.arn,
        "type": machine.type,
        "definition": json.loads(machine.definition),
        "executions": [execution_row(execution) for execution in newest[:MOST_EXECUTIONS]],
    }


def _machines() -> Iterator[tuple[Any, Any]]:
    """Return the state machines with their backends. Step Functions is not loaded where nothing has used it."""
    import sys

    models = sys.modules.get("moto.stepfunctions.parser.models")
    if models is not None:
        for backend in every(models.stepfunctions_parser_backends):
            yield from ((backend, machine) for machine in list(backend.state_machines))


def _executions() -> Iterator[Any]:
    for _, machine in _machines():
        yield from list(machine.executions)


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    details = details_of(event)
    return {
        "id": event["id"],
        "type": event["type"],
        "at": event["timestamp"].timestamp(),
        "name": details.get("name"),
        "error": details.get("error"),
    }
