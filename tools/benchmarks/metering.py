"""Cost of the meter for a call: what reserving and settling add, against the local cloud's DynamoDB."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.console import heading
from deploy_tools.local_session import local_session
from handlers.common.aws_api import AwsApi
from handlers.common.caller import Caller, Limit
from handlers.common.deadline import Deadline
from handlers.common.ledger import OPEN_INDEX, Call, Outcome
from handlers.common.meter import Meter

CALLS = 300
_BUCKETS, _LEDGER = "bench-buckets", "bench-ledger"
_LIMITS = (
    Limit("key:bench", "minute", "requests", 1_000_000),
    Limit("key:bench", "day", "nano_usd", 10**15),
    Limit("tenant:bench", "month", "nano_usd", 10**15),
)


def meter() -> None:
    """Print the medians of a call that reserves and settles, for a caller without limits and for one with three."""
    heading(f"Cost of the meter (medians of {CALLS} calls; goal: at most 10 ms)")
    with tempfile.TemporaryDirectory() as directory:
        cloud, _ = ensure_cloud(Path(directory), 0)
        try:
            client = local_session("us-east-1").client("dynamodb", endpoint_url=cloud.url)
            _create_tables(client)
            api = AwsApi("dynamodb", make_client=lambda _name, _tries: client)
            metered = Meter(_BUCKETS, _LEDGER, api=api)
            for name, limits in (("no limits", ()), ("three limits", _LIMITS)):
                reserve, settle = _medians(metered, limits)
                print(
                    f"  {name:<14} reserve {reserve:5.2f} ms   settle {settle:5.2f} ms   together {reserve + settle:5.2f} ms"
                )
        finally:
            stop_cloud(Path(directory), forget=True)


def _medians(metered: Meter, limits: tuple[Limit, ...]) -> tuple[float, float]:
    caller = Caller("tenant:bench", "bench", "bench", limits=limits)
    reserving, settling = [], []
    outcome = Outcome(amounts={"nano_usd": 700, "tokens": 7}, outcome="ok", target="bench:model")
    for number in range(CALLS + 20):
        deadline = Deadline.after(60)
        call = Call(
            caller=caller,
            operation="bench",
            request_id=f"{len(limits)}-{number}",
            started_at=time.time(),
        )
        started = time.perf_counter()
        reservation = metered.reserve(
            call, {"nano_usd": 1_000, "tokens": 10}, lasts_seconds=30, deadline=deadline
        )
        reserved = time.perf_counter()
        metered.settle(reservation, outcome, deadline=deadline)
        reserving.append((reserved - started) * 1000)
        settling.append((time.perf_counter() - reserved) * 1000)
    return statistics.median(reserving[20:]), statistics.median(settling[20:])


def _create_tables(client: Any) -> None:
    def create(name: str, keys: dict[str, str], *indexes: str) -> None:
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"} for key in dict.fromkeys([*keys, *indexes])
            ],
            BillingMode="PAY_PER_REQUEST",
            **(
                {
                    "GlobalSecondaryIndexes": [
                        {
                            "IndexName": index,
                            "KeySchema": [{"AttributeName": index, "KeyType": "HASH"}],
                            "Projection": {"ProjectionType": "ALL"},
                        }
                        for index in indexes
                    ]
                }
                if indexes
                else {}
            ),
        )

    create(_BUCKETS, {"id": "HASH"})
    create(_LEDGER, {"account": "HASH", "row": "RANGE"}, OPEN_INDEX)
