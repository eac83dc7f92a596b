"""Claims of names that must be unique in an App, in an AWS account, or in a region of an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal
from weakref import WeakKeyDictionary

from cdktf import App
from constructs import Construct, IConstruct

from constructs_lib.environment import Environment
from constructs_lib.errors import ConflictError
from constructs_lib.state import S3State
from constructs_lib.templates import has_reference

ClaimScope = Literal["region", "account"]
"""Scope of uniqueness: one region of an AWS account, or the whole account."""

_OTHER_ACCOUNT: Final = (
    "pass each stack its allowed_account_ids if they are deployed to different AWS accounts"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Account and region of a stack.

    Attributes:
        stack: Path of the stack.
        region: AWS region.
        account_ids: AWS accounts that Terraform may deploy to. Empty: any.
        is_local: Whether it is the local cloud.
    """

    stack: str
    region: str
    account_ids: frozenset[str]
    is_local: bool

    @classmethod
    def of(
        cls, stack: str, region: str, account_ids: Sequence[str], environment: Environment | None
    ) -> Destination:
        """Return the destination of a stack."""
        is_local = environment is not None and environment.is_local
        return cls(stack=stack, region=region, account_ids=frozenset(account_ids), is_local=is_local)

    def shares(self, scope: ClaimScope, other: Destination) -> bool:
        """Return whether both may be in the same account, or in the same region of it.

        A stack without account IDs may be deployed to any account.
        """
        if self.is_local != other.is_local or (scope == "region" and self.region != other.region):
            return False
        are_known = self.account_ids and other.account_ids
        return not are_known or not self.account_ids.isdisjoint(other.account_ids)


@dataclass(frozen=True, slots=True)
class _Claim:
    where: str
    destination: Destination


class Claims:
    """Claimed names of the stacks of an App."""

    def __init__(self) -> None:
        self._in_app: dict[tuple[str, ...], str] = {}
        self._in_aws: dict[tuple[str, str, str], list[_Claim]] = {}

    @classmethod
    def of(cls, scope: Construct) -> Claims:
        """Return the claims of a construct's App."""
        return _CLAIMS.setdefault(App.of(scope), cls())

    def claim_stack(self, where: str, construct_id: str, state: S3State | str) -> None:
        """Claim the folder and the state of a stack, which must be unique in the App.

        Args:
            where: Path of the stack.
            construct_id: Id of the stack, which is the name of its folder.
            state: State in S3, or the path of a local one.

        Raises:
            ConflictError: Another stack has one of them.
        """
        owner = self._in_app.setdefault(("folder", construct_id), where)
        if owner != where:
            raise ConflictError(
                where,
                f"would be written to the folder of stack '{owner}'",
                "rename one of the two stacks (construct_id)",
            )
        if isinstance(state, S3State):
            place, name, argument = (
                ("s3", state.bucket, state.key),
                f"s3://{state.bucket}/{state.key}",
                "key",
            )
        else:
            path = str(PurePosixPath(state))
            place, name, argument = ("local", path, ""), path, "state_path"
        owner = self._in_app.setdefault(place, where)
        if owner != where:
            raise ConflictError(
                where,
                f"shares its state '{name}' with stack '{owner}'",
                f"pass another {argument} to one of the two",
            )

    def claim(
        self, destination: Destination, where: str, kind: str, name: str, *, remedy: str, scope: ClaimScope
    ) -> None:
        """Claim a name in AWS; see `ProviderStack.claim`.

        Raises:
            ConflictError: The name is taken.
        """
        # References of different stacks can have the same address, so they do not identify a name across
        # stacks.
        stack = destination.stack if has_reference(name) else ""
        claims = self._in_aws.setdefault((stack, kind, name), [])
        for claim in claims:
            if not claim.destination.shares(scope, destination):
                continue
            if claim.where == where:
                return
            raise ConflictError(
                where, f"{kind} '{name}' is taken by {claim.where}", _remedy(claim, destination, remedy)
            )
        claims.append(_Claim(where, destination))


def _remedy(claim: _Claim, destination: Destination, remedy: str) -> str:
    return remedy if claim.destination.stack == destination.stack else f"{remedy}, or {_OTHER_ACCOUNT}"


_CLAIMS: Final[WeakKeyDictionary[IConstruct, Claims]] = WeakKeyDictionary()
