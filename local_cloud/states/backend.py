"""State machines with their versions, and how executions of them start.

moto's `StepFunctionsParserBackend` is extended; written against moto 5.2.5, which takes every state machine for
Standard, publishes versions but does not list them, needs a name for each execution, and never lets go of one.
"""

from __future__ import annotations

import copy
import json
import random
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.logs.models import logs_backends
from moto.stepfunctions import urls
from moto.stepfunctions.exceptions import (
    ActivityDoesNotExist,
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    ResourceNotFound,
    StateMachineDoesNotExist,
    ValidationException,
)
from moto.stepfunctions.parser.api import (
    ConflictException,
    InvalidDefinition,
    InvalidLoggingConfiguration,
    StateMachineAlreadyExists,
    StateMachineTypeNotSupported,
)
from moto.stepfunctions.parser.api import ResourceNotFound as UnknownAlias
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local_cloud.bounded_file import BoundedFolder
from local_cloud.functions.invocation import new_trace_header
from local_cloud.log_groups import LogDelivery
from local_cloud.states.execution import LocalExecution
from local_cloud.states.records import LogSettings, Records
from local_cloud.states.roles import require_trust
from local_cloud.states.task_tokens import TaskTokens
from local_cloud.states.validation import diagnose

_WHOLE = 100  # per cent of the executions of an alias
_LARGEST_INPUT = 256 * 1024
_OTHER_TYPE = "This operation is not supported by this type of state machine"
_MOST_ENDED_EXECUTIONS = 1000  # of one state machine, so that a long session does not fill the memory


@dataclass(frozen=True, slots=True)
class _Target:
    """Target of an execution: a state machine or one of its versions."""

    machine: Any
    source: Any
    alias_arn: str | None = None

    @property
    def version_arn(self) -> str | None:
        return None if self.source is self.machine else str(self.source.arn)


