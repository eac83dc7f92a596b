"""The key of a log group, given to one that exists or taken from it.

moto 5.2.5 takes a key when a log group is made, but has no AssociateKmsKey and no DisassociateKmsKey.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Add the two operations."""
    from moto.logs.responses import LogsResponse

    LogsResponse.associate_kms_key = _associate
    LogsResponse.disassociate_kms_key = _disassociate


def _associate(response: Any) -> str:
    _log_group(response).kms_key_id = response._get_param("kmsKeyId")
    return ""


def _disassociate(response: Any) -> str:
    _log_group(response).kms_key_id = None
    return ""


def _log_group(response: Any) -> Any:
    """Return the log group that a request names, by its name or by the ARN of the resource."""
    from moto.logs.exceptions import ResourceNotFoundException

    name = response._get_param("logGroupName")
    if not name:
        arn = response._get_param("resourceIdentifier") or ""
        name = arn.partition(":log-group:")[2].removesuffix(":*")
    group = response.logs_backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException()
    return group
