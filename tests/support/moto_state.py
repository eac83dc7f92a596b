"""What moto remembers belongs to the process: a cloud inside the test process begins with none of it, and quickly."""

from __future__ import annotations

import copy

from moto import mock_aws
from moto.iam.models import IAMBackend, ManagedPolicy
from moto.moto_api._internal import moto_api_backend

__all__ = ["forget_everything", "mock_aws"]

_read = IAMBackend._init_aws_policies
_known: dict[tuple[str, str], list[ManagedPolicy]] = {}


def _policies_of_aws(backend: IAMBackend) -> list[ManagedPolicy]:
    key = backend.account_id, backend.region_name
    if not _known.get(key):
        _known[key] = _read(backend)
    return [copy.copy(policy) for policy in _known[key]]


# Reading the 1,400 policies that AWS manages takes moto a second each time, and they never change.
IAMBackend._init_aws_policies = _policies_of_aws  # type: ignore[method-assign]


def forget_everything() -> None:
    """Remove every resource of every account from moto, as between two files of tests."""
    moto_api_backend.reset()
