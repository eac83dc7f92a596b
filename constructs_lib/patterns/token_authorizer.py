"""Authorizer for callers with a token of their own, kept as a hash in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.authorization.lambda_authorizer import LambdaAuthorizer
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import path_below
from constructs_lib.patterns.service_archive import service_archive
from constructs_lib.storage.table import Table

if TYPE_CHECKING:
    from cdktf import TerraformResource

    from constructs_lib.archive import Archive
    from constructs_lib.authorization.authorizer import AuthorizerBackend
    from constructs_lib.functions.function import Function
    from constructs_lib.patterns.caller_key import CallerKey
    from constructs_lib.routes.definitions import AuthorizationDefinition, AuthorizerDefinition


class TokenAuthorizer(AwsConstruct):
    """Lambda authorizer with a table of tokens: callers send `Authorization: Bearer …` and their API key.

    The table has one item for each token: `token_sha256`, `partner`, `api_key_sha256`, and optionally `enabled` and
    `expires_at`. API Gateway invokes the function for each request, so that a revoked token is rejected at once.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its id in `scope`, the name of the authorizer and of the folder in `handlers/`.
        caller_key: The key that hashes callers for the logs.
        archive: Code of the function. Default: the archive of `handlers/<construct_id>`.
        deletion_protection: Whether AWS refuses to delete the table. Default: the stack's, True.

    Raises:
        ConstructError: An argument is not valid.
        ArchiveError: The archive cannot be built.

    Example:
        >>> partners = TokenAuthorizer(stack, "partners", caller_key=CallerKey(stack, "callers"), archive=archive)
        >>> partners.table.table_name
        'shop-partners-tokens'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        caller_key: CallerKey,
        archive: Archive | None = None,
        deletion_protection: bool | None = None,
    ) -> None:
        stack = AwsStack.of(scope)
        name = stack.physical_name(path_below(scope, construct_id))
        super().__init__(scope, construct_id)
        self._table = Table(
            self,
            "tokens",
            partition_key="token_sha256",
            ttl_attribute="expires_at",
            deletion_protection=deletion_protection,
        )
        self._function = caller_key.add_function(
            self,
            "function",
            archive=archive or service_archive(stack, construct_id),
            function_name=name,
            environment={"PARTNERS_TABLE": self._table.table_name},
        )
        self._table.grant(self._function.role, "GetItem")
        self._authorizer = LambdaAuthorizer(
            name=construct_id,
            function=self._function,
            kind="REQUEST",
            identity_sources=["method.request.header.Authorization", "method.request.header.x-api-key"],
        )

    @property
    def table(self) -> Table:
        """The table of tokens."""
        return self._table

    @property
    def function(self) -> Function:
        """The function that API Gateway invokes."""
        return self._function

    def definition(self) -> AuthorizationDefinition:
        """Return the authorization as data; see `Authorization`."""
        return self._authorizer.definition()

    def authorizer(self, where: str, scope: Construct) -> AuthorizerDefinition:
        """Return the authorizer as data; see `AuthorizerSettings`."""
        return self._authorizer.authorizer(where, scope)

    def backend(self) -> AuthorizerBackend:
        """Return the function's alias; see `AuthorizerSettings`."""
        return self._authorizer.backend()

    def permit(self, scope: Construct, source_arn: str) -> tuple[TerraformResource, ...]:
        """Create the permission; see `AuthorizerSettings`."""
        return self._authorizer.permit(scope, source_arn)
