"""The credentials of a worker: a session of the function's role, named after the function as on AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from local_cloud.functions.definition import FunctionDefinition
from local_cloud.iam.enforcement import refused_need
from local_cloud.iam.need import Need
from local_cloud.iam.sessions import end_session, open_session

ACCESS_KEY_ID = "LOCALCLOUDWORKER0000"
"""The access key of a worker whose role is not known here: of the form of AWS's, and worthless there."""

_RENEWED_BEFORE_END_SECONDS = 20 * 60  # longer than any invocation


@dataclass(frozen=True, slots=True)
class WorkerCredentials:
    """What a worker signs its calls with.

    Attributes:
        access_key: The id of the access key.
        secret: The secret of that key.
        token: The session token.
        usable_until: Until when a worker may begin an invocation with them, in seconds since 1970; None for ever.
    """

    access_key: str
    secret: str
    token: str
    usable_until: float | None = None

    @property
    def used_up(self) -> bool:
        """They would end during an invocation."""
        return self.usable_until is not None and time.time() > self.usable_until


NOBODYS = WorkerCredentials(ACCESS_KEY_ID, "local-cloud", "local-cloud")
"""The credentials of nobody, whose calls are not checked."""


def worker_credentials(definition: FunctionDefinition, report: Callable[[str], None]) -> WorkerCredentials:
    """Make the credentials of a new worker.

    Args:
        definition: What it runs.
        report: Is told, on any thread, which of its calls are refused.
    """
    session = open_session(
        definition.role,
        definition.name,
        region=definition.region,
        function_arn=definition.arn.removesuffix(f":{definition.version}"),
        report=report,
    )
    if session is None:
        return NOBODYS
    return WorkerCredentials(
        session.access_key, session.secret, session.token, session.ends_at - _RENEWED_BEFORE_END_SECONDS
    )


def may_log(
    credentials: WorkerCredentials,
    definition: FunctionDefinition,
    log_stream: str,
    report: Callable[[str], None],
) -> bool:
    """Say whether the function's role lets Lambda write its log into CloudWatch Logs.

    Args:
        credentials: Those of the worker.
        definition: What it runs.
        log_stream: The name of the worker's log stream.
        report: Is told if it does not.
    """
    if credentials is NOBODYS:
        return True
    region, account_id = definition.region, definition.account_id
    group = f"arn:aws:logs:{region}:{account_id}:log-group:{definition.log_group}"
    resources = (f"{group}:log-stream:{log_stream}", group)
    needs = (Need(f"logs:{action}", resources) for action in ("CreateLogStream", "PutLogEvents"))
    if all(refused_need(credentials.access_key, need, region=region) is None for need in needs):
        return True
    role = definition.role.rpartition("/")[2]
    report(
        f"nothing of this gets into CloudWatch Logs: role {role} does not allow logs:CreateLogStream and "
        f"logs:PutLogEvents on log group {definition.log_group}"
    )
    return False


def may_create_log_group(credentials: WorkerCredentials, definition: FunctionDefinition) -> bool:
    """Return whether the function's role allows Lambda to create the function's log group."""
    if credentials is NOBODYS:
        return True
    region = definition.region
    group = f"arn:aws:logs:{region}:{definition.account_id}:log-group:{definition.log_group}"
    need = Need("logs:CreateLogGroup", (f"{group}:*", group))
    return refused_need(credentials.access_key, need, region=region) is None


def end_credentials(credentials: WorkerCredentials) -> None:
    """Note that the worker is gone."""
    end_session(credentials.access_key)
