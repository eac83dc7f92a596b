"""States in front of a workflow that count the request of a user and reject it beyond the limit.

They write the items that the functions write (`handlers/common/caller_limit.py`), so that a user has one limit for all
routes. The caller comes from the input that `StepFunctionsIntegration` gives a workflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.workflows.expressions import Input, Jsonata
from constructs_lib.workflows.failures import Catch
from constructs_lib.workflows.http_errors import CALLER_LIMIT_REACHED
from constructs_lib.workflows.service_tasks import CalledTable, DynamoDbUpdateItem
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import KEPT, Choice, Continue, Fail

_CALL_SECONDS: Final = 2
_EXPIRY_SECONDS: Final = 3_600
_KEY: Final = (
    f"'requests#cognito:' & {Input('caller.principal').code} & '#' & $string($floor($millis() / 60000))"
)
_AT_THE_LIMIT: Final = tuple(
    f"{service}.{error}"
    for error in (
        "ConditionalCheckFailedException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
    )
    # Step Functions has both names for the service.
    for service in ("DynamoDB", "DynamoDb")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerCount:
    """The count of the requests of users, as its states need it.

    Attributes:
        table: The table with the counts.
        requests_per_minute: The most requests of a user in a minute.
        kms_key_arn: The customer-managed key that encrypts the table. Default: none.
    """

    table: CalledTable
    requests_per_minute: int
    kms_key_arn: str | None = None

    def before(self, steps: Step) -> Step:
        """Return the steps with the count in front of them; see `CallerLimit.before`."""
        wait = Jsonata("$string(60 - $floor($millis() / 1000) % 60)")
        too_many = Fail("too many requests", error=CALLER_LIMIT_REACHED, cause=wait)
        not_counted = Fail(
            "request not counted",
            error="BackendUnavailable",
            cause="DynamoDB did not count the request of the user, so that it is not served.",
        )
        count = _Count(
            "count the request",
            table=self.table,
            key={"id": {"S": Jsonata(_KEY)}},
            update="SET expires_at = :expires_at ADD requests :one",
            condition="attribute_not_exists(requests) OR requests < :limit",
            values={
                ":one": {"N": "1"},
                ":limit": {"N": str(self.requests_per_minute)},
                ":expires_at": {"N": Jsonata(f"$string($floor($millis() / 1000) + {_EXPIRY_SECONDS})")},
            },
            kms_key_arn=self.kms_key_arn,
            timeout_seconds=_CALL_SECONDS,
            catch=[Catch(to=too_many, errors=_AT_THE_LIMIT), Catch(to=not_counted)],
        )
        is_user = Input("caller.kind").equals("cognito")
        return Choice("from a user?", [(is_user, count)], default=Continue()) >> steps


class _Count(DynamoDbUpdateItem):
    """Changes the item, and hands on what it was given."""

    __slots__ = ()

    def keeping(self, answer: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"Output": KEPT}