class LocalStatesBackend(TaskTokens, StepFunctionsParserBackend):  # type: ignore[misc] # moto ships no types
    """moto's Step Functions backend, whose executions run on this machine."""

    lines: BoundedFolder
    delivery = LogDelivery()
    on_event: Callable[[str], None] | None = None
    accepted_exec_arn_format = re.compile(
        r"arn:[^:]+:states:[-0-9a-zA-Z]+:(?P<account_id>[0-9]{12}):(execution|express):.+"
    )
    _starting = threading.RLock()

    @property
    def _url_module(self) -> Any:  # moto looks for it next to the class
        return urls

    # State machines

    def create_state_machine(self, **given: Any) -> Any:
        """Create a state machine, or return the one that is just like it."""
        machine_type = given.get("sm_type") or "STANDARD"
        logging = given["loggingConfiguration"] = _checked_logging(given.get("loggingConfiguration"))
        require_valid(given["definition"], machine_type)
        arn = f"arn:{self.partition}:states:{self.region_name}:{self.account_id}:stateMachine:{given['name']}"
        require_trust(given["roleArn"], arn)
        if (present := self._machine(arn)) is not None:
            content = (present.definition, present.type, present.loggingConfiguration)
            if content == (given["definition"], machine_type, logging):
                return present
            raise StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")
        machine = super(StepFunctionsParserBackend, self).create_state_machine(**given)
        machine.sm_type = machine.type = machine_type
        machine.revision_id = None
        return machine

    def update_state_machine(self, arn: str, definition: str | None = None, **changes: Any) -> Any:
        """Update a state machine, and publish a version on request."""
        machine = self.describe_state_machine(arn)
        if definition is not None:
            require_valid(definition, machine.type)
        if changes.get("role_arn"):
            require_trust(changes["role_arn"], arn)
        if (logging := changes.get("logging_configuration")) is not None:
            changes["logging_configuration"] = _checked_logging(logging)
        if (tracing := changes.get("tracing_configuration")) is not None:  # `{}` means that it is off
            changes["tracing_configuration"] = {"enabled": bool(tracing.get("enabled"))}
        publish, description = changes.pop("publish", None), changes.pop("version_description", None)
        before = _content(machine)
        super().update_state_machine(arn, definition=definition, **changes)
        if _content(machine) != before:
            machine.revision_id = str(uuid.uuid4())
        if publish:
            self.publish_version(arn, description)
        return machine

    def delete_state_machine(self, arn: str) -> None:
        """Delete a state machine; its executions are stopped."""
        self._validate_machine_arn(arn)
        machine = self._machine(arn)
        if machine is None:
            return
        self.state_machines.remove(machine)
        self.tagger.delete_all_tags_for_resource(arn)
        _stop(machine.executions, "The state machine was deleted")

    def publish_version(self, arn: str, description: str | None) -> Any:
        """Publish a version, unless the newest is just like the state machine."""
        machine = self.describe_state_machine(arn)
        newest = machine.versions.get(max(machine.versions, default=0))
        if newest is None or _content(newest) != _content(machine):
            machine.publish(description)
            newest = machine.latest_version
            newest.revision_id, newest.type, newest.sm_type = machine.revision_id, machine.type, machine.type
        machine.latest_version = newest
        return newest

    def list_versions(self, arn: str) -> list[Any]:
        """The versions, newest first."""
        return [item for _, item in sorted(self.describe_state_machine(arn).versions.items(), reverse=True)]

    def delete_version(self, arn: str) -> None:
        """Delete a version that no alias routes to."""
        machine_arn, _, number = arn.rpartition(":")
        machine = self._machine(machine_arn)
        if machine is None or not number.isdigit():
            return
        for alias in machine.aliases.values():
            if any(route["stateMachineVersionArn"] == arn for route in alias.routing_configuration):
                raise ConflictException(
                    f"Version to be deleted must not be referenced by an alias. Current list of aliases "
                    f"referencing this version: [{alias.name}]"
                )
        gone = machine.versions.pop(int(number), None)
        if gone is machine.latest_version:
            machine.latest_version = machine.versions.get(max(machine.versions, default=0))

    def create_state_machine_alias(
        self, name: str, routing_configuration: list[dict[str, Any]], description: str | None
    ) -> Any:
        """Create an alias, or return the one that is just like it."""
        machine = self._routed_machine(routing_configuration)
        present = machine.aliases.get(name)
        if present is None:
            return super().create_state_machine_alias(name, routing_configuration, description)
        if (present.routing_configuration, present.description) == (routing_configuration, description):
            return present
        reason = "an alias with the same name and a different routing configuration already exists"
        raise ConflictException(f"Failed to create alias because {reason}.")

    def update_state_machine_alias(
        self, arn: str, description: str | None, routing_configuration: list[dict[str, Any]] | None
    ) -> Any:
        """Change the description or the versions of an alias."""
        if routing_configuration is not None:
            self._routed_machine(routing_configuration)
        return super().update_state_machine_alias(arn, description, routing_configuration)

    def _routed_machine(self, routes: list[dict[str, Any]]) -> Any:
        """Return the state machine that a routing configuration is for."""
        arns = [route["stateMachineVersionArn"] for route in routes]
        weights = [route["weight"] for route in routes]
        for rule, holds in (
            ("distinct state machine version ARNs", len(set(arns)) == len(arns)),
            ("state machine version ARNs", all(arn.count(":") > 6 for arn in arns)),
        ):
            if not holds:
                received = f"Received: [{', '.join(arns)}]"
                raise ValidationException(f"Routing configuration must contain {rule}. {received}")
        if sum(weights) != _WHOLE:
            raise ValidationException(
                f"Sum of routing configuration weights must equal {_WHOLE}. Received: {json.dumps(weights)}"
            )
        machine_arns = {arn.rpartition(":")[0] for arn in arns}
        if len(machine_arns) > 1:
            raise ValidationException("Routing configuration must contain versions of one state machine.")
        (machine_arn,) = machine_arns
        machine = self._machine(machine_arn)
        versions = set() if machine is None else {str(version.arn) for version in machine.versions.values()}
        for arn in arns:
            if arn not in versions:
                raise ResourceNotFound(arn)
        return machine

    def describe_state_machine_alias(self, arn: str) -> Any:
        """Return an alias."""
        machine_arn, _, name = arn.rpartition(":")
        machine = self._machine(machine_arn)
        if machine is None or name not in machine.aliases:
            raise UnknownAlias("Request references a resource that does not exist.")
        return machine.aliases[name]

    def delete_state_machine_alias(self, arn: str) -> None:
        """Delete an alias, if there is one."""
        machine_arn, _, name = arn.rpartition(":")
        if (machine := self._machine(machine_arn)) is not None:
            machine.aliases.pop(name, None)

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """Tag a state machine or an activity; a version cannot be tagged."""
        if self._machine(arn) is None and arn not in self.activities:
            raise ResourceNotFound(arn)
        super().tag_resource(arn, tags)

    # Activities

    def create_activity(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Create an activity, or return the one of that name."""
        present = self.activities.get(
            f"arn:{self.partition}:states:{self.region_name}:{self.account_id}:activity:{name}"
        )
        return present or super().create_activity(name, *arguments, **options)

    def describe_activity(self, activity_arn: str) -> Any:
        """Return an activity."""
        try:
            return super().describe_activity(activity_arn)
        except ActivityDoesNotExist:
            raise ActivityDoesNotExist(f"Activity Does Not Exist: '{activity_arn}'") from None

    # Executions

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> LocalExecution:
        """Start an execution; one of the same name and input that still runs is returned instead."""
        with self._starting:
            target = self._target(state_machine_arn)
            execution_input = _checked_input(execution_input)
            is_express = target.machine.type == "EXPRESS"
            if not is_express and (running := self._of_that_name(target.machine, name, execution_input)):
                return running
            execution = self._make_execution(target, name, execution_input, trace_header)
            execution.start()
        return execution

    def start_sync_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> LocalExecution:
        """Run an Express execution to its end."""
        with self._starting:
            target = self._target(state_machine_arn)
            if target.machine.type != "EXPRESS":
                raise StateMachineTypeNotSupported(_OTHER_TYPE)
            execution = self._make_execution(target, name, _checked_input(execution_input), trace_header)
        execution.run()
        return execution

    def stop_execution(
        self, execution_arn: str, error: str | None = None, cause: str | None = None
    ) -> LocalExecution:
        """Stop an execution, and wait until it has ended."""
        execution = self.describe_execution(execution_arn)
        if execution.express:
            raise StateMachineTypeNotSupported(_OTHER_TYPE)
        execution.stop(datetime.now(UTC), error, cause)
        return execution

    def stop_executions(self, cause: str) -> None:
        """Stop everything that runs, without waiting for its end."""
        self.stop_polls()
        for machine in list(self.state_machines):
            _stop(machine.executions, cause)

    def describe_execution(self, execution_arn: str) -> LocalExecution:
        """Return an execution."""
        self._validate_execution_arn(execution_arn)
        name = execution_arn.split(":")[6]
        for machine in list(self.state_machines):
            if machine.name == name:
                for execution in list(machine.executions):
                    if execution.exec_arn == execution_arn:
                        return execution  # type: ignore[no-any-return]
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'")

    def list_all_executions(self, state_machine_arn: str, status: str | None) -> list[LocalExecution]:
        """Return the executions of a state machine, a version or an alias, newest first."""
        target = self._target(state_machine_arn)
        if target.machine.type == "EXPRESS":
            raise StateMachineTypeNotSupported(_OTHER_TYPE)
        found = [
            execution
            for execution in list(target.machine.executions)
            if (target.alias_arn or target.version_arn) in (None, execution.alias_arn, execution.version_arn)
            and (status is None or execution.status == status)
        ]
        return sorted(found, key=lambda item: item.start_date, reverse=True)

    def _machine(self, arn: str) -> Any:
        return next((item for item in self.state_machines if item.arn == arn), None)

    def _target(self, arn: str) -> _Target:
        """Find what an ARN of a state machine, of a version or of an alias stands for."""
        self._validate_machine_arn(arn)
        parts = arn.split(":")
        machine_arn, qualifier = ":".join(parts[:7]), ":".join(parts[7:])
        machine = self._machine(machine_arn)
        source, alias_arn = machine, None
        if machine is not None and qualifier:
            alias = machine.aliases.get(qualifier)
            alias_arn = None if alias is None else arn
            number = _routed(alias) if alias is not None else qualifier
            source = machine.versions.get(int(number)) if number.isdigit() else None
        if machine is None or source is None:
            raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
        return _Target(machine, source, alias_arn)

    def _of_that_name(self, machine: Any, name: str | None, execution_input: str) -> LocalExecution | None:
        present = next((item for item in machine.executions if name and item.name == name), None)
        if present is None:
            return None
        same = json.loads(execution_input) == json.loads(present.execution_input)
        if same and present.status == "RUNNING":
            return present  # type: ignore[no-any-return]
        raise ExecutionAlreadyExists(f"Execution Already Exists: '{present.exec_arn}'")

    def _make_execution(
        self, target: _Target, name: str | None, execution_input: str, trace_header: str | None
    ) -> LocalExecution:
        if name:
            self._validate_name(name)
        machine, name, express = target.machine, name or str(uuid.uuid4()), target.machine.type == "EXPRESS"
        prefix = f"arn:{self.partition}:states:{self.region_name}:{self.account_id}"
        arn = f"{prefix}:execution:{machine.name}:{name}"
        if express:
            arn = f"{prefix}:express:{machine.name}:{name}:{uuid.uuid4()}"
        snapshot = copy.copy(target.source)  # an update makes new attributes, so this keeps what it has
        snapshot.arn, snapshot.sm_type = machine.arn, machine.type
        passed_on = trace_header or new_trace_header()
        execution = LocalExecution(
            passed_on=passed_on,
            source_arn=machine.arn,
            version_arn=target.version_arn,
            alias_arn=target.alias_arn,
            express=express,
            name=name,
            sm_type=machine.type,
            role_arn=target.source.roleArn,
            exec_arn=arn,
            account_id=self.account_id,
            region_name=self.region_name,
            state_machine=snapshot,
            start_date=datetime.now(UTC),
            cloud_watch_logging_session=Records(
                execution_arn=arn,
                machine=machine.name,
                settings=LogSettings.read(target.source.loggingConfiguration, machine.name),
                delivery=self.delivery,
                lines=self.lines,
                trace_header=passed_on,
                on_event=self.on_event,
            ),
            input_data=execution_input,
            trace_header=trace_header,
            activity_store=self.activity_tasks,
        )
        _forget_some(machine.executions)
        machine.executions.append(execution)
        return execution


def require_valid(definition: str, machine_type: str) -> None:
    """Refuse a definition that cannot be executed."""
    if found := diagnose(definition, machine_type):
        text = ", ".join(item.text() for item in found)
        raise InvalidDefinition(f"Invalid State Machine Definition: '{text}'")


def _checked_logging(configuration: Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(configuration or {})
    level, destinations = given.get("level", "OFF"), given.get("destinations") or []
    if len(destinations) > 1 or (level != "OFF" and not destinations):
        raise InvalidLoggingConfiguration(
            "Invalid Logging Configuration: Must specify exactly one Log Destination."
        )
    for destination in destinations:
        arn = destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        if arn.count(":") != 7 or not arn.endswith(":*"):
            raise InvalidLoggingConfiguration(
                f"Invalid Logging Configuration: the ARN of the log group must end with ':*', and {arn!r} does not."
            )
        _, _, _, region, account_id, _, group, _ = arn.split(":")
        if group not in logs_backends[account_id][region].groups:
            raise InvalidLoggingConfiguration("Invalid Logging Configuration: Log Destination not found.")
    checked = {"level": level, "includeExecutionData": bool(given.get("includeExecutionData", False))}
    return {**checked, "destinations": destinations} if destinations else checked


def _checked_input(execution_input: str | None) -> str:
    text = "{}" if execution_input is None else execution_input
    if len(text.encode()) > _LARGEST_INPUT:
        raise InvalidExecutionInput(
            f"Invalid State Machine Execution Input: it has more than {_LARGEST_INPUT} bytes"
        )
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    return text


def _content(machine: Any) -> tuple[Any, ...]:
    return (machine.definition, machine.roleArn, machine.loggingConfiguration, machine.tracingConfiguration)


def _routed(alias: Any) -> str:
    routes = alias.routing_configuration
    chosen = random.choices(routes, weights=[route["weight"] for route in routes])[0]  # noqa: S311
    return str(chosen["stateMachineVersionArn"]).rpartition(":")[2]


def _stop(executions: list[Any], cause: str) -> None:
    for execution in list(executions):
        execution.stop(datetime.now(UTC), None, cause, wait_seconds=0)


def _forget_some(executions: list[Any]) -> None:
    """Let go of the oldest executions that have ended."""
    surplus = len(executions) - _MOST_ENDED_EXECUTIONS
    if surplus >= 0:
        for execution in [item for item in executions if item.ended.is_set()][: surplus + 1]:
            executions.remove(execution)
