"""Has jsii start and load packages while Python goes on importing, and start one process in place of two.

`import cdktf` has jsii start Node and load two packages, and waits for most of a second; the modules that a program
imports after that take Python as long, and none of them needs an answer of jsii's. So the loads are done in a
thread, in their order, and the first request of another kind waits for them. jsii's process is a pair: one does the
work, and one passes on every request and answer, which costs a quarter as much again; the first can do without the
second. What jsii calls the kernel's provider is the object that holds its process; the one here is jsii's own, derived.
"""

import atexit
import gc
import os
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import jsii
from jsii._kernel.providers.process import ProcessProvider, _NodeProcess
from jsii._kernel.types import LoadRequest, LoadResponse

from lazy_bindings._provider import ASSEMBLY, JSII_VERSION

_SCRIPT = Path(__file__).with_name("one_process.js")
_SETTING = "NODE_PRESERVE_SYMLINKS"
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


class BackgroundProvider(ProcessProvider):
    """jsii's provider, which returns from a load at once.

    An error of a load is raised by the request that waits for it.
    """

    def __init__(self, recover: Recovery) -> None:
        super().__init__()
        self._recover = recover
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jsii-load")
        self._loads: list[Future[None]] = []
        self._loader: int | None = None
        self._node: _NodeProcess | None = None

    def load(self, request: LoadRequest) -> LoadResponse:
        """See `ProcessProvider`; the response says nothing yet."""
        if threading.get_ident() == self._loader:
            return super().load(request)
        self._loads.append(self._thread.submit(self._load_now, request))
        return LoadResponse(assembly=request.name, types=0)

    def _load_now(self, request: LoadRequest) -> None:
        self._loader = threading.get_ident()
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
        alone = OneProcess()  # type: ignore[no-untyped-call]
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


class OneProcess(_NodeProcess):
    """jsii's process, without a second one between it and Python that passes every request on."""

    def _jsii_runtime(self) -> str:
        entry = Path(super()._jsii_runtime())
        return str(shutil.copy(_SCRIPT, entry.with_name(_SCRIPT.name)))

    def start(self) -> None:
        """Starts it; jsii's entry would give the second process this setting as an option."""
        if _SETTING in os.environ:
            super().start()  # type: ignore[no-untyped-call]
            return
        os.environ[_SETTING] = "1"
        try:
            super().start()  # type: ignore[no-untyped-call]
        finally:
            del os.environ[_SETTING]
