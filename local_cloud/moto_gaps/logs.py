"""CloudWatch Logs: keys of log groups, saved queries of Logs Insights, and metric filters that are changed.

moto 5.2.5 has no AssociateKmsKey, no DisassociateKmsKey and no query definitions. To a metric filter that exists, it adds the
new metric beside the old one.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

_LARGEST_PAGE = 1000


def apply() -> None:
    """Add the operations, and let a metric filter be replaced."""
    LogsResponse.associate_kms_key = _associate
    LogsResponse.disassociate_kms_key = _disassociate

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


def _associate(response: Any) -> str:
    _log_group(response).kms_key_id = response._get_param("kmsKeyId")
    return ""


def _disassociate(response: Any) -> str:
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


def _put(response: Any) -> str:
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
    if _definitions(response).pop(response._get_param("queryDefinitionId"), None) is None:
        raise ResourceNotFoundException()
    return json.dumps({"success": True})
