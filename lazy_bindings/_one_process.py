"""jsii's process: one in place of two, which is not waited for where there is nothing to wait for.

jsii's own is a pair: one does the work, and one passes on every request and answer, which costs a quarter as much
again; the first can do without the second. And Python waits for the answer to every request, and Node for the next
request, so that one of two processors is idle. Most requests make a construct, and all that Python needs of the answer
is a name for it. So Python gives it the name itself and goes on (`_ahead.py` has when); `ahead.js`, beside the kernel,
knows which object that is. An error is told by the next request that is waited for, and says where in the program the
construct was made.
"""

import json
import os
import select
import shutil
import sys
import traceback
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import IO, Any, cast

from jsii._kernel.providers.process import _CompleteRequest, _NodeProcess
from jsii._kernel.types import (
    CreateRequest,
    CreateResponse,
    KernelRequest,
    LoadRequest,
    SetResponse,
    StatsRequest,
    StatsResponse,
)
from jsii._stack_trace import is_enabled as stack_traces_are_enabled
from jsii.errors import JSIIError

from lazy_bindings._ahead import Constructs

SCRIPTS = tuple(Path(__file__).with_name(name) for name in ("one_process.js", "ahead.js"))
"""What runs beside jsii's own entry; the first is run in its place."""

_PATIENCE_MS = 5_000
_SETTING = "NODE_PRESERVE_SYMLINKS"

_Place = list[tuple[CodeType, int]]
"""Code and the instruction in it, of every frame."""


class OneProcess(_NodeProcess):
    """See this module; used as jsii uses its own."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._constructs = Constructs()
        # Without `assert`s, the bindings do not check the types of what they are given.
        self._goes_ahead = __debug__ and not stack_traces_are_enabled()
        self._callbacks = 0
        self._places: dict[str, _Place] = {}
        """Where what was sent ahead was asked for, by its name, as long as it is not known to be done."""
        self._failed: str | None = None

    def _jsii_runtime(self) -> str:
        entry = Path(super()._jsii_runtime())
        for script in SCRIPTS:
            shutil.copy(script, entry.with_name(script.name))
        return str(entry.with_name(SCRIPTS[0].name))

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

    def stop(self) -> None:
        """Ends it, and prints the error if something that was sent ahead failed and nothing has been asked since."""
        try:
            if self._places and self._process.poll() is None:
                self.send(StatsRequest(), StatsResponse)
        except (JSIIError, RuntimeError) as error:
            traceback.print_exception(error)
        finally:
            self._end()
            super().stop()

    def _end(self) -> None:
        """Has Node end and waits until it has; jsii's own waiting looks after it ever more seldom."""
        requests = cast(IO[bytes], self._process.stdin)
        if not requests.closed:
            requests.write(b'{"exit":0}\n')
            requests.close()
        answers = cast(IO[bytes], self._process.stdout)
        if not answers.closed:
            ended = select.poll()
            ended.register(answers, select.POLLIN)
            ended.poll(_PATIENCE_MS)

    def prepare(self, fqn: str) -> None:
        """Has the kernel look up a resource's class, which takes longest when it does so first.

        What goes wrong is told when the class is used.
        """
        self._send_ahead("", json.dumps({"fqn": fqn, "property": "tfResourceType", "api": "sget"}))
        cast(IO[bytes], self._process.stdin).flush()

    def send(self, request: KernelRequest, response_type: type[Any]) -> Any:
        """See jsii's; the answer of what is sent ahead is given at once."""
        ahead = self._constructs.ahead(request) if self._goes_ahead and not self._callbacks else None
        if ahead is None:
            return self._wait_for(request, response_type)
        name, text = ahead
        self._places[name] = _place()
        self._send_ahead(name, text)
        return CreateResponse(ref=name) if isinstance(request, CreateRequest) else SetResponse()

    def _send_ahead(self, name: str, text: str) -> None:
        cast(IO[bytes], self._process.stdin).write(f"+{name} {text}\n".encode())

    def _wait_for(self, request: KernelRequest, response_type: type[Any]) -> Any:
        if isinstance(request, _CompleteRequest):
            self._callbacks -= 1
        self._failed = None
        try:
            response: Any = super().send(request, response_type)
        except Exception as error:
            if self._failed is not None:
                error.add_note(_told(self._failed, self._places.pop(self._failed, [])))
            raise
        if isinstance(request, CreateRequest):
            self._constructs.made(request, response.ref if isinstance(response, CreateResponse) else None)
        if not isinstance(request, LoadRequest):
            self._places.clear()
        return response

    def _next_message(self) -> Mapping[Any, Any]:
        message = super()._next_message()
        if "callback" in message:
            self._callbacks += 1
        self._failed = message.get("ahead")
        return message


def _place() -> _Place:
    """What is being run, the innermost first: cheap to note, and told by `_told` if it must be."""
    place = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        place.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return place


def _told(name: str, place: _Place) -> str:
    lines = [
        (code.co_filename, _line(code, instruction), code.co_name, None)
        for code, instruction in reversed(place)
        if _is_the_user_s(Path(code.co_filename))
    ]
    told = "".join(traceback.format_list(lines))
    return f"This is not about the line above but about {name.partition('@ahead-')[0]}, which was asked for before:\n{told}"


def _is_the_user_s(file: Path) -> bool:
    return "site-packages" not in file.parts and file.parent != SCRIPTS[0].parent


def _line(code: CodeType, instruction: int) -> int:
    (line, *_) = next(islice(code.co_positions(), instruction // 2, None))
    return line or code.co_firstlineno
