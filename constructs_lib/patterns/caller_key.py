"""Key that hashes callers for the logs, and the functions that use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.functions.function import Function
from constructs_lib.kms.hmac_key import HmacKey
from constructs_lib.patterns.service_archive import service_archive

if TYPE_CHECKING:
    from constructs_lib.archive import Archive

_TIMEOUT_SECONDS: Final = 5
"""Cognito waits no longer for a trigger."""


class CallerKey(HmacKey):
    """HMAC key by which the functions that authorize callers hash their names.

    The logs have the hashes in place of the names: operators can find the requests of a caller, and readers of the logs
    cannot find the caller.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its id in `scope`.
        alias: Its name in AWS, without `alias/`. Default: the stack's prefix and the path below the stack.
        deletion_window_days: Days in which a deleted key can be restored, 7-30. Default: 30.

    Raises:
        ConstructError: An argument is not valid, or the alias is taken.

    Example:
        >>> key = CallerKey(stack, "caller-key")
        >>> claims = key.add_function(stack, "users-claims", archive=archive)
        >>> UserPool(stack, "users", pre_token_generation=claims).pool_id.startswith("${TfToken")
        True
    """

    def add_function(
        self,
        scope: Construct,
        construct_id: str,
        *,
        archive: Archive | None = None,
        function_name: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Function:
        """Create a function that may compute hashes (`CALLER_KEY_ID`), with 512 MB and a timeout of 5 s.

        Args:
            scope: The construct that it belongs to.
            construct_id: Its id in `scope`.
            archive: Its code. Default: the archive of `handlers/<construct_id>`.
            function_name: Name in AWS. Default: the stack's prefix and the path below the stack.
            environment: More environment variables. Default: none.

        Raises:
            ConstructError: An argument is not valid, or the key is in another stack.
            ArchiveError: The archive cannot be built.
        """
        function = Function(
            scope,
            construct_id,
            archive=archive or service_archive(AwsStack.of(scope), construct_id),
            function_name=function_name,
            memory_mb=512,
            timeout_seconds=_TIMEOUT_SECONDS,
            environment={"CALLER_KEY_ID": self.arn, **(environment or {})},
        )
        self.grant_generate(function.role)
        return function
