"""Logs of a stage: access log and execution log, if API Gateway has a role for logs."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Final, Literal

from cdktf_cdktf_provider_aws.api_gateway_stage import ApiGatewayStageAccessLogSettings
from constructs import Construct

from constructs_lib.api.access_log import AccessLog
from constructs_lib.api.api_gateway_account import ApiGatewayAccount, ExistingApiGatewayAccount
from constructs_lib.api.rest_api_base import RestApiBase
from constructs_lib.checks import check_choice
from constructs_lib.errors import ConflictError, ConstructWarning
from constructs_lib.logs.log_group import LogGroup
from constructs_lib.references import attribute

ExecutionLog = Literal["OFF", "ERROR", "INFO"]
"""Level of the execution log. Bodies are never logged."""

Account = ApiGatewayAccount | ExistingApiGatewayAccount
"""Role by which API Gateway writes logs: a new or an existing one."""

_ACCOUNT_REMEDY: Final = (
    "pass account=ApiGatewayAccount(...) once per account and region, and "
    "ExistingApiGatewayAccount() elsewhere"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLogs:
    """The logs of one stage.

    Attributes:
        access_settings: Settings of the access log. None if it is off.
        access_log_group: Log group of requests. None if they are not logged.
        execution_level: Level of the execution log.
        execution_log_group: Log group of executions. None if they are not logged.
    """

    access_settings: ApiGatewayStageAccessLogSettings | None
    access_log_group: LogGroup | None
    execution_level: ExecutionLog
    execution_log_group: LogGroup | None


def check_logs(
    where: str,
    account: Account | None,
    access_log: AccessLog | Literal["OFF"] | None,
    execution_log: ExecutionLog | None,
) -> None:
    """Check the log arguments of a stage; called by its constructor directly.

    Raises:
        ConstructError: if an argument is not valid, or a log is set without `account`.
    """
    if isinstance(access_log, str):
        check_choice(where, "access_log", access_log, Literal["OFF"])
    if execution_log is not None:
        check_choice(where, "execution_log", execution_log, ExecutionLog)
    if account is not None:
        return
    if isinstance(access_log, AccessLog):
        raise ConflictError(
            where, "access_log needs a role by which API Gateway writes logs", _ACCOUNT_REMEDY
        )
    if execution_log in ("ERROR", "INFO"):
        raise ConflictError(
            where, "execution_log needs a role by which API Gateway writes logs", _ACCOUNT_REMEDY
        )
    if access_log is None or execution_log is None:
        warnings.warn(
            f"{where}: logs no requests, because API Gateway has no role for logs; {_ACCOUNT_REMEDY}, or pass access_log='OFF' and execution_log='OFF'",
            ConstructWarning,
            stacklevel=4,  # past this function, the constructor and jsii, to the caller that creates the stage
        )


def make_logs(
    stage: Construct,
    stage_name: str,
    api: RestApiBase,
    *,
    account: Account | None,
    access_log: AccessLog | Literal["OFF"] | None,
    execution_log: ExecutionLog | None,
) -> StageLogs:
    """Create the log groups of a stage, before the stage itself; see `Stage` for the arguments."""
    log = (access_log or AccessLog()) if account is not None and access_log != "OFF" else None
    level: ExecutionLog = execution_log or ("OFF" if account is None else "ERROR")
    api_id = attribute(api.resource, "id")
    access_log_group = (
        None
        if log is None
        else LogGroup(
            stage,
            "access-log",
            # Names of REST APIs are not unique.
            name=f"/aws/apigateway/{_words(api.name)}-{api_id}/{stage_name}",
            retention_days=log.retention_days,
        )
    )
    # API Gateway chooses this name. A log group that it creates itself never expires events.
    execution_log_group = (
        None
        if level == "OFF"
        else LogGroup(
            stage,
            "execution-log",
            name=f"API-Gateway-Execution-Logs_{api_id}/{stage_name}",
            retention_days=None if log is None else log.retention_days,
        )
    )
    return StageLogs(
        access_settings=None
        if log is None or access_log_group is None
        else ApiGatewayStageAccessLogSettings(
            destination_arn=attribute(access_log_group.resource, "arn"), format=log.format
        ),
        access_log_group=access_log_group,
        execution_level=level,
        execution_log_group=execution_log_group,
    )


def _words(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
