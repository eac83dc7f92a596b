"""Row of the ledger: one call, from its reservation to what it used. It has no content of requests and answers.

Rows are found by their account and day (`account`), and in it by their time and request (`row`), so that the rows of an
account in a span of time are a query for each day. An account is a tenant, or one user of the pool. Items
`accounts#DAY` have the accounts of a day. While a reservation is open, its row has the attribute `open`, by which the
sparse index `open` has the open reservations and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from handlers.common.budgets import Amounts
from handlers.common.caller import USERS, Caller, Unit
from handlers.common.errors import InternalError
from handlers.common.transactions import Item

OPEN_INDEX: Final = "open"
ROW_DAYS: Final = 400
"""How long rows are kept: a year, and time to close it."""

_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is metered.

    Attributes:
        caller: The caller.
        operation: Name of the operation, such as `vision.text`.
        request_id: Id of the request, unique for each call of the caller.
        started_at: Time of the request, in seconds since 1970. The same request has the same time however often it is
            handled: id and time are the key of its row.
        route: Model route of the request, such as `fast`. Default: none.
        trace_id: Id of the request's trace. Default: none.
        is_request: Whether it counts against limits of requests. Default: True. A call that is a part of another one was
            counted with that.
        subject: What it is about, by an id, such as `job/1f2e/approve the total`. Default: none.
        part_of: Row of the workflow that has what it used too, so that it is in no sum. Default: none.
    """

    caller: Caller
    operation: str
    request_id: str
    started_at: float
    route: str | None = None
    trace_id: str | None = None
    is_request: bool = True
    subject: str | None = None
    part_of: RowKey | None = None

    @property
    def account(self) -> str:
        """The account: the tenant, or the user of the pool."""
        return account_of(self.caller)

    @property
    def key(self) -> RowKey:
        """Key of the row."""
        moment = time.gmtime(self.started_at)
        milliseconds = int(self.started_at * 1000) % 1000
        clock = time.strftime("%H:%M:%S", moment)
        day = time.strftime("%Y-%m-%d", moment)
        return RowKey(f"{self.account}#{day}", f"{clock}.{milliseconds:03}#{self.request_id}")

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the row that are known from the beginning, in DynamoDB's form."""
        texts = {
            "tenant": self.caller.tenant,
            "key": self.caller.key,
            "caller": self.caller.pseudonym,
            "operation": self.operation,
            "route": self.route,
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "subject": self.subject,
            "part_of": None if self.part_of is None else f"{self.part_of.account}/{self.part_of.row}",
        }
        return {
            **self.key.attributes(),
            **{name: {"S": text} for name, text in texts.items() if text},
            "expires_at": {"N": str(int(self.started_at) + ROW_DAYS * _DAY_SECONDS)},
        }


@dataclass(frozen=True, slots=True)
class RowKey:
    """Key of a row.

    Attributes:
        account: Account and day, such as `acme#2026-11-30`.
        row: Time and request, such as `06:51:18.123#1f0c…`.
    """

    account: str
    row: str

    def attributes(self) -> dict[str, dict[str, str]]:
        """Return the key in DynamoDB's form."""
        return {"account": {"S": self.account}, "row": {"S": self.row}}


@dataclass(frozen=True, slots=True)
class Share:
    """Reservation of a workflow, from which its tasks take what they use.

    Attributes:
        key: Key of the row.
        amounts: The upper bound of all tasks, by unit.
        caller: The caller of the workflow, with those limits of routes that count its tasks and not the workflow itself.
            Default: not known, in executions that an older version started.
        agent: Name of the agent that the task belongs to: its calls have rows of their own. Default: none.
    """

    key: RowKey
    amounts: Amounts
    caller: Caller | None = None
    agent: str | None = None

    @classmethod
    def of(cls, call: Call, amounts: Amounts) -> Share:
        """Return the share of a workflow."""
        counted = {f"route:{name}" for name in (call.operation, call.route)}
        limits = tuple(
            one for one in call.caller.limits if one.scope.startswith("route:") and one.scope not in counted
        )
        # Who the caller is, besides that, is not for the tasks.
        return cls(call.key, amounts, replace(call.caller, principal="", limits=limits))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, which travels with the events of the tasks."""
        return {
            "account": self.key.account,
            "row": self.key.row,
            "amounts": dict(self.amounts),
            **({} if self.caller is None else {"caller": self.caller.to_json()}),
        }

    @classmethod
    def from_json(cls, value: object) -> Share:
        """Return what `to_json` made plain data of.

        Raises:
            InternalError: It is something else.
        """
        try:
            if not isinstance(value, dict):
                raise TypeError("not an object")
            amounts: dict[Unit, int] = {unit: int(amount) for unit, amount in value["amounts"].items()}
            caller = Caller.from_json(value["caller"]) if "caller" in value else None
            key = RowKey(str(value["account"]), str(value["row"]))
            return cls(key, amounts, caller, value.get("agent"))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InternalError(detail="the charge of the event is not a share of a reservation") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome and usage of a call.

    Attributes:
        amounts: What it used: `tokens` and `nano_usd`.
        outcome: `ok`, or the code of the error.
        target: What answered, such as `bedrock:amazon.nova-lite-v1:0`. Default: none.
        quantities: What it used by the units of its price, such as `{"image": 1}`. Default: none.
        latency_ms: Milliseconds from the request to the end of the answer. Default: not known.
        first_token_ms: Milliseconds to the first token of a stream. Default: none.
        fallbacks: Targets that failed before the one that answered. Default: 0.
    """

    amounts: Amounts
    outcome: str
    target: str | None = None
    quantities: Mapping[str, int] = field(default_factory=dict)
    latency_ms: int | None = None
    first_token_ms: int | None = None
    fallbacks: int = 0

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the row that its end adds, in DynamoDB's form."""
        numbers = {
            "latency_ms": self.latency_ms,
            "first_token_ms": self.first_token_ms,
            "fallbacks": self.fallbacks,
        }
        return {
            "used": amounts_item({"requests": 1, **self.amounts}),
            "quantities": amounts_item(self.quantities),
            "outcome": {"S": self.outcome},
            **({} if self.target is None else {"target": {"S": self.target}}),
            **{name: {"N": str(number)} for name, number in numbers.items() if number is not None},
        }


def account_of(caller: Caller) -> str:
    """Return the account of a caller: users of the pool have one each."""
    return f"{USERS}/{caller.key}" if caller.tenant == USERS else caller.tenant


def amounts_item(amounts: Mapping[str, int] | Amounts) -> dict[str, Any]:
    """Return amounts as an attribute."""
    return {"M": {str(unit): {"N": str(amount)} for unit, amount in amounts.items()}}


def amounts_of(item: Item, name: str) -> dict[Unit, int]:
    """Return the amounts of an attribute; none where the item has no such attribute."""
    found: Mapping[Unit, Mapping[str, str]] = item.get(name, {}).get("M", {})
    return {unit: int(amount["N"]) for unit, amount in found.items()}
