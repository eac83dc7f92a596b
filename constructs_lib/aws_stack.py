"""Stack: one AWS region, one Terraform state, and a default encryption key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from constructs import Construct

from constructs_lib.checks import path_of
from constructs_lib.errors import ConflictError
from constructs_lib.provider_stack import ProviderStack
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from constructs_lib.kms.encryption_key import EncryptionKey


C = TypeVar("C", bound=Construct)


class AwsStack(ProviderStack):
    """Terraform configuration for one AWS region; `ProviderStack` describes the arguments.

    Example:
        >>> stack = AwsStack(app, "shop", environment=Environment.from_variables({"ENVIRONMENT": "dev"}))
        >>> stack.region, stack.name_prefix
        ('us-east-1', 'shop-dev')
    """

    __encryption_key: EncryptionKey | None = None
    __unencrypted: str | None = None
    __meter: Construct | None = None
    __unmetered: str | None = None

    @property
    def encryption_key(self) -> EncryptionKey | None:
        """Default encryption key of the stack, or None."""
        return self.__encryption_key

    def encrypt_with(self, key: EncryptionKey) -> None:
        """Use a key for all constructs created from now on that pass no other key.

        The default is AWS's own keys, whose use you can neither restrict nor audit.

        Args:
            key: Key of this stack.

        Raises:
            ConflictError: if a construct was created without a key before, or the key is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, key)
        existing = self.__encryption_key
        if existing is not None and existing is not key:
            raise ConflictError(
                where,
                f"is encrypted with {path_of(existing)} already",
                "pass encryption_key=... to constructs that need another key",
            )
        if self.__unencrypted is not None:
            raise ConflictError(
                where,
                f"{self.__unencrypted} was created before, without a key",
                "call encrypt_with right after creating the stack and its key",
            )
        self.__encryption_key = key

    @property
    def meter(self) -> object | None:
        """The meter of the services, workflows and jobs in this stack; None if there is none."""
        return self.__meter

    def meter_with(self, meter: C) -> C:
        """Meter every service, workflow and job that is created in this stack from now on.

        Args:
            meter: A `Meter` of this stack.

        Returns:
            The meter.

        Raises:
            ConflictError: The stack has a meter, or a service was created before, or the meter is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, meter)
        if self.__meter is not None:
            raise ConflictError(where, f"has the meter {path_of(self.__meter)}", "call meter_with once")
        if self.__unmetered is not None:
            raise ConflictError(
                where,
                f"{self.__unmetered} was created before, without a meter",
                "call meter_with before the first service",
            )
        self.__meter = meter
        return meter

    def note_unmetered(self, where: str) -> None:
        """Note that something is created without a meter, so that `meter_with` comes too late.

        Args:
            where: Path of the construct.
        """
        self.__unmetered = self.__unmetered or where

    def key_for(self, where: str, scope: Construct, own: EncryptionKey | None) -> EncryptionKey | None:
        """Return the key for a new construct: its own, the stack's, or none.

        Args:
            where: The path of the construct.
            scope: Parent construct.
            own: Its own key, or None.

        Raises:
            ConflictError: if its own key is in another stack.
        """
        if own is not None:
            check_same_stack(where, scope, own)
            return own
        if self.__encryption_key is None and self.__unencrypted is None:
            self.__unencrypted = where
        return self.__encryption_key
