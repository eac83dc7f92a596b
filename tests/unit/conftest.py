"""Makes moto quick to begin anew, as it does for most files of tests here."""

from __future__ import annotations

import copy

from moto.iam.models import IAMBackend, ManagedPolicy

_read = IAMBackend._init_aws_policies
_known: dict[tuple[str, str], list[ManagedPolicy]] = {}


def _policies_of_aws(backend: IAMBackend) -> list[ManagedPolicy]:
    key = backend.account_id, backend.region_name
    if not _known.get(key):
        _known[key] = _read(backend)
    return [copy.copy(policy) for policy in _known[key]]


# Reading the 1,400 policies that AWS manages takes moto a second each time, and nobody changes them.
IAMBackend._init_aws_policies = _policies_of_aws  # type: ignore[method-assign]
