"""The backend of a service: chosen by AI_BACKEND, made once a process, when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from handlers.common.once import Once

B = TypeVar("B")


class UnknownBackend(Exception):
    """AI_BACKEND names no backend. A mistake in the deployment, so the caller sees an internal error."""


def ai_backend() -> str:
    """Return the name of the AI backend: AI_BACKEND, `local` without it."""
    return os.environ.get("AI_BACKEND") or "local"


class BackendChoice(Once[B]):
    """Backend of a service, created on first use, so that `describe` and wrong input load no model.

    The first call reads AI_BACKEND (`local` without it) and raises UnknownBackend when it is none of the two.

    Args:
        local: Makes the backend that runs small models in this process.
        aws: Makes the backend that calls AWS's AI services.
    """

    def __init__(self, *, local: Callable[[], B], aws: Callable[[], B]) -> None:
        factories = {"local": local, "aws": aws}

        def make() -> B:
            name = ai_backend()
            if name not in factories:
                raise UnknownBackend(f"AI_BACKEND is {name!r}; set it to 'local' or 'aws'")
            return factories[name]()

        super().__init__(make)
