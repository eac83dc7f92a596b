"""A local cloud inside the test process, whose functions are plain Python callables."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from local_cloud.functions.errors import FunctionNotFound
from local_cloud.functions.result import InvocationResult
from local_cloud.server import LocalCloud
from tests.support import aws
from tests.support.loop_thread import LoopThread
from tests.support.moto_state import forget_everything
from tests.support.threads import THREADS
from tests.support.zips import NO_CODE

ACCOUNT = "123456789012"
REGION = "us-east-1"

Handler = Callable[[Any], Any]


@dataclass
class FakeFunctions:
    """Stands in for the executor: runs a callable for the name of a function and remembers what it was given."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    invoked: list[str] = field(default_factory=list)

    async def invoke(self, function_arn: str, payload: bytes, **_ids: str | None) -> InvocationResult:
        self.invoked.append(function_arn)
        name = function_arn.split(":")[6]
        if name not in self.handlers:
            raise FunctionNotFound(f"Function not found: {function_arn}")
        answer = self.handlers[name](json.loads(payload))
        if asyncio.iscoroutine(answer):  # it runs on when the caller is cancelled
            answer = await asyncio.shield(asyncio.ensure_future(answer))
        if isinstance(answer, InvocationResult):
            return answer
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return InvocationResult(
            payload=raw, function_error=None, executed_version="$LATEST", log_tail="", duration_ms=1.0
        )

    async def close(self) -> None:
        """Nothing runs."""


def function_failure(error_type: str, message: str) -> InvocationResult:
    payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    return InvocationResult(payload, "Unhandled", "$LATEST", "", 1.0)


class CloudInThread:
    """Runs a local cloud on an event loop of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.functions = FakeFunctions()
        self._clients: dict[str, Any] = {}
        self._thread = LoopThread()
        self.loop = self._thread.loop
        self.cloud = LocalCloud(
            host="127.0.0.1",
            port=0,
            directory=directory,
            make_functions=lambda _url, _directory: self.functions,
        )

    def start(self) -> None:
        self._thread.run(self.cloud.start())

    def stop(self) -> None:
        self._thread.run(self.cloud.close())
        for client in self._clients.values():
            client.close()
        self._thread.stop()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = aws.client(
                service,
                endpoint_url=self.cloud.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(
                    inject_host_prefix=False,
                    user_agent="tests",  # botocore would compose one for each request
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    max_pool_connections=THREADS,
                ),
            )
        return self._clients[service]

    def raw(self, request: bytes, *, end: bytes | None = None) -> bytes:
        """Send bytes as they are; return the response up to `end`, by default all of it."""
        with socket.create_connection(("127.0.0.1", self.cloud.port), timeout=30) as connection:
            connection.sendall(request)
            response = b""
            while not (end and response.endswith(end)) and (chunk := connection.recv(65_536)):
                response += chunk
        return response

    def request(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        with closing(http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=30)) as connection:
            chunked = body is not None and not isinstance(body, bytes)
            connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
            response = connection.getresponse()
            response.content = response.read()  # type: ignore[attr-defined]
        return response


@dataclass
class DeployedApi:
    """A REST API made with boto3 for one test."""

    cloud: CloudInThread
    api_id: str
    root_id: str
    function_arn: str
    stage: str = "stage"

    @property
    def aws(self) -> Any:
        return self.cloud.client("apigateway")

    def resource(self, path: str) -> str:
        present = {
            item["path"]: item["id"]
            for item in self.aws.get_resources(restApiId=self.api_id, limit=500)["items"]
        }
        parent, path_so_far = self.root_id, ""
        for part in path.strip("/").split("/") if path != "/" else ():
            path_so_far += f"/{part}"
            if path_so_far not in present:
                present[path_so_far] = self.aws.create_resource(
                    restApiId=self.api_id, parentId=parent, pathPart=part
                )["id"]
            parent = present[path_so_far]
        return parent

    def method(
        self, path: str, method: str = "ANY", *, integration: dict[str, Any] | None = None, **options: Any
    ) -> str:
        resource = self.resource(path)
        self.aws.put_method(
            restApiId=self.api_id,
            resourceId=resource,
            httpMethod=method,
            **({"authorizationType": "NONE"} | options),
        )
        self.aws.put_integration(
            restApiId=self.api_id,
            resourceId=resource,
            httpMethod=method,
            **(self.proxy_integration() if integration is None else integration),
        )
        return resource

    def proxy_integration(self, function_arn: str | None = None) -> dict[str, Any]:
        return {
            "type": "AWS_PROXY",
            "integrationHttpMethod": "POST",
            "uri": (
                f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
                f"{function_arn or self.function_arn}/invocations"
            ),
        }

    def deploy(self, stage: str | None = None) -> str:
        """Make a deployment, and the stage or move it there."""
        deployment = self.aws.create_deployment(restApiId=self.api_id)["id"]
        name = stage or self.stage
        present = [item["stageName"] for item in self.aws.get_stages(restApiId=self.api_id)["item"]]
        if name in present:
            operations = [{"op": "replace", "path": "/deploymentId", "value": deployment}]
            self.aws.update_stage(restApiId=self.api_id, stageName=name, patchOperations=operations)
        else:
            self.aws.create_stage(restApiId=self.api_id, stageName=name, deploymentId=deployment)
        return str(deployment)

    def call(self, method: str, path: str, **options: Any) -> http.client.HTTPResponse:
        return self.cloud.request(method, f"/_aws/execute-api/{self.api_id}/{self.stage}{path}", **options)


_names = iter(range(10_000))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudInThread]:
    forget_everything()
    running = CloudInThread(tmp_path_factory.mktemp("cloud"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def role_arn(cloud: CloudInThread) -> str:
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    name = f"gateway-tests-{next(_names)}"
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    return str(role["Role"]["Arn"])


@pytest.fixture
def make_function(cloud: CloudInThread, role_arn: str) -> Callable[[Handler], str]:
    """Make a function, in Lambda's control plane and among the fake ones; returns its ARN."""

    def make(handler: Handler) -> str:
        name = f"gateway-function-{next(_names)}"
        cloud.functions.handlers[name] = handler
        created = cloud.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role_arn,
            Code={"ZipFile": NO_CODE},
        )
        return str(created["FunctionArn"])

    return make


@pytest.fixture
def make_api(cloud: CloudInThread, make_function: Callable[[Handler], str]) -> Callable[..., DeployedApi]:
    """Make a REST API whose function every method of it may invoke."""

    def make(handler: Handler, **options: Any) -> DeployedApi:
        function_arn = make_function(handler)
        created = cloud.client("apigateway").create_rest_api(name=f"api-{next(_names)}", **options)
        cloud.client("lambda").add_permission(
            FunctionName=function_arn,
            StatementId="all",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{created['id']}/*/*",
        )
        return DeployedApi(cloud, created["id"], created["rootResourceId"], function_arn)

    return make
