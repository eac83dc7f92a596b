"""Has jsii start and load packages while Python goes on importing.

`import cdktf` has jsii start Node and load two packages, and waits for most of a second; the modules that a program
imports after that take Python as long, and none of them needs an answer of jsii's. So the loads are done in a
thread, in their order, and the first request of another kind waits for them. What jsii calls the kernel's provider is the object that holds its process; the one here is jsii's own, derived.
"""

import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType

import jsii
from jsii._kernel.providers.process import ProcessProvider, _NodeProcess
from jsii._kernel.types import LoadRequest, LoadResponse

from lazy_bindings._one_process import OneProcess
from lazy_bindings._provider import ASSEMBLY, JSII_VERSION

_SELDOM = 100_000
"""After how many new objects Python looks for unreachable ones, in place of 700."""

Recovery = Callable[[str, Exception], None]
"""Told the provider archive that jsii could not load, and why; raises the error if it knows nothing better."""


def begin(recover: Recovery) -> None:
    """Makes jsii load packages in the background from now on, if it is as this was tested."""
    if os.environ.get("JSII_RUNTIME") or jsii.__version__ != JSII_VERSION:
        return
    if type(jsii.kernel.provider) is ProcessProvider:
        jsii.kernel.provider = BackgroundProvider(recover)
        # Python looks through all objects for unreachable ones, again and again while modules are imported, and three
        # times at its end. The bindings have very many, and all of them are in use.
        often, *others = gc.get_threshold()
        gc.set_threshold(max(often, _SELDOM) if often else 0, *others)
        atexit.register(gc.freeze)


def prepare(namespace: ModuleType) -> None:
    """Has Node look up the resources of a module of the provider while Python imports the next."""
    provider = jsii.kernel.provider
    if isinstance(provider, BackgroundProvider):
        for kind in vars(namespace).values():
            if isinstance(kind, jsii.JSIIMeta) and "TF_RESOURCE_TYPE" in vars(kind):
                provider.prepare(vars(kind)["__jsii_type__"])


class BackgroundProvider(ProcessProvider):
    """jsii's provider, which returns from a load at once.

    An error of a load is raised by the request that waits for it.
    """

    def __init__(self, recover: Recovery) -> None:
        super().__init__()
        self._recover = recover
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jsii-load", initializer=self._note_thread)
        self._loads: list[Future[None]] = []
        self._loader: int | None = None
        self._node: _NodeProcess | None = None

    def load(self, request: LoadRequest) -> LoadResponse:
        """See `ProcessProvider`; the response says nothing yet."""
        if threading.get_ident() == self._loader:
            return super().load(request)
        self._loads.append(self._thread.submit(self._load_now, request))
        return LoadResponse(assembly=request.name, types=0)

    def prepare(self, fqn: str) -> None:
        """Has the kernel look up a class, later and for no answer."""
        self._loads.append(self._thread.submit(self._prepare_now, fqn))

    def _prepare_now(self, fqn: str) -> None:
        process = self._process
        if isinstance(process, OneProcess):
            process.prepare(fqn)

    def _note_thread(self) -> None:
        self._loader = threading.get_ident()

    def _load_now(self, request: LoadRequest) -> None:
        try:
            super().load(request)
        except Exception as error:
            if request.name != ASSEMBLY:
                raise
            self._recover(request.tarball, error)

    @property
    def _process(self) -> _NodeProcess:
        """What every request is sent to; the thread's own requests need not wait."""
        if threading.get_ident() != self._loader:
            loads, self._loads = self._loads, []
            for load in loads:
                load.result()
        if self._node is None:
            self._node = _started()
        return self._node


def _started() -> _NodeProcess:
    if os.name == "posix":
        alone = OneProcess()
        try:
            alone.start()
        except Exception as error:
            if isinstance(error, FileNotFoundError) and error.filename == os.environ.get("JSII_NODE", "node"):
                raise  # there is no Node
            with suppress(AttributeError, OSError):  # it may not have started
                alone.stop()
            reason = " ".join(str(error).split())
            print(
                f"lazy_bindings: jsii does not start in one process ({reason}); starting two", file=sys.stderr
            )
        else:
            return alone
    ordinary = _NodeProcess()  # type: ignore[no-untyped-call]
    ordinary.start()  # type: ignore[no-untyped-call]
    return ordinary
