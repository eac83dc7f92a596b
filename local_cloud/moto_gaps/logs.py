"""CloudWatch Logs: keys of log groups, and metric filters that are changed.

moto 5.2.5 has no AssociateKmsKey and no DisassociateKmsKey. To a metric filter that exists, it adds the new metric beside
the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from local_cloud.patches import extends, replaces


@extends(LogsBackend)
def _put_metric_filter(
    original: Callable[..., None], backend: Any, filter_name: str, *arguments: Any, **options: Any
) -> None:
    group = options.get("log_group_name") or arguments[1]
    backend.filters.metric_filters = [
        present
        for present in backend.filters.metric_filters
        if (present["filterName"], present["logGroupName"]) != (filter_name, group)
    ]
    original(backend, filter_name, *arguments, **options)


@replaces(LogsResponse)
def _associate_kms_key(response: Any) -> str:
    _log_group(response).kms_key_id = response._get_param("kmsKeyId")
    return ""


@replaces(LogsResponse)
def _disassociate_kms_key(response: Any) -> str:
    _log_group(response).kms_key_id = None
    return ""


def _log_group(response: Any) -> Any:
    """Return the log group that a request names, by its name or by the ARN of the resource."""
    name = response._get_param("logGroupName")
    if not name:
        arn = response._get_param("resourceIdentifier") or ""
        name = arn.partition(":log-group:")[2].removesuffix(":*")
    group = response.logs_backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException()
    return group
