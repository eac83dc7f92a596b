"""Start-up hook: installs `lazy_bindings` when jsii or the AWS provider's bindings are first imported.

`lazy_bindings.pth`, beside this file in site-packages, calls `begin` at each start of Python. So a program may import
the provider before `constructs_lib`. The hook itself imports nothing until then.
"""

import sys

TYPE_CHECKING = False  # importing typing would multiply what the hook costs each start of Python
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


class StartupFinder:
    """Finder that waits for jsii or the provider's root module and leaves every other one to the next finders."""

    @staticmethod
    def find_spec(fullname: str, *_: object) -> "ModuleSpec | None":
        """Return the module's spec as `lazy_bindings` finds it, where that can be imported."""
        if fullname not in ("jsii", "cdktf_cdktf_provider_aws"):
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(StartupFinder)
        try:
            import lazy_bindings
        except ModuleNotFoundError:  # another project runs in this environment
            pass
        else:
            lazy_bindings.install()
        return find_spec(fullname)


def begin() -> None:
    """Install the hook."""
    sys.meta_path.insert(0, StartupFinder)
