"""Decides which archive of the provider jsii's kernel gets, and falls back to the provider's own.

A process goes through at most three states: nothing loaded; the archive with the common services; everything,
repacked or as the provider ships it. What was loaded stays valid in the step from the second to the third:
the kernel takes the new archive for the same package, and the JavaScript classes that were defined remain.
"""

import os
import sys
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from lazy_bindings import _store
from lazy_bindings._provider import (
    ARCHIVE,
    ARCHIVE_SIZE,
    ASSEMBLY,
    JSII_VERSION,
    LOCATOR,
    VERSION,
    UnavailableError,
)


class _Loaded(Enum):
    NOTHING = auto()
    COMMON = auto()
    EVERYTHING = auto()


class Archives:
    """The provider's archives and what the kernel has of them; one for the process, as the kernel is."""

    def __init__(self) -> None:
        self._loaded = _Loaded.NOTHING
        self._wanted = _store.Contents.COMMON
        self.own_only = False
        """Whether the provider is loaded the ordinary way, as far as jsii is concerned."""
        self._provider = Path()

    def use_own_if_untested(self, provider: Path) -> bool:
        """Return whether the installation in `provider` has to be loaded the ordinary way."""
        if not self.own_only and (reason := _untested(provider)) is not None:
            self.use_own(reason)
        return self.own_only

    def use_own(self, reason: str) -> None:
        """Make the provider's own archive the one that is loaded, and say why."""
        self.own_only = True
        report(reason)

    def load(self, provider: Path, run: Callable[[Path], None]) -> None:
        """Make the kernel load the provider in `provider` for the first time.

        Args:
            provider: Where it is installed.
            run: Has jsii load the archive that is in a folder.
        """
        self._provider = provider
        self._load(run)

    def need_everything(self) -> None:
        """Let the kernel load the whole provider: now, or when the provider is first loaded."""
        self._wanted = _store.Contents.EVERYTHING
        if self._loaded is _Loaded.COMMON:
            self._load(_replace)

    def _load(self, run: Callable[[Path], None]) -> None:
        repacked = None if self.own_only else self._repacked()
        if repacked is not None:
            everything = self._wanted is _store.Contents.EVERYTHING
            self._loaded = _Loaded.EVERYTHING if everything else _Loaded.COMMON
            try:
                run(repacked)
            except Exception as error:  # noqa: BLE001 - jsii does not document what it raises for an archive that it cannot read
                self._give_up(repacked, error)
            else:
                return
        run(self._provider / "_jsii")
        self._loaded = _Loaded.EVERYTHING

    def _give_up(self, repacked: Path, error: Exception) -> None:
        report(f"jsii cannot load {repacked / ARCHIVE}: {error}")
        _store.discard(repacked)
        _vacate()

    def _repacked(self) -> Path | None:
        try:
            return _store.repacked_archive(self._provider, self._wanted)
        except UnavailableError as error:
            self.use_own(str(error))
            return None


archives = Archives()


def report(reason: str) -> None:
    """Print on one line of stderr why the provider is not loaded lazily."""
    line = " ".join(reason.split())
    print(f"lazy_bindings: {line}; loading the provider's own package, which is slower", file=sys.stderr)


def _untested(provider: Path) -> str | None:
    """Return why this installation is not one that the module was tested with, or None if it is."""
    try:
        size = (provider / "_jsii" / ARCHIVE).stat().st_size
    except OSError:
        return f"the tested version of {ASSEMBLY} is {VERSION}, which is not what is in {provider}"
    if size != ARCHIVE_SIZE:
        return f"{ARCHIVE} in {provider / '_jsii'} has {size} bytes instead of {ARCHIVE_SIZE}"
    import jsii  # only now: a program without the provider need not wait for it

    if jsii.__version__ != JSII_VERSION:
        return f"the tested version of jsii is {JSII_VERSION}, and this is {jsii.__version__}"
    if os.environ.get("JSII_RUNTIME"):
        return "JSII_RUNTIME replaces jsii's own runtime"
    return None


def _replace(folder: Path) -> None:
    """Make the kernel load the archive in `folder` in place of the repacked one that it has."""
    import jsii

    _vacate()
    jsii.load(ASSEMBLY, VERSION, os.fspath(folder / ARCHIVE))


def _vacate() -> None:
    """Free the package's place under `node_modules`, in the temporary folder that jsii works in.

    jsii loads a package once, and sees by this place that it has; with the place free it loads it again.
    """
    import jsii

    try:
        script = jsii.kernel.getBinScriptCommand(ASSEMBLY, LOCATOR, []).command
    except jsii.errors.JSIIError:
        return  # nothing is there
    place = Path(script).parents[1]
    if place.is_symlink():
        place.unlink()
    else:  # Windows, for users who may not make symbolic links
        place.rename(place.with_name(f"{place.name}.replaced"))
