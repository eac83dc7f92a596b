"""Stands in Python's import system; the package's docstring says why.

`ProviderFinder` comes before the ordinary finders in `sys.meta_path`. For the modules of the
provider it returns what the ordinary finder returns, with a loader from here. For every other module it returns
nothing, so that Python goes on as without it; but it takes note when one needs the whole provider.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import Distribution, DistributionFinder
from importlib.resources.abc import TraversableResources
from pathlib import Path
from types import ModuleType

from lazy_bindings._kernel import archives, report
from lazy_bindings._namespaces import NamespaceLoader, typeguard
from lazy_bindings._provider import MODULE, is_common, namespaces, type_prefix

_SWITCH = "LAZY_BINDINGS"
_FIRST_JSII_LIBRARY = "constructs"
_ANY = DistributionFinder.Context()


def install() -> None:
    """Makes later imports of the AWS provider's bindings load what they name and nothing else.

    Call it once, before the first import of `cdktf_cdktf_provider_aws`; calling it again does nothing. The
    first synth on a machine spends about two seconds on filling a cache of 1 to 12 MB in the user's cache
    directory.

    With `LAZY_BINDINGS=off` (or `0`, `no`, `false`) in the environment it does nothing. Where the bindings
    cannot be loaded lazily they are loaded whole, after one line on stderr that says why; what a stack
    synthesizes to is the same in all cases.

    Example:
        >>> import lazy_bindings
        >>> lazy_bindings.install()
        >>> from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
    """
    if os.environ.get(_SWITCH, "").strip().lower() in ("off", "0", "no", "false"):
        return
    if any(isinstance(finder, ProviderFinder) for finder in sys.meta_path):
        return
    if MODULE in sys.modules:
        report(f"{MODULE} was imported too early, before lazy_bindings.install() was called")
        return
    sys.meta_path.insert(0, ProviderFinder())


class ProviderFinder(MetaPathFinder):
    """Finds the modules of the provider, and sees which others are imported."""

    def __init__(self) -> None:
        self._prepare: Callable[[ModuleType], None] | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec for a module of the provider, with a loader of ours; None for the rest."""
        package, _, name = fullname.rpartition(".")
        if fullname == _FIRST_JSII_LIBRARY:
            from lazy_bindings import _background  # imports jsii, which not every program needs

            _background.begin(archives.recover)
            self._prepare = _background.prepare
        if fullname == MODULE or (package == MODULE and name == "_jsii"):
            return _with_our_loader(PathFinder.find_spec(fullname, path, target))
        if package == MODULE:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and not is_common(name):
                archives.need_everything()
            if spec is not None and type(spec.loader) is SourceFileLoader and not archives.own_only:
                spec.loader = NamespaceLoader(fullname, spec.loader.path, self._prepare)
            return spec
        if package and name == "_jsii":
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and _is_built_on_provider(spec):
                archives.need_everything()
        return None

    def find_distributions(self, context: DistributionFinder.Context = _ANY) -> Iterable[Distribution]:
        """Returns typeguard's, whose version each module of the provider looks up."""
        return typeguard() if context.name == "typeguard" else ()


class _RootLoader(SourceFileLoader):
    """Gives the root module its namespaces as attributes that are imported when they are first read."""

    def exec_module(self, module: ModuleType) -> None:
        folder = Path(self.path).parent
        if archives.use_own_if_untested(folder):
            super().exec_module(module)
            return

        def import_namespace(name: str) -> object:
            if name == "__all__":
                return namespaces(folder)
            if not name.startswith("_"):
                qualified = f"{MODULE}.{name}"
                try:
                    return importlib.import_module(qualified)
                except ModuleNotFoundError as error:
                    if error.name != qualified:
                        raise
            raise AttributeError(f"module {MODULE!r} has no attribute {name!r}", name=name, obj=module)

        module.__dict__["__getattr__"] = import_namespace
        module.__dict__["__dir__"] = lambda: sorted({*module.__dict__, *namespaces(folder)})


class _JsiiLoader(SourceFileLoader):
    """Runs the provider's own `_jsii` module, which has jsii load the archive that lies beside it.

    jsii looks for it with `importlib.resources`, which asks the module's loader. The answer decides.
    """

    _archive_folder: Path

    def exec_module(self, module: ModuleType) -> None:
        run = super().exec_module
        provider = Path(self.path).parents[1]

        def load_from(folder: Path) -> None:
            self._archive_folder = folder
            run(module)

        # Where jsii looks up which module to import for a type it has not seen; newer providers define it.
        prefixes = {type_prefix(name): f"{MODULE}.{name}" for name in namespaces(provider)}
        module.__dict__["_SUBMODULE_FQN_MAP"] = prefixes
        importlib.import_module("cdktf._jsii")  # what fails in there is nothing to fall back from
        archives.load(provider, load_from)

    def get_resource_reader(self, name: str) -> TraversableResources | None:  # type: ignore[override]
        return _Folder(self._archive_folder) if name == self.name else None


class _Folder(TraversableResources):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self) -> Path:
        return self._folder


def _with_our_loader(spec: ModuleSpec | None) -> ModuleSpec | None:
    if spec is None or spec.origin is None:
        return spec
    if type(spec.loader) is not SourceFileLoader:
        archives.use_own(
            f"{spec.name} is loaded by {type(spec.loader).__name__}, not from plain source files"
        )
        return spec
    spec.loader = (_RootLoader if spec.name == MODULE else _JsiiLoader)(spec.name, spec.origin)
    return spec


def _is_built_on_provider(spec: ModuleSpec) -> bool:
    """Whether this is the `_jsii` module of a construct library whose JavaScript uses the provider's."""
    try:
        return f"import {MODULE}._jsii" in Path(spec.origin or "").read_text("utf-8")
    except (OSError, ValueError):
        return False
