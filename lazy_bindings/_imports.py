"""Import finder for the provider's modules.

`ProviderFinder` comes before the ordinary finders in `sys.meta_path`. It supplies loaders for two modules of the
provider, its root and its `_jsii` module. For every other module it returns None, so that Python goes on as without
it; but it notices when a module needs the whole provider.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.resources.abc import TraversableResources
from pathlib import Path
from types import ModuleType

from lazy_bindings._kernel import archives, report
from lazy_bindings._provider import MODULE, is_common, namespaces, type_prefix
from lazy_bindings.node import explain_missing_node

_SWITCH = "LAZY_BINDINGS"


def install() -> None:
    """Make later imports of the AWS provider's bindings load the modules that they name and no others.

    Call it before the first import of `cdktf_cdktf_provider_aws`; further calls have no effect. `constructs_lib` calls
    it, and so does `lazy_bindings.pth` in site-packages. The first synth on a machine spends about two seconds on
    filling a cache of 1 to 12 MB in the user's cache directory.

    With `LAZY_BINDINGS=off` (or `0`, `no`, `false`) in the environment it has no effect. Where the bindings cannot be
    loaded lazily they are loaded whole, after one line on stderr with the reason. The output of a synth is the same in
    all cases.

    An import of jsii ends the program with one sentence if Node.js is missing, also with `LAZY_BINDINGS=off`.

    Example:
        >>> import lazy_bindings
        >>> lazy_bindings.install()
        >>> from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
    """
    explain_missing_node()
    if os.environ.get(_SWITCH, "").strip().lower() in ("off", "0", "no", "false"):
        return
    if any(isinstance(finder, ProviderFinder) for finder in sys.meta_path):
        return
    if MODULE in sys.modules:
        report(f"{MODULE} was imported before constructs_lib, and lazy_bindings.pth is not in site-packages")
        return
    sys.meta_path.insert(0, ProviderFinder())


class ProviderFinder(MetaPathFinder):
    """Finder for the provider's root and `_jsii` modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the ordinary spec of such a module, with a loader from here; None for any other module."""
        package, _, name = fullname.rpartition(".")
        if fullname == MODULE or (package == MODULE and name == "_jsii"):
            return _with_our_loader(PathFinder.find_spec(fullname, path, target))
        if package == MODULE:
            if not is_common(name) and PathFinder.find_spec(fullname, path, target) is not None:
                archives.need_everything()
        elif package and name == "_jsii":
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and _is_built_on_provider(spec):
                archives.need_everything()
        return None


class _RootLoader(SourceFileLoader):
    """Loader that gives the root module its namespaces as attributes, imported when they are first read."""

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
    """Loader of the provider's own `_jsii` module, which has jsii load the archive that lies beside it.

    jsii finds the archive with `importlib.resources`, which asks the module's loader: `get_resource_reader` returns
    the folder with the archive to load.
    """

    _archive_folder: Path

    def exec_module(self, module: ModuleType) -> None:
        run = super().exec_module
        provider = Path(self.path).parents[1]

        def load_from(folder: Path) -> None:
            self._archive_folder = folder
            run(module)

        # jsii reads here which module to import for a type that it has not seen; newer providers define it themselves.
        prefixes = {type_prefix(name): f"{MODULE}.{name}" for name in namespaces(provider)}
        module.__dict__["_SUBMODULE_FQN_MAP"] = prefixes
        importlib.import_module(
            "cdktf._jsii"
        )  # outside of `load`, which takes any error for one of the archive
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
    """Return whether a module is the `_jsii` of a construct library that is built on the provider's."""
    try:
        return f"import {MODULE}._jsii" in Path(spec.origin or "").read_text("utf-8")
    except (OSError, ValueError):
        return False
