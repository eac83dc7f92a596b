"""Synthesizes stacks and reads the JSON: what the tests of the constructs share."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from cdktf import Testing

from constructs_lib import (
    AwsStack,
    ConstructError,
    Function,
    LambdaIntegration,
    Method,
    Public,
    RestApi,
)
from constructs_lib.routes.definitions import HttpMethod


@dataclass(frozen=True, slots=True)
class FakeTarget:
    runtime: str = "python3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeArchive:
    """An archive whose sizes a test chooses."""

    name: str
    zip_path: Path
    handler: str | None = "chat.handler"
    zip_bytes: int = 1_000
    unpacked_bytes: int = 2_000
    target: FakeTarget = FakeTarget()

    @classmethod
    def make(cls, directory: Path, name: str = "chat", text: str = "", **sizes: Any) -> FakeArchive:
        place = directory / f"{hashlib.sha256(f'{name} {text}'.encode()).hexdigest()[:16]}.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for module in ("chat.py", "handlers/jobs/finish.py", "other/app.py"):
                archive.writestr(zipfile.ZipInfo(module), f"def handler(event, context): return {text!r}")
        return cls(name=name, zip_path=place, **sizes)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.zip_path.read_bytes()).hexdigest()

    @property
    def source_code_hash(self) -> str:
        return base64.b64encode(bytes.fromhex(self.digest)).decode()


class Configuration:
    """A synthesized stack."""

    def __init__(self, stack: AwsStack) -> None:
        self.text = Testing.synth(stack)
        self.json: dict[str, Any] = json.loads(self.text)

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resources of a type, by address."""
        found = self.json.get("resource", {}).get(f"aws_{kind}", {})
        return {f"aws_{kind}.{name}": body for name, body in found.items()}

    def only(self, kind: str) -> dict[str, Any]:
        """The one resource of a type."""
        (body,) = self.all(kind).values()
        return body

    def address(self, kind: str) -> str:
        """The address of the one resource of a type."""
        (address,) = self.all(kind)
        return address

    def types(self) -> set[str]:
        return {kind.removeprefix("aws_") for kind in self.json.get("resource", {})}

    def resources(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for kind, bodies in self.json.get("resource", {}).items():
            for name, body in bodies.items():
                yield f"{kind}.{name}", body

    def references(self) -> dict[str, set[str]]:
        """By address, the addresses of the resources that each resource needs first."""
        addresses = {address for address, _ in self.resources()}
        return {
            address: {
                found for found in re.findall(r"aws_\w+\.[\w-]+", json.dumps(body)) if found in addresses
            }
            for address, body in self.resources()
        }


def alias_arn(configuration: Configuration, function_name: str) -> str:
    """The ARN of the alias of a function, composed of names."""
    region = configuration.json["provider"]["aws"][0]["region"]
    (account,) = configuration.json["data"]["aws_caller_identity"]
    account_id = f"${{data.aws_caller_identity.{account}.account_id}}"
    return f"arn:aws:lambda:{region}:{account_id}:function:{function_name}:live"


def machine_arn(configuration: Configuration, workflow_name: str) -> str:
    """The ARN of a state machine, composed of names."""
    region, data = configuration.json["provider"]["aws"][0]["region"], configuration.json["data"]
    (account,), (partition,) = data["aws_caller_identity"], data["aws_partition"]
    partition = f"${{data.aws_partition.{partition}.partition}}"
    account_id = f"${{data.aws_caller_identity.{account}.account_id}}"
    return f"arn:{partition}:states:{region}:{account_id}:stateMachine:{workflow_name}"


def invoke_arn(configuration: Configuration, function_name: str) -> str:
    """The ARN by which API Gateway invokes the alias of a function, composed of names."""
    region = configuration.json["provider"]["aws"][0]["region"]
    alias = alias_arn(configuration, function_name)
    return f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{alias}/invocations"


def statements(policy: str) -> list[dict[str, Any]]:
    """The statements of a policy document."""
    document = json.loads(policy)
    assert document["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = document["Statement"]
    return found


def refused(act: Callable[[], object]) -> tuple[type[ConstructError], str]:
    """The class and message of the ConstructError that `act` raises."""
    with pytest.raises(ConstructError) as refusal:
        act()
    return type(refusal.value), str(refusal.value)


def children(stack: AwsStack) -> list[str]:
    """The ids of all constructs in a stack: unchanged, if something was refused before it made a child."""
    return [str(construct.node.path) for construct in stack.node.find_all()]


def public_method(
    api: RestApi, function: Function, http_method: HttpMethod = "GET", path: str = "/"
) -> Method:
    return api.resource_for(path).add_method(http_method, LambdaIntegration(function), authorization=Public())


def validate(stack: AwsStack) -> None:
    """Run what `app.synth()` checks when all is put together."""
    Testing.synth(stack, True)
