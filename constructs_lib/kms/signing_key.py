"""Signing key: the private key never leaves KMS, the public key verifies signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.kms.single_use_key import SingleUseKey

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role


class SigningKey(SingleUseKey):
    """KMS key for signatures by ECDSA on P-256 (`aws_kms_key`), with an alias.

    Verify signatures with the public key (`aws kms get-public-key`); no shared secret is needed. AWS does not
    rotate such keys.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        alias: Alias in AWS without `alias/`. Default: the stack's prefix and the path below the stack.
        deletion_window_days: Days in which a deleted key can be restored, 7-30. Default: 30.

    Raises:
        ConstructError: if an argument is not valid, or the alias is taken.

    Example:
        >>> key = SigningKey(stack, "callbacks")
        >>> key.grant_sign(function.role)
        >>> key.alias
        'shop-callbacks'
    """

    _purpose = "Signs for"
    _spec = "ECC_NIST_P256"
    _usage = "SIGN_VERIFY"

    def grant_sign(self, role: Role) -> None:
        """Allow a role to sign (`kms:Sign`), and nothing else. Idempotent."""
        self._grant(role, "sign", "kms:Sign")
