"""`make bench`: a language model through the gateway beside the same model called directly.

    python -m tools.benchmarks.models

Both run the code and the weights of one archive on this machine, take turns, and answer the same request, streamed. In each turn
a side answers twice and the second answer counts: the first brings its weights back into the caches of the processor, which the
other side has filled with its own. The time to the first token includes the HTTP request, the gateway, the function and its
router; the rate is that of the tokens after it.
"""

from __future__ import annotations

import http.client
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from constructs_lib import ModelRoute, OfflineModel
from deploy_tools import interrupts
from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.console import heading
from deploy_tools.local_session import local_session
from lambda_archives import LambdaArchive, Target
from tools.project import PROJECT

ROUNDS: Final = 15
TOKENS: Final = 48
REQUEST: Final[dict[str, Any]] = {
    "model": "fast",
    "messages": [{"role": "user", "content": "Tell me a story about a cat."}],
    "max_tokens": TOKENS,
    "temperature": 0,
}
_DIRECT: Final = """
import json, sys, time
from handlers.chat.backend import TextPiece
from handlers.chat.models import ChatRequest
from handlers.chat.offline_backend import OfflineBackend
from handlers.common.deadline import Deadline

model = OfflineBackend()
for line in sys.stdin:
    request, until = ChatRequest.model_validate_json(line), Deadline.after(240)
    started = time.perf_counter()
    pieces = model.stream(request, first=until, deadline=until)
    times = [time.perf_counter() - started for piece in pieces if isinstance(piece, TextPiece)]
    print(json.dumps(times), flush=True)
"""
"""Program that answers a request a line, and prints when each piece came, in seconds."""

_WRAPPER: Final = "/var/task/handlers/common/streaming_runtime.py"
_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True)
class Speed:
    """Speed of streamed answers.

    Attributes:
        first_ms: Time to the first token in milliseconds.
        per_second: Tokens a second after it.
    """

    first_ms: float
    per_second: float

    @classmethod
    def of(cls, times: list[float]) -> Speed:
        """Return the speed of one answer, by the times of its pieces in seconds."""
        return cls(times[0] * 1000, (len(times) - 1) / (times[-1] - times[0]))

    @classmethod
    def median(cls, speeds: list[Speed]) -> Speed:
        """Return the medians."""
        return cls(
            statistics.median(one.first_ms for one in speeds),
            statistics.median(one.per_second for one in speeds),
        )


@contextmanager
def direct(archive: LambdaArchive, directory: Path) -> Iterator[Callable[[], Speed]]:
    """Run the model in a process of its own; yield what asks it once."""
    with zipfile.ZipFile(archive.zip_path) as content:
        content.extractall(directory)
    with subprocess.Popen(
        [sys.executable, "-c", _DIRECT],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None:
            raise RuntimeError("the model has no pipe")

        def ask() -> Speed:
            requests.write(f"{json.dumps(REQUEST)}\n")
            requests.flush()
            return Speed.of(json.loads(answers.readline()))

        yield ask
        requests.close()


def deploy(endpoint_url: str, archive: LambdaArchive) -> str:
    """Deploy the function behind a streamed route with AWS's API; return the URL of the route."""
    session = local_session(_REGION)
    functions, api, iam, buckets = (
        session.client(name, endpoint_url=endpoint_url) for name in ("lambda", "apigateway", "iam", "s3")
    )
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    buckets.create_bucket(Bucket="bench")
    buckets.upload_file(str(archive.zip_path), "bench", "chat.zip")
    routes = json.dumps([ModelRoute("fast", [OfflineModel()]).as_dict()])
    arn = functions.create_function(
        FunctionName="bench",
        Runtime=archive.target.runtime,
        Role=role,
        Handler="handlers.chat.app.streaming_handler",
        Code={"S3Bucket": "bench", "S3Key": "chat.zip"},
        Architectures=["arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"],
        MemorySize=1769,
        Timeout=240,
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": _WRAPPER, "MODEL_ROUTES": routes}},
    )["FunctionArn"]
    path = "/v1/chat/completions"
    uri = (
        f"arn:aws:apigateway:{_REGION}:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations"
    )
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "responseTransferMode": "STREAM",
        "timeoutInMillis": 300_000,
        "uri": uri,
    }
    method = {"responses": {}, "x-amazon-apigateway-integration": integration}
    body = {
        "openapi": "3.0.1",
        "info": {"title": "bench", "version": "1"},
        "paths": {path: {"post": method}},
    }
    identifier = api.import_rest_api(body=json.dumps(body).encode())["id"]
    functions.add_permission(
        FunctionName="bench",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{_REGION}:123456789012:{identifier}/*/POST{path}",
    )
    api.create_deployment(restApiId=identifier, stageName="bench")
    return f"{endpoint_url}/_aws/execute-api/{identifier}/bench{path}"


def through_gateway(url: str) -> Speed:
    """Call the model once over HTTP.

    Raises:
        RuntimeError: It did not answer with a complete stream.
    """
    parts = urlsplit(url)
    body = json.dumps({**REQUEST, "stream": True})
    times: list[float] = []
    with closing(
        http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=250)
    ) as connection:
        connection.connect()
        started = time.perf_counter()
        connection.request("POST", parts.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        for line in answer:
            if line == b"data: [DONE]\n":
                answer.read()
                return Speed.of(times)
            if line.startswith(b"data: ") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter() - started)
    raise RuntimeError(f"{url} answered {answer.status} without a complete stream")


def main() -> int:
    """Measure and print; return the exit status."""
    heading(f"A language model through the gateway (medians of {ROUNDS} answers of {TOKENS} tokens)")
    archive = LambdaArchive.from_package(
        PROJECT / "handlers" / "chat" / "package.toml", target=Target.this_machine()
    )
    with tempfile.TemporaryDirectory() as directory:
        cloud, _ = ensure_cloud(Path(directory) / "cloud", 0)
        try:
            url = deploy(cloud.url, archive)
            with direct(archive, Path(directory) / "direct") as ask:

                def turn(answer: Callable[[], Speed]) -> Speed:
                    answer()
                    return answer()

                sides = ask, lambda: through_gateway(url)
                for side in sides:
                    turn(side)
                pairs = [tuple(turn(side) for side in sides) for _ in range(ROUNDS)]
        finally:
            stop_cloud(cloud.directory, forget=True)
    alone, behind = (Speed.median(list(speeds)) for speeds in zip(*pairs, strict=True))
    slower = (1 - behind.per_second / alone.per_second) * 100
    print(
        f"  the model called directly   first token {alone.first_ms:7.1f} ms, {alone.per_second:6.1f} tokens a second"
    )
    print(
        f"  through the gateway         first token {behind.first_ms:7.1f} ms, {behind.per_second:6.1f} tokens a second"
    )
    print(
        f"  the gateway adds            {behind.first_ms - alone.first_ms:.1f} ms to the first token (goal: at most 5), "
        f"{slower:.1f} % to the time of each (goal: at most 5)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main))
