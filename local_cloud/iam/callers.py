"""Owners of access keys, in moto's IAM and STS as they are at each request.

Who may sign requests to a method with AWS_IAM authorization:

- a user of moto's IAM with an active access key,
- a session of moto's STS (AssumeRole and its kin) until it ends, with the rights of its role and its session policy,
- the root user of the local cloud, by the keys that tools and people use for a cloud of this machine: `local`
  with the secret `local`, and `test` with `test`. Root may do everything in its account, as on AWS; so a
  fresh local cloud can be used without any IAM, and a user or a role is needed to see rejections.

Any other key is unknown, although moto's own APIs take it. That includes the key of workers whose function has a role that
is not known here; all others have a session. It also includes what moto's GetSessionToken and GetFederationToken return,
the same for every caller.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from local_cloud.iam.documents import parse_policy
from local_cloud.iam.policies import (
    Decision,
    PrincipalNotFoundError,
    PrincipalPolicies,
    is_allowed,
    role_policies,
    user_policies,
)

ROOT_KEYS: Mapping[str, str] = {"local": "local", "test": "test"}
"""Secrets of the root user's access keys, by key id. On AWS no key id is as short."""

_PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a policy may have for a caller.

    Attributes:
        to_allow: Those by which a statement can allow. In its own account a caller is not allowed by the name of the
            account, which only lets the account's own policies decide.
        to_deny: Those by which a statement can deny.
    """

    to_allow: Collection[str] = ()
    to_deny: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Owner of an access key.

    Attributes:
        user_id: The unique id: of a user, or of a role and its session (`AROA…:session`), or the account of root.
        token: The session token that a request must have; None for none.
        expires: When the session ends; None for never.
        session_policy: What a session is limited to, as JSON; None for nothing.
    """

    access_key: str
    secret: str
    account_id: str
    user_id: str
    arn: str
    principal_arn: str
    user_name: str | None = None
    token: str | None = None
    expires: datetime | None = None
    session_policy: str | None = None

    @property
    def is_root(self) -> bool:
        """It is the root user of an account."""
        return self.principal_arn == _root_arn(self.account_id)

    def names(self, account_id: str) -> Names:
        """Return the names that the caller has in a policy of a resource of an account."""
        own = {self.arn, self.principal_arn}
        all_names = own | {self.account_id, _root_arn(self.account_id)}
        by_account = self.is_root or self.account_id != account_id
        return Names(to_allow=all_names if by_account else own, to_deny=all_names)

    def facts(self) -> dict[str, str]:
        """Return the condition keys that are about the caller."""
        kind = "Account" if self.is_root else "User" if self.token is None else "AssumedRole"
        facts = {
            "aws:PrincipalArn": self.principal_arn,
            "aws:PrincipalAccount": self.account_id,
            "aws:PrincipalType": kind,
            "aws:userid": self.user_id,
        }
        return facts if self.user_name is None else facts | {"aws:username": self.user_name}

    def may(self, action: str, resource: str, facts: Mapping[str, str]) -> Decision:
        """Return whether the caller's own policies allow an action on a resource."""
        if self.is_root:
            return "allowed"
        values = {**facts, **self.facts()}
        decision = is_allowed(self._policies(), action, resource, facts=values)
        if decision == "allowed" and self.session_policy is not None:
            return is_allowed((parse_policy(self.session_policy),), action, resource, facts=values)
        return decision

    def _policies(self) -> PrincipalPolicies:
        try:
            return (user_policies if self.token is None else role_policies)(self.principal_arn)
        except PrincipalNotFoundError:
            return PrincipalPolicies(())  # moto lets anybody assume a role that does not exist


def find_caller(access_key: str) -> Caller | None:
    """Return the owner of an access key, or None if it is unknown or not active."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.iam.models import get_account_id_from, iam_backends
    from moto.sts.models import sts_backends

    if access_key in ROOT_KEYS:
        account, arn = DEFAULT_ACCOUNT_ID, _root_arn(DEFAULT_ACCOUNT_ID)
        return Caller(access_key, ROOT_KEYS[access_key], account, account, arn, arn)
    account = get_account_id_from(access_key)
    iam = iam_backends[account][_PARTITION]
    key = iam.access_keys.get(access_key)
    if key is None or key.status != "Active":
        return None
    if key.user_name is None:
        session = sts_backends[account][_PARTITION].get_assumed_role_from_access_key(access_key)
        return (
            None
            if session is None
            else Caller(
                access_key,
                session.secret_access_key,
                account,
                session.user_id,
                session.arn,
                session.role_arn,
                token=session.session_token,
                expires=session.expiration,
                session_policy=session.policy or None,
            )
        )
    user = iam.users.get(key.user_name)
    if user is None:
        return None
    return Caller(access_key, key.secret_access_key, account, user.id, user.arn, user.arn, user.name)


def _root_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:root"
