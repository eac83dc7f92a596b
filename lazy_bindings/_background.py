"""Has jsii start and load packages while Python goes on importing.

`import cdktf` has jsii start Node and load two packages, and waits for most of a second; the modules that a program
imports after that take Python as long, and none of them needs an answer of jsii's. So the loads are done in a
thread, in their order, and the first request of another kind waits for them. What jsii calls the kernel's provider
is the object that holds its process; the one here is jsii's own, derived.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import jsii
from jsii._kernel.providers.process import ProcessProvider
from jsii._kernel.types import LoadRequest, LoadResponse

from lazy_bindings._provider import ASSEMBLY, JSII_VERSION

Recovery = Callable[[str, Exception], None]
"""Told the provider archive that jsii could not load, and why; raises the error if it knows nothing better."""


def begin(recover: Recovery) -> None:
    """Makes jsii load packages in the background from now on, if it is as this was tested."""
    if os.environ.get("JSII_RUNTIME") or jsii.__version__ != JSII_VERSION:
        return
    if type(jsii.kernel.provider) is ProcessProvider:
        jsii.kernel.provider = BackgroundProvider(recover)


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
    def _process(self) -> object:
        """What every request is sent to; the thread's own requests need not wait."""
        if threading.get_ident() != self._loader:
            loads, self._loads = self._loads, []
            for load in loads:
                load.result()
        return ProcessProvider._process.fget(self)
