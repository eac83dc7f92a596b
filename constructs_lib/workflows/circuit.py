"""States of a circuit breaker around a task, which share one DynamoDB item.

The item has the number of consecutive failures and the time of the next trial. It does not exist while the task
succeeds. If DynamoDB fails, the task runs. "Consecutive" means in the order in which DynamoDB receives the updates.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.workflows.expressions import Jsonata, Variable
from constructs_lib.workflows.failures import ALL_ERRORS, Catch
from constructs_lib.workflows.http_errors import BUDGET_EXCEEDED
from constructs_lib.workflows.service_tasks import (
    CalledTable,
    DynamoDbDeleteItem,
    DynamoDbGetItem,
    DynamoDbUpdateItem,
)
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import (
    KEPT,
    MAX_NAME_LENGTH,
    CatchingState,
    Choice,
    Continue,
    Fail,
    Guarded,
)
from constructs_lib.workflows.tasks import Place, ServiceCall

CALLERS_ERRORS: Final = (
    BUDGET_EXCEEDED,
    "ContentFiltered",
    "Forbidden",
    "IdempotencyKeyReused",
    "InvalidJson",
    "InvalidRequest",
    "MethodNotAllowed",
    "NotFound",
    "PayloadTooLarge",
    "States.QueryEvaluationError",
    "TooManyRequests",
    "UnknownOperation",
    "UnknownService",
    "UnprocessableInput",
    "UnsupportedMediaType",
)
"""Errors that do not count, because the request caused them."""

CIRCUIT_OPEN: Final = "CircuitOpen"
"""Error of a workflow that skipped a task and has no alternative."""

LONGEST_STATE_NAME: Final = MAX_NAME_LENGTH - len(": recovered?")
"""Longest name of a task, so that the names of the states around it fit the quota."""

_CALL_SECONDS: Final = 2
_KEPT_SECONDS: Final = 86_400
_LOST: Final = ("DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException")
"""Both names that Step Functions has for this error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """Circuit, as its states use it.

    Attributes:
        table: Table of the item.
        table_key: Key attribute of the table.
        expiry: Attribute with the time at which the item expires.
        item: Key of the item.
        failures: Consecutive failures that open the circuit.
        open_seconds: Seconds for which it stays open.
        kms_key_arn: ARN of the customer-managed key of the table, or None.
    """

    table: CalledTable
    table_key: str
    expiry: str
    item: str
    failures: int
    open_seconds: int
    kms_key_arn: str | None = None

    def around(
        self,
        task: CatchingState,
        *,
        instead: Step | None = None,
        errors: Sequence[str] = (ALL_ERRORS,),
        spared: Sequence[str] = CALLERS_ERRORS,
    ) -> Step:
        """Return the states; see `CircuitBreaker.around`."""
        if not isinstance(task, CatchingState):
            raise InvalidArgumentError(
                "CircuitBreaker.around",
                f"task is of type {type(task).__name__}",
                "pass one state that can fail, such as a LambdaTask",
            )
        if len(task.name) > LONGEST_STATE_NAME:
            raise LimitExceededError(
                task.where,
                f"the name has {len(task.name)} characters, and a task with a circuit breaker may have {LONGEST_STATE_NAME}",
                "shorten it",
            )
        words = _variable_words(task.name)
        circuit, problem = f"{words}_circuit", f"{words}_problem"
        seen = Variable(f"{circuit}.state")
        blocked, failed = self._ends(task.name, problem, instead)
        work = self._work(task, circuit, problem, failed, errors, spared)
        look = _Look(
            f"{task.name}: circuit",
            result=circuit,
            catch=[Catch(to=Continue(), result=circuit)],
            failures=self.failures,
            **self._on_item,
        )
        trial = Guarded(
            first=_Note(
                f"{task.name}: one trial",
                update="SET retry_at = :later, #expiry = :expiry",
                names={"#expiry": self.expiry},
                condition="retry_at = :seen",
                values={**self._times(), ":seen": {"N": Variable(f"{circuit}.retry_at")}},
                **self._on_item,
            ),
            then=work,
            catch=(Catch(to=blocked, errors=_LOST), Catch(to=work)),
        )
        rules = [(seen.equals("open"), blocked), (seen.equals("half-open"), trial)]
        return look >> Choice(f"{task.name}: open?", rules, default=work)

    def _ends(self, name: str, problem: str, instead: Step | None) -> tuple[Step, Step]:
        """Return the steps for a skipped task and for a failed one."""
        if instead is not None:
            return instead, instead
        blocked = Fail(
            f"{name}: not tried",
            error=CIRCUIT_OPEN,
            cause=f"{self.failures} failures in a row have opened the circuit '{self.item}'.",
        )
        return blocked, _again(f"{name}: failed", problem)

    def _work(
        self,
        task: CatchingState,
        circuit: str,
        problem: str,
        failed: Step,
        errors: Sequence[str],
        spared: Sequence[str],
    ) -> Step:
        """Return the task with the states that count a failure and reset the count on success."""
        count = _Note(
            f"{task.name}: count",
            update="SET retry_at = :later, #expiry = :expiry ADD failures :one",
            names={"#expiry": self.expiry},
            values={**self._times(), ":one": {"N": "1"}},
            catch=[Catch(to=Continue())],
            **self._on_item,
        )
        # No other execution failed meanwhile, so this success resets the count.
        unchanged = {":seen": {"N": Jsonata(f"$string(${circuit}.failures)")}}
        forget = _Forget(
            f"{task.name}: close",
            condition="failures = :seen",
            values=unchanged,
            catch=[Catch(to=Continue())],
            **self._on_item,
        )
        recovered = Choice(
            f"{task.name}: recovered?",
            [(Variable(f"{circuit}.failures").greater_than(0), forget)],
            default=Continue(),
        )
        error_result = problem if isinstance(failed, Fail) else None
        catches = [Catch(to=count >> failed, errors=errors, result=error_result)]
        caught = {error for one in task.catch for error in one.errors} | set(errors)
        if ALL_ERRORS in errors and (others := [one for one in spared if one not in caught]):
            refused = _again(f"{task.name}: refused", problem)
            catches.insert(0, Catch(to=refused, errors=others, result=problem))
        return Guarded(first=task, then=recovered, catch=tuple(catches))

    @property
    def _on_item(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "key": {self.table_key: {"S": self.item}},
            "leading_keys": (self.item,),
            "kms_key_arn": self.kms_key_arn,
            "timeout_seconds": _CALL_SECONDS,
        }

    def _times(self) -> dict[str, Any]:
        """Return the time of the next trial and the expiry of the item, in seconds since 1970."""

        def after(seconds: int) -> dict[str, Jsonata]:
            return {"N": Jsonata(f"$string($ceil($millis() / 1000) + {seconds})")}

        return {":later": after(self.open_seconds), ":expiry": after(self.open_seconds + _KEPT_SECONDS)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Look(DynamoDbGetItem):
    """Read the item. Its result decides which state is next."""

    failures: int

    def call(self, place: Place) -> ServiceCall:
        item = "$states.result.Item"
        count = f"($exists({item}) ? $number({item}.failures.N) : 0)"
        later = f"($exists({item}) ? {item}.retry_at.N : '0')"
        state = (
            f"({count} < {self.failures} ? 'closed' : "
            f"$number({later}) * 1000 > $millis() ? 'open' : 'half-open')"
        )
        answer = f'{{"failures": {count}, "retry_at": {later}, "state": {state}}}'
        return replace(DynamoDbGetItem.call(self, place), answer=answer)


class _Note(DynamoDbUpdateItem):
    """Update the item; the output is the input."""

    __slots__ = ()

    def keeping(self, answer: Any) -> dict[str, Any]:  # noqa: ARG002
        return _handed_on()


class _Forget(DynamoDbDeleteItem):
    """Delete the item; the output is the input."""

    __slots__ = ()

    def keeping(self, answer: Any) -> dict[str, Any]:  # noqa: ARG002
        return _handed_on()


def _handed_on() -> dict[str, Any]:
    return {"Output": KEPT}


def _again(name: str, problem: str) -> Fail:
    """Return a Fail with the error that was caught."""
    cause = Variable(f"{problem}.Cause", default="The error has no cause.")
    return Fail(name, error=Variable(f"{problem}.Error"), cause=cause)


def _variable_words(name: str) -> str:
    """Return a prefix for the variables of a state, unique for the state's name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if plain != name:
        plain = f"{plain[:40]}_{zlib.crc32(name.encode()):08x}"
    return plain if plain[0].isalpha() else f"step_{plain}"
