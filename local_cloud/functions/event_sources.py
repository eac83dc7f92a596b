"""Event source mappings: messages of queues, delivered to their functions.

moto 5.2.5 calls a function while a message is being sent, knows one batch at a time, puts what failed back at once, and
knows neither partial failures nor concurrency. Here the sender goes on at once. What mappings there are, and what they say, is
read in moto's Lambda backend each time round; what failed comes back when the queue's visibility timeout is over, and moto's queue
moves it to the dead-letter queue when it was taken too often. Filters of a mapping are not applied.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from moto.awslambda import models as lambda_models
from moto.sqs import models as sqs_models
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid

from local_cloud.functions.errors import FunctionServiceError, TooManyRequests
from local_cloud.functions.invoker import LARGEST_REQUEST_BYTES, Invoker
from local_cloud.functions.queue_events import events_of, failed_ids
from local_cloud.moto_backends import every

_CONCURRENCY = 5
"""How many batches of a mapping run at once if it says nothing. Lambda begins with five, and goes up to 1,250."""

_THROTTLED_SECONDS = (0.2, 0.5, 1.0, 2.0)
_SHOWN = 300

_logger = logging.getLogger("local_cloud.functions")


class EventSources:
    """The queues that functions take messages from.

    Lives on the executor's asyncio loop, and looks after the queues while there are mappings: as soon as `wake` is
    called, and every `interval_seconds` for what has become visible again.
    """

    def __init__(self, invoker: Invoker, *, interval_seconds: float = 0.25) -> None:
        self.invoker = invoker
        self._interval = interval_seconds
        self._consumers: dict[str, _Consumer] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def wake(self) -> None:
        """Look into the queues now: a message was sent, or a mapping was made or changed."""
        self._woken.set()
        if self._task is None and not self._closed and any(True for _ in _mappings()):
            self._task = asyncio.get_running_loop().create_task(self._look_after())

    async def close(self) -> None:
        """Take no more messages; those being handled are not deleted from their queues."""
        self._closed = True
        work = [task for consumer in self._consumers.values() for task in consumer.batches]
        work += [] if self._task is None else [self._task]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        self._consumers.clear()

    async def _look_after(self) -> None:
        try:
            while True:
                self._woken.clear()
                mappings = {mapping.uuid: (backend, mapping) for backend, mapping in _mappings()}
                if not mappings:
                    return
                for uuid in self._consumers.keys() - mappings.keys():
                    if not self._consumers[uuid].batches:
                        del self._consumers[uuid]
                for uuid, (backend, mapping) in mappings.items():
                    consumer = self._consumers.get(uuid)
                    if consumer is None or consumer.mapping is not mapping:
                        consumer = self._consumers[uuid] = _Consumer(self, backend, mapping)
                    try:
                        consumer.take()
                    except Exception:
                        _logger.exception("Queue %s could not be read", mapping.event_source_arn)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._interval)
        finally:
            self._task = None


class _Consumer:
    """One mapping: what it has gathered, and the batches that are being handled."""

    def __init__(self, sources: EventSources, backend: Any, mapping: Any) -> None:
        self.mapping = mapping
        self.batches: set[asyncio.Task[None]] = set()
        self._sources = sources
        self._gathered: list[Any] = []
        self._gather_until = 0.0
        _, _, _, region, account, self._queue_name = mapping.event_source_arn.split(":")
        self._queues = sqs_models.sqs_backends[account or backend.account_id][region]

    def take(self) -> None:
        """Take what is in the queue, as much as may be handled at once, and have it handled."""
        if not self.mapping.enabled:
            self._gathered = []  # they come back by themselves
            return
        queue = self._queues.queues.get(self._queue_name)
        if queue is None:
            return
        loop = asyncio.get_running_loop()
        scaling = self.mapping.scaling_config or {}
        most = int(scaling.get("MaximumConcurrency") or _CONCURRENCY)
        while len(self.batches) < most:
            size = self.mapping.batch_size
            if len(self._gathered) < size:
                new = self._received(queue, size - len(self._gathered))
                if new and not self._gathered:
                    self._gather_until = loop.time() + (self.mapping.max_batch_window or 0)
                self._gathered += new
            if not self._gathered or (len(self._gathered) < size and loop.time() < self._gather_until):
                return
            batch, self._gathered = self._gathered, []
            task = loop.create_task(self._handle(batch, loop.time() + queue.visibility_timeout))
            self.batches.add(task)
            task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self.batches.discard(task)
        self._sources.wake()

    def _received(self, queue: Any, count: int) -> list[Any]:
        received: list[Any] = self._queues.receive_message(
            queue.name, count, 0, queue.visibility_timeout, message_attribute_names=["All"]
        )
        return received

    async def _handle(self, messages: list[Any], until: float) -> None:
        arn = self.mapping.event_source_arn
        for part, payload in events_of(messages, queue_arn=arn, largest_bytes=LARGEST_REQUEST_BYTES):
            ids = {message.id for message in part}
            failed = await self._call(payload, ids, until)
            for message in part:
                if message.id not in failed:
                    with contextlib.suppress(QueueDoesNotExist, ReceiptHandleIsInvalid):
                        self._queues.delete_message(self._queue_name, message.receipt_handle)

    async def _call(self, payload: bytes, ids: set[str], until: float) -> set[str]:
        """Run the function on a batch; returns the ids of the messages that it has not handled."""
        loop = asyncio.get_running_loop()
        delays = iter(_THROTTLED_SECONDS)
        delay = 0.0
        while True:
            try:
                result = await self._sources.invoker.invoke(self.mapping.function_arn, payload)
            except TooManyRequests as error:
                delay = next(delays, delay)
                if loop.time() + delay < until:
                    await asyncio.sleep(delay)
                    continue
                problem = error.message
            except FunctionServiceError as error:
                problem = error.message
            else:
                if result.function_error is None:
                    if "ReportBatchItemFailures" not in (self.mapping.function_response_types or ()):
                        return set()
                    return self._reported(result.payload, ids)
                problem = result.payload[:_SHOWN].decode("utf-8", "replace")
            self._tell(len(ids), len(ids), problem)
            return ids

    def _reported(self, answer: bytes, ids: set[str]) -> set[str]:
        failed = failed_ids(answer, ids)
        if failed:
            self._tell(len(failed), len(ids), "it said so, or its answer is not a list of batchItemFailures")
        return failed

    def _tell(self, failed: int, sent: int, problem: str) -> None:
        _logger.warning(
            "%d of %d messages of queue %s were not handled by %s, and come again: %s",
            failed,
            sent,
            self._queue_name,
            self.mapping.function_arn.partition(":function:")[2],
            problem,
        )


def _mappings() -> Iterator[tuple[Any, Any]]:
    """Every mapping of a queue, with its backend; read as it stands, while other threads may add to it."""
    for backend in every(lambda_models.lambda_backends):
        for mapping in list(backend._event_source_mappings.values()):
            if ":sqs:" in mapping.event_source_arn:
                yield backend, mapping


def keep_from_moto(backend: Any, mapping: Any) -> None:
    """Have moto leave the messages of a mapping's queue alone."""
    for queue in list(sqs_models.sqs_backends[backend.account_id][backend.region_name].queues.values()):
        if queue.queue_arn == mapping.event_source_arn:
            queue.lambda_event_source_mappings.clear()
