"""IAM: one request at a time.

moto 5.2.5 goes through all policies whenever one is attached, and fails if another request creates one meanwhile. Terraform
makes ten requests at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from moto.iam.responses import IamResponse

from local_cloud.patches import extends

_lock = threading.Lock()


@extends(IamResponse)
def _call_action(original: Callable[..., Any], response: Any) -> Any:
    with _lock:
        return original(response)
