"""Asynchronous invocations: accepted at once, run later, and tried again when they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Unpack
from uuid import uuid4

from local_cloud.functions.definition import Target, event_invoke_config
from local_cloud.functions.destinations import (
    EVENT_AGE_EXCEEDED,
    RETRIES_EXHAUSTED,
    SUCCESS,
    FinishedEvent,
    deliver,
)
from local_cloud.functions.errors import FunctionServiceError, RequestTooLarge, TooManyRequests
from local_cloud.functions.invoker import CallContext, Invoker

LARGEST_EVENT_BYTES = 1_048_576
"""Lambda's limit for the event of an asynchronous invocation: 1 MB."""

_THROTTLED_SECONDS = 1.0
_OLDEST_SECONDS = 6 * 60 * 60.0

_logger = logging.getLogger("local_cloud.functions")


class EventQueue:
    """The asynchronous invocations that are still to be delivered, with pauses before the retries of a failed one."""

    def __init__(
        self, invoker: Invoker, resolve: Callable[[str], Target], *, retry_delays_seconds: Sequence[float]
    ) -> None:
        self._invoker = invoker
        self._resolve = resolve
        self._delays = tuple(retry_delays_seconds)
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, function_arn: str, payload: bytes, **context: Unpack[CallContext]) -> str:
        """Accept an event and return its request id; it is delivered from now on.

        A failed invocation is retried as often as the function's event invoke configuration says. Default: 2. One that was
        throttled is retried until the event is too old. Default: 6 hours. Then its record goes to the destination of that
        configuration, and an event that has failed for good to the function's dead-letter queue; it is logged too, and
        dropped where there is neither.

        Raises:
            FunctionNotFound: There is no such function, version or alias.
            RequestTooLarge: The payload is over 1 MB.
        """
        if len(payload) > LARGEST_EVENT_BYTES:
            raise RequestTooLarge(
                f"Request must be smaller than {LARGEST_EVENT_BYTES} bytes for the InvokeFunction operation"
            )
        target = self._resolve(function_arn)
        request_id = str(uuid4())
        work = self._deliver(target, function_arn, payload, request_id, context)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return request_id

    def close(self) -> None:
        """Drop what is waiting."""
        for task in list(self._tasks):
            task.cancel()

    async def _deliver(
        self,
        target: Target,
        function_arn: str,
        payload: bytes,
        request_id: str,
        context: CallContext,
    ) -> None:
        config = event_invoke_config(target)
        retries = list(self._delays[: int(config.get("MaximumRetryAttempts", len(self._delays)))])
        loop = asyncio.get_running_loop()
        too_old = loop.time() + float(config.get("MaximumEventAgeInSeconds", _OLDEST_SECONDS))
        attempts, result = 0, None
        while True:
            attempts += 1
            try:
                result = await self._invoker.invoke(function_arn, payload, request_id=request_id, **context)
            except TooManyRequests:
                delay: float | None = _THROTTLED_SECONDS
                problem = "throttled"
            except FunctionServiceError as error:
                delay = retries.pop(0) if retries else None
                problem = error.message
            else:
                if result.function_error is None:
                    finished = FinishedEvent(target, request_id, payload, SUCCESS, attempts, result)
                    await self._send(finished, config)
                    return
                delay = retries.pop(0) if retries else None
                problem = result.payload[:500].decode("utf-8", "replace")
            if delay is None or loop.time() + delay > too_old:
                condition = RETRIES_EXHAUSTED if delay is None else EVENT_AGE_EXCEEDED
                finished = FinishedEvent(target, request_id, payload, condition, attempts, result)
                sent = await self._send(finished, config)
                _logger.warning(
                    "Event %s for function %s failed for good and is %s: %s",
                    request_id,
                    target.definition.name,
                    f"sent to {', '.join(sent)}" if sent else "dropped",
                    problem,
                )
                return
            await asyncio.sleep(delay)

    async def _send(self, event: FinishedEvent, config: dict[str, Any]) -> list[str]:
        """Send an event that is over to where it belongs; returns the ARNs that took it."""
        if event.condition == SUCCESS and not config.get("DestinationConfig"):
            return []
        try:
            return await asyncio.to_thread(deliver, event, config)
        except Exception:
            _logger.exception(
                "The record of event %s for function %s could not be delivered",
                event.request_id,
                event.target.definition.name,
            )
            return []
