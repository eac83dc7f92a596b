"""Requests a minute of each user, counted in a DynamoDB table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_range, path_below
from constructs_lib.functions.function import Function
from constructs_lib.storage.table import Table, TableReference
from constructs_lib.workflows.caller_count import CallerCount
from constructs_lib.workflows.step import Step

_MOST_REQUESTS: Final = 60_000
"""DynamoDB takes 1,000 writes a second to one item."""


class CallerLimit(AwsConstruct):
    """Limits the requests that each user of a Cognito user pool makes in a minute of the clock, over all routes.

    A DynamoDB table has one item for each user and minute; a request is one conditional update. Beyond the limit callers
    get 429 with `retry-after`. Requests that cannot be counted get 503: the limit fails closed. A rejected request is
    not counted, and costs a write like any other.

    Functions count by `environment` and `grant_count`, workflows behind a route by `before`. Partners have a usage plan,
    and operators sign with IAM: they are not counted.

    Args:
        scope: The scope that this construct belongs to.
        construct_id: The id of this construct in its scope.
        requests_per_minute: The most requests of a user in a minute, 1-60000. Default: 300.
        table_name: Name of the table in AWS. Default: the path of this construct with `-`.
        deletion_protection: Whether AWS refuses to delete the table. Default: the stack's, True.

    Raises:
        ConstructError: An argument is not valid, or the name is taken.

    Example:
        >>> limit = CallerLimit(stack, "callers", requests_per_minute=120)
        >>> limit.grant_count(function)
        >>> limit.environment["CALLER_REQUESTS_PER_MINUTE"]
        '120'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        requests_per_minute: int = 300,
        table_name: str | None = None,
        deletion_protection: bool | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_range(where, "requests_per_minute", requests_per_minute, 1, _MOST_REQUESTS)
        super().__init__(scope, construct_id)
        self._table = Table(
            self,
            "table",
            table_name=AwsStack.of(scope).physical_name(where) if table_name is None else table_name,
            partition_key="id",
            ttl_attribute="expires_at",
            deletion_protection=deletion_protection,
            recovery_days=1,
        )
        key = self._table.encryption_key
        self._requests_per_minute = requests_per_minute
        self._count = CallerCount(
            table=TableReference(self._table),
            requests_per_minute=requests_per_minute,
            kms_key_arn=None if key is None else key.arn,
        )

    @property
    def table(self) -> Table:
        """The table with the counts."""
        return self._table

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of the functions that count."""
        return MappingProxyType(
            {
                "CALLER_TABLE": self._table.table_name,
                "CALLER_REQUESTS_PER_MINUTE": str(self._requests_per_minute),
            }
        )

    def grant_count(self, function: Function) -> None:
        """Allow a function to count requests (`dynamodb:UpdateItem` on the table).

        Raises:
            ConstructError: The function is in another stack, or has the grant.
        """
        self._table.grant(function.role, "UpdateItem")

    def before(self, steps: Step) -> Step:
        """Return the steps of a workflow with the count in front of them.

        The workflow fails with `CallerLimitReached`, which callers over HTTP get as 429, or with `BackendUnavailable`,
        which they get as 503. Executions that were started in another way than by a user over HTTP are not counted.

        Args:
            steps: The steps of a workflow behind a `StepFunctionsIntegration`.
        """
        return self._count.before(steps)
