"""Router: finds the targets of a request's model and tries them in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from handlers.chat.backend import ChatBackend, Completion, End, Piece, TextPiece
from handlers.chat.bounds import cut_short, limited, upper_bound
from handlers.chat.circuits import Circuit, Circuits
from handlers.chat.models import ChatRequest
from handlers.chat.parameters import Rejection
from handlers.chat.routes import Route, Routes, Target
from handlers.common.budgets import BudgetExceeded
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendUnavailable, InvalidRequest, ServiceError
from handlers.common.metered import Attempt, Metered, not_metered
from handlers.common.metering import READ, WRITTEN

_FIRST_SERVER_ERROR = 500
_SECONDS_TO_COUNT = 2.0


@dataclass(frozen=True, slots=True)
class Routed:
    """An answer, and the target that gave it."""

    completion: Completion
    target: Target


class RoutedStream:
    """A streamed answer whose first piece is there, and the target that gives it. Close it after use.

    Args:
        target: The target.
        pieces: The pieces. The first one is awaited here.
        ended: Called when the answer is complete, or with the error that ended it.
        attempt: The reservation for it.

    Raises:
        ServiceError: The target failed before its first piece.
    """

    def __init__(
        self,
        target: Target,
        pieces: Generator[Piece, None, None],
        *,
        ended: Callable[[ServiceError | None], None] = lambda _: None,
        attempt: Attempt,
    ) -> None:
        self.target = target
        self._attempt = attempt
        self._written = 0
        self._pieces = pieces
        self._ended = ended
        try:
            self._first = next(pieces)
        except StopIteration:
            raise BackendError("The model answered nothing.", detail=target.name) from None

    def __iter__(self) -> Iterator[Piece]:
        yield self._noted(self._first)
        try:
            for piece in self._pieces:
                yield self._noted(piece)
        except ServiceError as error:
            self._ended(error)
            raise
        self._ended(None)

    @property
    def so_far(self) -> End:
        """The end of an answer that is cut off here, with the tokens as they are counted."""
        used = self._attempt.quantities or {}
        return End(
            finish_reason="stop", prompt_tokens=used.get(READ, 0), completion_tokens=used.get(WRITTEN, 0)
        )

    def close(self) -> None:
        """End the target's work."""
        self._pieces.close()

    def _noted(self, piece: Piece) -> Piece:
        """Count a piece and return it, so that an answer that ends early is metered too."""
        if isinstance(piece, End):
            self._attempt.use({READ: piece.prompt_tokens, WRITTEN: piece.completion_tokens})
        else:
            text = piece.text if isinstance(piece, TextPiece) else piece.arguments
            self._written += len(text.encode("utf-8", "surrogatepass"))
            self._attempt.use(cut_short(self._attempt.upper, self._written))
        return piece


T = TypeVar("T", Completion, RoutedStream)
_Answer = Callable[[Target, Deadline, Circuit | None, Attempt], T]


class Router:
    """Router: answers requests by the targets of their routes.

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

    def complete(self, request: ChatRequest, *, deadline: Deadline, metered: Metered | None = None) -> Routed:
        """Answer a request by the first target of its route that can.

        Args:
            request: The request.
            deadline: When the answer must be there.
            metered: Metering of the call: each target is reserved at its own price before it is tried. Default: none.

        Raises:
            ModelNotFound: No route has the model's name.
            InvalidRequest: No target supports the request, or the target rejects it.
            ServiceError: All targets failed; the error of the last one that was tried.
        """
        route = self.routes.route(request.model)

        def answer(target: Target, until: Deadline, _: Circuit | None, attempt: Attempt) -> Completion:
            completion = self._backend(target).complete(_bounded(request, target, metered), deadline=until)
            attempt.use({READ: completion.prompt_tokens, WRITTEN: completion.completion_tokens})
            return completion

        completion, target = self._first_good(route, request, deadline, answer, metered or not_metered())
        return Routed(completion, target)

    def stream(
        self, request: ChatRequest, *, deadline: Deadline, metered: Metered | None = None
    ) -> RoutedStream:
        """Answer a request piece by piece, by the first target of its route whose first piece comes.

        Args:
            request: The request.
            deadline: When the last piece must be there.
            metered: As for `complete`. An answer that ends early counts with what was written.

        Raises:
            ServiceError: As `complete`. Later errors come with the pieces; no other target is tried then.
        """
        route = self.routes.route(request.model)

        def answer(
            target: Target, until: Deadline, circuit: Circuit | None, attempt: Attempt
        ) -> RoutedStream:
            bounded = _bounded(request, target, metered)
            pieces = self._backend(target).stream(bounded, first=until, deadline=deadline)
            if circuit is None:
                return RoutedStream(target, pieces, attempt=attempt)
            return RoutedStream(
                target,
                pieces,
                ended=lambda error: self._count(route, circuit, error, deadline),
                attempt=attempt,
            )

        metering = metered or not_metered()
        stream, _ = self._first_good(route, request, deadline, answer, metering)
        metering.first_token()
        return stream

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
        self,
        route: Route,
        request: ChatRequest,
        deadline: Deadline,
        answer_of: _Answer[T],
        metered: Metered,
    ) -> tuple[T, Target]:
        targets = self._fit(route, request)
        if len(route.targets) == 1:
            attempt = _reserved(metered, targets[0], request)
            return answer_of(targets[0], deadline, None, attempt), targets[0]
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
                attempt = _reserved(metered, target, request)
            except BudgetExceeded as refused:
                if failure is None:
                    raise
                # The target before it failed, and what is left does not pay this one.
                failure = refused
                continue
            try:
                answer = answer_of(target, until, circuit, attempt)
            except ServiceError as error:
                attempt.fail(error)
                self._count(route, circuit, error, deadline)
                if error.status < _FIRST_SERVER_ERROR:
                    raise
                self._report(target.name, error)
                failure = error
            else:
                if isinstance(answer, Completion):  # a stream counts when it has ended
                    self._count(route, circuit, None, deadline)
                return answer, target
        raise failure or BackendUnavailable(
            "All targets of the model are cooling down. Try again later.",
            retry_after_seconds=shortest_wait or route.cooldown_seconds,
        )

    def _count(self, route: Route, circuit: Circuit, error: ServiceError | None, deadline: Deadline) -> None:
        circuits = self._circuits()
        if error is None or error.status < _FIRST_SERVER_ERROR:  # the target works; the request is wrong
            circuits.succeeded(circuit, deadline=deadline)
        else:
            circuits.failed(circuit, open_seconds=route.cooldown_seconds, deadline=deadline)


def _bounded(request: ChatRequest, target: Target, metered: Metered | None) -> ChatRequest:
    """Return the request with a limit of tokens if it is metered."""
    return request if metered is None else limited(request, target.backend)


def _reserved(metered: Metered, target: Target, request: ChatRequest) -> Attempt:
    """Reserve for a target at its own price."""
    bounded = limited(request, target.backend)
    return metered.attempt_model(
        target.name,
        lambda price: upper_bound(bounded, price.image_tokens),
        backend=target.backend,
        model=target.model,
        base_url=target.base_url,
    )
