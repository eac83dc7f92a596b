"""Executor of functions: finds them, admits the invocation, and chooses the worker, a warm one if it has one.

The path of a warm invocation is kept short (resolve, count, take a worker, write to its socket); slow steps
(unpacking an archive, starting a process) run in a task of their own. An invocation belongs to its worker,
not to its caller: if the caller gives up, the function runs on, as it does on AWS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Unpack

from local_cloud.bounded_file import BoundedFolder
from local_cloud.functions import outcome as outcomes
from local_cloud.functions.code_store import ArchiveChanged, CodeStore, ReplacedFile
from local_cloud.functions.concurrency import Concurrency
from local_cloud.functions.definition import (
    FunctionDefinition,
    FunctionDirectory,
    Target,
    archive_digest,
    replace_code,
)
from local_cloud.functions.environment import WorkerPlace, check_runtime, make_runtime_folder
from local_cloud.functions.errors import (
    CodeRejected,
    CodeReplaced,
    FunctionNotFound,
    FunctionServiceError,
    InvalidZipFile,
    RequestTooLarge,
    ServiceUnavailable,
)
from local_cloud.functions.event_sources import EventSources
from local_cloud.functions.events import EventQueue
from local_cloud.functions.invocation import Invocation, StartFailed, StartTimedOut
from local_cloud.functions.invoker import LARGEST_REQUEST_BYTES, CallContext
from local_cloud.functions.memory import MemoryWatch
from local_cloud.functions.pool import FunctionPool
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.functions.result import InvocationResult
from local_cloud.functions.warden import Warden
from local_cloud.functions.worker import Worker, WorkerServices
from local_cloud.log_groups import LogDelivery

_LONGEST_END_SECONDS = 5.0
_MOST_CODE_CHANGES = 5

_logger = logging.getLogger("local_cloud.functions")


class FunctionExecutor:
    """Executor that runs the functions of moto's Lambda backend in processes of their own.

    One per local cloud; it lives on the server's asyncio loop, and every method is called there.

    Args:
        endpoint_url: Where the AWS APIs of this local cloud are; the functions find it as AWS_ENDPOINT_URL.
        directory: Where the local cloud keeps its files: unpacked code in `functions`, logs in `logs/functions`.
        concurrency_limit: Most running invocations in an account and region, and most processes; AWS: 1,000.
        idle_seconds: Seconds after which an idle process ends.
        init_timeout_seconds: How long loading a handler may take before Lambda starts over.
        on_end: Called with each invocation that has a result, on the loop; it must be quick. Default: none.
        retry_delays_seconds: The pauses before the two retries of an asynchronous invocation; AWS: 1 and 2 minutes.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        directory: Path,
        concurrency_limit: int = 250,
        idle_seconds: float = 300.0,
        init_timeout_seconds: float = 10.0,
        on_end: Callable[[FunctionDefinition, Invocation, InvocationResult], None] | None = None,
        retry_delays_seconds: tuple[float, float] = (1.0, 2.0),
    ) -> None:
        directory = directory.resolve()
        self.loop = asyncio.get_running_loop()
        self.event_sources = EventSources(self)
        self._endpoint_url = endpoint_url
        self._homes = directory / "homes"
        self._limit = concurrency_limit
        self._idle_seconds = idle_seconds
        self._init_timeout = init_timeout_seconds
        self._on_end = on_end
        self._functions = FunctionDirectory()
        self.events = EventQueue(self, self._functions.resolve, retry_delays_seconds=retry_delays_seconds)
        self._concurrency = Concurrency(limit=concurrency_limit, directory=self._functions)
        self._code = CodeStore(directory)
        self._directory = directory
        self._runtime: Path | None = None
        self._pools: dict[tuple[str, str, str, str], FunctionPool] = {}
        self._workers: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: list[str] = []  # the digests of the archives for which a worker is being started
        self._housekeeping: asyncio.TimerHandle | None = None
        self._replacing = asyncio.Lock()
        self._closed = False
        logs, warden = BoundedFolder(directory / "logs" / "functions"), Warden(directory / "functions")
        self._services = WorkerServices(logs, LogDelivery(), MemoryWatch(), warden)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The processes that are there: starting, busy or idle."""
        return tuple(self._workers)

    def resolve(self, function_arn: str) -> Target:
        """Find a function without running it."""
        return self._functions.resolve(function_arn)

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str | None = None,
        **context: Unpack[CallContext],
    ) -> InvocationResult:
        """Run a function and wait for what comes of it.

        What goes wrong inside of the function is a result too. If the caller is cancelled, the function runs on.

        Raises:
            FunctionNotFound: There is no such function, version or alias.
            InvalidRuntime: It is not built for this machine.
            InvalidZipFile: Its archive cannot be unpacked.
            RequestTooLarge: The payload is over 6 MB.
            ServiceUnavailable: No process can be started, or the executor is closed.
            TooManyRequests: The concurrency of the function or of the account is used up.
        """
        return await self._begin(function_arn, payload, request_id=request_id, **context).future

    async def invoke_streamed(
        self, function_arn: str, payload: bytes, **context: Unpack[CallContext]
    ) -> ResponseStream:
        """Run a function and return its response at once, which then arrives part by part.

        The caller reads it to its end, or abandons it. The arguments and errors are those of `invoke`; errors that
        show only while a process is started are raised by `ResponseStream.read`.
        """
        stream = ResponseStream()
        self._begin(function_arn, payload, stream=stream, **context)
        return stream

    def _begin(self, function_arn: str, payload: bytes, **details: Any) -> Invocation:
        if self._closed:
            raise _stopping()
        if len(payload) > LARGEST_REQUEST_BYTES:
            raise RequestTooLarge(
                f"Request must be smaller than {LARGEST_REQUEST_BYTES} bytes for the InvokeFunction operation"
            )
        target = self._functions.resolve(function_arn)
        pool = self._pools.get(target.definition.key)
        if pool is None:
            pool = self._pools[target.definition.key] = FunctionPool(target)
        pool.update(target)
        entry = self._concurrency.enter(target)
        invocation = Invocation(
            payload=payload,
            invoked_arn=target.invoked_arn,
            on_end=lambda: self._concurrency.leave(entry),
            **{name: value for name, value in details.items() if value},
        )
        worker = pool.take()
        if worker is not None:
            worker.run(invocation)
        else:
            self._spawn(self._run_cold(pool, invocation))
        return invocation

    async def replace_files(
        self, function_arn: str, files: Mapping[str, ReplacedFile | None], *, archive: str
    ) -> str:
        """Replace files of a function's code while it runs, without an archive; return the digest of its code.

        A process with the new code is started first. If it cannot load its handler, everything stays as it was;
        otherwise it answers the next invocation. The change holds for every version whose code is that of `$LATEST`, and
        until the next UpdateFunctionCode.

        Args:
            function_arn: Name or ARN of the function, without a version.
            files: All files that differ from the archive, by their paths in it. None removes one.
            archive: SHA-256 of the archive that they differ from, in hexadecimal.

        Raises:
            CodeRejected: The new code cannot be loaded.
            CodeReplaced: The function was deployed from another archive.
            FunctionNotFound: There is no such function.
            InvalidZipFile: A path is outside of the archive, or the function has no code.
        """
        async with self._replacing:
            latest = self._functions.resolve(function_arn)
            deployed = archive_digest(latest.function)
            if deployed != archive:
                raise CodeReplaced(
                    f"Function {latest.definition.name!r} was deployed from an archive with the SHA-256 {deployed}, not "
                    f"{archive}; deploy again"
                )
            versions = self._functions.same_code(latest)
            digest = _digest_of(archive, files)
            target = self._functions.resolve(f"{latest.invoked_arn}:{versions[-1].version}")
            definition = replace(target.definition, code_digest=digest)
            check_runtime(definition)
            with self._keeping(archive, digest):
                place = await self._place(target, replace(definition, code_digest=archive))
                folder = await asyncio.to_thread(
                    self._code.with_files,
                    *(latest.definition.name, digest, archive, files),
                    newest=latest.function.code_digest,
                )
                worker = await self._started(definition, replace(place, task_root=folder))
            for function in versions:
                replace_code(function, digest)
            self._adopt(worker)
            await asyncio.to_thread(
                self._code.keep_only, latest.definition.name, {archive, *self._used(definition)}
            )
            return digest

    async def _started(self, definition: FunctionDefinition, place: WorkerPlace) -> Worker:
        """Start a worker without an invocation."""
        worker = self._new_worker(definition)
        try:
            await worker.start(place, limit_seconds=max(self._init_timeout, definition.timeout_seconds))
        except StartTimedOut:
            message = f"loading takes more than {definition.timeout_seconds} s"
            raise CodeRejected({"errorType": "Sandbox.Timedout", "errorMessage": message}) from None
        except StartFailed as failure:
            raise CodeRejected.of(failure.outcome("").payload, place.task_root) from None
        worker.free_since = asyncio.get_running_loop().time()
        return worker

    def _adopt(self, worker: Worker) -> None:
        """Put a started worker into its pool; idle workers with other code end."""
        for pool in self._pools.values():
            if pool.definition.name == worker.definition.name:
                with contextlib.suppress(FunctionNotFound):
                    pool.update(self._functions.resolve(pool.definition.arn))
        target = self._functions.resolve(worker.definition.arn)
        self._pools.setdefault(target.definition.key, FunctionPool(target)).adopt(worker)

    async def close(self) -> None:
        """End every worker, and everything that the workers have started."""
        self._closed = True
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self.events.close()
        await self.event_sources.close()
        workers = list(self._workers)
        for worker in workers:
            worker.end(_stopping())
        if workers:
            await asyncio.wait([worker.gone for worker in workers], timeout=_LONGEST_END_SECONDS)
        for task in list(self._tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._pools.clear()
        self._services.memory.close()
        self._services.warden.close()
        await asyncio.to_thread(self._services.cloudwatch.flush)
        self._services.logs.close()

    def worker_free(self, worker: Worker) -> None:
        """A worker has finished an invocation and can take the next."""
        pool = self._pool_of(worker)
        if pool is None or self._closed:
            worker.end()
        else:
            pool.give_back(worker)

    def invocation_ended(self, worker: Worker, invocation: Invocation, result: InvocationResult) -> None:
        """An invocation has a result, which its caller is given next."""
        if self._on_end is not None:
            self._on_end(worker.definition, invocation, result)

    def worker_ended(self, worker: Worker, undelivered: Invocation | None) -> None:
        """A worker's process has ended; an invocation that it did not fetch can go to another worker."""
        self._workers.discard(worker)
        pool = self._pool_of(worker)
        if pool is not None:
            pool.remove(worker)
        if undelivered is None:
            return
        if pool is None or self._closed:
            undelivered.fail(ServiceUnavailable("The worker has ended; call again."))
        else:
            self._spawn(self._run_cold(pool, undelivered))

    def _pool_of(self, worker: Worker) -> FunctionPool | None:
        return self._pools.get(worker.definition.key)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_cold(self, pool: FunctionPool, invocation: Invocation) -> None:
        """Start a worker for an invocation and run it there."""
        try:
            for _ in range(_MOST_CODE_CHANGES):
                try:
                    await self._start_and_run(pool, invocation)
                except ArchiveChanged:
                    pool.update(self._functions.resolve(pool.definition.arn))
                else:
                    return
            raise ServiceUnavailable(
                f"The code of function {pool.definition.name!r} keeps changing; call again later."
            )
        except FunctionServiceError as error:
            invocation.fail(error)
        except Exception as error:
            _logger.exception("Function %s could not be started", pool.definition.name)
            invocation.fail(
                ServiceUnavailable(f"The function could not be started: {type(error).__name__}: {error}")
            )

    @contextlib.contextmanager
    def _keeping(self, *digests: str) -> Iterator[None]:
        """Keep the folders of archives from which a worker is being started."""
        self._starting += digests
        try:
            yield
        finally:
            for digest in digests:
                self._starting.remove(digest)

    async def _start_and_run(self, pool: FunctionPool, invocation: Invocation) -> None:
        definition = pool.definition
        check_runtime(definition)
        with self._keeping(definition.code_digest):
            place = await self._place(pool.target, definition)
            worker = self._new_worker(definition)
            try:
                try:
                    await worker.start(place, limit_seconds=self._init_timeout)
                except StartTimedOut:
                    # Lambda then starts over, and the function's own time has begun to run.
                    invocation.deadline = asyncio.get_running_loop().time() + definition.timeout_seconds
                    worker = self._new_worker(definition)
                    await worker.start(place, limit_seconds=definition.timeout_seconds)
            except StartTimedOut:
                worker.refuse(
                    invocation, outcomes.timed_out(invocation.request_id, definition.timeout_seconds)
                )
            except StartFailed as failure:
                if self._closed:
                    raise _stopping() from failure
                worker.refuse(invocation, failure.outcome(invocation.request_id))
            else:
                if self._closed:
                    raise _stopping()
                worker.run(invocation)

    def _new_worker(self, definition: FunctionDefinition) -> Worker:
        if self._closed:
            raise _stopping()
        self._make_room()
        worker = Worker(definition, owner=self, services=self._services)
        self._workers.add(worker)
        if self._housekeeping is None:
            self._schedule_housekeeping()
        return worker

    async def _place(self, target: Target, definition: FunctionDefinition) -> WorkerPlace:
        archive: bytes = getattr(target.function, "code_bytes", b"")
        if not archive or not definition.code_digest:
            raise InvalidZipFile(f"Function {definition.name!r} has no code; upload its archive again.")
        layers: list[tuple[str, bytes]] = []
        for arn in definition.layers:
            layer = self._functions.layer_archive(definition, arn)
            if layer is None:
                raise InvalidZipFile(
                    f"Function {definition.name!r} uses {arn}, which does not exist; publish it again."
                )
            layers.append(layer)
        task_root = self._code.folder_of(definition.name, definition.code_digest)
        if not task_root.is_dir():
            if archive_digest(target.function) not in (definition.code_digest, ""):
                raise InvalidZipFile(
                    f"The replaced files of function {definition.name!r} are gone; deploy again."
                )
            names = definition.name, definition.code_digest
            await asyncio.to_thread(self._code.unpack, *names, archive, keep=self._used(definition))
        if self._runtime is None:
            self._runtime = make_runtime_folder(self._directory)
            shutil.rmtree(self._homes, ignore_errors=True)  # left over from a cloud that was killed
        return WorkerPlace(
            task_root=task_root,
            layers_folder=await asyncio.to_thread(self._code.unpack_layers, layers) if layers else None,
            runtime_folder=self._runtime,
            homes=self._homes,
            endpoint_url=self._endpoint_url,
        )

    def _used(self, definition: FunctionDefinition) -> set[str]:
        """Return the digests of the code of a function that is in use."""
        workers = {worker.definition.code_digest for worker in self._workers if not worker.ended}
        return self._functions.code_digests(definition) | workers | set(self._starting)

    def _make_room(self) -> None:
        """End the worker that was not used for the longest time, if there are as many as may be."""
        if len(self._workers) < self._limit:
            return
        idle = [worker for pool in self._pools.values() if (worker := pool.longest_idle()) is not None]
        if idle:
            oldest = min(idle, key=lambda worker: worker.free_since)
            pool = self._pool_of(oldest)
            if pool is not None:
                pool.remove(oldest)
            oldest.end()

    def _schedule_housekeeping(self) -> None:
        delay = min(max(self._idle_seconds / 4, 0.05), 15.0)
        self._housekeeping = asyncio.get_running_loop().call_later(delay, self._keep_house)

    def _keep_house(self) -> None:
        """End workers that were idle for too long, or whose function has changed or is gone."""
        self._housekeeping = None
        free_before = asyncio.get_running_loop().time() - self._idle_seconds
        used = {worker.definition.key for worker in self._workers}
        for key, pool in list(self._pools.items()):
            try:
                pool.update(self._functions.resolve(pool.definition.arn))
            except FunctionNotFound:
                pool.retire()
            pool.end_idle(free_before=free_before)
            if key not in used:
                del self._pools[key]
        if self._workers:
            self._schedule_housekeeping()


def _digest_of(archive: str, files: Mapping[str, ReplacedFile | None]) -> str:
    """Return the digest of an archive with files replaced: its own if there are none."""
    if not files:
        return archive
    parts = [
        (path, None if file is None else (sha256(file.data).hexdigest(), file.executable))
        for path, file in sorted(files.items())
    ]
    return sha256(json.dumps([archive, parts]).encode()).hexdigest()


def _stopping() -> ServiceUnavailable:
    return ServiceUnavailable("The local cloud is stopping; start it again and call once more.")
