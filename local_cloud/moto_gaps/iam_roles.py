"""Roles of IAM, which moto 5.2.5 reads without a copy: another thread that creates a role ends such a read with an error."""

from __future__ import annotations

from typing import Any

from moto.iam.models import IAMBackend

from local_cloud.patches import replaces


@replaces(IAMBackend)
def _get_roles(self: IAMBackend) -> list[Any]:
    return list(self.roles.values())
