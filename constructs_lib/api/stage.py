"""Stage of a REST API: a deployment with limits, logs and a URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import jsii
from cdktf import IResolveContext, IStringProducer, Lazy
from cdktf_cdktf_provider_aws.api_gateway_client_certificate import ApiGatewayClientCertificate
from cdktf_cdktf_provider_aws.api_gateway_method_settings import (
    ApiGatewayMethodSettings,
    ApiGatewayMethodSettingsSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_stage import ApiGatewayStage
from constructs import Construct, IValidation

from constructs_lib.api.access_log import AccessLog
from constructs_lib.api.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
from constructs_lib.api.cache import Cache
from constructs_lib.api.canary import Canary, check_canary
from constructs_lib.api.deployment import Deployment
from constructs_lib.api.stage_logs import ExecutionLog, check_logs, make_logs
from constructs_lib.api.stage_variables import check_stage_variables
from constructs_lib.api.throttle import Throttle
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_mapping, check_pattern, check_text, check_type, path_below, path_of
from constructs_lib.logs.log_group import LogGroup
from constructs_lib.references import address, attribute, token, wait_for
from constructs_lib.stacks import check_same_stack


class Stage(AwsConstruct):
    """A stage of a REST API (`aws_api_gateway_stage`), with its limits (`aws_api_gateway_method_settings`).

    Logging is enabled only when `account` is set. API Gateway rejects a stage with logs in an account and
    region without a role for logs, and a new account has none. Without `account`, the stage logs nothing and
    raises a `ConstructWarning`, unless both logs are `"OFF"`.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        deployment: Deployment to serve.
        stage_name: First part of the path of its URLs.
        description: Description in AWS. Default: none.
        variables: Stage variables; not for secrets. Default: none.
        throttle: Limit of requests to each method. Default: 100 a second, bursts of 200.
        account: Role by which API Gateway writes logs: a new or an existing one. Default: none.
        access_log: Log of requests, or `"OFF"`. Default: `AccessLog()` if `account` is set.
        execution_log: Level of the execution log. Default: errors if `account` is set.
        tracing: Whether X-Ray traces its requests. Default: True.
        cache: Cache of responses. Default: none.
        client_certificate: Whether API Gateway presents a client certificate to HTTP backends. Lambda
            functions do not get it. Default: False.
        canary: Second deployment for a share of the requests. Default: none.
        execute_api_endpoint: Address of the API, such as `http://127.0.0.1:4566`. Default: the local cloud's for a
            stack that is deployed to it, else AWS's host name of the API.

    Raises:
        ConstructError: if an argument is not valid, or a log is set without `account`.

    Example:
        >>> account = ApiGatewayAccount(stack, "account")
        >>> stage = Stage(
        ...     stack,
        ...     "stage",
        ...     deployment=deployment,
        ...     stage_name="prod",
        ...     account=account,
        ...     throttle=Throttle(rate_limit=20, burst_limit=40),
        ... )
        >>> stage.stage_name
        'prod'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        stage_name: str,
        description: str | None = None,
        variables: Mapping[str, str] | None = None,
        throttle: Throttle | None = None,
        account: ApiGatewayAccount | ExistingApiGatewayAccount | None = None,
        access_log: AccessLog | Literal["OFF"] | None = None,
        execution_log: ExecutionLog | None = None,
        tracing: bool = True,
        cache: Cache | None = None,
        client_certificate: bool = False,
        canary: Canary | None = None,
        execute_api_endpoint: str | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_type(where, "throttle", throttle, Throttle)
        check_type(where, "cache", cache, Cache)
        check_type(where, "account", account, ApiGatewayAccount, ExistingApiGatewayAccount)
        check_mapping(where, "variables", variables)
        stage_variables = dict(variables or {})
        limits = throttle or Throttle()
        check_pattern(
            where,
            "stage_name",
            stage_name,
            r"[A-Za-z0-9_-]{1,128}",
            "use 1 to 128 letters, digits, '-' and '_'",
        )
        check_text(where, "description", description)
        check_stage_variables(where, stage_variables)
        environment = AwsStack.of(scope).environment
        if execute_api_endpoint is None and environment is not None:
            execute_api_endpoint = environment.endpoint_url
        if execute_api_endpoint is not None:
            check_pattern(
                where,
                "execute_api_endpoint",
                execute_api_endpoint,
                r"https?://[A-Za-z0-9.\[\]:-]+/?",
                "use an address without a path, such as 'http://127.0.0.1:4566'",
            )
        check_same_stack(where, scope, deployment)
        if cache is not None:
            deployment.api._context.check_cache(where)
        if isinstance(account, ApiGatewayAccount):
            check_same_stack(where, scope, account)
        check_logs(where, account, access_log, execution_log)
        if canary is not None:
            check_canary(where, canary, deployment)
            check_stage_variables(where, canary.variables)
        AwsStack.of(scope).claim(where, f"stage_name of API '{path_of(deployment.api)}'", stage_name)

        super().__init__(scope, construct_id)
        self._stage_name = stage_name
        if cache is not None:
            deployment.api._context.cached_stages.add(stage_name)
        self._throttle = limits
        self._deployment = deployment
        self._execute_api_endpoint = (
            None if execute_api_endpoint is None else execute_api_endpoint.rstrip("/")
        )
        self._domain_url: str | None = None
        self._invoke_url = Lazy.string_value(_InvokeUrl(self))
        api_id = attribute(deployment.api.resource, "id")
        self._logs = make_logs(
            self,
            stage_name,
            deployment.api,
            account=account,
            access_log=access_log,
            execution_log=execution_log,
        )
        self._resource = self._create(
            ApiGatewayStage,
            "Resource",
            rest_api_id=api_id,
            deployment_id=attribute(deployment.resource, "id"),
            stage_name=stage_name,
            description=description,
            variables=stage_variables or None,
            xray_tracing_enabled=tracing,
            canary_settings=None if canary is None else canary.settings(),
            cache_cluster_enabled=None if cache is None else True,
            cache_cluster_size=None if cache is None else cache.size_gb,
            client_certificate_id=attribute(
                self._create(
                    ApiGatewayClientCertificate,
                    "client-certificate",
                    description=f"Shown to the backends of {where}",
                ),
                "id",
            )
            if client_certificate
            else None,
            access_log_settings=self._logs.access_settings,
        )
        self._method_settings = self._create(
            ApiGatewayMethodSettings,
            "method-settings",
            rest_api_id=api_id,
            stage_name=attribute(self._resource, "stage_name"),
            method_path="*/*",
            settings=ApiGatewayMethodSettingsSettings(
                throttling_rate_limit=limits.rate_limit,
                throttling_burst_limit=limits.burst_limit,
                logging_level=self._logs.execution_level,
                data_trace_enabled=False,
                metrics_enabled=True,
                caching_enabled=None if cache is None else True,
                cache_data_encrypted=None if cache is None else True,
                cache_ttl_in_seconds=None if cache is None else cache.ttl_seconds,
            ),
            # AWS deletes the settings of a stage with the stage, but Terraform's state would still list them.
            lifecycle={"replace_triggered_by": [f"{address(self._resource)}.id"]},
        )
        deployment.api._context.stages[stage_name] = (
            f"Stage `{stage_name}`: {limits.rate_limit:g} requests a second, bursts of {limits.burst_limit}."
        )
        self.node.add_validation(_KeysHaveAPlan(self))
        before = [account.resource] if isinstance(account, ApiGatewayAccount) else []
        group = self._logs.execution_log_group
        groups = [] if group is None else [group.resource]
        wait_for(self._resource, *groups, *before, first=True)
        deployment.api._context.on_change(self._follow_api)
        wait_for(self._method_settings, *before, first=True)

    @property
    def stage_name(self) -> str:
        """Name of the stage, the first part of the path of its URLs."""
        return self._stage_name

    @property
    def deployment(self) -> Deployment:
        """Deployment that the stage serves."""
        return self._deployment

    @property
    def throttle(self) -> Throttle:
        """Limit of requests to each method."""
        return self._throttle

    @property
    def invoke_url(self) -> str:
        """URL of the stage without a `/` at the end, at its `DomainName` if it has one; resolved at synth."""
        return self._invoke_url

    def _follow_api(self) -> None:
        wait_for(self._resource, *self._deployment.api._context.backends)

    def _use_domain(self, url: str) -> None:
        """Use a URL at a domain as the `invoke_url`, unless it has one; called by `DomainName`."""
        self._domain_url = self._domain_url or url

    def _url(self) -> str:
        if self._domain_url is not None:
            return self._domain_url
        if self._execute_api_endpoint is None:
            return token(self._resource, "invoke_url")
        return (
            f"{self._execute_api_endpoint}/_aws/execute-api/"
            f"{token(self._resource, 'rest_api_id')}/{token(self._resource, 'stage_name')}"
        )

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def access_log_group(self) -> LogGroup | None:
        """Log group of requests. None if they are not logged."""
        return self._logs.access_log_group

    @property
    def execution_log_group(self) -> LogGroup | None:
        """Log group of executions. None if they are not logged."""
        return self._logs.execution_log_group

    @property
    def method_settings(self) -> ApiGatewayMethodSettings:
        """The `aws_api_gateway_method_settings` for all methods."""
        return self._method_settings

    @property
    def resource(self) -> ApiGatewayStage:
        """The `aws_api_gateway_stage`."""
        return self._resource


@jsii.implements(IStringProducer)
class _InvokeUrl:
    """URL of a stage, which a domain can change until synth."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def produce(self, context: IResolveContext) -> str:  # noqa: ARG002 - cdktf names it
        return self._stage._url()


@jsii.implements(IValidation)
class _KeysHaveAPlan:
    """Validation at synth, because usage plans are created after their stages."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def validate(self) -> list[str]:
        api, name = self._stage.deployment.api, self._stage.stage_name
        keyed = [route for route in api.definition.routes if route.api_key_required]
        if not keyed or name in api._context.planned_stages:
            return []
        called = f"{keyed[0].http_method} {keyed[0].path}"
        problem = f"{called} has api_key_required=True and stage '{name}' is in no usage plan, so every call would be rejected"
        return [f"{problem}; add UsagePlan(..., stages=[stage])"]
