"""Routes are compiled by one thread at a time.

moto compiles the routes of a service when its first call comes, with werkzeug, which builds them as syntax trees. If two
threads do that at once, CPython before 3.11.8 and 3.12.2 may fail with "AST constructor recursion depth mismatch". It
counts the depth for all threads together (its issue 106905). Terraform's first calls come at once, and one of them would be
lost. Written against moto 5.2.5 and werkzeug 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

from werkzeug.routing import Rule

from local_cloud.patches import extends

_lock = RLock()


@extends(Rule)
def _compile(original: Callable[[Any], None], rule: Any) -> None:
    with _lock:
        original(rule)
