"""Meter: reserves what a call may use before it begins, and settles what it used at its end.

A bucket is an item of the table of buckets: `spent` is what calls have used, `committed` is that and what open reservations
may still use. A reservation adds the call's upper bound to `committed` of all its buckets, on the condition that the limit
holds for each, in one transaction with the row of the ledger. Settling turns the upper bound into what was used, in one
transaction with the same row. So `spent` plus open reservations is at most the limit at all times, and a row is settled
once, however often reserving, settling or sweeping is tried and wherever a function dies.

What is not known counts as used. A reservation whose function died is settled by the sweeper at its upper bound, because
nothing says how much of it was used; if the function settles after all, the difference comes back. Buckets of `requests` count a call
when it begins. A caller without limits costs one write, the row at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.budgets import Amounts, Bucket, BudgetExceeded, buckets_of
from handlers.common.caller import Caller, Limit, Unit
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, InternalError, ServiceError
from handlers.common.ledger import (
    OPEN_INDEX,
    ROW_DAYS,
    Call,
    Outcome,
    RowKey,
    Share,
    amounts_item,
    amounts_of,
)
from handlers.common.metrics import record_call
from handlers.common.transactions import Item, Transactions

_CHOICES: Final = (Tries(2, 0.5, 1), Tries(1, 0.5, 1))
WARN_PERCENT: Final = 80
"""Share of a limit from which on its use is warned of."""

_BUCKET_SECONDS: Final = 6 * 3_600
"""How long a bucket is kept after its window. A job that waits for an approval may last longer."""

_DAY_SECONDS: Final = 86_400
_REPEATS: Final = 5
_MOST_KNOWN: Final = 1_000
_BUSY: Final = "The request cannot be counted. Try again later."
_OPEN, _SETTLED, _SWEPT = "open", "settled", "swept"
_TAKEN: Final[Mapping[str, Unit]] = {"taken_nano_usd": "nano_usd", "taken_tokens": "tokens"}
_NOTHING_TAKEN: Final = {"parts": {"M": {}}, **{name: {"N": "0"} for name in _TAKEN}}


class _Exists(ServiceError):
    """The row is there."""


class _ConditionFailed(ServiceError):
    """The condition on a shared row failed."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Reservation of a call.

    Attributes:
        call: The call.
        buckets: The buckets that count it; none for a caller without limits.
        amounts: The upper bound, by unit.
        version: How often it was made or raised; 0 if nothing is written.
        settled: Whether the call was settled before: its request is handled for the second time.
    """

    call: Call
    buckets: tuple[Bucket, ...]
    amounts: Amounts
    version: int = 0
    settled: bool = False


class Meter:
    """The meter of a stack.

    Args:
        buckets: Name of the table of buckets; its key is `id`, and items expire by `expires_at`.
        ledger: Name of the table of the ledger; its keys are `account` and `row`, its index of open reservations is
            `open`, and items expire by `expires_at`.
        api: DynamoDB. Default: created from the environment.
        clock: The time, in seconds since 1970.
        pause: Waits, in seconds. Default: `time.sleep`.
    """

    def __init__(
        self,
        buckets: str,
        ledger: str,
        *,
        api: AwsApi | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._buckets = buckets
        self._ledger = ledger
        self._api = api or AwsApi("dynamodb", choices=_CHOICES)
        self._transactions = Transactions(self._api, busy=_BUSY, pause=pause)
        self._clock = clock
        self._accounts: OrderedDict[str, None] = OrderedDict()

    @classmethod
    def from_environment(cls) -> Meter | None:
        """Return the meter with the tables METER_BUCKETS and METER_LEDGER; None without METER_LEDGER.

        The client of DynamoDB is created at once, as every request needs it.

        Raises:
            KeyError: METER_LEDGER is set without METER_BUCKETS.
        """
        ledger = os.environ.get("METER_LEDGER")
        if not ledger:
            return None
        api = AwsApi("dynamodb", choices=_CHOICES)
        api.prepare()
        return cls(os.environ["METER_BUCKETS"], ledger, api=api)

    def reserve(
        self,
        call: Call,
        amounts: Amounts,
        *,
        lasts_seconds: float,
        deadline: Deadline,
        shared: bool = False,
    ) -> Reservation:
        """Reserve the upper bound of what a call may use. Reserving the same call again changes nothing.

        Args:
            call: The call.
            amounts: The upper bound, by unit; the request itself is always counted.
            lasts_seconds: After how many seconds the call has ended: then the sweeper settles it.
            deadline: When it must have happened.
            shared: Whether tasks take what they use from it (`take`), as those of a workflow do. Default: False.

        Raises:
            BudgetExceeded: A limit leaves less than the upper bound.
            BackendUnavailable: DynamoDB does not answer: it fails closed.
        """
        amounts = {**amounts, "requests": 1}
        now = self._clock()
        routes = [call.operation, *([] if call.route is None else [call.route])]
        buckets = tuple(
            bucket
            for bucket in buckets_of(call.caller, routes, now)
            if call.is_request or bucket.limit.unit != "requests"
        )
        reservation = Reservation(call, buckets, amounts)
        if not buckets and not shared:
            return reservation
        self._require_possible(buckets, amounts, now)
        row = {
            **call.attributes(),
            **self._open(call, now + lasts_seconds),
            "status": {"S": _OPEN},
            "version": {"N": "1"},
            "reserved": amounts_item(amounts),
            "buckets": {"L": [{"S": _written(bucket)} for bucket in buckets]},
            **(_NOTHING_TAKEN if shared else {}),
        }
        put: dict[str, object] = {
            "Put": {
                "TableName": self._ledger,
                "Item": row,
                "ConditionExpression": "attribute_not_exists(#row)",
                "ExpressionAttributeNames": {"#row": "row"},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        self._note_account(call, deadline)
        changes = [put, *(self._commit(bucket, amounts) for bucket in buckets)]
        failed = self._write(changes, deadline, call.key)
        if 0 in failed:
            return _read_reservation(call, failed[0])
        self._require_kept(failed, buckets, amounts, now)
        return replace(reservation, version=1)

    def raise_to(self, reservation: Reservation, amounts: Amounts, *, deadline: Deadline) -> Reservation:
        """Raise a reservation, for a call that may use more than it reserved; never lower it.

        Args:
            reservation: The reservation.
            amounts: The new upper bound, by unit, with what was used so far.
            deadline: When it must have happened.

        Raises:
            BudgetExceeded: A limit leaves less; the reservation stays as it is.
            BackendUnavailable: DynamoDB does not answer, or the sweeper has settled the reservation.
        """
        raised = {
            unit: max(amounts.get(unit, 0), reservation.amounts.get(unit, 0))
            for unit in (*reservation.amounts, *amounts)
        }
        if raised == reservation.amounts:
            return reservation
        result = replace(reservation, amounts=raised)
        if not reservation.version:
            return result
        now = self._clock()
        self._require_possible(result.buckets, raised, now)
        difference = _minus(raised, reservation.amounts)
        buckets = [
            bucket
            for bucket in reservation.buckets
            if bucket.limit.unit != "requests" and difference.get(bucket.limit.unit)
        ]
        update = self._update_row(
            reservation.call.key,
            status=_OPEN,
            version=reservation.version,
            attributes={"reserved": amounts_item(raised), "version": {"N": str(reservation.version + 1)}},
        )
        changes = [update, *(self._commit(bucket, difference) for bucket in buckets)]
        failed = self._write(changes, deadline, reservation.call.key)
        if 0 in failed:
            raise BackendUnavailable(_BUSY, detail="the reservation is not open any more")
        self._require_kept(failed, buckets, difference, now)
        return replace(result, version=reservation.version + 1)

    def settle(self, reservation: Reservation, outcome: Outcome, *, deadline: Deadline) -> None:
        """Record what a call used. Settling the same call again changes nothing.

        Raises:
            BackendUnavailable: DynamoDB does not answer. The reservation stays; the sweeper settles it at its upper bound.
        """
        call = reservation.call
        if reservation.settled:
            return
        if not reservation.version:
            self._settle_without_limits(call, outcome, deadline)
            return
        status, version, charged = _OPEN, reservation.version, reservation.amounts
        for _ in range(_REPEATS):
            changes = [
                self._settled_row(call, outcome, status, version),
                *self._corrections(reservation.buckets, charged, outcome.amounts, swept=status == _SWEPT),
            ]
            row = self._write(changes, deadline, call.key).get(0)
            if row is None:
                return
            status = row.get("status", {}).get("S", _SETTLED)
            version = int(row.get("version", {}).get("N", 0))
            charged = amounts_of(row, "reserved")
            if status == _SETTLED:
                return
        raise BackendUnavailable(_BUSY, detail="the row of the call changes all the time")

    def task_buckets(self, share: Share, call: Call) -> tuple[Bucket, ...]:
        """Return the buckets that count a task besides those of its workflow: of limits of its operation and its model."""
        if share.caller is None:
            return ()
        names = (call.operation, call.route or call.operation)
        found = buckets_of(share.caller, names, self._clock())
        return tuple(bucket for bucket in found if bucket.limit.unit != "requests")

    def take(
        self,
        share: Share,
        part: str,
        amounts: Amounts,
        *,
        operation: str | None = None,
        buckets: Iterable[Bucket] = (),
        deadline: Deadline,
    ) -> None:
        """Take the upper bound of a task from the reservation of its workflow. Taking the same part again changes nothing.

        Args:
            share: The reservation.
            part: Id of the task's invocation.
            amounts: The upper bound of the task, by unit.
            operation: Operation whose call the row counts, as `calls:OPERATION`. Default: none.
            buckets: Buckets that count the task too (`task_buckets`). Default: none.
            deadline: When it must have happened.

        Raises:
            BudgetExceeded: A limit leaves less, or the reservation does, because tasks that failed were tried again, or it
                is settled.
            BackendUnavailable: DynamoDB does not answer.
        """
        counted, now = [one for one in buckets if amounts.get(one.limit.unit)], self._clock()
        self._require_possible(counted, amounts, now)
        count = {} if operation is None else {"#calls": f"calls:{operation}"}
        left = {name: share.amounts.get(unit, 0) - amounts.get(unit, 0) for name, unit in _TAKEN.items()}
        failed = self._change_share(
            share,
            part,
            amounts,
            f"SET parts.#part = :part ADD {', '.join(f'{name} :{name}' for name in _TAKEN)}"
            + (", #calls :part" if count else ""),
            "#status = :open AND attribute_not_exists(parts.#part) AND "
            + " AND ".join(f"{name} <= :most_{name}" for name in _TAKEN),
            {f":most_{name}": {"N": str(amount)} for name, amount in left.items()} | {":part": {"N": "1"}},
            [self._commit(bucket, amounts) for bucket in counted],
            deadline,
            names=count,
        )
        if 0 not in failed:
            self._require_kept(failed, counted, amounts, now)
        elif part not in failed[0].get("parts", {}).get(
            "M", {}
        ):  # else an attempt whose answer came too late has taken it
            raise BudgetExceeded("What the workflow has reserved is used up.")

    def give_back(
        self,
        share: Share,
        part: str,
        taken: Amounts,
        outcome: Outcome,
        *,
        buckets: Iterable[Bucket] = (),
        call: Call | None = None,
        deadline: Deadline,
    ) -> None:
        """Give back what a task has taken and not used. Doing it again changes nothing.

        A task that never does keeps its upper bound in `buckets`, and counts with it, until their windows end.

        Args:
            share: The reservation.
            part: Id of the task's invocation.
            taken: What the task has taken.
            outcome: What it used.
            buckets: The buckets that count the task too. Default: none.
            call: The call, for a row of its own beside the workflow's. Default: it has none.
            deadline: When it must have happened.

        Raises:
            BackendUnavailable: DynamoDB does not answer; what was taken counts as used.
        """
        used = outcome.amounts
        row = [] if call is None else [self.row(call, outcome, deadline=deadline)]
        failed = self._change_share(
            share,
            part,
            _minus({**dict.fromkeys(_TAKEN.values(), 0), **used}, taken),
            f"REMOVE parts.#part ADD {', '.join(f'{name} :{name}' for name in _TAKEN)}",
            "#status = :open AND attribute_exists(parts.#part)",
            {},
            [*self._corrections(buckets, taken, used, swept=False), *row],
            deadline,
        )
        if (
            failed and call is not None
        ):  # it is given back, or the workflow is settled; the row says what it was for
            self._settle_without_limits(call, outcome, deadline)

    def settle_share(
        self, key: RowKey, *, outcome: str, latency_ms: int | None = None, deadline: Deadline
    ) -> None:
        """Settle the reservation of a workflow at what its tasks have taken. Doing it again changes nothing.

        Args:
            key: Key of the row.
            outcome: `ok`, or the code of the error.
            latency_ms: Duration of the execution in milliseconds. Default: not known.
            deadline: When it must have happened.

        Raises:
            BackendUnavailable: DynamoDB does not answer. The sweeper settles it then.
        """
        for _ in range(_REPEATS):
            answer = self._read(
                {"TableName": self._ledger, "Key": key.attributes(), "ConsistentRead": True}, deadline
            )
            row: Item = answer.get("Item") or {}
            if row.get("status", {}).get("S") != _OPEN:
                return
            if not self._close(key, row, _SETTLED, outcome, latency_ms, deadline):
                return
        raise BackendUnavailable(_BUSY, detail="the row of the workflow changes all the time")

    def count(self, caller: Caller, operation: str, request_id: str, *, deadline: Deadline) -> None:
        """Count a request that uses nothing else, without a row in the ledger.

        Raises:
            BudgetExceeded: The limit of requests is reached.
            BackendUnavailable: DynamoDB does not answer.
        """
        now = self._clock()
        buckets = [one for one in buckets_of(caller, [operation], now) if one.limit.unit == "requests"]
        if not buckets:
            return
        amounts: Amounts = {"requests": 1}
        call = Call(caller=caller, operation=operation, request_id=request_id, started_at=now)
        self._require_possible(buckets, amounts, now)
        changes = [self._commit(bucket, amounts) for bucket in buckets]
        failed = self._write(changes, deadline, call.key)
        self._require_kept({number + 1: item for number, item in failed.items()}, buckets, amounts, now)

    def sweep(self, *, deadline: Deadline) -> int:
        """Settle the reservations whose calls must have ended, at their upper bounds; skip rows that others write.

        Returns:
            The number of reservations that it settled.

        Raises:
            ServiceError: DynamoDB fails.
        """
        now, swept = self._clock(), 0
        for row in self._open_rows(now, deadline):
            key = RowKey(row["account"]["S"], row["row"]["S"])
            with suppress(BackendUnavailable):  # it is swept the next time
                swept += not self._close(key, row, _SWEPT, "lost", None, deadline)
        return swept

    def _close(
        self,
        key: RowKey,
        row: Item,
        status: str,
        outcome: str,
        latency_ms: int | None,
        deadline: Deadline,
    ) -> dict[int, Item]:
        """Settle an open row at what its tasks have taken, or at its upper bound; return why not."""
        reserved = amounts_of(row, "reserved")
        used = _taken(row) if "parts" in row else _without_requests(reserved)
        result = Outcome(amounts=used, outcome=outcome, latency_ms=latency_ms).attributes()
        update = self._update_row(
            key,
            status=_OPEN,
            version=int(row["version"]["N"]),
            # What a late settlement corrects is what counts now.
            attributes={
                "status": {"S": status},
                "reserved": amounts_item({**reserved, **used}),
                **result,
            },
            remove=("open", "open_until"),
            unchanged={name: row[name] for name in _TAKEN if name in row},
        )
        corrections = self._corrections(_read_buckets(row), reserved, used, swept=False)
        failed = self._write([update, *corrections], deadline, key)
        if not failed:
            operation = row["operation"]["S"]
            record_call(
                tenant=row["tenant"]["S"],
                model=operation,
                operation=operation,
                nano_usd=used.get("nano_usd", 0),
                quantities={},
                failed=outcome != "ok",
                latency_ms=latency_ms,
            )
        return failed

    def _change_share(
        self,
        share: Share,
        part: str,
        amounts: Amounts,
        update: str,
        condition: str,
        values: Mapping[str, Any],
        more: list[dict[str, object]],
        deadline: Deadline,
        *,
        names: Mapping[str, str] | None = None,
    ) -> dict[int, Item]:
        """Change the row of a workflow, and more in one transaction with it; return the changes whose conditions failed."""
        taken = {f":{name}": {"N": str(amounts.get(unit, 0))} for name, unit in _TAKEN.items()}
        change = {
            "TableName": self._ledger,
            "Key": share.key.attributes(),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#part": part, "#status": "status", **(names or {})},
            "ExpressionAttributeValues": {**taken, **values, ":open": {"S": _OPEN}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if more:
            return self._write([{"Update": change}, *more], deadline, share.key)
        refusals = {"ConditionalCheckFailedException": _ConditionFailed}
        try:  # which costs half as much as a transaction
            self._api.call("update_item", change, deadline=deadline, refusals=refusals)
        except _ConditionFailed as refused:
            response: Mapping[str, Any] = getattr(refused.__cause__, "response", {})
            return {0: response.get("Item", {})}
        except ServiceError as error:
            raise BackendUnavailable(_BUSY, retry_after_seconds=1, detail=error.detail) from error
        return {}

    def _read(self, request: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        try:
            return self._api.call("get_item", request, deadline=deadline)
        except ServiceError as error:
            raise BackendUnavailable(_BUSY, retry_after_seconds=1, detail=error.detail) from error

    def _open_rows(self, now: float, deadline: Deadline) -> Iterable[Item]:
        start: Mapping[str, Any] = {}
        while True:
            page = self._api.call(
                "scan",
                {
                    "TableName": self._ledger,
                    "IndexName": OPEN_INDEX,
                    "FilterExpression": "open_until < :now",
                    "ExpressionAttributeValues": {":now": {"N": str(int(now))}},
                    **start,
                },
                deadline=deadline,
            )
            yield from page.get("Items", ())
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def row(self, call: Call, outcome: Outcome, *, deadline: Deadline) -> dict[str, object]:
        """Return the change that writes the settled row of a call without limits, for a transaction that it belongs to.

        Raises:
            BackendUnavailable: DynamoDB does not answer.
        """
        self._note_account(call, deadline)
        put = {
            "TableName": self._ledger,
            "Item": {**call.attributes(), **outcome.attributes(), "status": {"S": _SETTLED}},
            "ConditionExpression": "attribute_not_exists(#row)",
            "ExpressionAttributeNames": {"#row": "row"},
        }
        return {"Put": put}

    def _settle_without_limits(self, call: Call, outcome: Outcome, deadline: Deadline) -> None:
        change: dict[str, Any] = self.row(call, outcome, deadline=deadline)
        try:
            self._api.call(
                "put_item",
                change["Put"],
                deadline=deadline,
                refusals={"ConditionalCheckFailedException": _Exists},
            )
        except _Exists:
            return
        except ServiceError as error:
            raise BackendUnavailable(_BUSY, detail=error.detail) from error

    def _note_account(self, call: Call, deadline: Deadline) -> None:
        """Write the account into the list of the day, once in the life of this process."""
        day = call.key.account.rpartition("#")[2]
        partition = f"{day}#{call.account}"
        if partition in self._accounts:
            return
        item = {
            **RowKey(f"accounts#{day}", call.account).attributes(),
            "expires_at": {"N": str(int(call.started_at) + ROW_DAYS * _DAY_SECONDS)},
        }
        try:
            self._api.call("put_item", {"TableName": self._ledger, "Item": item}, deadline=deadline)
        except ServiceError as error:
            raise BackendUnavailable(_BUSY, detail=error.detail) from error
        self._accounts[partition] = None
        if len(self._accounts) > _MOST_KNOWN:
            self._accounts.popitem(last=False)

    def _settled_row(self, call: Call, outcome: Outcome, status: str, version: int) -> dict[str, object]:
        return self._update_row(
            call.key,
            status=status,
            version=version,
            attributes={"status": {"S": _SETTLED}, **outcome.attributes()},
            remove=("open", "open_until"),
        )

    def _corrections(
        self, buckets: Iterable[Bucket], charged: Amounts, used: Amounts, *, swept: bool
    ) -> list[dict[str, object]]:
        """Return the changes of the buckets from an upper bound to what was used."""
        changes = []
        for bucket in buckets:
            unit = bucket.limit.unit
            if unit == "requests":
                continue
            actual, reserved = used.get(unit, 0), charged.get(unit, 0)
            change = {
                "committed": actual - reserved,
                "spent": actual - reserved if swept else actual,
            }
            if any(change.values()):
                changes.append(self._add(bucket, change))
        return changes

    def _commit(self, bucket: Bucket, amounts: Amounts) -> dict[str, object]:
        amount = amounts.get(bucket.limit.unit, 0)
        spent = amount if bucket.limit.unit == "requests" else 0
        warn_at = -(-bucket.limit.maximum * WARN_PERCENT // 100)
        about = {"ends_at": bucket.ends_at, "most": bucket.limit.maximum, "warn_at": warn_at}
        return self._add(
            bucket,
            {"committed": amount, "spent": spent},
            {":most": {"N": str(bucket.limit.maximum - amount)}, ":about": amounts_item(about)},
        )

    def _add(
        self, bucket: Bucket, change: Mapping[str, int], commit: Mapping[str, Any] | None = None
    ) -> dict[str, object]:
        """Return the change of a bucket; one that commits describes the bucket and has the condition of its limit."""
        described = "" if commit is None else ", about = :about"
        update: dict[str, Any] = {
            "TableName": self._buckets,
            "Key": {"id": {"S": bucket.id}},
            # A settlement creates a bucket anew that expired before the call ended, so that it has to expire again.
            "UpdateExpression": f"SET expires_at = :expires_at{described} ADD committed :committed, spent :spent",
            "ExpressionAttributeValues": {
                ":committed": {"N": str(change["committed"])},
                ":spent": {"N": str(change["spent"])},
                ":expires_at": {"N": str(bucket.ends_at + _BUCKET_SECONDS)},
            },
        }
        if commit is not None:
            update["ConditionExpression"] = "attribute_not_exists(committed) OR committed <= :most"
            update["ExpressionAttributeValues"] |= commit
            update["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {"Update": update}

    def _update_row(
        self,
        key: RowKey,
        *,
        status: str,
        version: int,
        attributes: Mapping[str, Any],
        remove: tuple[str, ...] = (),
        unchanged: Mapping[str, Any] | None = None,
    ) -> dict[str, object]:
        """Return the update of a row that still has a status, a version and `unchanged` attributes."""
        same = unchanged or {}
        names = {f"#{name}": name for name in (*attributes, *remove, "status", "version")}
        sets = ", ".join(f"#{name} = :{name}" for name in attributes)
        removes = f" REMOVE {', '.join(f'#{name}' for name in remove)}" if remove else ""
        return {
            "Update": {
                "TableName": self._ledger,
                "Key": key.attributes(),
                "UpdateExpression": f"SET {sets}{removes}",
                "ConditionExpression": " AND ".join(
                    ["#status = :was", "#version = :known", *(f"{name} = :same_{name}" for name in same)]
                ),
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": {
                    **{f":{name}": value for name, value in attributes.items()},
                    ":was": {"S": status},
                    ":known": {"N": str(version)},
                    **{f":same_{name}": value for name, value in same.items()},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _open(self, call: Call, until: float) -> dict[str, Any]:
        return {"open": {"S": call.request_id}, "open_until": {"N": str(int(until) + 1)}}

    def _write(self, changes: list[dict[str, object]], deadline: Deadline, key: RowKey) -> dict[int, Item]:
        text = json.dumps([key.account, key.row, changes], sort_keys=True)
        token = hashlib.sha256(text.encode()).hexdigest()[:36]
        try:
            return self._transactions.write(changes, deadline=deadline, token=token)
        except ServiceError as error:
            raise BackendUnavailable(_BUSY, retry_after_seconds=1, detail=error.detail) from error

    @staticmethod
    def _require_possible(buckets: Iterable[Bucket], amounts: Amounts, now: float) -> None:
        """Reject what no window could hold, however little of it is used."""
        for bucket in buckets:
            needed = amounts.get(bucket.limit.unit, 0)
            if needed > bucket.limit.maximum:
                raise BudgetExceeded(bucket=bucket, needed=needed, now=now)

    @staticmethod
    def _require_kept(
        failed: Mapping[int, Item],
        buckets: Iterable[Bucket],
        added: Amounts,
        now: float,
    ) -> None:
        """Raise the error of the bucket that is the last to reset, of those that leave too little."""
        full = [(bucket, failed[number]) for number, bucket in enumerate(buckets, 1) if number in failed]
        if not full:
            return
        bucket, item = max(full, key=lambda entry: entry[0].ends_at)
        committed = item.get("committed", {}).get("N")
        remaining = None if committed is None else max(0, bucket.limit.maximum - int(committed))
        needed = added.get(bucket.limit.unit, 0)
        raise BudgetExceeded(bucket=bucket, needed=needed, remaining=remaining, now=now)


def _minus(more: Amounts, less: Amounts) -> dict[Unit, int]:
    return {unit: amount - less.get(unit, 0) for unit, amount in more.items()}


def _taken(row: Item) -> dict[Unit, int]:
    return {unit: int(row[name]["N"]) for name, unit in _TAKEN.items()}


def _without_requests(amounts: Amounts) -> dict[Unit, int]:
    return {unit: amount for unit, amount in amounts.items() if unit != "requests"}


def _written(bucket: Bucket) -> str:
    return json.dumps([bucket.id, bucket.ends_at, bucket.limit.to_json()], separators=(",", ":"))


def _read_buckets(row: Item) -> tuple[Bucket, ...]:
    found = [json.loads(entry["S"]) for entry in row.get("buckets", {}).get("L", ())]
    return tuple(Bucket(id_, Limit.from_json(limit), ends_at) for id_, ends_at, limit in found)


def _read_reservation(call: Call, row: Item) -> Reservation:
    """Return the reservation of a row that was there."""
    if not row:
        raise InternalError(detail="DynamoDB did not return the row of the call")
    return Reservation(
        call,
        _read_buckets(row),
        amounts_of(row, "reserved"),
        version=int(row.get("version", {}).get("N", 0)),
        settled=row.get("status", {}).get("S") == _SETTLED,
    )
