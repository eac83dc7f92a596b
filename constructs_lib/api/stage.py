"""A stage: a deployment that clients can call, with its limits, its logs and its address."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import jsii
from cdktf_cdktf_provider_aws.api_gateway_client_certificate import ApiGatewayClientCertificate
from cdktf_cdktf_provider_aws.api_gateway_method_settings import (
    ApiGatewayMethodSettings,
    ApiGatewayMethodSettingsSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_stage import ApiGatewayStage, ApiGatewayStageAccessLogSettings
from constructs import Construct, IValidation

from constructs_lib.api.access_log import AccessLog
from constructs_lib.api.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
from constructs_lib.api.canary import Canary, check_canary
from constructs_lib.api.deployment import Deployment
from constructs_lib.aws_stack import AwsStack, check_same_stack, note_place
from constructs_lib.checks import check_choice, check_pattern, check_range, path_below, path_of
from constructs_lib.errors import ConflictError, ConstructWarning, UnsafeSettingError
from constructs_lib.functions.plaintext_secrets import find_secret
from constructs_lib.observability.log_group import LogGroup
from constructs_lib.observability.log_retention import DEFAULT_RETENTION_DAYS
from constructs_lib.references import attribute, make, token, wait_for

ExecutionLog = Literal["OFF", "ERROR", "INFO"]
"""What API Gateway writes down of how it executed a request; never the bodies."""

_ACCOUNT_REMEDY: Final = (
    "pass account=ApiGatewayAccount(...) once per account and region, and "
    "ExistingApiGatewayAccount() elsewhere"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """How many requests a stage takes; more are answered with 429.

    Attributes:
        rate_limit: Requests a second, in the long run. Left out, 100.
        burst_limit: Requests at once. Left out, 200.

    Raises:
        ConstructError: if a limit is not 1 to 10000 (rate) or 1 to 5000 (burst), the account's own limits.

    Example:
        >>> Throttle(rate_limit=20, burst_limit=40)
        Throttle(rate_limit=20, burst_limit=40)
    """

    rate_limit: int = 100
    burst_limit: int = 200

    def __post_init__(self) -> None:
        check_range("Throttle", "rate_limit", self.rate_limit, 1, 10_000)
        check_range("Throttle", "burst_limit", self.burst_limit, 1, 5_000)


CacheSize = Literal["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"]
"""The sizes of API Gateway's caches in GB, each an instance that is paid by the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """How a stage keeps the answers to GET requests; encrypted always.

    An answer is kept by path and by the parameters that are declared as cache keys, and not by who asked: it is for
    answers that are the same for everybody.

    Attributes:
        size_gb: Its size in GB. Left out, 0.5.
        ttl_seconds: How long an answer is kept, 1 to 3600. Left out, 300.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> Cache(ttl_seconds=60)
        Cache(size_gb='0.5', ttl_seconds=60)
    """

    size_gb: CacheSize = "0.5"
    ttl_seconds: int = 300

    def __post_init__(self) -> None:
        check_choice("Cache", "size_gb", self.size_gb, CacheSize)
        check_range("Cache", "ttl_seconds", self.ttl_seconds, 1, 3_600)


class Stage(Construct):
    """A stage of a REST API (`aws_api_gateway_stage`), with its limits (`aws_api_gateway_method_settings`).

    API Gateway refuses a stage that logs until the account and region have a role for it, which a new account
    does not have. So a stage logs if and only if it is told of that role by `account`. Without, it can be
    deployed anywhere and logs nothing, which a `ConstructWarning` says unless both logs are `"OFF"`.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its name in that construct.
        deployment: What it serves.
        stage_name: The first part of its URLs' path.
        description: What it is for. Left out, none.
        variables: Its stage variables; not for secrets. Left out, none.
        throttle: How many requests it takes. Left out, 100 a second and 200 at once.
        account: The role by which API Gateway writes logs: one made here, or one that exists. Left out, there
            is none.
        access_log: How requests are logged, or `"OFF"`. Left out, as `AccessLog()` says where there is an
            `account`.
        execution_log: What is logged of each execution. Left out, errors where there is an `account`.
        tracing: Whether X-Ray traces its requests. Left out, it does.
        cache: Whether answers are kept and given to others who ask the same, and for how long. Left out, none are.
        client_certificate: Whether API Gateway shows HTTP backends a certificate of its own. Left out, it does not;
            Lambda functions would not see it.
        canary: Another deployment that a part of the requests gets. Left out, `deployment` gets all.
        execute_api_endpoint: Where the API is called, such as `http://127.0.0.1:4566` for the local cloud.
            Left out, at AWS's own host name.

    Raises:
        ConstructError: if an argument is not valid, or logs are asked for without an `account`.

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
        stage_variables = dict(variables or {})
        limits = throttle or Throttle()
        check_pattern(
            where,
            "stage_name",
            stage_name,
            r"[A-Za-z0-9_-]{1,128}",
            "use 1 to 128 letters, digits, '-' and '_'",
        )
        _check_variables(where, stage_variables)
        if execute_api_endpoint is not None:
            check_pattern(
                where,
                "execute_api_endpoint",
                execute_api_endpoint,
                r"https?://[A-Za-z0-9.\[\]:-]+/?",
                "use an address without a path, such as 'http://127.0.0.1:4566'",
            )
        check_same_stack(where, scope, deployment)
        if isinstance(account, ApiGatewayAccount):
            check_same_stack(where, scope, account)
        _check_logs(where, account, access_log, execution_log)
        if canary is not None:
            check_canary(where, canary, deployment)
            _check_variables(where, canary.variables)
        AwsStack.of(scope).claim(where, f"stage_name of API '{path_of(deployment.api)}'", stage_name)

        super().__init__(scope, construct_id)
        note_place(self, scope, construct_id)
        self._stage_name = stage_name
        self._throttle = limits
        self._deployment = deployment
        self._execute_api_endpoint = (
            None if execute_api_endpoint is None else execute_api_endpoint.rstrip("/")
        )
        self._domain_url: str | None = None
        self._shown_url = False
        log = (access_log or AccessLog()) if account is not None and access_log != "OFF" else None
        level: ExecutionLog = execution_log or ("OFF" if account is None else "ERROR")
        api = deployment.api
        api_id = attribute(api.resource, "id")
        self._access_log_group = (
            None
            if log is None
            else LogGroup(
                self,
                "access-log",
                # Names of REST APIs are not unique.
                name=f"/aws/apigateway/{_words(api.name)}-{api_id}/{stage_name}",
                retention_days=log.retention_days,
            )
        )
        # API Gateway chooses this name; made by it, the log group would keep everything for ever.
        self._execution_log_group = (
            None
            if level == "OFF"
            else LogGroup(
                self,
                "execution-log",
                name=f"API-Gateway-Execution-Logs_{api_id}/{stage_name}",
                retention_days=DEFAULT_RETENTION_DAYS if log is None else log.retention_days,
            )
        )
        self._resource = make(
            ApiGatewayStage,
            self,
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
                make(
                    ApiGatewayClientCertificate,
                    self,
                    "client-certificate",
                    description=f"Shown to the backends of {where}",
                ),
                "id",
            )
            if client_certificate
            else None,
            access_log_settings=None
            if log is None or self._access_log_group is None
            else ApiGatewayStageAccessLogSettings(
                destination_arn=attribute(self._access_log_group.resource, "arn"), format=log.format
            ),
        )
        self._method_settings = make(
            ApiGatewayMethodSettings,
            self,
            "method-settings",
            rest_api_id=api_id,
            stage_name=attribute(self._resource, "stage_name"),
            method_path="*/*",
            settings=ApiGatewayMethodSettingsSettings(
                throttling_rate_limit=limits.rate_limit,
                throttling_burst_limit=limits.burst_limit,
                logging_level=level,
                data_trace_enabled=False,
                metrics_enabled=True,
                caching_enabled=None if cache is None else True,
                cache_data_encrypted=None if cache is None else True,
                cache_ttl_in_seconds=None if cache is None else cache.ttl_seconds,
            ),
        )
        self.node.add_validation(_KeysHaveAPlan(self))
        before = [account.resource] if isinstance(account, ApiGatewayAccount) else []
        groups = [] if self._execution_log_group is None else [self._execution_log_group.resource]
        wait_for(self._resource, *groups, *before, first=True)
        wait_for(self._method_settings, *before, first=True)

    @property
    def stage_name(self) -> str:
        """Its name, the first part of its URLs' path."""
        return self._stage_name

    @property
    def deployment(self) -> Deployment:
        """What it serves."""
        return self._deployment

    @property
    def throttle(self) -> Throttle:
        """How many requests each of its methods takes."""
        return self._throttle

    @property
    def invoke_url(self) -> str:
        """Where clients call it, without a `/` at the end; a reference, or the address at its `DomainName`."""
        self._shown_url = True
        if self._domain_url is not None:
            return self._domain_url
        if self._execute_api_endpoint is None:
            return token(self._resource, "invoke_url")
        return (
            f"{self._execute_api_endpoint}/_aws/execute-api/"
            f"{token(self._resource, 'rest_api_id')}/{token(self._resource, 'stage_name')}"
        )

    def check_domain(self, where: str) -> None:
        """Checks that a domain may still become its address; for `DomainName`.

        Raises:
            ConflictError: if `invoke_url` was used before, with the address that the domain closes.
        """
        if self._shown_url and self._domain_url is None:
            raise ConflictError(
                where,
                f"stage '{self._stage_name}' gave its invoke_url away, which leads nowhere with a domain",
                "make the DomainName before invoke_url is used",
            )

    def serve_at(self, url: str) -> None:
        """Makes the address at a domain its `invoke_url`, unless it has one; for `DomainName`."""
        self._domain_url = self._domain_url or url

    @property
    def arn(self) -> str:
        """Its ARN."""
        return token(self._resource, "arn")

    @property
    def access_log_group(self) -> LogGroup | None:
        """Where requests are logged; None where they are not."""
        return self._access_log_group

    @property
    def execution_log_group(self) -> LogGroup | None:
        """Where executions are logged; None where they are not."""
        return self._execution_log_group

    @property
    def method_settings(self) -> ApiGatewayMethodSettings:
        """The `aws_api_gateway_method_settings` for all methods."""
        return self._method_settings

    @property
    def resource(self) -> ApiGatewayStage:
        """The `aws_api_gateway_stage`."""
        return self._resource


