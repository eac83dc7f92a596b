"""Saved queries of CloudWatch Logs Insights, and metric filters that are changed.

moto 5.2.5 has no query definitions, and to a metric filter that exists it adds the new settings' metric beside the old one's.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

_LARGEST_PAGE = 1000


def apply() -> None:
    """Add the three operations, and let a metric filter be replaced."""
    from moto.logs.models import LogsBackend
    from moto.logs.responses import LogsResponse

    original = LogsBackend.put_metric_filter

    def put_metric_filter(backend: Any, filter_name: str, *arguments: Any, **options: Any) -> None:
        group = options.get("log_group_name") or arguments[1]
        backend.filters.metric_filters = [
            present
            for present in backend.filters.metric_filters
            if (present["filterName"], present["logGroupName"]) != (filter_name, group)
        ]
        original(backend, filter_name, *arguments, **options)

    LogsBackend.put_metric_filter = put_metric_filter
    LogsResponse.put_query_definition = _put
    LogsResponse.describe_query_definitions = _describe
    LogsResponse.delete_query_definition = _delete


def _definitions(response: Any) -> dict[str, dict[str, Any]]:
    backend = response.logs_backend
    if not hasattr(backend, "query_definitions"):
        backend.query_definitions = {}
    definitions: dict[str, dict[str, Any]] = backend.query_definitions
    return definitions


def _put(response: Any) -> str:
    from moto.logs.exceptions import ResourceNotFoundException

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


def _describe(response: Any) -> str:
    prefix = response._get_param("queryDefinitionNamePrefix") or ""
    found = [item for item in _definitions(response).values() if item["name"].startswith(prefix)]
    return json.dumps({"queryDefinitions": found[:_LARGEST_PAGE]})


def _delete(response: Any) -> str:
    from moto.logs.exceptions import ResourceNotFoundException

    if _definitions(response).pop(response._get_param("queryDefinitionId"), None) is None:
        raise ResourceNotFoundException()
    return json.dumps({"success": True})
