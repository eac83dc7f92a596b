"""Tasks: states that call a Lambda function or an AWS API."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from constructs_lib.checks import check_known, check_list, check_pattern, check_range, check_type
from constructs_lib.errors import InvalidArgumentError, UnsafeSettingError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.workflows.expressions import Expression, delimited, template
from constructs_lib.workflows.failures import Retry
from constructs_lib.workflows.steps import CatchingState, Machines

if TYPE_CHECKING:
    from constructs_lib.service_contract import ServiceOperation

LONGEST_TIMEOUT_SECONDS: Final = 99_999_999
"""Step Functions' quota for the timeout of a state."""


class CalledFunction(Protocol):
    """Function of a `LambdaTask`, such as a `Function`."""

    @property
    def function_name(self) -> str:
        """Name in AWS."""

    @property
    def qualified_arn(self) -> str:
        """ARN of the alias that callers use."""

    @property
    def timeout_seconds(self) -> int:
        """Timeout in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Partition and region of a workflow, for ARNs.

    Attributes:
        partition: Partition, such as `aws`.
        region: Code of the region.
        charge: The reservation from which the tasks take what they use. Default: none.
    """

    partition: str = "aws"
    region: str = "us-east-1"
    charge: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """Call of a task.

    Attributes:
        action: Step Functions' name of the call, such as `sqs:sendMessage` or `aws-sdk:s3:getObject`.
        arguments: Arguments of the call.
        answer: Part of the response that is the task's result, in JSONata.
        permissions: Permissions of the workflow's role for the call.
    """

    action: str
    arguments: Mapping[str, Any]
    answer: str = "$states.result"
    permissions: tuple[PolicyStatement, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TaskState(CatchingState):
    """State that makes a call (`Task`) and waits for the response.

    Attributes:
        timeout_seconds: Seconds until it fails with `States.Timeout`.
        heartbeat_seconds: Longest time between heartbeats of the worker, in seconds; less than the timeout. Default:
            none.
    """

    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None

    def __post_init__(self) -> None:
        CatchingState.__post_init__(self)
        for name in ("queue", "table", "workflow"):
            called = getattr(self, name, None)
            # Reading the property would call jsii.
            if called is not None and inspect.getattr_static(called, "arn", None) is None:
                raise InvalidArgumentError(
                    self.where, f"{name} is of type {type(called).__name__}", f"pass the {name} itself"
                )
        check_range(self.where, "timeout_seconds", self.seconds, 1, LONGEST_TIMEOUT_SECONDS)
        if self.heartbeat_seconds is not None:
            check_range(self.where, "heartbeat_seconds", self.heartbeat_seconds, 1, LONGEST_TIMEOUT_SECONDS)

    @property
    def seconds(self) -> int:
        """Timeout in seconds."""
        return 60 if self.timeout_seconds is None else self.timeout_seconds

    def call(self, place: Place) -> ServiceCall:
        """Return its call, from a workflow in `place`."""
        raise NotImplementedError

    def fields(self, machines: Machines) -> dict[str, Any]:
        """See `State`."""
        place: Place = getattr(machines, "place", Place())
        call = self.call(place)
        fields: dict[str, Any] = {
            "Type": "Task",
            "Resource": f"arn:{place.partition}:states:::{call.action}",
            "Arguments": template(self.where, call.arguments),
            "TimeoutSeconds": self.seconds,
        }
        if self.heartbeat_seconds is not None:
            fields["HeartbeatSeconds"] = self.heartbeat_seconds
        return {**fields, **self.keeping(delimited(call.answer)), **self.retrying()}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Task(TaskState):
    """Call any API that Step Functions supports. Prefer the classes for single APIs, which derive permissions.

    Attributes:
        action: Step Functions' name of the call: `SERVICE:ACTION` for services with an optimized integration,
            and `aws-sdk:SERVICE:ACTION` for all others, such as `aws-sdk:rekognition:detectText`.
        arguments: Arguments of the call, by AWS's names. Default: none.
        permissions: Permissions of the workflow's role for the call.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> statement = PolicyStatement(actions=["rekognition:DetectText"], resources=["*"])
        >>> task = Task("words", action="aws-sdk:rekognition:detectText", permissions=[statement])
    """

    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    permissions: Sequence[PolicyStatement]

    def __post_init__(self) -> None:
        TaskState.__post_init__(self)
        check_pattern(
            self.where,
            "action",
            self.action,
            r"(aws-sdk:)?[a-z0-9-]+:[a-zA-Z0-9]+(\.sync(:2)?|\.waitForTaskToken)?",
            "write it as 'service:action' or 'aws-sdk:service:action'",
        )
        check_list(self.where, "permissions", self.permissions)
        for one in self.permissions:
            check_type(self.where, "one of permissions", one, PolicyStatement)
        if not self.permissions:
            raise InvalidArgumentError(
                self.where,
                f"no permission allows {self.action}",
                "pass permissions=[PolicyStatement(...)] with what it needs",
            )

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        return ServiceCall(action=self.action, arguments=self.arguments, permissions=tuple(self.permissions))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FunctionTask(TaskState):
    """Invoke the alias of a Lambda function. The result is what the function returns.

    Attributes:
        function: Function. The workflow's role may invoke its alias, and no other function.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: the function's timeout.
        retry: Retries. Default: two for a busy service, and two if the execution environment exited or timed out.
    """

    function: CalledFunction = field(kw_only=False)
    retry: Sequence[Retry] = (Retry.on_throttling(), Retry.on_crash())

    def __post_init__(self) -> None:
        if not hasattr(self.function, "qualified_arn"):
            raise InvalidArgumentError(
                f"{type(self).__name__} '{self.name}'",
                f"function is of type {type(self.function).__name__}",
                "pass a Function",
            )
        TaskState.__post_init__(self)

    @property
    def seconds(self) -> int:
        """See `TaskState`."""
        return self.function.timeout_seconds if self.timeout_seconds is None else self.timeout_seconds

    @property
    def payload(self) -> Mapping[str, Any] | Expression:
        """The event of the function."""
        raise NotImplementedError

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`; the function's alias gives the permission. Calls of an operation have the charge."""
        payload = self.payload
        if place.charge is not None and isinstance(payload, Mapping) and "operation" in payload:
            payload = {**payload, "charge": place.charge}
        return ServiceCall(
            action="lambda:invoke",
            arguments={"FunctionName": self.function.qualified_arn, "Payload": payload},
            answer="$states.result.Payload",
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LambdaTask(FunctionTask):
    """Invoke the alias of a Lambda function. The result is what the function returns.

    Attributes:
        function: Function. The workflow's role may invoke its alias, and no other function.
        operation: Operation of the service's contract. The function gets `{"operation": NAME, "input": …}`,
            and synth checks the names in `input` against the request model. Default: none; the function gets
            `input`.
        input: Payload. Default: an empty object.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: the function's timeout.
        retry: Retries. Default: two for a busy service, and two if the execution environment exited or timed out.

    Example:
        >>> text = LambdaTask(
        ...     "text", function, operation=read_text, input={"image": Input("body.image")}, result="text"
        ... )
    """

    operation: ServiceOperation | None = None
    input: Mapping[str, Any] | Expression = field(default_factory=dict)

    def __post_init__(self) -> None:
        FunctionTask.__post_init__(self)
        if self.operation is not None:
            _check_input(self.where, self.operation, self.input)

    @property
    def payload(self) -> Mapping[str, Any] | Expression:
        """See `FunctionTask`."""
        operation = self.operation
        return self.input if operation is None else {"operation": operation.name, "input": self.input}


def _check_input(where: str, operation: ServiceOperation, given: Mapping[str, Any] | Expression) -> None:
    """Check the names of a task's input against the request model of an operation."""
    if not hasattr(operation, "request_model"):
        raise InvalidArgumentError(
            where,
            f"operation is of type {type(operation).__name__}",
            "pass an operation of a contract, such as read_text of handlers/vision/contract.py",
        )
    if isinstance(given, Expression):
        return
    model = operation.request_model
    fields = {} if model is None else {one.alias or name: one for name, one in model.model_fields.items()}
    if model is None or model.model_config.get("extra") == "forbid":
        for name in given:
            if name not in fields:
                raise InvalidArgumentError(
                    where,
                    f"input has '{name}', which {operation.name} does not take",
                    f"use {', '.join(fields)}" if fields else "pass no input",
                )
    for name, one in fields.items():
        if one.is_required() and name not in given:
            raise InvalidArgumentError(
                where, f"input has no '{name}', which {operation.name} requires", "add it"
            )


def check_exactly(where: str, argument: str, value: object) -> None:
    """Check an ARN or name in a permission: it must name one resource.

    Raises:
        ConstructError: if it is not a string, or has a wildcard.
    """
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(where, f"{argument} {value!r} is not a string", "pass its ARN")
    if "*" in value or "?" in value:
        raise UnsafeSettingError(where, f"{argument} {value!r} has a wildcard", "name one")


def check_model_id(where: str, value: object) -> None:
    """Check the id of a model of Bedrock."""
    check_known(where, "model_id", value)
    check_exactly(where, "model_id", value)
