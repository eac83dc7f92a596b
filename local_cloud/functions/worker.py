"""One worker: a child process under `awslambdaric`, its Runtime API, its log, and the invocation that it runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from local_cloud.bounded_file import BoundedFolder
from local_cloud.functions import outcome as outcomes
from local_cloud.functions.credentials import (
    NOBODYS,
    may_create_log_group,
    may_log,
    used_up,
    worker_credentials,
)
from local_cloud.functions.definition import FunctionDefinition
from local_cloud.functions.environment import WorkerPlace, worker_command, worker_environment
from local_cloud.functions.errors import FunctionServiceError, ServiceUnavailable
from local_cloud.functions.invocation import Invocation, StartFailed, StartTimedOut
from local_cloud.functions.log import WorkerLog, log_stream_name, report_line
from local_cloud.functions.memory import MemoryWatch, measure
from local_cloud.functions.outcome import Outcome
from local_cloud.functions.process import ProcessGroup
from local_cloud.functions.response_stream import StreamSource
from local_cloud.functions.result import InvocationResult
from local_cloud.functions.runtime_api import LARGEST_RESPONSE_BYTES, RuntimeApi
from local_cloud.functions.warden import Warden
from local_cloud.iam.sessions import end_session
from local_cloud.log_groups import LogDelivery, LogStream

_MEGABYTE = 1024 * 1024


class WorkerOwner(Protocol):
    """Listener for events of a worker."""

    def worker_free(self, worker: Worker) -> None:
        """Handle the end of an invocation: the worker can take the next."""

    def invocation_ended(self, worker: Worker, invocation: Invocation, result: InvocationResult) -> None:
        """Handle the result of an invocation."""

    def worker_ended(self, worker: Worker, undelivered: Invocation | None) -> None:
        """Handle the end of a worker's process; an invocation that it did not fetch can go to another worker."""


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """Services that all workers share."""

    logs: BoundedFolder
    cloudwatch: LogDelivery
    memory: MemoryWatch
    warden: Warden


