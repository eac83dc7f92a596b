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
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
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
    """Thread that delivers one event after the other."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Delivery] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = False
        self.stopped = False

    def put(self, delivery: _Delivery) -> None:
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, daemon=True, name="events").start()
        self._queue.put(delivery)

    def _run(self) -> None:
        while True:
            delivery = self._queue.get()
            if self.stopped:
                continue
            try:
                _deliver(delivery)
            except Exception:
                _logger.exception("an event of rule %s was not delivered", delivery.sender.rule_arn)


class _Timer:
    """Thread that delivers the events of schedules."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def start(self) -> None:
        self._stopped = stopped = threading.Event()
        threading.Thread(target=self._run, args=(stopped,), daemon=True, name="schedules").start()

    def stop(self) -> None:
        self._stopped.set()

    @staticmethod
    def _run(stopped: threading.Event) -> None:
        schedules = Schedules(time.monotonic, _skip_schedule)
        while not stopped.wait(_TICK_SECONDS):
            try:
                for rule in schedules.due(_all_rules()):
                    _send_scheduled(rule)
            except Exception:
                _logger.exception("the schedules of rules were not followed")


_TICK_SECONDS = 1.0
_timer = _Timer()
_deliveries = _Deliveries()
_said: set[str] = set()


def install() -> None:
    """Deliver what moto's rules match, from now on."""
    _deliveries.stopped = False
    _said.clear()
    _timer.stop()
    _timer.start()


def stop() -> None:
    """Deliver nothing any more, as the local cloud ends."""
    _deliveries.stopped = True
    _timer.stop()


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
            _deliveries.put(_Delivery(Sender(rule.arn, rule.account_id), dict(target), event))


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
            sender = Sender(rule.arn, rule.account_id)
            _deliveries.put(_Delivery(sender, dict(target), event))
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
        if service not in _said:
            _said.add(service)
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
