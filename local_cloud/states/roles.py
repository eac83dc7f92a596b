"""The roles of state machines: whether Step Functions may assume them, and the sessions that their tasks call with.

A role keeps its session for hours, as clients are kept by session. Functions are not called over HTTP, so
this module checks whether a role may invoke one.
"""

from __future__ import annotations

import time
from threading import Lock
from uuid import uuid4

from botocore.exceptions import ClientError
from moto.stepfunctions.exceptions import AWSError

from local_cloud.iam.callers import find_caller
from local_cloud.iam.enforcement import refused_need
from local_cloud.iam.permissions import Need
from local_cloud.iam.refusals import ACCESS_DENIED, message_of
from local_cloud.iam.sessions import RoleSession, end_session, may_be_assumed, open_session

_SERVICE = "states.amazonaws.com"
_NOT_TRUSTED = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
    "provided role."
)
_RENEWED_BEFORE_END_SECONDS = 60 * 60


class RoleNotTrusted(AWSError):  # type: ignore[misc] # moto ships no types
    """The role of a state machine does not trust Step Functions."""

    TYPE = ACCESS_DENIED


def require_trust(role_arn: str, machine_arn: str) -> None:
    """Refuse a role that Step Functions may not assume."""
    region = machine_arn.split(":")[3]
    principals = (_SERVICE, f"states.{region}.amazonaws.com")
    if not any(may_be_assumed(role_arn, principal, source_arn=machine_arn) for principal in principals):
        raise RoleNotTrusted(_NOT_TRUSTED)


class Roles:
    """Cache of a session of each role, safe to use from many threads."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], RoleSession] = {}
        self._lock = Lock()

    def session(self, role_arn: str, region: str) -> RoleSession | None:
        """Return the session of a role; None for a role that is not known here, which may do everything."""
        key = (role_arn, region)
        with self._lock:
            session = self._sessions.get(key)
            if session is None or not _is_usable(session):
                if session is not None:
                    end_session(session.access_key)
                session = open_session(role_arn, uuid4().hex, region=region)
                if session is None:
                    self._sessions.pop(key, None)
                else:
                    self._sessions[key] = session
        return session

    def require_invocation(self, role_arn: str, function_arn: str, region: str) -> None:
        """Refuse a task whose role may not invoke its function."""
        session = self.session(role_arn, region)
        if session is None:
            return
        refused = refused_need(
            session.access_key, Need("lambda:InvokeFunction", (function_arn,)), region=region
        )
        if refused is not None:
            metadata = {"HTTPStatusCode": 403, "RequestId": str(uuid4())}
            error = {"Code": ACCESS_DENIED, "Message": message_of(refused)}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, "Invoke")


def _is_usable(session: RoleSession) -> bool:
    """Return whether a session will last, and whether moto has not forgotten it."""
    lasts = session.ends_at - _RENEWED_BEFORE_END_SECONDS > time.time()
    return lasts and find_caller(session.access_key) is not None


ROLES = Roles()
"""The sessions of all state machines; like moto's backends there is one for the process."""
