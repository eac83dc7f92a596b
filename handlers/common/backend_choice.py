"""The backend of a service: chosen by AI_BACKEND, made once a process, when it is first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

B = TypeVar("B")


class UnknownBackend(Exception):
    """AI_BACKEND names no backend. A mistake in the deployment, so the caller sees an internal error."""


class BackendChoice(Generic[B]):
    """Makes a service's backend on first use, so that `describe` and wrong input load no model.

    Args:
        local: Makes the backend that runs small models in this process.
        aws: Makes the backend that calls AWS's AI services.
    """

    def __init__(self, *, local: Callable[[], B], aws: Callable[[], B]) -> None:
        self._factories = {"local": local, "aws": aws}
        self._lock = threading.Lock()
        self._made: B | None = None

    def __call__(self) -> B:
        """The backend; the same object at each call.

        Raises:
            UnknownBackend: AI_BACKEND is set to something else than `local` or `aws`.
        """
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._factory()()
        return self._made

    def _factory(self) -> Callable[[], B]:
        name = os.environ.get("AI_BACKEND") or "local"
        if name not in self._factories:
            raise UnknownBackend(f"AI_BACKEND is {name!r}; set it to 'local' or 'aws'")
        return self._factories[name]
