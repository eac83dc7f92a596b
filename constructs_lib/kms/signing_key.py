"""A key that signs: its secret half never leaves KMS, its public half is for whoever checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.checks import path_of
from constructs_lib.kms.single_use_key import SingleUseKey

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role


class SigningKey(SingleUseKey):
    """A key of KMS for signatures by ECDSA on P-256 (`aws_kms_key`), with an alias.

    Whoever is to check its signatures gets the public key (`aws kms get-public-key`); there is nothing to share that
    would have to be kept secret. AWS does not turn such keys over.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its name in that construct.
        alias: Its name in AWS, without `alias/`. Default: the stack's prefix and the path below the stack.
        deletion_window_days: For how long a deleted key can be had back, 7 to 30. Left out, 30.

    Raises:
        ConstructError: if an argument is not valid, or the alias is taken.

    Example:
        >>> key = SigningKey(stack, "callbacks")
        >>> key.grant_sign(function.role)
        >>> key.alias
        'shop-callbacks'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alias: str | None = None,
        deletion_window_days: int = 30,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            alias=alias,
            description=f"Signs for {path_of(scope)}",
            key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
            deletion_window_days=deletion_window_days,
        )

    def grant_sign(self, role: Role) -> None:
        """Lets a role sign, and nothing else; doing it twice changes nothing."""
        self._grant(role, "sign", "kms:Sign")
