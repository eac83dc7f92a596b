"""Names that AWS or Terraform allows once, in an App, in an AWS account, or in a region of an account."""

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
"""Where a name is unique: in one region of an AWS account, or in all of them."""

_OTHER_ACCOUNT: Final = (
    "pass each stack its allowed_account_ids if they are deployed to different AWS accounts"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a stack is deployed.

    Attributes:
        stack: Path of the stack.
        region: AWS region.
        account_ids: The AWS accounts that Terraform may deploy to. Empty for any.
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
        """Whether both may be in the same account, or in the same region of it.

        A stack without account IDs may be deployed to any account.
        """
        if self.is_local != other.is_local or (scope == "region" and self.region != other.region):
            return False
        known = self.account_ids and other.account_ids
        return not known or not self.account_ids.isdisjoint(other.account_ids)


@dataclass(frozen=True, slots=True)
class _Claim:
    where: str
    destination: Destination


class Claims:
    """The names that the stacks of an App claimed."""

    def __init__(self) -> None:
        self._in_app: dict[tuple[str, ...], str] = {}
        self._in_aws: dict[tuple[str, str, str], list[_Claim]] = {}

    @classmethod
    def of(cls, scope: Construct) -> Claims:
        """Return those of the App that a construct is in."""
        return _CLAIMS.setdefault(App.of(scope), cls())

    def claim_stack(self, where: str, construct_id: str, state: S3State | str) -> None:
        """Claim the folder and the state of a stack, which no other stack of the App may have.

        Args:
            where: Path of the stack.
            construct_id: Name of the stack's folder.
            state: State in S3, or the path of a local one.

        Raises:
            ConflictError: Another stack has one of them.
        """
        owner = self._in_app.setdefault(("folder", construct_id), where)
        if owner != where:
            raise ConflictError(
                where,
                f"would be written to the folder of stack '{owner}'",
                "give one of the two stacks another construct_id",
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
        # Terraform knows the attributes of one stack apart from those of another, and their addresses may be equal.
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
