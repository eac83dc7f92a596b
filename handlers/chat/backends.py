"""Backends of the targets, each created at its first use."""

from __future__ import annotations

import threading
from collections.abc import Generator

from handlers.chat.backend import ChatBackend, Completion, Piece
from handlers.chat.models import ChatRequest
from handlers.chat.offline_backend import DESCRIPTION, MODEL, OfflineBackend
from handlers.chat.parameters import Rejection
from handlers.chat.routes import Route, Target
from handlers.common.deadline import Deadline
from handlers.common.once import Once


class Backends:
    """Backends by their targets, each created once. The offline model loads at its first good request."""

    def __init__(self) -> None:
        self._offline = _Offline()
        self._made: dict[Target, ChatBackend] = {}
        self._lock = threading.Lock()

    def __call__(self, target: Target) -> ChatBackend:
        """Return the backend of a target.

        Raises:
            ValueError: The target's backend is unknown, or its address is not valid: a mistake in the deployment.
        """
        with self._lock:
            if target not in self._made:
                self._made[target] = self._make(target)
            return self._made[target]

    def _make(self, target: Target) -> ChatBackend:
        if target.backend == "offline" and target.model == MODEL:
            return self._offline
        if target.backend == "openai":
            from handlers.chat.openai_backend import ApiKey, OpenAiBackend

            key = None if target.secret is None else ApiKey(target.secret)
            return OpenAiBackend(model=target.model, base_url=target.base_url or "", key=key)
        if target.backend == "bedrock":
            from handlers.chat.bedrock_backend import BedrockBackend

            return BedrockBackend(target.model)
        raise ValueError(f"target {target.name!r} is unknown; use offline:{MODEL}, openai or bedrock")


class _Offline:
    """The offline model, which loads when the first good request needs it."""

    def __init__(self) -> None:
        self._model = Once(OfflineBackend)

    def rejection(self, request: ChatRequest) -> Rejection | None:
        return OfflineBackend.rejection(request)

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Completion:
        return self._model().complete(request, deadline=deadline)

    def stream(
        self, request: ChatRequest, *, first: Deadline, deadline: Deadline
    ) -> Generator[Piece, None, None]:
        return self._model().stream(request, first=first, deadline=deadline)


def description(route: Route) -> str:
    """Return what answers for a route, and what it can do, for the list of models."""
    names = [
        DESCRIPTION if target.backend == "offline" else f"{target.model} ({target.backend})"
        for target in route.targets
    ]
    models = "; if that fails, ".join(names)
    return models if route.guardrail is None else f"Behind a guardrail, without images: {models}"
