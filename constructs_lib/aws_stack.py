"""The stack: one AWS region, one Terraform state, and the key that encrypts by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.checks import path_of
from constructs_lib.errors import ConflictError
from constructs_lib.provider_stack import ProviderStack
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from constructs_lib.kms.encryption_key import EncryptionKey


class AwsStack(ProviderStack):
    """A Terraform configuration for one AWS region; `ProviderStack` describes the arguments.

    Example:
        >>> stack = AwsStack(app, "shop", environment=Environment.from_variables({"ENVIRONMENT": "dev"}))
        >>> stack.region, stack.name_prefix
        ('us-east-1', 'shop-dev')
    """

    _encryption_key: EncryptionKey | None = None
    _unencrypted: str | None = None

    @property
    def encryption_key(self) -> EncryptionKey | None:
        """The key that encrypts whatever names no other; None where there is none."""
        return self._encryption_key

    def encrypt_with(self, key: EncryptionKey) -> None:
        """Encrypts everything that is made in this stack from now on, and that names no other key.

        Without it, AWS's own keys do: they encrypt as well, and nobody can say who may decrypt, or see who did.

        Args:
            key: A key of this stack.

        Raises:
            ConflictError: if something was made without a key before, or the key is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, key)
        known = self._encryption_key
        if known is not None and known is not key:
            raise ConflictError(
                where,
                f"is encrypted with {path_of(known)} already",
                "pass encryption_key=... to what needs another key",
            )
        if self._unencrypted is not None:
            raise ConflictError(
                where,
                f"{self._unencrypted} was made before, without a key",
                "call encrypt_with right after the stack and its key are made",
            )
        self._encryption_key = key

    def key_for(self, where: str, scope: Construct, own: EncryptionKey | None) -> EncryptionKey | None:
        """Return the key for a construct that is about to be made: its own, the stack's, or none.

        Args:
            where: The path of the construct.
            scope: Parent construct.
            own: The key that it was given.

        Raises:
            ConflictError: if its own key is in another stack.
        """
        if own is not None:
            check_same_stack(where, scope, own)
            return own
        if self._encryption_key is None and self._unencrypted is None:
            self._unencrypted = where
        return self._encryption_key
