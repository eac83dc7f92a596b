"""Service of language models: a function behind OpenAI's protocol, with routes of models."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import path_below
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.partitions import partition_of
from constructs_lib.patterns.ai_service import STREAM_TIMEOUT_SECONDS, AiService
from constructs_lib.patterns.bedrock_guardrail import BedrockGuardrail, applied_guardrail
from constructs_lib.patterns.bedrock_models import guardrail_calls, invoke_models, model_calls
from constructs_lib.patterns.guardrail import Guardrail
from constructs_lib.patterns.meter import Meter, meter_of
from constructs_lib.patterns.model_route import BedrockModel, ModelRoute, OpenAiModel
from constructs_lib.storage.table import Table

if TYPE_CHECKING:
    from constructs_lib.archive import Archive
    from constructs_lib.functions.function import Function
    from constructs_lib.service_contract import ServiceContract

EMBEDDINGS: Final = "embeddings"
"""Name of the model of `/v1/embeddings`, which no route may have."""


class ChatService(AiService):
    """Service that answers conversations by routes of models, and embeds texts by another service.

    The roles of its functions may invoke exactly the Bedrock models of the routes, apply exactly their guardrails and read
    exactly their secrets. The
    function that does not stream may invoke the embeddings service too. If a route has more than one target, a DynamoDB
    table has the failures of the targets.

    Args:
        scope: The construct that it belongs to.
        contract: The service's contract. Its name is the id in `scope`.
        routes: The routes; at least one.
        embeddings: The service behind `/v1/embeddings`.
        memory_mb: Memory in MB, 128-10240. Default: 1769, with which Lambda gives one CPU.
        timeout_seconds: Timeout, longer than that of `embeddings`, 1-28. Default: 28.
        stream_timeout_seconds: Timeout of the function that streams, 1-899. Default: 240.
        archive: Its code. Default: the archive of `handlers/<name>`.

    Raises:
        ConstructError: An argument is not valid, or two routes have the same name.
        ArchiveError: The archive cannot be built.

    Example:
        >>> service = AiService(stack, contract, archive=archive)
        >>> routes = [ModelRoute("fast", [BedrockModel("amazon.nova-lite-v1:0")])]
        >>> chat = ChatService(stack, dispatcher_contract, routes=routes, embeddings=service, archive=archive)
        >>> [name for name in chat.paid_calls]
        ['shop-bedrock-amazon.nova-lite-v1:0']
    """

    def __init__(
        self,
        scope: Construct,
        contract: ServiceContract,
        *,
        routes: Sequence[ModelRoute],
        embeddings: AiService,
        memory_mb: int = 1769,
        timeout_seconds: int = 28,
        stream_timeout_seconds: int = STREAM_TIMEOUT_SECONDS,
        archive: Archive | None = None,
    ) -> None:
        where = path_below(scope, contract.name)
        _check_routes(where, routes)
        meter = meter_of(scope, contract.name)
        for target in [target for route in routes for target in route.targets] if meter else ():
            meter.check_model(where, target)  # type: ignore[union-attr]
        self._routes = tuple(routes)
        rules, guardrails = _guardrails(scope, contract.name, routes, meter)
        self._paid_guardrails = tuple(name for name, one in rules.items() if one.get("units"))
        name = AwsStack.of(scope).physical_name(f"{where}/circuits")
        shared = any(len(route.targets) > 1 for route in routes)
        super().__init__(
            scope,
            contract,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            stream_timeout_seconds=stream_timeout_seconds,
            environment={
                "MODEL_ROUTES": json.dumps(
                    [route.as_dict(rules.get(route.name)) for route in routes], separators=(",", ":")
                ),
                **({"CIRCUIT_TABLE": name} if shared else {}),
            },
            calls={EMBEDDINGS: embeddings},
            archive=archive,
        )
        table = None
        if shared:
            table = Table(
                self,
                "circuits",
                table_name=name,
                partition_key="circuit",
                ttl_attribute="expires_at",
                recovery_days=1,
            )
        for function in self.functions:
            if table is not None:
                table.grant(function.role, "DeleteItem", "GetItem", "UpdateItem")
            self._allow_models(function)
            for guardrail in guardrails:
                guardrail.grant_apply(function)

    @property
    def routes(self) -> tuple[ModelRoute, ...]:
        """The routes."""
        return self._routes

    @property
    def paid_guardrails(self) -> tuple[str, ...]:
        """Names of the routes whose guardrails Bedrock bills."""
        return self._paid_guardrails

    @property
    def paid_calls(self) -> Mapping[str, PaidCalls]:
        """The calls of Bedrock models and guardrails, by the names of their alarms."""
        stack = AwsStack.of(self)
        guardrails = guardrail_calls(stack) if self._paid_guardrails else {}
        return {**model_calls(stack, self._bedrock_models()), **guardrails}

    def _bedrock_models(self) -> list[str]:
        targets = [target for route in self._routes for target in route.targets]
        return list(dict.fromkeys(one.model for one in targets if isinstance(one, BedrockModel)))

    def _allow_models(self, function: Function) -> None:
        stack = AwsStack.of(self)
        statements: list[PolicyStatement] = []
        if models := self._bedrock_models():
            statements.extend(invoke_models(stack, models, stream=function.response_streaming))
        targets = [target for route in self._routes for target in route.targets]
        names = [one.secret for one in targets if isinstance(one, OpenAiModel) and one.secret is not None]
        if names:
            place = (
                f"arn:{partition_of(stack.region)}:secretsmanager:{stack.region}:{stack.account_id}:secret"
            )
            # Secrets Manager appends a hyphen and six characters to a secret's name.
            secrets = [f"{place}:{name}-??????" for name in dict.fromkeys(names)]
            statements.append(PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=secrets))
        if statements:
            function.role.add_policy("models", *statements)


def _guardrails(
    scope: Construct, name: str, routes: Sequence[ModelRoute], meter: Meter | None
) -> tuple[dict[str, dict[str, Any]], list[BedrockGuardrail]]:
    """Return what the function judges by for each route, and the guardrails on Bedrock; equal ones are one."""
    applied: list[tuple[Guardrail, dict[str, Any]]] = []
    created: list[BedrockGuardrail] = []
    rules: dict[str, dict[str, Any]] = {}
    for route in routes:
        wanted = route.guardrail
        if wanted is None:
            continue
        same = next((plain for one, plain in applied if one == wanted), None)
        if same is None:
            same, guardrail = applied_guardrail(scope, f"{name}-guardrail-{route.name}", wanted, meter=meter)
            applied.append((wanted, same))
            created.extend([] if guardrail is None else [guardrail])
        rules[route.name] = same
    return rules, created


def _check_routes(where: str, routes: Sequence[ModelRoute]) -> None:
    if not routes:
        raise InvalidArgumentError(where, "routes is empty", "pass at least one ModelRoute")
    names = Counter(name for route in routes for name in (route.name, *route.aliases))
    names[EMBEDDINGS] += 1
    for name, count in names.items():
        if count > 1:
            kind = "belongs to the embeddings" if name == EMBEDDINGS else "is the name of two routes"
            raise ConflictError(where, f"'{name}' {kind}", "use another name or alias")
