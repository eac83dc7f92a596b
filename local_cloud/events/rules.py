"""Delivery of events to the targets of rules, and to dead-letter queues.

moto's `Rule.send_to_targets` is replaced: every event of its backend comes through it. Targets that are
delivered to here get it on a thread of their own, so that PutEvents returns at once; moto's own code delivers
to the others.
"""

from __future__ import annotations

import copy
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.events.models import Rule, events_backends

from local_cloud.events.inputs import InvalidInput, input_of
from local_cloud.events.schedules import Schedules
from local_cloud.events.targets import Sender, Undeliverable, deliver, delivers_to, send, service_of
from local_cloud.moto_backends import every
from local_cloud.patches import extends

_logger = logging.getLogger("local_cloud.events")


@dataclass(frozen=True, slots=True)
class _Delivery:
    sender: Sender
    target: Mapping[str, Any]
    event: Mapping[str, Any]


class _Deliveries:
    """Thread that delivers one event after the other, and one that follows the schedules of rules."""

    def __init__(self) -> None:
        self.skipped_services: set[str] = set()
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="events")
        self._stopped = threading.Event()
        threading.Thread(target=self._follow_schedules, daemon=True, name="schedules").start()

    def stop(self) -> None:
        self._stopped.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def put(self, delivery: _Delivery) -> None:
        with suppress(RuntimeError):  # stopped
            self._threads.submit(_deliver, delivery)

    def _follow_schedules(self) -> None:
        schedules = Schedules(time.monotonic, _skip_schedule)
        while not self._stopped.wait(_TICK_SECONDS):
            try:
                for rule in schedules.due(_all_rules()):
                    _send_scheduled(rule)
            except Exception:
                _logger.exception("the schedules of rules were not followed")


_TICK_SECONDS = 1.0
_deliveries: _Deliveries | None = None


def install() -> None:
    """Deliver what moto's rules match, from now on."""
    global _deliveries
    stop()
    _deliveries = _Deliveries()


def stop() -> None:
    """Deliver nothing any more, as the local cloud ends."""
    if _deliveries is not None:
        _deliveries.stop()


def _put(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    if _deliveries is not None:
        _deliveries.put(_Delivery(Sender(rule.arn, rule.account_id), dict(target), event))


def publish(
    *, account_id: str, region: str, source: str, detail_type: str, resource: str, detail: Mapping[str, Any]
) -> None:
    """Put an event of an AWS service on the account's own bus; it is delivered soon."""
    event = _event(account_id, region, source, detail_type, resource, detail)
    event["time"] = event["ingestion-time"] = time.time()
    bus = events_backends[account_id][region].event_buses["default"]
    for rule in list(bus.rules.values()):
        rule.send_to_targets(copy.deepcopy(event))


def _event(
    account_id: str, region: str, source: str, detail_type: str, resource: str, detail: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account_id,
        "time": _written(datetime.now(UTC)),
        "region": region,
        "resources": [resource],
        "detail": detail,
    }


def _all_rules() -> list[Any]:
    buses = [bus for backend in every(events_backends) for bus in list(backend.event_buses.values())]
    return [rule for bus in buses for rule in list(bus.rules.values())]


def _send_scheduled(rule: Any) -> None:
    event = _event(rule.account_id, rule.region_name, "aws.events", "Scheduled Event", rule.arn, {})
    for target in list(rule.targets):
        if delivers_to(target["Arn"]):
            _put(rule, target, event)


def _skip_schedule(name: str, expression: str) -> None:
    _logger.warning("rule %s: the local cloud does not follow %s, only rate(…)", name, expression)


@extends(Rule)
def _send_to_targets(
    original: Callable[..., None], rule: Any, original_event: dict[str, Any], transform_input: bool = True
) -> None:
    # A rule without a pattern follows a schedule.
    if rule.state == "DISABLED" or not rule.event_pattern.dump():
        return
    event = {name: value for name, value in original_event.items() if name != "ingestion-time"}
    if not isinstance(event.get("time"), str):
        event["time"] = _written(datetime.fromtimestamp(float(event.get("time") or 0), UTC))
    if not rule.event_pattern.matches_event(event):
        return
    for target in list(rule.targets):
        if delivers_to(target["Arn"]):
            _put(rule, target, event)
        else:
            alone = copy.copy(rule)
            alone.targets = [target]
            _leave_to_moto(original, alone, original_event, transform_input)


def _leave_to_moto(
    original: Callable[..., None], rule: Any, event: dict[str, Any], transform_input: bool
) -> None:
    """Deliver an event to the one target of a rule by moto's code."""
    try:
        original(rule, event, transform_input)
    except NotImplementedError:
        service = service_of(rule.targets[0]["Arn"])
        if _deliveries is not None and service not in _deliveries.skipped_services:
            _deliveries.skipped_services.add(service)
            _logger.warning(
                "rule %s: the local cloud delivers no events to targets of %s",
                rule.name,
                service or "this kind",
            )


def _deliver(delivery: _Delivery) -> None:
    sender, target = delivery.sender, delivery.target
    try:
        deliver(sender, target, input_of(target, delivery.event, rule_arn=sender.rule_arn))
    except InvalidInput as error:
        _bury(delivery, Undeliverable("INVALID_JSON", str(error)))
    except Undeliverable as error:
        _bury(delivery, error)
    except Exception:
        _logger.exception("an event of rule %s was not delivered", sender.rule_arn)


def _bury(delivery: _Delivery, error: Undeliverable) -> None:
    sender, target = delivery.sender, delivery.target
    rule, arn = sender.rule_arn.rpartition("/")[2], (target.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        _logger.warning("rule %s: an event is lost: %s", rule, error.message)
        return
    attributes = {
        "RULE_ARN": sender.rule_arn,
        "TARGET_ARN": str(target["Arn"]),
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message,
    }
    try:
        send(sender, arn, json.dumps(delivery.event, separators=(",", ":")), **attributes)
    except Undeliverable as refused:
        _logger.warning("rule %s: an event is lost: %s; and %s", rule, error.message, refused.message)
    else:
        _logger.warning("rule %s: an event is sent to %s: %s", rule, arn, error.message)


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
