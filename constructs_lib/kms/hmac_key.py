"""HMAC key for keyed hashes, such as those of callers in logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.kms.single_use_key import SingleUseKey

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role


class HmacKey(SingleUseKey):
    """KMS key for keyed hashes by HMAC-SHA-256 (`aws_kms_key`), with an alias.

    KMS computes the hashes. The key material is in no variable and no state, and CloudTrail shows each use.
    AWS does not rotate HMAC keys; a new key changes all hashes.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        alias: Alias in AWS without `alias/`. Default: the stack's prefix and the path below the stack.
        deletion_window_days: Days in which a deleted key can be restored, 7-30. Default: 30.

    Raises:
        ConstructError: if an argument is not valid, or the alias is taken.

    Example:
        >>> key = HmacKey(stack, "callers")
        >>> key.grant_generate(function.role)
        >>> key.alias
        'shop-callers'
    """

    _purpose = "Hashes for"
    _spec = "HMAC_256"
    _usage = "GENERATE_VERIFY_MAC"

    def grant_generate(self, role: Role) -> None:
        """Allow a role to compute hashes (`kms:GenerateMac`), and nothing else. Idempotent."""
        self._grant(role, "hash", "kms:GenerateMac")
