"""Lambda function of a service, made from the service's contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from constructs import Construct

from constructs_lib.api.lambda_integration import LambdaIntegration
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_type, path_below, path_of
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.functions.function import Function
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.patterns.bedrock_guardrail import BedrockGuardrail, applied_guardrail
from constructs_lib.patterns.bedrock_models import guardrail_calls, invoke_models, model_calls
from constructs_lib.patterns.guardrail import Guardrail
from constructs_lib.patterns.meter import meter_of
from constructs_lib.patterns.service_archive import service_archive
from constructs_lib.service_contract import check_contract
from constructs_lib.templates import literal

if TYPE_CHECKING:
    from constructs_lib.archive import Archive
from constructs_lib.service_contract import ServiceContract

STREAMING_HANDLER: Final = "streaming_handler"
"""Name of the handler that streams, in the module of the other one."""

TIMEOUT_SECONDS: Final = 25
"""Default timeout of a function behind a route; API Gateway waits 29 s."""

STREAM_TIMEOUT_SECONDS: Final = 240
"""Default timeout of a function that streams."""


class AiService(Function):
    """Function that implements a contract: by default `handlers/<name>/app.py`.

    In a stack with a `Meter`, its calls are metered, and each operation needs a measure and a price.

    With the stack's `ai_backend="aws"` its role may call the AWS actions and the Bedrock models of the contract.
    If an operation of the contract streams, a second function of the same archive answers its route, `<name>-stream`.

    `RestApi.add_services` adds its routes. For anything that is not an argument here, create a `Function` and pass it
    to `RestApi.add_service`.

    Args:
        scope: The construct that it belongs to.
        contract: The service's contract. Its name is the id in `scope`.
        memory_mb: Memory in MB, 128-10240. CPU scales with it. Default: 1024.
        timeout_seconds: Timeout, 1-28. Default: 25.
        stream_timeout_seconds: Timeout of the function that streams, 1-899. API Gateway ends a response that is silent for
            300 s. Default: 240.
        environment: More environment variables; at most 4 KB and no secrets. Default: none.
        guardrail: What is masked and blocked in the texts of its requests and answers. Its operations cannot stream then.
            Default: none.
        calls: Services that it may invoke, but not the function that streams, by their names in `AI_SERVICES`. Default: none.
        archive: Its code. Default: the archive of `handlers/<name>`.

    Raises:
        ConstructError: An argument is not valid.
        ArchiveError: The archive cannot be built.

    Example:
        >>> service = AiService(stack, contract, archive=archive, memory_mb=512)
        >>> api = RestApi(stack, "api", name="shop", default_authorization=Public())
        >>> [method.definition.key for method in api.add_services(service)]
        [('/greetings', 'POST')]
    """

    def __init__(
        self,
        scope: Construct,
        contract: ServiceContract,
        *,
        memory_mb: int = 1024,
        timeout_seconds: int = TIMEOUT_SECONDS,
        stream_timeout_seconds: int = STREAM_TIMEOUT_SECONDS,
        environment: Mapping[str, str] | None = None,
        guardrail: Guardrail | None = None,
        calls: Mapping[str, AiService] | None = None,
        archive: Archive | None = None,
    ) -> None:
        check_contract(path_of(scope), contract)
        stack = AwsStack.of(scope)
        defaults, meter = stack.defaults, meter_of(scope, contract.name)
        if meter is not None:
            meter.check(path_below(scope, contract.name), contract)
        archive = archive or service_archive(stack, contract.name)
        applied: BedrockGuardrail | None = None
        guarded: dict[str, str] = {}
        if guardrail is not None:
            where, construct_id = path_below(scope, contract.name), f"{contract.name}-guardrail"
            check_type(where, "guardrail", guardrail, Guardrail)
            if any(operation.event_model for operation in contract.operations):
                raise InvalidArgumentError(
                    where,
                    "guardrail does not judge operations that stream",
                    "remove event_model or guardrail",
                )
            rules, applied = applied_guardrail(scope, construct_id, guardrail, meter=meter)
            guarded["GUARDRAIL"] = json.dumps(rules, separators=(",", ":"))
        variables = {
            "AI_BACKEND": defaults.ai_backend,
            "CORS_ALLOWED_ORIGINS": ",".join(defaults.allowed_origins),
            **({} if meter is None else meter.environment),
            **guarded,
            **_names(calls or {}),
            **(environment or {}),
        }
        description = literal(contract.summary) or None
        super().__init__(
            scope,
            contract.name,
            archive=archive,
            description=description,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            environment=variables,
        )
        self._contract = contract
        self._paid_guardrail = applied if guardrail is not None and guardrail.units() else None
        self._streaming_function = (
            Function(
                self,
                "stream",
                archive=archive,
                handler=f"{(archive.handler or '').rpartition('.')[0]}.{STREAMING_HANDLER}",
                description=description,
                memory_mb=memory_mb,
                timeout_seconds=stream_timeout_seconds,
                environment=variables,
                response_streaming=True,
            )
            if any(operation.event_model for operation in contract.operations)
            else None
        )
        for service in (calls or {}).values():
            service.grant_invoke(self)
        for function in self.functions:
            if meter is not None:
                meter.grant(function)
            if applied is not None:
                applied.grant_apply(function)
            if defaults.ai_backend == "aws":
                self._allow_backend(stack, function)

    @property
    def contract(self) -> ServiceContract:
        """The service's contract."""
        return self._contract

    @property
    def paid_guardrail(self) -> BedrockGuardrail | None:
        """The guardrail that Bedrock bills; None for patterns, for words alone, and without one."""
        return self._paid_guardrail

    @property
    def streaming_function(self) -> Function | None:
        """The function that answers the operations that stream; None if there are none."""
        return self._streaming_function

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions that implement the contract: this one, and the one that streams."""
        return (self,) if self._streaming_function is None else (self, self._streaming_function)

    @cached_property
    def integration(self) -> LambdaIntegration | Mapping[str, LambdaIntegration]:
        """The integration of its routes; if one streams, those of all by the names of their operations."""
        buffered = LambdaIntegration(self)
        if self._streaming_function is None:
            return buffered
        streamed = LambdaIntegration(self._streaming_function, stream=True)
        return {
            operation.name: buffered if operation.event_model is None else streamed
            for operation in self._contract.operations
            if operation.path is not None
        }

    @property
    def paid_calls(self) -> Mapping[str, PaidCalls]:
        """The calls of AWS services that are paid by the call, by the names of their alarms; empty for local models."""
        stack = AwsStack.of(self)
        calls = {} if self._paid_guardrail is None else guardrail_calls(stack)
        if stack.defaults.ai_backend != "aws":
            return calls
        calls.update(model_calls(stack, self._contract.bedrock_models))
        for action in self._contract.aws_actions:
            service, _, operation = action.partition(":")
            if service == "rekognition":
                calls[f"{stack.name_prefix}-rekognition-{operation}"] = PaidCalls.of_rekognition(operation)
            else:
                calls[f"{stack.name_prefix}-{service}"] = PaidCalls.of_function(self, service)
        return calls

    def _allow_backend(self, stack: AwsStack, function: Function) -> None:
        contract = self._contract
        statements: list[PolicyStatement] = []
        if contract.aws_actions:
            # Rekognition and Comprehend have no resources that a policy could name.
            statements.append(PolicyStatement(actions=contract.aws_actions, resources=["*"]))
        if contract.bedrock_models:
            statements.extend(invoke_models(stack, contract.bedrock_models))
        if statements:
            function.role.add_policy("ai", *statements)


def _names(calls: Mapping[str, AiService]) -> dict[str, str]:
    arns = {name: service.arn_by_name for name, service in calls.items()}
    return {"AI_SERVICES": json.dumps(arns)} if arns else {}
