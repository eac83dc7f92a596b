"""`make bench`: benchmark of the local cloud's data plane, as ratios measured in one run.

    python -m tools.benchmarks.data_plane                 everything
    python -m tools.benchmarks.data_plane overhead        a warm request over HTTP against invoking the same worker directly
    python -m tools.benchmarks.data_plane meter           what the meter adds to a call
    python -m tools.benchmarks.data_plane throughput      requests per second against peers: `chalice local`, serverless-offline,
                                                          MiniStack

The load comes from wrk (`tools/benchmarks/load.py`). The servers serve the same trivial handler to it, in turn, several times;
the figures are medians.
"""

from __future__ import annotations

import asyncio
import io
import json
import platform
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from deploy_tools import interrupts
from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.console import heading
from deploy_tools.local_session import local_session
from local_cloud.functions.executor import FunctionExecutor
from local_cloud.functions.moto_backend import install
from local_cloud.server import LocalCloud
from tools.benchmarks.load import LoadError, load
from tools.benchmarks.metering import meter
from tools.benchmarks.peer_servers import (
    HANDLER,
    Peer,
    PeerUnavailableError,
    chalice,
    ministack,
    serverless_offline,
)

ROUNDS = 5
WARM_REQUESTS = 1_000
ROUND_SECONDS = 1
LOAD_SECONDS = 3
CONNECTIONS = 8


def deploy_trivial(endpoint_url: str) -> tuple[str, str]:
    """Deploy the trivial handler behind `GET /ok` with AWS's API; return the API's ID and the function's ARN."""
    session = local_session("us-east-1")
    functions = session.client("lambda", endpoint_url=endpoint_url)
    api = session.client("apigateway", endpoint_url=endpoint_url)
    iam = session.client("iam", endpoint_url=endpoint_url)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    arn = functions.create_function(
        FunctionName="bench",
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": packed.getvalue()},
        Architectures=["arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"],
    )["FunctionArn"]
    identifier = api.create_rest_api(name="bench")["id"]
    root = api.get_resources(restApiId=identifier)["items"][0]["id"]
    resource = api.create_resource(restApiId=identifier, parentId=root, pathPart="ok")["id"]
    method = {"restApiId": identifier, "resourceId": resource, "httpMethod": "GET"}
    api.put_method(**method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    api.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    functions.add_permission(
        FunctionName="bench",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{arn.split(':')[4]}:{identifier}/*/GET/ok",
    )
    api.create_deployment(restApiId=identifier, stageName="bench")
    return str(identifier), str(arn)


def own_url(endpoint_url: str, api_id: str) -> str:
    """Return the address of the trivial handler in the local cloud."""
    return f"{endpoint_url}/_aws/execute-api/{api_id}/bench/ok"


async def _overhead() -> None:
    with tempfile.TemporaryDirectory() as directory:
        executors: list[FunctionExecutor] = []

        def make_functions(endpoint_url: str, place: Path) -> FunctionExecutor:
            executors.append(FunctionExecutor(endpoint_url=endpoint_url, directory=place))
            install(executors[0])
            return executors[0]

        cloud = LocalCloud(host="127.0.0.1", port=0, directory=Path(directory), make_functions=make_functions)
        await cloud.start()
        try:
            api_id, arn = await asyncio.to_thread(deploy_trivial, cloud.url)
            url = own_url(cloud.url, api_id)
            event = json.dumps(
                {"path": "/ok", "headers": {"Accept": "application/json"}, "pad": "x" * 1500}
            ).encode()
            await asyncio.to_thread(load, url, 1, ROUND_SECONDS)
            over_http, direct = [], []
            for _ in range(ROUNDS):
                over_http.append((await asyncio.to_thread(load, url, 1, ROUND_SECONDS)).median_ms)
                latencies = []
                for _ in range(WARM_REQUESTS):
                    started = time.perf_counter()
                    await executors[0].invoke(arn, event)
                    latencies.append((time.perf_counter() - started) * 1000)
                direct.append(statistics.median(latencies))
        finally:
            await cloud.close()
    http, bare = statistics.median(over_http), statistics.median(direct)
    print(f"  warm request over HTTP, one connection  {http:6.2f} ms")
    print(f"  the same worker invoked directly        {bare:6.2f} ms")
    print(
        f"  the data plane adds                     {http - bare:6.2f} ms  ({http / bare:.1f}x; goal: at most 0.5 ms)"
    )


def overhead() -> None:
    """Print the overhead of the data plane on a warm invocation, with the cost of the load generator."""
    heading(f"Overhead of the data plane (medians of {ROUNDS} rounds of {ROUND_SECONDS} s)")
    asyncio.run(_overhead())


def free_port() -> int:
    """Return a port that is free, with the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second, suppress(OSError):
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            second.bind(("127.0.0.1", port + 1))
            return port


def _requests_per_second(url: str) -> float:
    """Return the better of keep-alive and a connection for each request, so that each server runs in its best mode."""
    with urllib.request.urlopen(url, timeout=60):  # noqa: S310 - the first invocation starts a process
        pass
    rates = []
    for keep_alive in (True, False):
        with suppress(LoadError):  # a server that answers in one of the modes only
            runs = [load(url, CONNECTIONS, LOAD_SECONDS, keep_alive=keep_alive) for _ in range(3)]
            rates.append(statistics.median(run.requests_per_second for run in runs))
    if not rates:
        raise PeerUnavailableError(f"it answers at {url} in neither mode")
    return max(rates)


def throughput() -> None:
    """Print requests per second of the local cloud and of each peer, and the ratio to the best peer."""
    heading(
        f"Requests per second ({CONNECTIONS} connections, {LOAD_SECONDS} s, median of 3, the better of two modes)"
    )
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        cloud, _ = ensure_cloud(Path(directory), 0)
        try:
            measured["local cloud"] = _requests_per_second(own_url(cloud.url, deploy_trivial(cloud.url)[0]))
        finally:
            stop_cloud(Path(directory), forget=True)
    peers: Sequence[tuple[str, Callable[[int], AbstractContextManager[Peer]]]] = (
        ("chalice local", chalice),
        ("serverless-offline", serverless_offline),
        ("MiniStack", lambda port: ministack(port, lambda endpoint: deploy_trivial(endpoint)[0])),
    )
    for name, start in peers:
        try:
            with start(free_port()) as peer:
                measured[peer.name] = _requests_per_second(peer.url)
        except (PeerUnavailableError, LoadError) as reason:
            print(f"  {name:<28} skipped: {reason}")
    for name, rate in measured.items():
        print(f"  {name:<28}{rate:8.0f} /s")
    ours, *others = measured.values()
    if others:
        print(f"  the local cloud serves {ours / max(others):.1f}x the best of them (goal: at least 1x)")


def main(arguments: Sequence[str]) -> int:
    """Run the parts that are named, or all; return the exit status."""
    parts = {"overhead": overhead, "meter": meter, "throughput": throughput}
    unknown = [name for name in arguments if name not in parts]
    if unknown:
        print(__doc__, file=sys.stderr)
        return 2
    for name in arguments or parts:
        parts[name]()
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:])))
