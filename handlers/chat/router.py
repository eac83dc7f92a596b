"""Router: finds the targets of a request's model and tries them in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from handlers.chat.backend import ChatBackend, Completion
from handlers.chat.circuits import Circuits
from handlers.chat.models import ChatRequest
from handlers.chat.parameters import Rejection
from handlers.chat.routes import Route, Routes, Target
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, InvalidRequest, ServiceError

_FIRST_SERVER_ERROR = 500
_SECONDS_TO_COUNT = 2.0


@dataclass(frozen=True, slots=True)
class Routed:
    """An answer, and the target that gave it."""

    completion: Completion
    target: Target


class Router:
    """Answers requests by the targets of their routes.

    A target that is busy, too slow or broken is followed by the next one; a request that a target rejects as wrong is not
    tried again. Targets that do not support a request are passed over.

    Args:
        routes: The routes.
        backend: Returns the backend of a target.
        circuits: Returns the circuits; called for routes with more than one target.
        report: Called with the name of each target that fails of a route with several, and its error.
    """

    def __init__(
        self,
        routes: Routes,
        *,
        backend: Callable[[Target], ChatBackend],
        circuits: Callable[[], Circuits],
        report: Callable[[str, ServiceError], None],
    ) -> None:
        self.routes = routes
        self._backend = backend
        self._circuits = circuits
        self._report = report

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Routed:
        """Answer a request by the first target of its route that can.

        Raises:
            ModelNotFound: No route has the model's name.
            InvalidRequest: No target supports the request, or the target rejects it.
            ServiceError: All targets failed; the error of the last one that was tried.
        """
        route = self.routes.route(request.model)
        targets = self._fit(route, request)
        if len(route.targets) == 1:
            return Routed(self._backend(targets[0]).complete(request, deadline=deadline), targets[0])
        return self._first_good(route, targets, request, deadline)

    def _fit(self, route: Route, request: ChatRequest) -> list[Target]:
        targets: list[Target] = []
        rejections: list[Rejection] = []
        for target in route.targets:
            rejection = self._backend(target).rejection(request)
            if rejection is None:
                targets.append(target)
            else:
                rejections.append(rejection)
        if not targets:
            raise InvalidRequest(
                f"{rejections[0].param} is not supported. {rejections[0].reason}", param=rejections[0].param
            )
        return targets

    def _first_good(
        self, route: Route, targets: list[Target], request: ChatRequest, deadline: Deadline
    ) -> Routed:
        circuits = self._circuits()
        failure: ServiceError | None = None
        shortest_wait: int | None = None
        for number, target in enumerate(targets):
            circuit = circuits.look(
                route.circuit(target),
                failures=route.failures,
                open_seconds=route.cooldown_seconds,
                deadline=deadline,
            )
            if circuit.wait_seconds:
                shortest_wait = min(circuit.wait_seconds, shortest_wait or circuit.wait_seconds)
                continue
            last = number == len(targets) - 1
            # What is kept back counts a failure of the last target.
            seconds = max(0.0, deadline.seconds_left() - _SECONDS_TO_COUNT)
            until = deadline.at_most(seconds if last else min(seconds, route.timeout_seconds))
            try:
                completion = self._backend(target).complete(request, deadline=until)
            except ServiceError as error:
                if error.status < _FIRST_SERVER_ERROR:
                    # The target works; the request is wrong.
                    circuits.succeeded(circuit, deadline=deadline)
                    raise
                circuits.failed(circuit, open_seconds=route.cooldown_seconds, deadline=deadline)
                self._report(target.name, error)
                failure = error
            else:
                circuits.succeeded(circuit, deadline=deadline)
                return Routed(completion, target)
        raise failure or BackendUnavailable(
            "All targets of the model are cooling down. Try again later.",
            retry_after_seconds=shortest_wait or route.cooldown_seconds,
        )
