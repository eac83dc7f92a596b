"""The credentials of a worker: a session of the function's role, named after the function as on AWS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from local_cloud.functions.definition import FunctionDefinition
from local_cloud.iam.enforcement import refused_need
from local_cloud.iam.permissions import Need
from local_cloud.iam.sessions import RoleSession, open_session

ACCESS_KEY_ID = "LOCALCLOUDWORKER0000"
"""The access key of a worker whose role is not known here: of the form of AWS's, and worthless there."""

_RENEWED_BEFORE_END_SECONDS = 20 * 60  # longer than any invocation


NOBODYS = RoleSession("", ACCESS_KEY_ID, "local-cloud", "local-cloud", math.inf)
"""Credentials of a worker whose role is not known here; its calls are not checked."""


def worker_credentials(definition: FunctionDefinition, report: Callable[[str], None]) -> RoleSession:
    """Return the credentials of a new worker; `report` receives, on any thread, the calls that are rejected."""
    session = open_session(
        definition.role,
        definition.name,
        region=definition.region,
        function_arn=definition.arn.removesuffix(f":{definition.version}"),
        report=report,
    )
    return NOBODYS if session is None else session


def used_up(credentials: RoleSession) -> bool:
    """Return whether the credentials would end during an invocation that begins now."""
    return time.time() > credentials.ends_at - _RENEWED_BEFORE_END_SECONDS


def may_log(
    credentials: RoleSession, definition: FunctionDefinition, log_stream: str, report: Callable[[str], None]
) -> bool:
    """Return whether the function's role lets Lambda write its log into CloudWatch Logs."""
    if _may(credentials, definition, f"log-stream:{log_stream}", "CreateLogStream", "PutLogEvents"):
        return True
    role = definition.role.rpartition("/")[2]
    report(
        f"nothing of this gets into CloudWatch Logs: role {role} does not allow logs:CreateLogStream and "
        f"logs:PutLogEvents on log group {definition.log_group}"
    )
    return False


def may_create_log_group(credentials: RoleSession, definition: FunctionDefinition) -> bool:
    """Return whether the function's role allows Lambda to create the function's log group."""
    return _may(credentials, definition, "*", "CreateLogGroup")


def _may(credentials: RoleSession, definition: FunctionDefinition, part: str, *actions: str) -> bool:
    region = definition.region
    group = f"arn:aws:logs:{region}:{definition.account_id}:log-group:{definition.log_group}"
    needs = (Need(f"logs:{action}", (f"{group}:{part}", group)) for action in actions)
    return all(refused_need(credentials.access_key, need, region=region) is None for need in needs)
