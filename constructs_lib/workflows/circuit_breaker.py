"""Circuit breaker: states around a task, and one DynamoDB item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, check_range, path_below
from constructs_lib.errors import ConflictError
from constructs_lib.stacks import check_same_stack
from constructs_lib.storage.table import Table, TableReference
from constructs_lib.workflows.circuit import Circuit
from constructs_lib.workflows.failures import ALL_ERRORS
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import CatchingState

_LONGEST_OPEN_SECONDS: Final = 86_400


class CircuitBreaker(AwsConstruct):
    """Circuit breaker that stops calling a service for a while after several consecutive failures.

    Its state is one item of a table, which all executions of all workflows with this breaker share. While the
    circuit is closed, a task costs one more read. After `failures` consecutive failures the circuit opens and
    tasks are skipped. After `open_seconds`, one execution tries the task. If that succeeds, the circuit
    closes; otherwise it stays open for `open_seconds` again. If the table fails, tasks run.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        failures: Consecutive failures that open the circuit, 1-100. The retries of a task count once.
            Default: 3.
        open_seconds: Seconds for which it stays open, 1-86400. Default: 30.
        name: Key of its item, and name of its own table. Default: the stack's prefix and the path below the
            stack.
        table: Table to share, with a partition key and expiry. Default: a table of its own.
        deletion_protection: Whether AWS refuses to delete its own table. Default: the stack's, True.

    Raises:
        ConstructError: if an argument is not valid, or another breaker has the name.

    Example:
        >>> breaker = CircuitBreaker(stack, "model", failures=3, open_seconds=30)
        >>> first = LambdaTask("summarize", function, input=Input("body"), result="summary")
        >>> second = Pass("no summary", variables={"summary": None})
        >>> steps = breaker.around(first, instead=second) >> Succeed("done", output=Variable("summary"))
        >>> Workflow(stack, "summary", definition=steps).workflow_name
        'shop-summary'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        failures: int = 3,
        open_seconds: int = 30,
        name: str | None = None,
        table: Table | None = None,
        deletion_protection: bool | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        item = AwsStack.of(scope).physical_name(where) if name is None else name
        check_range(where, "failures", failures, 1, 100)
        check_range(where, "open_seconds", open_seconds, 1, _LONGEST_OPEN_SECONDS)
        check_pattern(where, "name", item, r"[A-Za-z0-9_.-]{3,255}", "use 3 to 255 letters, digits and '_.-'")
        if table is not None:
            check_same_stack(where, scope, table)
            if table.sort_key is not None or table.ttl_attribute is None:
                raise ConflictError(
                    where,
                    f"table '{table.table_name}' has "
                    + ("no ttl_attribute" if table.sort_key is None else "a sort_key"),
                    "share a table with a partition_key and a ttl_attribute only, or leave table out",
                )
        kind = "circuit breaker" if table is None else f"circuit breaker of table '{table.table_name}'"
        AwsStack.of(scope).claim(where, kind, item)
        super().__init__(scope, construct_id)
        self._table = table or Table(
            self,
            "table",
            table_name=item,
            partition_key="circuit",
            ttl_attribute="expires_at",
            deletion_protection=deletion_protection,
        )
        key = self._table.encryption_key
        self._circuit = Circuit(
            table=TableReference(self._table),
            table_key=self._table.partition_key,
            expiry=self._table.ttl_attribute or "expires_at",
            item=item,
            failures=failures,
            open_seconds=open_seconds,
            kms_key_arn=None if key is None else key.arn,
        )

    @property
    def name(self) -> str:
        """Key of its item. Deleting the item closes the circuit."""
        return self._circuit.item

    @property
    def table(self) -> Table:
        """Table of its item."""
        return self._table

    def around(
        self, task: CatchingState, *, instead: Step | None = None, errors: Sequence[str] = (ALL_ERRORS,)
    ) -> Step:
        """Return a task with this breaker around it. A step must follow, such as a `Succeed`.

        An error that does not count goes to the task's own `catch`, or else fails the workflow.

        Args:
            task: Task to protect. Errors that its own `catch` handles do not count.
            instead: Step that runs if the task failed or was skipped. Default: none; the workflow fails with
                the task's error, or with `CircuitOpen`, which callers over HTTP get as a 503.
            errors: Names of the errors that count. Default: all but errors of the caller (`CALLERS_ERRORS`).

        Raises:
            ConstructError: if the task cannot fail, or its name is too long.
        """
        return self._circuit.around(task, instead=instead, errors=errors)
