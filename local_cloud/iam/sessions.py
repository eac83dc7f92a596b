"""Sessions of roles, as Lambda and Step Functions open them: moto's STS makes the credentials.

The permissions of an unknown role cannot be checked. A function with such a role gets no session, and uses
unknown credentials, which may do everything. Roles without any trust (no statement in the trust policy, which
AWS would not have taken) are of that kind too.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from local_cloud.iam.policies import PrincipalNotFoundError, role_trust_policy, trusts

SESSION_SECONDS = 12 * 60 * 60
"""How long a session lasts, as on AWS about."""

_MOST_ENDED_SESSIONS = 200  # an address that was signed in advance outlives who signed it
_PARTITION = "aws"

_log = logging.getLogger("local_cloud.iam")


@dataclass(frozen=True, slots=True)
class RoleSession:
    """Credentials of a session of an assumed role.

    Attributes:
        arn: The session, `arn:aws:sts::…:assumed-role/ROLE/NAME`.
        ends_at: When it ends, in seconds since 1970.
    """

    arn: str
    access_key: str
    secret: str
    token: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class _Opened:
    """Record of a session: its account, its function, and the listener for rejections."""

    account_id: str
    function_arn: str | None
    report: Callable[[str], None] | None


_opened: dict[str, _Opened] = {}
_ended: deque[str] = deque()
_unknown: set[str] = set()
_lock = Lock()


def is_known(role_arn: str) -> bool:
    """Return whether a role exists here, with a trust policy that says something."""
    try:
        return bool(role_trust_policy(role_arn).get("Statement"))
    except PrincipalNotFoundError:
        return False


def may_be_assumed(role_arn: str, service: str, *, source_arn: str) -> bool:
    """Return whether a service may assume a role; a role that is not known here may be assumed by everybody."""
    if not is_known(role_arn):
        return True
    facts = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
    return trusts(role_trust_policy(role_arn), service, facts=facts)


def open_session(
    role_arn: str,
    name: str,
    *,
    region: str,
    function_arn: str | None = None,
    report: Callable[[str], None] | None = None,
) -> RoleSession | None:
    """Open a session of a role, perhaps for a function; None for a role that is not known here.

    `report` receives, on any thread, the calls that are rejected.
    """
    if not is_known(role_arn):
        if role_arn not in _unknown:
            _unknown.add(role_arn)
            _log.info("%s calls AWS's APIs unchecked: there is no role %s here", name, role_arn)
        return None
    from moto.sts.models import sts_backends

    account_id = role_arn.split(":")[4]
    with _lock:
        assumed: Any = sts_backends[account_id][_PARTITION].assume_role(
            region_name=region,
            role_session_name=name[:64],
            role_arn=role_arn,
            policy="",
            duration=SESSION_SECONDS,
            external_id="",
        )
        _opened[assumed.access_key_id] = _Opened(account_id, function_arn, report)
    return RoleSession(
        arn=assumed.arn,
        access_key=assumed.access_key_id,
        secret=assumed.secret_access_key,
        token=assumed.session_token,
        ends_at=time.time() + SESSION_SECONDS,
    )


def end_session(access_key: str) -> None:
    """End a session. It stays valid for requests that were signed before, until it is among the oldest."""
    with _lock:
        if access_key in _opened:
            _ended.append(access_key)
        while len(_ended) > _MOST_ENDED_SESSIONS:
            oldest = _ended.popleft()
            _forget(oldest, _opened.pop(oldest))


def is_own(access_key: str) -> bool:
    """Return whether a key is of a session that was opened here, for a function or a state machine."""
    return access_key in _opened


def function_of(access_key: str) -> str | None:
    """Return the ARN of the function that a session is for; None if it is for none."""
    opened = _opened.get(access_key)
    return None if opened is None else opened.function_arn


def report_refusal(access_key: str, line: str) -> None:
    """Report a rejection to the owner of a session."""
    opened = _opened.get(access_key)
    if opened is not None and opened.report is not None:
        opened.report(line)


def _forget(access_key: str, opened: _Opened) -> None:
    """Take an old session out of moto's lists, which are searched at each call."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    sts: Any = sts_backends[opened.account_id][_PARTITION]
    sts.assumed_roles = [item for item in sts.assumed_roles if item.access_key_id != access_key]
    iam_backends[opened.account_id][_PARTITION].access_keys.pop(access_key, None)
