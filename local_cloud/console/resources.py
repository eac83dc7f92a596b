"""Functions with their processes and logs; tables, buckets and queues."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from local_cloud.console.exchanges import Invoked, invocation_row
from local_cloud.functions.worker import Worker
from local_cloud.moto_backends import every

MOST_ITEMS = 50
"""Items, objects and messages that are shown of a table, a bucket or a queue."""

LOG_BYTES = 32 * 1024
"""Size of the end of a log that is shown."""


def list_functions(workers: Iterable[Worker], invoked: Iterable[Invoked]) -> list[dict[str, Any]]:
    """Return the functions with their processes and their latest invocations."""
    from moto.awslambda.models import lambda_backends

    functions = [function for backend in every(lambda_backends) for function in backend.list_functions()]
    workers, invoked = list(workers), list(invoked)
    return [
        {
            "name": function.function_name,
            "runtime": function.run_time,
            "handler": getattr(function, "handler", None),
            "memory_mb": int(function.memory_size),
            "timeout_seconds": int(function.timeout),
            "code_bytes": int(function.code_size),
            "description": function.description,
            "instances": [
                {
                    "pid": worker.pid,
                    "state": "busy" if worker.is_busy else "idle",
                    "used_mb": worker.used_mb,
                    "version": worker.definition.version,
                }
                for worker in workers
                if worker.definition.name == function.function_name
            ],
            "invocations": [
                invocation_row(one) for one in invoked if one.definition.name == function.function_name
            ],
        }
        for function in sorted(functions, key=lambda function: str(function.function_name))
    ]


def read_log(directory: Path, kind: str, name: str) -> str:
    """Return the end of the log of a function (`functions`) or of a state machine (`state_machines`)."""
    folder = directory / "logs" / kind
    file = next((file for file in folder.glob("*.log") if file.stem == name), None)
    if file is None:
        return ""
    with file.open("rb") as log:
        start = max(0, log.seek(0, 2) - LOG_BYTES)
        log.seek(start)
        content = log.read()
    # A log that does not start at its beginning starts with the rest of a line.
    return (content.partition(b"\n")[2] if start else content).decode("utf-8", "replace")


def list_storage() -> dict[str, list[dict[str, Any]]]:
    """Return the tables, buckets and queues of all Regions."""
    return {
        "tables": [
            _row(table, region, len(_items(table)), keys=table.table_key_attrs)
            for region, backend in _backends("dynamodb")
            for table in list(backend.tables.values())
        ],
        "buckets": [
            _row(bucket, bucket.region_name, len(_objects(bucket)))
            for _, backend in _backends("s3")
            for bucket in list(backend.buckets.values())
        ],
        "queues": [
            _row(
                queue, region, len(queue.messages), in_flight=queue.approximate_number_of_messages_not_visible
            )
            for region, backend in _backends("sqs")
            for queue in list(backend.queues.values())
        ],
    }


def read_storage(kind: str, region: str, name: str) -> list[dict[str, Any]]:
    """Return the first items of a table, objects of a bucket, or messages of a queue; reading hides no message."""
    match kind:
        case "tables":
            items = _items(_named("dynamodb", "tables", region, name))[:MOST_ITEMS]
            return [{"name": "", "content": item.to_json()["Attributes"]} for item in items]
        case "buckets":
            keys = _objects(_named("s3", "buckets", "aws", name))[:MOST_ITEMS]
            return [
                _shown(key.name, bytes=key.size, modified=key.last_modified.isoformat(), etag=key.etag)
                for key in keys
            ]
        case "queues":
            messages = list(_named("sqs", "queues", region, name)._messages)[:MOST_ITEMS]
            return [_shown(one.id, body=one.body, receives=one.approximate_receive_count) for one in messages]
    raise KeyError(kind)


def _backends(service: str) -> Iterator[tuple[str, Any]]:
    """Return moto's backends of a service with their Regions; none if nothing has used the service."""
    backends = getattr(sys.modules.get(f"moto.{service}.models"), f"{service}_backends", {})
    return ((backend.region_name, backend) for backend in every(backends))


def _named(service: str, kind: str, region: str, name: str) -> Any:
    for place, backend in _backends(service):
        if place == region and (found := getattr(backend, kind).get(name)) is not None:
            return found
    raise LookupError(f"there is no {name} in {region}")


def _items(table: Any) -> list[Any]:
    rows = list(table.items.values())
    return [item for row in rows for item in list(row.values())] if table.has_range_key else rows


def _objects(bucket: Any) -> list[Any]:
    """Return the latest versions of the objects of a bucket, without delete markers."""
    return [key for key in list(bucket.keys.values()) if hasattr(key, "etag")]


def _row(resource: Any, region: str, items: int, **more: object) -> dict[str, Any]:
    return {"name": resource.name, "region": region, "items": items, **more}


def _shown(name: str, **content: object) -> dict[str, Any]:
    return {"name": name, "content": content}
