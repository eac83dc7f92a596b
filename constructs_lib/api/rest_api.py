"""REST API of API Gateway: a tree of paths, deployed as one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Literal

from constructs_lib.api.access_log import AccessLog
from constructs_lib.api.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
from constructs_lib.api.deployment import Deployment
from constructs_lib.api.rest_api_base import RestApiBase
from constructs_lib.api.service_routes import Service, add_operations, check_paths
from constructs_lib.api.stage import Stage
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_choice, path_of
from constructs_lib.service_contract import check_contract
from constructs_lib.stack_defaults import CloudWatchRole

if TYPE_CHECKING:
    from constructs_lib.api.cache import Cache
    from constructs_lib.api.integration import Integration
    from constructs_lib.api.method import Method
    from constructs_lib.api.stage_logs import ExecutionLog
    from constructs_lib.api.throttle import Throttle
    from constructs_lib.authorization.kinds import Authorization
    from constructs_lib.functions.function import Function
    from constructs_lib.service_contract import ServiceContract


class RestApi(RestApiBase):
    """A REST API (`aws_api_gateway_rest_api`).

    Routes are data (`definition`) first, rendered as one Terraform resource each or all in one `body`.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS.
        description: Description in AWS. Default: none.
        endpoint_type: `REGIONAL` or `EDGE`. Default: `REGIONAL`.
        binary_media_types: Content types whose bodies reach the integration as bytes, such as `image/png`.
            Default: none; all bodies are text.
        minimum_compression_bytes: Size in bytes from which API Gateway compresses responses for clients that
            accept it, 0-10485760. Default: none; no compression.
        default_authorization: Authorization for methods that pass none, unless a resource above has a
            default. Default: none; every method must pass one. OPTIONS methods are open, because preflights
            have no credentials.
        cors: CORS settings, or `"OFF"`. Default: the `allowed_origins` of the stack's defaults, none.
        gateway_responses: API Gateway's own errors. Default: `GatewayResponses()` with `cors`, in the
            services' format if there are any, so that all errors have one form; otherwise API Gateway's defaults.
        api_key_source: Source of the API key of a request. `HEADER`: the caller sends it in `x-api-key`.
            `AUTHORIZER`: a Lambda authorizer names it, and methods with a Lambda authorizer need a key by
            default. Default: `AUTHORIZER` if `default_authorization` is `Tenants`, else `HEADER`.
        definition: `resources`: one Terraform resource for each path, method and integration, so that a plan
            names what changes. `openapi`: one document. It needs the same few calls to AWS for any number of
            routes, and one apply removes a route. Functions must not depend on the API then. Default:
            `resources`.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> api = RestApi(stack, "api", name="shop", binary_media_types=["image/png"])
        >>> method = api.resource_for("/orders/{id}").add_method(
        ...     "GET", LambdaIntegration(function), authorization=Public()
        ... )
        >>> [route.key for route in api.definition.routes]
        [('/orders/{id}', 'GET')]
    """

    def add_services(
        self,
        *services: Service,
        authorization: Mapping[str, Authorization] | None = None,
        api_key_required: Collection[str] = (),
    ) -> tuple[Method, ...]:
        """Add the routes of services, such as `AiService`, `Dispatcher` and `JobRunner`; see `add_service`.

        Args:
            services: The services.
            authorization: Authorizations by path, for routes that differ from `default_authorization`.
                Default: none.
            api_key_required: Paths of the routes that need the key of a `UsagePlan` too. Default: none.

        Returns:
            The methods, in the order of the services and their operations.

        Raises:
            ConstructError: A path is not one of the services', API Gateway would reject a method, or a service's errors have
                another format than API Gateway's.
        """
        for service in services:
            check_contract(path_of(self), getattr(service, "contract", service))
        check_paths(
            path_of(self),
            [service.contract for service in services],
            {"authorization": authorization or {}, "api_key_required": api_key_required},
        )
        methods: list[Method] = []
        for service in services:
            paths = {operation.path for operation in service.contract.operations}
            methods += self.add_service(
                service.contract,
                service.integration,
                authorization={
                    path: allowed for path, allowed in (authorization or {}).items() if path in paths
                },
                api_key_required=[path for path in api_key_required if path in paths],
            )
        return tuple(methods)

    def add_service(
        self,
        contract: ServiceContract,
        integration: Integration | Mapping[str, Integration],
        *,
        authorization: Mapping[str, Authorization] | None = None,
        api_key_required: Collection[str] = (),
    ) -> tuple[Method, ...]:
        """Add a method for each operation of a service that has a route.

        The contract has the path, models, media types, required headers, summary, tag, limits and example.
        The media types of its raw bodies are added to the `binary_media_types` of the API.

        Args:
            contract: The service's contract.
            integration: Integration of all routes, such as `LambdaIntegration(function)`, or one for each by
                the names of the operations.
            authorization: Authorizations by path, for routes that differ from `default_authorization`. Default: none.
            api_key_required: Paths of the routes that need the key of a `UsagePlan` too. Default: none.

        Returns:
            The methods, in the order of the operations.

        Raises:
            ConstructError: if a path is not one of the service's, or API Gateway would reject a method.
        """
        check_contract(path_of(self), contract)
        self._answer_as(contract)
        self._accept_binary(
            media_type for operation in contract.operations for media_type in operation.raw_bodies
        )
        return add_operations(
            self._context,
            self._root,
            path_of(self),
            contract,
            integration,
            authorization=authorization or {},
            api_key_required=api_key_required,
        )

    def add_docs(self, path: str = "/docs", *, authorization: Authorization | None) -> Function | None:
        """Add a documentation page: Swagger UI with the OpenAPI document and requests with a bearer token.

        A function serves the page, its files and the document from below `path`. The content security policy lets the page
        load from this API only. Call it after the last route.

        Args:
            path: Path of the page. Default: `/docs`.
            authorization: Authorization of the page and the document. Browsers open pages without credentials, so that
                only `Public()` works for them. None adds no page.

        Returns:
            The function; None without a page.

        Raises:
            ConstructError: The path is not valid or taken.
            ArchiveError: The archive of the function cannot be built.

        Example:
            >>> api.add_docs("/docs", authorization=None) is None
            True
        """
        if authorization is None:
            return None
        # An API without the page does not need this import.
        from constructs_lib.api.docs import add_docs

        return add_docs(self, path, authorization)

    def deploy(
        self,
        stage_name: str,
        *,
        throttle: Throttle | None = None,
        cloudwatch_role: CloudWatchRole | None = None,
        access_log: AccessLog | Literal["OFF"] | None = None,
        execution_log: ExecutionLog | None = None,
        variables: Mapping[str, str] | None = None,
        cache: Cache | None = None,
    ) -> Stage:
        """Serve the API at a stage (`aws_api_gateway_deployment`, `aws_api_gateway_stage`).

        Routes may be added afterwards. Each further stage serves the same deployment. For stages that serve different
        versions, create a `Deployment` and a `Stage` each.

        Args:
            stage_name: First part of the path of the stage's URLs.
            throttle: Limit of the requests of all callers to each method. Default: 100 a second, bursts of
                200.
            cloudwatch_role: See `StackDefaults.cloudwatch_role`. Default: the stack's, `create`.
            access_log: The log of requests, or `"OFF"`. Default: `AccessLog(callers=True)`, with a role.
            execution_log: The log of executions. Default: errors, with a role.
            variables: Stage variables; not for secrets. Default: none.
            cache: Cache of responses. Default: none.

        Raises:
            ConstructError: An argument is not valid, or the stage exists.

        Example:
            >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
            >>> stage = api.deploy("prod", throttle=Throttle(rate_limit=20, burst_limit=40))
            >>> stage.stage_name
            'prod'
        """
        stack = AwsStack.of(self)
        role = stack.defaults.cloudwatch_role if cloudwatch_role is None else cloudwatch_role
        check_choice(path_of(self), "cloudwatch_role", role, CloudWatchRole)
        logs = role != "none"
        deployments = stack.find_all(Deployment, below=self)
        return Stage(
            self,
            f"stage-{stage_name}",
            deployment=deployments[0] if deployments else Deployment(self, "deployment", api=self),
            stage_name=stage_name,
            throttle=throttle,
            account=_account(stack, role),
            access_log=(AccessLog(callers=True) if logs else "OFF") if access_log is None else access_log,
            execution_log=execution_log if logs or execution_log is not None else "OFF",
            variables=variables,
            cache=cache,
        )


def _account(stack: AwsStack, role: CloudWatchRole) -> ApiGatewayAccount | ExistingApiGatewayAccount | None:
    """Return the account setting of a stage, and create it once in a stack."""
    if role == "none":
        return None
    if role == "existing":
        return ExistingApiGatewayAccount()
    accounts = stack.find_all(ApiGatewayAccount)
    return accounts[0] if accounts else ApiGatewayAccount(stack, "account")
