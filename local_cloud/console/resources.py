"""Functions with their processes and logs; tables, buckets and queues, read by the AWS APIs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local_cloud.console.exchanges import Invoked, invocation_row
from local_cloud.functions.worker import Worker
from local_cloud.moto_backends import every
from local_cloud.states.clients import Clients

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


def list_storage(clients: Clients) -> dict[str, list[dict[str, Any]]]:
    """Return the tables, buckets and queues of all Regions."""
    return {
        "tables": [item for region in _regions("dynamodb") for item in _tables(clients, region)],
        "buckets": _buckets(clients.get("us-east-1", "s3")) if _regions("s3") else [],
        "queues": [item for region in _regions("sqs") for item in _queues(clients, region)],
    }


def read_storage(clients: Clients, kind: str, region: str, name: str) -> list[dict[str, Any]]:
    """Return the first items of a table, objects of a bucket, or messages of a queue.

    Messages are read from moto, as receiving them would hide them from their consumers.
    """
    match kind:
        case "tables":
            items = clients.get(region, "dynamodb").scan(TableName=name, Limit=MOST_ITEMS)["Items"]
            return [{"name": "", "content": item} for item in items]
        case "buckets":
            found = clients.get(region, "s3").list_objects_v2(Bucket=name, MaxKeys=MOST_ITEMS)
            return [_object(item) for item in found.get("Contents", ())]
        case "queues":
            return _messages(region, name)
    raise KeyError(kind)


def _regions(service: str) -> list[str]:
    """Return the Regions in which a service has something."""
    backends = getattr(sys.modules.get(f"moto.{service}.models"), f"{service}_backends", {})
    return sorted({region for account in list(backends.values()) for region in list(account)})


def _tables(clients: Clients, region: str) -> Iterator[dict[str, Any]]:
    client = clients.get(region, "dynamodb")
    for page in client.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            table = client.describe_table(TableName=name)["Table"]
            yield {
                "name": name,
                "region": region,
                "items": table["ItemCount"],
                "keys": [key["AttributeName"] for key in table["KeySchema"]],
            }


def _buckets(client: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": bucket["Name"],
            "region": "us-east-1",
            "items": client.list_objects_v2(Bucket=bucket["Name"], MaxKeys=1000)["KeyCount"],
        }
        for bucket in client.list_buckets()["Buckets"]
    ]


def _object(item: Mapping[str, Any]) -> dict[str, Any]:
    content = {"bytes": item["Size"], "modified": item["LastModified"].isoformat(), "etag": item["ETag"]}
    return {"name": item["Key"], "content": content}


def _queues(clients: Clients, region: str) -> Iterator[dict[str, Any]]:
    client = clients.get(region, "sqs")
    for url in client.list_queues().get("QueueUrls", ()):
        values = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        yield {
            "name": url.rpartition("/")[2],
            "region": region,
            "items": int(values["ApproximateNumberOfMessages"]),
            "in_flight": int(values["ApproximateNumberOfMessagesNotVisible"]),
        }


def _messages(region: str, name: str) -> list[dict[str, Any]]:
    from moto.sqs.models import sqs_backends

    return [
        {"name": message.id, "content": {"body": message.body, "receives": message.approximate_receive_count}}
        for account in list(sqs_backends.values())
        if region in account and name in account[region].queues
        for message in list(account[region].queues[name]._messages)[:MOST_ITEMS]
    ]