class Worker:
    """One process that runs one invocation at a time."""

    def __init__(
        self, definition: FunctionDefinition, *, owner: WorkerOwner, services: WorkerServices
    ) -> None:
        self.id = uuid4().hex
        self.definition = definition
        self.free_since = 0.0
        self.ended = False
        """It takes no more invocations: it was killed or its process has ended."""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._services = services
        self._api = RuntimeApi(self)
        self._process: ProcessGroup | None = None
        self._stream = log_stream_name(definition.version, self.id)
        self._log = WorkerLog(definition.name, self._stream, services.logs)
        self._log_end: int | None = None
        self._home: Path | None = None
        self._credentials = NOBODYS
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._init_ms: float | None = None
        self._reported_init = False
        self._invocation: Invocation | None = None
        self._invocation_began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._peak_bytes = 0
        self._streams = False
        self._collected = bytearray()
        self._last_read: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group; 0 before the start."""
        return 0 if self._process is None else self._process.pid

    @property
    def is_busy(self) -> bool:
        """True if it starts or runs an invocation."""
        return self._invocation is not None or not self._started.done()

    @property
    def used_mb(self) -> int:
        """The most memory that the process has used so far, in MB."""
        return -(-self._peak_bytes // _MEGABYTE)

    @property
    def outlived(self) -> bool:
        """True if its credentials expire soon, so that it should take no more invocations."""
        return used_up(self._credentials)

    async def start(self, place: WorkerPlace, *, limit_seconds: float) -> None:
        """Start the process and wait until the handler is loaded.

        Raises:
            StartTimedOut: It took longer; the process was killed.
            StartFailed: The handler could not be loaded; the process was killed.
            ServiceUnavailable: The process cannot be started.
        """
        began = self._loop.time()
        try:
            await self._api.start()
            if self.ended:
                raise OSError("the worker was ended before it began")
            self._spawn(place)
        except OSError as error:
            self._abandon()
            self._owner.worker_ended(self, None)
            raise ServiceUnavailable(
                f"No process can be started for function {self.definition.name!r}: {error}. End other programs "
                "or lower the concurrency."
            ) from error
        self._services.memory.add(self.pid, self.memory_measured)
        timer = self._loop.call_later(limit_seconds, self._start_timed_out)
        try:
            await self._started
        except (StartFailed, StartTimedOut) as error:
            self._report_failed_start(error, (self._loop.time() - began) * 1000)
            raise
        finally:
            timer.cancel()
            self._services.memory.remove(self.pid)
        self._init_ms = (self._loop.time() - began) * 1000

    def run(self, invocation: Invocation) -> None:
        """Hand an invocation to the idle worker."""
        definition = self.definition
        self._invocation = invocation
        self._streams = False
        began = self._invocation_began = self._loop.time()
        if invocation.deadline is None:
            invocation.deadline = began + definition.timeout_seconds
        left = invocation.deadline - began
        if self._reported_init:
            self._log.drain()
            self._log.start_tail()
        self._log.start(f"START RequestId: {invocation.request_id} Version: {definition.version}")
        self._timer = self._loop.call_later(left, self._timed_out)
        self._services.memory.add(self.pid, self.memory_measured)
        self._api.send(invocation.message(int((time.time() + left) * 1000)))

    def refuse(self, invocation: Invocation, outcome: Outcome) -> None:
        """Give an invocation the outcome of a failed start."""
        self._invocation = invocation
        self._invocation_began = self._loop.time()
        self._log.lines(f"START RequestId: {invocation.request_id} Version: {self.definition.version}")
        self._finish(outcome)

    def end(self, error: FunctionServiceError | None = None) -> None:
        """Kill the process with all that it has started."""
        self.ended = True
        invocation, self._invocation = self._invocation, None
        if invocation is not None:
            self._stop_watching()
            invocation.fail(error or ServiceUnavailable("The worker was ended; call again."))
        if self._last_read is not None:
            self._api.close()
        self._kill()

    def runtime_ready(self) -> None:
        """The client asked for an event: the start is over, or the last invocation is."""
        if not self._started.done():
            self._started.set_result(None)
        elif self._invocation is not None and self._streams:
            stream = self._invocation.stream
            self._finish(outcomes.cut_off(caller_gone=stream is not None and stream.abandoned))

    def runtime_runs(self, request_id: str) -> bool:
        """Return whether this invocation runs now."""
        return self._invocation is not None and self._invocation.request_id == request_id

    def runtime_answered(self, body: bytes | None, *, failed: bool) -> None:
        """The client answered with an error object or a result. None is an answer over `LARGEST_RESPONSE_BYTES`."""
        if failed and body is not None:
            body = body.replace(self._task_root, b"/var/task/")
        self._finish(outcomes.answered(body, failed=failed))

    def runtime_stream_began(self, source: StreamSource) -> None:
        """The client begins to stream the answer."""
        self._streams = True
        self._collected = bytearray()
        if self._invocation is not None and self._invocation.stream is not None:
            self._invocation.stream.begin(source)

    def runtime_stream_chunk(self, data: bytes) -> None:
        """A part of that answer has arrived."""
        if self._invocation is None:
            return
        if self._invocation.stream is not None:
            self._invocation.stream.feed(data)
        elif len(self._collected) <= LARGEST_RESPONSE_BYTES:
            self._collected += data

    def runtime_stream_ended(self, error: bytes | None) -> None:
        """The answer is complete; or the function failed after its start, with this error object."""
        body, self._collected = bytes(self._collected), bytearray()
        self._finish(outcomes.streamed(body if len(body) <= LARGEST_RESPONSE_BYTES else None, error))

    def runtime_init_failed(self, body: bytes) -> None:
        """The client could not load the handler; the body is the error object."""
        outcome = outcomes.init_failed(body)
        self._fail_start(StartFailed(lambda _: outcome))

    def memory_measured(self, resident: int, unshared: int) -> None:
        """Note the memory of the process group, all of it and without pages that come from files, in bytes."""
        self._peak_bytes = max(self._peak_bytes, resident)
        self._log.settle()
        if unshared <= self.definition.memory_mb * _MEGABYTE:
            return
        self._peak_bytes = self.definition.memory_mb * _MEGABYTE
        self._fail_start(StartFailed(outcomes.out_of_memory))
        if self._invocation is not None:
            self._break_off(outcomes.out_of_memory(self._invocation.request_id))

    def _spawn(self, place: WorkerPlace) -> None:
        definition, stream = self.definition, self._stream
        self._home = place.homes / self.id
        self._task_root = f"{place.task_root}/".encode()
        self._home.mkdir(parents=True)
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self._credentials = worker_credentials(definition, self._remark)
        logged = may_log(self._credentials, definition, stream, self._remark)
        creates_group = logged and may_create_log_group(self._credentials, definition)
        cloudwatch = LogStream(
            definition.account_id, definition.region, definition.log_group, stream, creates_group
        )
        self._log.open(read_end, partial(self._put_line, cloudwatch) if logged else None)
        self._log_end = read_end
        self._loop.add_reader(read_end, self._read_log)
        environment = worker_environment(
            definition,
            place,
            home=self._home,
            runtime_api=self._api.address,
            log_stream=stream,
            credentials=self._credentials,
        )
        try:
            self._process = ProcessGroup(
                worker_command(definition, place),
                cwd=place.task_root,
                environment=environment,
                output=write_end,
                on_exit=self._exited,
            )
        finally:
            os.close(write_end)
        self._services.warden.watch(self._process.pid)
        self._log.lines(
            f"INIT_START Runtime Version: {definition.runtime} of this machine, process {self.pid}"
        )

    def _put_line(self, stream: LogStream, line: str) -> None:
        self._services.cloudwatch.put(stream, {"timestamp": int(time.time() * 1000), "message": line})

    def _finish(self, outcome: Outcome) -> None:
        """End the invocation: write its last lines, tell the caller, and be free for the next one."""
        invocation, self._invocation = self._invocation, None
        if invocation is None:
            return
        duration_ms = (self._loop.time() - self._invocation_began) * 1000
        self._stop_watching()
        if self._peak_bytes == 0 and self.pid:
            self._peak_bytes = measure({self.pid}).get(self.pid, (0, 0))[0]
        definition = self.definition
        init_ms = None if self._reported_init else self._init_ms
        self._log.drain()
        memory = definition.memory_mb, self.used_mb
        report = report_line(invocation.request_id, outcome, duration_ms, init_ms, *memory)
        notes = () if outcome.note is None else (outcome.note,)
        self._log.lines(*notes, f"END RequestId: {invocation.request_id}", report)
        tail = self._log.tail()
        self._reported_init = True
        if not self.ended:
            self.free_since = self._loop.time()
            self._owner.worker_free(self)
        failure = "Unhandled" if outcome.failed else None
        result = InvocationResult(
            outcome.payload, failure, definition.version, tail, duration_ms, init_ms, self.used_mb
        )
        self._owner.invocation_ended(self, invocation, result)
        invocation.succeed(result)

    def _break_off(self, outcome: Outcome) -> None:
        self.ended = True
        if self._last_read is not None:
            self._api.close()
        self._kill()
        self._finish(outcome)

    def _timed_out(self) -> None:
        if self._invocation is not None:
            timeout = self.definition.timeout_seconds
            self._break_off(outcomes.timed_out(self._invocation.request_id, timeout))

    def _report_failed_start(self, error: StartFailed | StartTimedOut, elapsed_ms: float) -> None:
        line = f"INIT_REPORT Init Duration: {elapsed_ms:.2f} ms\tPhase: init\tStatus: "
        if isinstance(error, StartTimedOut):
            line += "timeout"
        else:
            line += f"error\tError Type: {error.outcome('').error_type}"
        self._log.drain()
        self._log.lines(line)

    def _start_timed_out(self) -> None:
        self._fail_start(StartTimedOut())

    def _fail_start(self, error: StartFailed | StartTimedOut) -> None:
        if not self._started.done():
            self.ended = True
            self._started.set_exception(error)
            self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _exited(self, returncode: int) -> None:
        self.ended = True
        self._log.drain()
        undelivered = None
        if not self._started.done():
            self._started.set_exception(
                StartFailed(lambda request_id: outcomes.exited(request_id, returncode))
            )
        elif self._invocation is not None:
            if self._api.take_back():
                undelivered, self._invocation = self._invocation, None
                self._stop_watching()
            else:
                outcome = outcomes.exited(self._invocation.request_id, returncode)
                self._last_read = self._loop.create_task(self._finish_unread(outcome))
        self._services.warden.forget(self.pid)
        self._owner.worker_ended(self, undelivered)
        if self._last_read is None:
            # After those who wait for the start have had their say in the log.
            self._loop.call_soon(self._abandon)

    async def _finish_unread(self, outcome: Outcome) -> None:
        """End the invocation of a process that has ended, once what it had sent is read."""
        await self._api.all_read()
        self._finish(outcome)
        self._abandon()

    def _abandon(self) -> None:
        """Let go of everything that the process needed."""
        self.ended = True
        self._api.close()
        end_session(self._credentials.access_key)
        if self._log_end is not None:
            self._loop.remove_reader(self._log_end)
            self._log_end = None
        self._log.close()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
        if not self.gone.done():
            self.gone.set_result(None)

    def _stop_watching(self) -> None:
        self._services.memory.remove(self.pid)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _remark(self, text: str) -> None:
        """Write a line that AWS would not write into the log file; called on any thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._services.logs.remark, self.definition.name, text)

    def _read_log(self) -> None:
        if not self._log.drain() and self._log_end is not None:
            self._loop.remove_reader(self._log_end)
            self._log_end = None
