"""Connects moto's Step Functions with the interpreter and the local cloud, when it is first called.

The interpreter takes seconds to import (its parser is generated code of 50,000 lines), so nothing of it is touched
before there is a state machine.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from local_cloud.bounded_file import BoundedFolder
from local_cloud.moto_backends import every

LOG_FOLDER = "state_machines"
"""The folder in the local cloud's `logs` that holds a file for each state machine."""

_CHANGES = (
    "failures", "expressions", "choices", "interpreter", "service_tasks", "task_errors", "http_tasks", "distributed_maps", "operations",
)  # fmt: skip

_lock = Lock()
_patched = False
_settings: tuple[str, Path, Callable[[str], None] | None] | None = None


def install(endpoint_url: str, directory: Path, *, on_event: Callable[[str], None] | None = None) -> None:
    """Make moto's Step Functions execute state machines; a local cloud that was installed before is replaced.

    Args:
        endpoint_url: Where the AWS APIs of the local cloud are; tasks call services there.
        directory: The local cloud's own; the readable logs go into its `logs/state_machines`.
        on_event: Called with an execution's ARN after each of its events, on its thread. Default: none.
    """
    global _settings
    from moto.core.config import default_user_config

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    with _lock:
        _settings = (endpoint_url, directory, on_event)
    responses: Any = import_module("moto.stepfunctions.responses")
    responses.StepFunctionResponse.call_action = _call_action


def stop_executions() -> None:
    """Stop what still runs, so that nothing waits for it when the local cloud ends."""
    with _lock:
        if not _patched:
            return
    backends = import_module("moto.stepfunctions.parser.models").stepfunctions_parser_backends
    for backend in every(backends):
        backend.stop_executions("The local cloud was stopped")


def close_logs() -> None:
    """Close the readable logs; executions that have not ended yet write no more."""
    with _lock:
        if not _patched:
            return
    from local_cloud.states.backend import LocalStatesBackend

    LocalStatesBackend.lines.close()
    LocalStatesBackend.delivery.flush()


def _call_action(response: Any) -> Any:
    """Stand in for moto's method that answers a call: it looks for the operation, so all must be there."""
    _connect()
    return import_module("local_cloud.states.operations").answer(response)


def _connect() -> None:
    global _patched, _settings
    with _lock:
        if not _patched:
            for name in _CHANGES:
                import_module(f"local_cloud.states.{name}")
            # each failure of a task, with all that it was given; the readable lines say what is of use
            logging.getLogger("moto.stepfunctions.parser").setLevel(logging.CRITICAL)
            _patched = True
        if _settings is not None:
            _connect_backends(*_settings)
            _settings = None


def _connect_backends(endpoint_url: str, directory: Path, on_event: Callable[[str], None] | None) -> None:
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends as backends

    from local_cloud.states import http_tasks
    from local_cloud.states.backend import LocalStatesBackend
    from local_cloud.states.clients import Clients
    from local_cloud.states.roles import ROLES

    LocalStatesBackend.lines = BoundedFolder(directory / "logs" / LOG_FOLDER)
    LocalStatesBackend.on_event = None if on_event is None else staticmethod(on_event)
    backends.backend = LocalStatesBackend
    for account in backends.values():
        account.backend = LocalStatesBackend
        for backend in account.values():
            backend.__class__ = LocalStatesBackend
    http_tasks.own_url = endpoint_url
    get_client = Clients(endpoint_url, ROLES).get
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.stepfunctions.parser.") and hasattr(module, "boto_client_for"):
            module.boto_client_for = get_client  # type: ignore[attr-defined]
