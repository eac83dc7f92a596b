"""Gaps of moto: missing operations, and answers that differ from AWS. A file for each part of a service, with tests.

All of it was written against moto 5.2.5. A file patches moto's classes when it is imported. Delete a patch when moto needs
it no more: its test then passes without the patch.
"""

from __future__ import annotations

import logging
from importlib import import_module
from pkgutil import iter_modules
from threading import Lock

WRITTEN_AGAINST = "5.2.5"

_log = logging.getLogger(__name__)
_lock = Lock()
_applied = False


def apply() -> None:
    """Patch moto, unless that is done; imports the backends it patches, which takes about a second."""
    global _applied
    with _lock:
        if _applied:
            return
        version = import_module("moto").__version__
        if version != WRITTEN_AGAINST:
            _log.warning(
                "moto is %s, but local_cloud/moto_gaps was written against %s: run the tests in tests/local_cloud",
                version,
                WRITTEN_AGAINST,
            )
        for gap in iter_modules(__path__):
            import_module(f"{__name__}.{gap.name}")
        _applied = True
