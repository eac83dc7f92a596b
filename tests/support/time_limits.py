"""Time limits of the tests: a test that takes too long fails, and what it has started is killed.

pytest-timeout interrupts the test. The default limit, for setup and call together, is `timeout` in pyproject.toml; a test
marked `long` has LONG_SECONDS, and `@pytest.mark.timeout(seconds)` sets another. The teardown has the same time again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import psutil
import pytest
from pytest_timeout import is_debugging

LONG_SECONDS: Final = 1800

_SETTINGS: Final = pytest.StashKey[Any]()
_RUNNING_BEFORE: Final = pytest.StashKey[set[int]]()
_DIRECTORY: Final = pytest.StashKey[Path]()


@pytest.fixture(scope="session", autouse=True)
def no_programs_left(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[None]:
    """Kills the programs that are still running in the tests' directories when all tests have ended."""
    pytestconfig.stash[_DIRECTORY] = directory = tmp_path_factory.getbasetemp()
    yield
    _kill(_programs_in(directory))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> Generator[None, object, object]:
    """Before pytest-timeout interrupts the test: kill what the test may be waiting for."""
    result = yield
    item.stash[_SETTINGS] = settings
    interrupt = signal.getsignal(signal.SIGALRM)
    if not callable(interrupt):
        return result

    def kill_and_interrupt(number: int, frame: FrameType | None) -> None:
        if not is_debugging():
            _kill(_started_by(item))
        interrupt(number, frame)

    signal.signal(signal.SIGALRM, kill_and_interrupt)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_RUNNING_BEFORE] = set(psutil.pids())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    # What the setup has started may serve other tests too.
    item.stash[_RUNNING_BEFORE] = set(psutil.pids())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    # pytest-timeout has no timer for the teardown of a test that failed.
    if _SETTINGS in item.stash:
        item.ihook.pytest_timeout_set_timer(item=item, settings=item.stash[_SETTINGS])


def _started_by(item: pytest.Item) -> list[psutil.Process]:
    """The programs that have started since the setup or the call of a test began."""
    found = psutil.Process().children(recursive=True)
    if directory := item.config.stash.get(_DIRECTORY, None):
        found += _programs_in(directory)
    before = item.stash.get(_RUNNING_BEFORE, set())
    return [process for process in found if process.pid not in before]


def _programs_in(directory: Path) -> list[psutil.Process]:
    """The programs whose working directory is below a directory, or one of whose arguments names a path there.

    A local cloud is not a child of the test: the command that started it has ended.
    """
    below = f"{directory}{os.sep}"
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            places = (f"{process.cwd()}{os.sep}", *process.cmdline())
            if process.pid != os.getpid() and any(place.startswith(below) for place in places):
                found.append(process)
    return found


def _kill(programs: list[psutil.Process]) -> None:
    for program in programs:
        with suppress(psutil.Error):
            program.kill()
