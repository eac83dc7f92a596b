"""Which services there are: each function is asked once, and its answer kept for the life of the worker."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from handlers.common.aws_api import reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.service import DESCRIBE
from handlers.orchestrator.functions import Functions

_CALLS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """What the functions said.

    Attributes:
        services: The descriptions of all services, in the functions' order.
        unavailable: The keys of the functions that did not answer.
    """

    services: list[dict[str, Any]]
    unavailable: list[str]


class Catalogue:
    """The services of some functions.

    Args:
        functions: The functions.
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._known: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def listing(self, *, deadline: Deadline) -> Listing:
        """Asks all functions that have not answered yet, at the same time.

        Raises:
            ServiceError: No function at all has answered, ever; the error is the last one's.
        """
        keys = self._functions.keys
        unknown = [key for key in keys if key not in self._known]
        failures: dict[str, ServiceError] = {}
        if unknown:
            with ThreadPoolExecutor(min(len(unknown), _CALLS_AT_ONCE)) as threads:
                answers = threads.map(lambda key: self._ask(key, deadline), unknown)
                failures = {
                    key: answer for key, answer in zip(unknown, answers, strict=True) if answer is not None
                }
        if failures and len(failures) == len(keys):
            raise failures[keys[-1]]
        return Listing(
            services=[service for key in keys for service in self._known.get(key, [])],
            unavailable=list(failures),
        )

    def names(self, *, deadline: Deadline) -> tuple[str, ...]:
        """The names of the services; the functions' keys while no function answers."""
        try:
            listing = self.listing(deadline=deadline)
        except ServiceError:
            return self._functions.keys
        return tuple(service["name"] for service in listing.services)

    def _ask(self, key: str, deadline: Deadline) -> ServiceError | None:
        try:
            answer = self._functions.call(key, {"operation": DESCRIBE}, deadline=deadline)
            with reading_answer(f"function {key}"):
                services = [{**service, "name": str(service["name"])} for service in answer["services"]]
        except ServiceError as error:
            return error
        with self._lock:
            self._known[key] = services
        return None