@jsii.implements(IValidation)
class _KeysHaveAPlan:
    """Run by `app.synth()`: usage plans are made after their stages."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def validate(self) -> list[str]:
        api, name = self._stage.deployment.api, self._stage.stage_name
        keyed = [route for route in api.definition.routes if route.api_key_required]
        if not keyed or name in api.context.planned_stages:
            return []
        called = f"{keyed[0].http_method} {keyed[0].path}"
        problem = f"{called} has api_key_required=True and stage '{name}' is in no usage plan, so that every call is refused"
        return [f"{problem}; add UsagePlan(..., stages=[stage])"]


def _check_logs(
    where: str,
    account: ApiGatewayAccount | ExistingApiGatewayAccount | None,
    access_log: AccessLog | Literal["OFF"] | None,
    execution_log: ExecutionLog | None,
) -> None:
    if isinstance(access_log, str):
        check_choice(where, "access_log", access_log, Literal["OFF"])
    if execution_log is not None:
        check_choice(where, "execution_log", execution_log, ExecutionLog)
    if account is not None:
        return
    if isinstance(access_log, AccessLog):
        raise ConflictError(where, "access_log needs a role that API Gateway logs with", _ACCOUNT_REMEDY)
    if execution_log in ("ERROR", "INFO"):
        raise ConflictError(where, "execution_log needs a role that API Gateway logs with", _ACCOUNT_REMEDY)
    if access_log is None or execution_log is None:
        warnings.warn(
            f"{where}: logs no requests, for want of a role that API Gateway logs with; {_ACCOUNT_REMEDY}, or say "
            "access_log='OFF' and execution_log='OFF'",
            ConstructWarning,
            stacklevel=4,  # past this function, the constructor and jsii, to who makes the stage
        )


def _check_variables(where: str, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        check_pattern(
            where, "the name of a stage variable", name, r"[A-Za-z0-9_]{1,64}", "use letters, digits and '_'"
        )
        check_pattern(
            where,
            f"stage variable {name}:",
            value,
            r"[A-Za-z0-9._~:/?#&=,-]{1,512}",
            "use 1 to 512 letters, digits and '-._~:/?#&=,'",
        )
        if (secret := find_secret(value)) is not None:
            raise UnsafeSettingError(
                where,
                f"stage variable {name} holds {secret} in plain text",
                "keep it in Secrets Manager or the Parameter Store, and pass its name",
            )


def _words(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
