"""Audit rules for state machines: permissions, logs, timeouts and records of jobs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from constructs_lib.workflows.duration import longest_seconds
from tools.audit.configuration import Configuration, Resource, reference

Found = Iterator[tuple[str, str, str]]

_START: Final = "states:StartExecution"
_PUT: Final = "dynamodb:PutItem"


def _machines(configuration: Configuration) -> tuple[Resource, ...]:
    return configuration.all("sfn_state_machine")


def workflow_policies(configuration: Configuration) -> Found:
    """Step Functions checks the role when it creates the workflow, and rejects one without policies."""
    for machine in _machines(configuration):
        role = reference(machine.body.get("role_arn"))[0]
        for policy in configuration.all("iam_role_policy"):
            if reference(policy.body.get("role"))[0] == role and policy.address not in machine.awaited:
                yield machine.where, f"does not depend on {policy.address}", "add it to depends_on"


def workflow_status(configuration: Configuration) -> Found:
    """StartSyncExecution answers 200 for a workflow that failed."""
    for api in configuration.all("api_gateway_rest_api"):
        for route in configuration.routes(api):
            if "StartSyncExecution" in route.uri and not any("status" in one for one in route.responses):
                yield (
                    route.where,
                    "answers 200 when its workflow fails",
                    "map a status other than SUCCEEDED in a response template",
                )


def workflow_timeout(configuration: Configuration) -> Found:
    """The caller gets a 504, while the workflow runs on and is billed."""
    machines = {one.text("name"): one for one in _machines(configuration)}
    for api in configuration.all("api_gateway_rest_api"):
        for route in configuration.routes(api):
            if "StartSyncExecution" not in route.uri:
                continue
            for name, machine in machines.items():
                started = any(
                    f':stateMachine:{name}"' in one or f"{machine.address}." in one for one in route.requests
                )
                seconds = _longest(machine)
                if started and seconds * 1000 >= route.timeout_ms:
                    yield (
                        route.where,
                        f"workflow {machine.where} may run {seconds:g} s and API Gateway waits {route.timeout_ms} ms",
                        "lower the workflow's TimeoutSeconds, or start it as a job",
                    )


def workflow_log(configuration: Configuration) -> Found:
    """An Express workflow has no history; without a log, failures cannot be investigated."""
    for machine in _machines(configuration):
        logging = machine.block("logging_configuration")
        if not logging.get("log_destination") or logging.get("level", "OFF") == "OFF":
            yield machine.where, "logs nothing", "set log_destination and level in its logging_configuration"


def execution_data(configuration: Configuration) -> Found:
    """The log would contain the data of callers."""
    for machine in _machines(configuration):
        if machine.block("logging_configuration").get("include_execution_data") is True:
            yield machine.where, "logs the input and output of steps", "leave include_execution_data out"


def job_expiry(configuration: Configuration) -> Found:
    """Without an expiry, records of old jobs stay for ever."""
    allowed: dict[str, dict[str, set[str]]] = {}
    for policy in configuration.all("iam_role_policy"):
        role = allowed.setdefault(reference(policy.body.get("role"))[0], {})
        for statement in policy.document("policy"):
            for action in _list(statement.get("Action")):
                role.setdefault(action, set()).update(_list(statement.get("Resource")))
    noted = {
        table.address
        for role in allowed.values()
        if _START in role
        for value in role.get(_PUT, ())
        if (table := configuration.target(value)) is not None
    }
    for table in configuration.all("dynamodb_table"):
        if table.address in noted and table.block("ttl").get("enabled") is not True:
            yield table.where, "keeps the records of jobs for ever", "set ttl"


def _longest(machine: Resource) -> float:
    try:
        definition = json.loads(machine.text("definition"))
        return longest_seconds(definition, "EXPRESS" if machine.text("type") == "EXPRESS" else "STANDARD")
    except (ValueError, LookupError, TypeError):
        # The definition, if it is readable, has no timeout.
        return math.inf


def _list(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [str(one) for one in value]


RULES: Final = {
    "workflow-policies": workflow_policies,
    "workflow-status": workflow_status,
    "workflow-timeout": workflow_timeout,
    "workflow-log": workflow_log,
    "execution-data": execution_data,
    "job-expiry": job_expiry,
}
