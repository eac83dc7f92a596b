"""The states of a circuit breaker around a task: what is done with the one item that all executions share.

The item has the number of failures in a row and the time from which the task may be tried again. It is not there while
the task works, and whatever DynamoDB answers but that item, the task is tried.
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
"""The errors that say nothing of the service that is called: the request was wrong."""

CIRCUIT_OPEN: Final = "CircuitOpen"
"""The error of a workflow that did not try a task, and has nothing to do instead."""

LONGEST_STATE_NAME: Final = MAX_NAME_LENGTH - len(": recovered?")
"""What the name of a task may have, for those of the states around it."""

_CALL_SECONDS: Final = 2
_KEPT_SECONDS: Final = 86_400
_LOST: Final = ("DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException")
"""Both of the names that Step Functions has for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A circuit, as its states need it.

    Attributes:
        table: The table that its item is in.
        table_key: The attribute that is the table's key.
        expiry: The attribute with the time after which the item is deleted.
        item: The item's key.
        failures: How many failures in a row open it.
        open_seconds: How long it is open.
        kms_key_arn: The key that encrypts the table, if it is one's own.
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
                f"the name has {len(task.name)} characters, and with a circuit breaker around it {LONGEST_STATE_NAME} "
                "are possible",
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
        """What is done where the task is not tried, and where it failed."""
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
        """The task itself: its failures are counted, and its success forgets them."""
        count = _Note(
            f"{task.name}: count",
            update="SET retry_at = :later, #expiry = :expiry ADD failures :one",
            names={"#expiry": self.expiry},
            values={**self._times(), ":one": {"N": "1"}},
            catch=[Catch(to=Continue())],
            **self._on_item,
        )
        # Nobody failed since it was looked at: what was under way then says nothing of how the service is now.
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
        told = problem if isinstance(failed, Fail) else None
        catches = [Catch(to=count >> failed, errors=errors, result=told)]
        known = {error for one in task.catch for error in one.errors} | set(errors)
        if ALL_ERRORS in errors and (others := [one for one in spared if one not in known]):
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
        """When the task may be tried again, and when the item goes, in seconds since 1970."""

        def after(seconds: int) -> dict[str, Jsonata]:
            return {"N": Jsonata(f"$string($ceil($millis() / 1000) + {seconds})")}

        return {":later": after(self.open_seconds), ":expiry": after(self.open_seconds + _KEPT_SECONDS)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Look(DynamoDbGetItem):
    """Reads the item; its answer is what the states go by."""

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
    """Changes the item, and hands on what it was given."""

    __slots__ = ()

    def keeping(self, answer: Any) -> dict[str, Any]:  # noqa: ARG002
        return _handed_on()


class _Forget(DynamoDbDeleteItem):
    """Deletes the item, and hands on what it was given."""

    __slots__ = ()

    def keeping(self, answer: Any) -> dict[str, Any]:  # noqa: ARG002
        return _handed_on()


def _handed_on() -> dict[str, Any]:
    return {"Output": KEPT}


def _again(name: str, problem: str) -> Fail:
    """The end of a workflow by an error that was caught."""
    cause = Variable(f"{problem}.Cause", default="It came without a cause.")
    return Fail(name, error=Variable(f"{problem}.Error"), cause=cause)


def _variable_words(name: str) -> str:
    """Return a state's name as the beginning of the names of its variables: different for each state."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if plain != name:
        plain = f"{plain[:40]}_{zlib.crc32(name.encode()):08x}"
    return plain if plain[0].isalpha() else f"step_{plain}"
