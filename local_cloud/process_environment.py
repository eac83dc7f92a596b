"""Environment variables of the local cloud's process.

Only variables that describe the machine stay. The rest belongs to the caller's shell and would change the answers or
lead calls elsewhere: AWS and Terraform settings, proxies, and the variables that moto reads. Credentials are also kept
out of reach of the functions' code, which runs as the same user.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

_KEPT = frozenset({
    "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL", "TEMP", "TERM", "TMP",
    "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
})  # fmt: skip
_KEPT_PREFIXES = ("DYLD_", "LC_", "PYTHON", "XDG_")


def machine_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that describe the machine."""
    return {
        name: value for name, value in variables.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }


def keep_machine_variables(variables: MutableMapping[str, str]) -> None:
    """Remove all other variables, for example from `os.environ`."""
    for name in variables.keys() - machine_variables(variables).keys():
        del variables[name]
