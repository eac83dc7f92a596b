"""MCP server: the operations of services as tools for agents."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import jsii
from constructs import Construct, IValidation

from constructs_lib.api.lambda_integration import LambdaIntegration
from constructs_lib.api.method import Method
from constructs_lib.api.step_functions_integration import StepFunctionsIntegration
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.function import Function
from constructs_lib.patterns.ai_service import AiService
from constructs_lib.patterns.mcp_tools import describe_tool, tool_name
from constructs_lib.patterns.service_archive import service_archive

if TYPE_CHECKING:
    from constructs_lib.api.integration import Integration
    from constructs_lib.api.service_routes import Service
    from constructs_lib.archive import Archive
    from constructs_lib.service_contract import ServiceContract, ServiceOperation
    from constructs_lib.workflows.workflow import Workflow

_TIMEOUT_SECONDS: Final = 28


class McpServer(AiService):
    """Server of the Model Context Protocol: each operation with a route is a tool, `vision_text` for `vision.text`.

    Description, schemas and annotations come from the contracts. They are in the archive (`tools.json` beside the handler).
    A tool call invokes the function or the Express workflow of the route, with the caller's context, so that rights,
    limits and the meter apply as at the route. Its role may invoke exactly these. Tools that the caller may not use are not
    listed.

    Operations that stream are answered whole. Synthesis fails if the route of a tool has another authorization than the
    server's own route: who may call the server could then call what that route forbids.

    Args:
        scope: The construct that it belongs to.
        contract: The server's contract. Its name is the id in `scope`.
        services: The services, workflows and jobs: anything that `RestApi.add_services` takes.
        exclude: Operations that are not to be tools. Default: none.
        memory_mb: Memory in MB, 128-10240. Default: 1024.
        timeout_seconds: Timeout, 1-28. Default: 28.
        archive: Its code. Default: the archive of `handlers/<name>` with the tools as `tools.json`.

    Raises:
        ConstructError: An argument is not valid, two tools have the same name, or a service is in another stack.
        ArchiveError: The archive cannot be built.

    Example:
        >>> service = AiService(stack, contract, archive=archive)
        >>> server = McpServer(stack, dispatcher_contract, services=[service], archive=archive)
        >>> [tool["name"] for tool in server.tools]
        ['greeting']
    """

    def __init__(
        self,
        scope: Construct,
        contract: ServiceContract,
        *,
        services: Iterable[Service],
        exclude: Collection[ServiceOperation] = (),
        memory_mb: int = 1024,
        timeout_seconds: int = _TIMEOUT_SECONDS,
        archive: Archive | None = None,
    ) -> None:
        where = path_below(scope, contract.name)
        offered = _Offered(where, services, {operation.name for operation in exclude})
        described = {
            f"handlers/{contract.name}/tools.json": json.dumps(offered.tools, ensure_ascii=False).encode()
        }
        super().__init__(
            scope,
            contract,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            environment={
                "AI_SERVICES": json.dumps(
                    {key: one.arn_by_name for key, one in offered.functions_by_key.items()}
                ),
                "AI_WORKFLOWS": json.dumps({key: one.arn_by_name for key, one in offered.workflows.items()}),
            },
            archive=archive or service_archive(AwsStack.of(scope), contract.name, generated=described),
        )
        self._offered = offered
        for function in offered.functions_by_key.values():
            function.grant_invoke(self)
        for workflow in offered.workflows.values():
            workflow.grant_start_and_wait(self)
        self.node.add_validation(_HasOneAuthorization(self))

    @property
    def tools(self) -> tuple[Mapping[str, Any], ...]:
        """The tools as clients get them, in the order of the services."""
        return tuple(one["tool"] for one in self._offered.tools)


class _Offered:
    """Tools, and what answers them.

    Attributes:
        tools: Each with `tool` and `route`.
        functions_by_key: The functions, by the keys in the routes.
        workflows: The workflows, by the keys in the routes.
        routes: Integration, method and path of each tool's route, by the name of the operation.
    """

    def __init__(self, where: str, services: Iterable[Service], excluded: Collection[str]) -> None:
        self.tools: list[dict[str, Any]] = []
        self.functions_by_key: dict[str, Function] = {}
        self.workflows: dict[str, Workflow] = {}
        self.routes: dict[str, tuple[Integration, str, str]] = {}
        names: dict[str, str] = {}
        for service in services:
            integration = service.integration
            for operation in service.contract.operations:
                if operation.path is None or operation.name in excluded:
                    continue
                name = tool_name(operation)
                if name in names:
                    raise ConflictError(
                        where,
                        f"'{names[name]}' and '{operation.name}' are both the tool '{name}'",
                        "rename one, or exclude it",
                    )
                names[name] = operation.name
                chosen = integration[operation.name] if isinstance(integration, Mapping) else integration
                self.routes[operation.name] = chosen, operation.method, operation.path
                tool, route = describe_tool(where, operation)
                route |= {"service": None if service.contract.for_all_callers else service.contract.name}
                route |= self._target(where, service, operation, chosen)
                self.tools.append({"tool": tool, "route": route})
        if not self.tools:
            raise InvalidArgumentError(where, "services have no operation with a route", "pass at least one")

    def _target(
        self, where: str, service: Service, operation: ServiceOperation, integration: Integration
    ) -> dict[str, Any]:
        if isinstance(integration, StepFunctionsIntegration):
            self.workflows[operation.name] = integration.workflow
            errors = {name: [one.status, one.code, one.message] for name, one in integration.errors.items()}
            return {"workflow": operation.name, "errors": errors}
        # A service whose route streams answers whole by its own function.
        function = integration.function if isinstance(integration, LambdaIntegration) else None
        function = service if isinstance(service, AiService) else function
        if not isinstance(function, Function):
            raise InvalidArgumentError(
                where,
                f"'{operation.name}' is answered by {type(integration).__name__}, which has no function of this app",
                "exclude it",
            )
        self.functions_by_key[service.contract.name] = function
        return {"function": service.contract.name}


@jsii.implements(IValidation)
class _HasOneAuthorization:
    """Run by `app.synth()`: routes may be added until then."""

    def __init__(self, server: McpServer) -> None:
        self._server = server

    def validate(self) -> list[str]:
        server = self._server
        methods = AwsStack.of(server).find_all(Method)
        own = [one.definition.authorization for one in methods if one.integration is server.integration]
        return [
            f"{path_of(server)}: '{name}' is a tool, but {method.http_method} {method.path} has another authorization "
            "than the server's route; exclude the operation, or give both the same authorization"
            for name, (integration, http_method, path) in server._offered.routes.items()
            for method in methods
            if method.integration is integration
            and (method.http_method, method.path) == (http_method, path)
            and any(method.definition.authorization != one for one in own)
        ]
