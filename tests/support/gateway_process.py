"""A local cloud with a REST API whose functions run in real processes, and raw HTTP to call it with.

Requests are written to sockets byte by byte, so that no client tidies up a path or the case of a header.
"""

from __future__ import annotations

import io
import json
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local_cloud import background
from local_cloud.serve import ServeSettings

REGION = "us-east-1"
ACCOUNT = "123456789012"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"

MISSING_TOKEN = {"message": "Missing Authentication Token"}
INTERNAL = {"message": "Internal server error"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Answers with the event, or does what the JSON body of the request asks for.
CODE = """
import json
import os
import time


def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}


def obey(event, context):
    order = json.loads(event["body"] or "{}")
    if "raise" in order:
        raise RuntimeError(order["raise"])
    if "exit" in order:
        os._exit(order["exit"])
    if "sleep" in order:
        time.sleep(order["sleep"])
        with open(order["then_write"], "w") as stream:
            stream.write("done")
    if "set" in order:
        return {"statusCode": 200, "body": {1, 2}}
    if "large" in order:
        return {"statusCode": 200, "body": "x" * order["large"]}
    return order.get("return")


def broken(event, context):
    return {"statusCode": 200}
"""


@dataclass
class Answer:
    """A response as it came over the wire."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Gateway:
    """A local cloud with one REST API."""

    port: int
    api: str
    stage: str = "stage"
    functions: dict[str, str] = field(default_factory=dict)

    def send(
        self, target: str, *, method: str = "GET", head: str = "", body: bytes = b"", host: str = ""
    ) -> Answer:
        """Send a request whose target and headers are used as they are; the path starts below the API."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        request = (
            f"{method} /_aws/execute-api/{self.api}{target} HTTP/1.1\r\nHost: {host or '127.0.0.1'}\r\n"
            f"{head}{length}Connection: close\r\n\r\n"
        )
        return exchange(self.port, request.encode("latin-1") + body)

    def event(self, target: str, **options: Any) -> dict[str, Any]:
        answer = self.send(target, **options)
        assert answer.status == 200, answer.body
        event: dict[str, Any] = answer.json
        return event

    def order(
        self, content: Any, *, path: str = "/stage/obey", head: str = "", method: str = "POST"
    ) -> Answer:
        return self.send(path, method=method, head=head, body=json.dumps(content).encode())


def exchange(port: int, request: bytes) -> Answer:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.sendall(request)
        raw = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = raw.partition(b"\r\n\r\n")
    line, _, headers = head.partition(b"\r\n")
    return Answer(int(line.split(b" ")[1]), BytesHeaderParser().parsebytes(headers), body)


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("app.py", CODE)
    return content.getvalue()


def proxy(function_arn: str, **changes: Any) -> dict[str, Any]:
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    return {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri} | changes


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Clients of a local cloud in a process of its own."""
    directory = tmp_path_factory.mktemp("gateway")
    cloud, _ = background.start(ServeSettings(host="127.0.0.1", port=0, directory=directory))

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=cloud.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    yield client
    background.stop(directory)


@pytest.fixture(scope="session")
def gateway(aws: Callable[[str], Any]) -> Gateway:
    """`ANY /{proxy+}` and others, deployed to `stage` as the recorded cases want them."""
    roles, functions, apis = aws("iam"), aws("lambda"), aws("apigateway")
    role = roles.create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    api = apis.create_rest_api(name="recorded", binaryMediaTypes=["image/png", "audio/*"])
    arns = {}
    for name in ("echo", "obey", "broken"):
        arns[name] = functions.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Handler=f"app.{name}",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": archive()},
            Timeout=20,
            Publish=False,
        )["FunctionArn"]
        if name != "broken":
            functions.add_permission(
                FunctionName=name,
                StatementId="gateway",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['id']}/*/*",
            )
    quick = functions.create_function(
        FunctionName="quick",
        Runtime=RUNTIME,
        Handler="app.obey",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": archive()},
        Timeout=1,
    )["FunctionArn"]
    functions.add_permission(
        FunctionName="quick",
        StatementId="gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )

    def add(path: str, method: str, integration: dict[str, Any]) -> str:
        parent = api["rootResourceId"]
        present = {
            item["path"]: item["id"] for item in apis.get_resources(restApiId=api["id"], limit=500)["items"]
        }
        so_far = ""
        for part in path.strip("/").split("/") if path != "/" else ():
            so_far += f"/{part}"
            if so_far not in present:
                present[so_far] = apis.create_resource(restApiId=api["id"], parentId=parent, pathPart=part)[
                    "id"
                ]
            parent = present[so_far]
        ids = {"restApiId": api["id"], "resourceId": parent, "httpMethod": method}
        apis.put_method(**ids, authorizationType="NONE")
        apis.put_integration(**ids, **integration)
        return parent

    add("/{proxy+}", "ANY", proxy(arns["echo"]))
    add("/obey", "POST", proxy(arns["obey"]))
    add("/timeout", "POST", proxy(arns["obey"], timeoutInMillis=300))
    add("/quick", "POST", proxy(quick))
    add("/not-allowed", "GET", proxy(arns["broken"]))
    add("/not-post", "GET", proxy(arns["echo"], integrationHttpMethod="GET"))
    add("/pets/{id}", "GET", proxy(arns["echo"]))
    add("/pets/mine", "GET", proxy(arns["echo"]))
    add("/pets/mine/toys", "GET", proxy(arns["echo"]))
    mock = add(
        "/mock", "GET", {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    )
    ids = {"restApiId": api["id"], "resourceId": mock, "httpMethod": "GET", "statusCode": "200"}
    apis.put_method_response(**ids)
    apis.put_integration_response(**ids, responseTemplates={"application/json": '{"mock": true}'})
    apis.create_deployment(restApiId=api["id"], stageName="stage", variables={"table": "pets"})

    narrow = apis.create_rest_api(name="narrow")
    apis.put_method(
        restApiId=narrow["id"],
        resourceId=narrow["rootResourceId"],
        httpMethod="GET",
        authorizationType="NONE",
    )
    apis.put_integration(
        restApiId=narrow["id"],
        resourceId=narrow["rootResourceId"],
        httpMethod="GET",
        type="MOCK",
        requestTemplates={"application/json": '{"statusCode": 200}'},
    )
    apis.create_deployment(restApiId=narrow["id"], stageName="stage")
    port = int(apis.meta.endpoint_url.rpartition(":")[2])
    return Gateway(port, api["id"], functions=arns | {"narrow": narrow["id"]})
