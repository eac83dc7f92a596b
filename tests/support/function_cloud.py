"""A local cloud without a server: an executor on a loop of its own, and moto to deploy functions to."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends

from local_cloud.functions.environment import machine_architecture, machine_runtime
from local_cloud.functions.executor import FunctionExecutor
from local_cloud.functions.moto_backend import install
from local_cloud.functions.result import InvocationResult
from tests.support.loop_thread import LoopThread
from tests.support.moto_state import mock_aws
from tests.support.zips import archive

ACCOUNT = "123456789012"
REGION = "us-east-1"
ECHO = "def handler(event, context):\n    return event\n"


def arn(function: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"


def alive(pid: int) -> bool:
    """Return whether a process runs; one that is dead but not yet reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Cloud:
    """Local cloud that a test deploys to and calls."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.directory = directory
        self._thread = LoopThread()
        self.loop = self._thread.loop
        self.run = self._thread.run
        self.executor = self.run(self._make(options))
        install(self.executor)
        self.backend = lambda_backends[ACCOUNT][REGION]
        self.role = self._role()

    async def _make(self, options: dict[str, Any]) -> FunctionExecutor:
        return FunctionExecutor(endpoint_url="http://127.0.0.1:9", directory=self.directory, **options)

    def _role(self) -> str:
        iam = iam_backends[ACCOUNT]["aws"]
        role = iam.create_role("worker", "{}", "/", None, "", [], "3600")
        return str(role.arn)

    def close(self) -> None:
        self.run(self.executor.close())
        self._thread.stop()

    def deploy(
        self,
        code: str | Mapping[str, str] | bytes,
        *,
        name: str = "demo",
        timeout: int = 5,
        memory: int = 128,
        environment: Mapping[str, str] | None = None,
        publish: bool = False,
        **more: Any,
    ) -> str:
        """Create a function of one file, `app.py`, or of several; gives its name."""
        zipped = (
            code if isinstance(code, bytes) else archive({"app.py": code} if isinstance(code, str) else code)
        )
        spec = {
            "FunctionName": name,
            "Handler": "app.handler",
            "Role": self.role,
            "Runtime": machine_runtime(),
            "Architectures": [machine_architecture()],
            "Code": {"ZipFile": base64.b64encode(zipped).decode()},
            "Timeout": timeout,
            "MemorySize": memory,
            "Environment": {"Variables": dict(environment or {})},
            "Publish": publish,
            **more,
        }
        self.backend.create_function(spec)
        return name

    def update_code(self, name: str, code: str) -> None:
        zipped = base64.b64encode(archive({"app.py": code})).decode()
        self.backend.update_function_code(name, None, {"ZipFile": zipped})

    def invoke(self, function: str, event: Any = None, **options: Any) -> InvocationResult:
        result = self.run(self.executor.invoke(function, json.dumps(event).encode(), **options))
        assert isinstance(result, InvocationResult)
        return result

    def call(self, function: str, event: Any = None) -> Any:
        """Invoke and expect success; gives what the handler returned."""
        result = self.invoke(function, event)
        assert result.function_error is None, result.payload
        return json.loads(result.payload)

    def start(self, function: str, event: Any = None) -> Any:
        """Invoke without waiting; gives the future."""
        work = self.executor.invoke(function, json.dumps(event).encode())
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def log(self, name: str = "demo") -> str:
        return (self.directory / "logs" / "functions" / f"{name}.log").read_text()

    def warden_pid(self) -> int:
        pid = self.executor._services.warden.pid
        assert isinstance(pid, int)
        return pid


def own_children() -> set[int]:
    return {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    clouds: list[Cloud] = []

    def make(**options: Any) -> Cloud:
        clouds.append(Cloud(tmp_path / f"cloud{len(clouds)}", **options))
        return clouds[-1]

    with mock_aws():
        yield make
        for cloud in clouds:
            cloud.close()


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()
