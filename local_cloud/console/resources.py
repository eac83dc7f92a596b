"""Functions with their processes and logs; tables, buckets and queues, read by the AWS APIs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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

_BACKENDS = {
    "dynamodb": "moto.dynamodb.models:dynamodb_backends",
    "s3": "moto.s3.models:s3_backends",
    "sqs": "moto.sqs.models:sqs_backends",
}


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
            "instances": [_instance(one) for one in workers if one.definition.name == function.function_name],
            "invocations": [
                invocation_row(one) for one in invoked if one.definition.name == function.function_name
            ],
        }
        for function in sorted(functions, key=lambda function: str(function.function_name))
    ]


def _instance(worker: Worker) -> dict[str, Any]:
    state = "busy" if worker.is_busy else "idle"
    return {
        "pid": worker.pid,
        "state": state,
        "used_mb": worker.used_mb,
        "version": worker.definition.version,
    }


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
        "tables": [
            item
            for region in _regions("dynamodb")
            for item in _tables(clients.get(region, "dynamodb"), region)
        ],
        "buckets": _buckets(clients.get("us-east-1", "s3")) if any(_regions("s3")) else [],
        "queues": [
            item for region in _regions("sqs") for item in _queues(clients.get(region, "sqs"), region)
        ],
    }


def read_storage(clients: Clients, kind: str, region: str, name: str) -> list[dict[str, Any]]:
    """Return the first items of a table, objects of a bucket, or messages of a queue.

    Messages are read from moto, as receiving them would hide them from their consumers.
    """
    readers: dict[str, Callable[[Clients, str, str], list[dict[str, Any]]]] = {
        "tables": _items,
        "buckets": _objects,
        "queues": _messages,
    }
    return readers[kind](clients, region, name)


def _regions(service: str) -> Iterator[str]:
    """Return the Regions in which a service has something."""
    import sys

    module, _, name = _BACKENDS[service].partition(":")
    if module not in sys.modules:
        return
    found: Counter[str] = Counter(
        region for account in list(getattr(sys.modules[module], name).values()) for region in list(account)
    )
    yield from sorted(found)


def _tables(client: Any, region: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            table = client.describe_table(TableName=name)["Table"]
            yield {
                "name": name,
                "region": region,
                "items": table["ItemCount"],
                "keys": [key["AttributeName"] for key in table["KeySchema"]],
            }


def _items(clients: Clients, region: str, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = clients.get(region, "dynamodb").scan(TableName=name, Limit=MOST_ITEMS)[
        "Items"
    ]
    return [{"name": "", "content": item} for item in items]


def _buckets(client: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": bucket["Name"],
            "region": "us-east-1",
            "items": client.list_objects_v2(Bucket=bucket["Name"], MaxKeys=1000)["KeyCount"],
        }
        for bucket in client.list_buckets()["Buckets"]
    ]


def _objects(clients: Clients, region: str, name: str) -> list[dict[str, Any]]:
    found = clients.get(region, "s3").list_objects_v2(Bucket=name, MaxKeys=MOST_ITEMS)
    return [
        {
            "name": item["Key"],
            "content": {
                "bytes": item["Size"],
                "modified": item["LastModified"].isoformat(),
                "etag": item["ETag"],
            },
        }
        for item in found.get("Contents", ())
    ]


def _queues(client: Any, region: str) -> Iterator[dict[str, Any]]:
    for url in client.list_queues().get("QueueUrls", ()):
        values = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        yield {
            "name": url.rpartition("/")[2],
            "region": region,
            "items": int(values["ApproximateNumberOfMessages"]),
            "in_flight": int(values["ApproximateNumberOfMessagesNotVisible"]),
        }


def _messages(clients: Clients, region: str, name: str) -> list[dict[str, Any]]:
    del clients
    from moto.sqs.models import sqs_backends

    return [
        {"name": message.id, "content": {"body": message.body, "receives": message.approximate_receive_count}}
        for account in list(sqs_backends.values())
        if region in account and name in account[region].queues
        for message in list(account[region].queues[name]._messages)[:MOST_ITEMS]
    ]
