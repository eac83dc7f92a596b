"""The idle workers of one version of one function, and whether they may still be used."""

from __future__ import annotations

from local_cloud.functions.definition import Target
from local_cloud.functions.worker import Worker


class FunctionPool:
    """Workers that run the same code with the same settings.

    A change of code or settings retires them: the idle end at once, the busy after what they run.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.definition = target.definition
        # The one that was used last is at the end, and is the first to be used again.
        self._idle: list[Worker] = []

    def update(self, target: Target) -> None:
        """Take over what was resolved now; retires the workers if something has changed."""
        self.target = target
        if target.definition != self.definition:
            self.definition = target.definition
            self.retire()

    def retire(self) -> None:
        """End the idle workers."""
        idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def remove(self, worker: Worker) -> None:
        """A worker is gone."""
        if worker in self._idle:
            self._idle.remove(worker)

    def take(self) -> Worker | None:
        """An idle worker, which is idle no more; None if all are busy."""
        while self._idle:
            worker = self._idle.pop()
            if not worker.ended:
                return worker
        return None

    def give_back(self, worker: Worker) -> None:
        """A worker has finished an invocation; ends it if it is retired, or if its credentials end soon."""
        if worker.definition is self.definition and not worker.outlived:
            self._idle.append(worker)
        else:
            worker.end()

    def adopt(self, worker: Worker) -> None:
        """Keep a worker that was started without an invocation; end it if something has changed since."""
        if worker.definition == self.definition:
            self.definition = worker.definition
            self._idle.append(worker)
        else:
            worker.end()

    def longest_idle(self) -> Worker | None:
        """The worker that was free for the longest time; None if all are busy."""
        return self._idle[0] if self._idle else None

    def end_idle(self, *, free_before: float) -> None:
        """End the workers that have been free since before that time of the loop's clock."""
        while self._idle and self._idle[0].free_since < free_before:
            self._idle.pop(0).end()
