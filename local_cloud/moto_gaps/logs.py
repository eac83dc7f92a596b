"""CloudWatch Logs: keys of log groups, saved queries of Logs Insights, and metric filters that are changed.

moto 5.2.5 has no AssociateKmsKey, no DisassociateKmsKey and no query definitions. To a metric filter that exists, it adds the
new metric beside the old one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from local_cloud.patches import extends, replaces

_LARGEST_PAGE = 1000


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


def _definitions(response: Any) -> dict[str, dict[str, Any]]:
    backend = response.logs_backend
    if not hasattr(backend, "query_definitions"):
        backend.query_definitions = {}
    definitions: dict[str, dict[str, Any]] = backend.query_definitions
    return definitions


@replaces(LogsResponse)
def _put_query_definition(response: Any) -> str:
    definitions = _definitions(response)
    given = response._get_param("queryDefinitionId")
    if given and given not in definitions:
        raise ResourceNotFoundException()
    identifier = given or str(uuid4())
    definitions[identifier] = {
        "queryDefinitionId": identifier,
        "name": response._get_param("name"),
        "queryString": response._get_param("queryString"),
        "logGroupNames": response._get_param("logGroupNames") or [],
    }
    return json.dumps({"queryDefinitionId": identifier})


@replaces(LogsResponse)
def _describe_query_definitions(response: Any) -> str:
    prefix = response._get_param("queryDefinitionNamePrefix") or ""
    found = [item for item in _definitions(response).values() if item["name"].startswith(prefix)]
    return json.dumps({"queryDefinitions": found[:_LARGEST_PAGE]})


@replaces(LogsResponse)
def _delete_query_definition(response: Any) -> str:
    if _definitions(response).pop(response._get_param("queryDefinitionId"), None) is None:
        raise ResourceNotFoundException()
    return json.dumps({"success": True})
