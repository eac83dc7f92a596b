"""One small API with something of everything, in both of its renderings, on a local cloud under the real Terraform."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from cdktf import App, TerraformOutput
from pydantic import BaseModel, ConfigDict, Field

from constructs_lib import (
    Archive,
    AwsStack,
    Cors,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    GatewayResponses,
    IamAuthorization,
    LambdaAuthorizer,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
    Target,
    UsagePlan,
)
from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.terraform import Terraform, environment_for, find_engine

STACK = "small"
Form = Literal["resources", "openapi"]
FORMS: tuple[Form, Form] = ("resources", "openapi")

SHOP = """
import json


def handler(event, context):
    if event["resource"] == "/orders":
        order = json.loads(event["body"])
        return answer({"number": 1, "total": 5 * order["amount"], "order": order})
    told = ("httpMethod", "path", "resource", "pathParameters", "queryStringParameters", "isBase64Encoded", "body")
    told = {name: event[name] for name in told}
    told["authorizer"] = (event["requestContext"].get("authorizer") or {}).get("principalId")
    return answer(told)


def answer(body):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
"""
GUARD = """
def handler(event, context):
    shown = event.get("authorizationToken") or (event.get("headers") or {}).get("X-Partner", "")
    allowed = shown in ("Bearer letmein", "partner-1")
    effect = "Allow" if allowed else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "friend", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""


class Order(BaseModel):
    """Order of a product."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sku: str = Field(min_length=1, max_length=40, pattern=r"^[a-z${}%-]+$")
    amount: int = Field(ge=1, le=100)
    gift: bool = False


class Receipt(BaseModel):
    """Accepted order with its price."""

    number: int
    total: int
    order: Order


@dataclass(frozen=True, slots=True)
class InlineArchive:
    """The archive of one module."""

    name: str
    zip_path: Path
    handler: str | None = "code.handler"
    unpacked_bytes: int = 2_000
    target: Target = field(default_factory=Target.this_machine)

    @classmethod
    def make(cls, directory: Path, name: str, source: str) -> InlineArchive:
        place = directory / f"{name}.zip"
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr(zipfile.ZipInfo("code.py"), source)
        return cls(name, place)

    @classmethod
    def beside(cls, directory: Path, archive: Archive, name: str, source: str) -> InlineArchive:
        """The archive of one more module beside those of another archive."""
        place = directory / f"{name}.zip"
        shutil.copyfile(archive.zip_path, place)
        with zipfile.ZipFile(place, "a") as resource:
            resource.writestr(zipfile.ZipInfo(f"{name}.py"), source)
        return cls(name, place, unpacked_bytes=archive.unpacked_bytes)

    @property
    def zip_bytes(self) -> int:
        return self.zip_path.stat().st_size

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.zip_path.read_bytes()).hexdigest()

    @property
    def source_code_hash(self) -> str:
        return base64.b64encode(bytes.fromhex(self.digest)).decode()


def add_routes(api: RestApi, shop: Function, guard: Function, left_out: tuple[str, ...] = ()) -> None:
    """Add every route but those below the paths that are left out."""
    answers = LambdaIntegration(shop)
    partners = LambdaAuthorizer(
        name="partners",
        function=guard,
        kind="REQUEST",
        identity_sources=["method.request.header.X-Partner"],
    )
    routes: list[tuple[Any, str, dict[str, Any]]] = [
        (
            "POST",
            "/orders",
            {"authorization": Public(), "request_model": Order, "response_model": Receipt},
        ),
        (
            "GET",
            "/orders/{id}",
            {"authorization": Public(), "request_parameters": {"querystring.lang": False}},
        ),
        ("GET", "/search", {"authorization": Public(), "request_parameters": {"querystring.q": True}}),
        ("GET", "/private", {"authorization": LambdaAuthorizer(name="friends", function=guard)}),
        ("GET", "/partners", {"authorization": partners}),
        ("GET", "/signed", {"authorization": IamAuthorization()}),
        (
            "GET",
            "/keyed",
            {"authorization": Public(with_api_key_only=True), "api_key_required": True},
        ),
        ("ANY", "/files/{path+}", {"authorization": Public()}),
        ("GET", "/", {"authorization": Public()}),
    ]
    cors = Cors(origins=["https://shop.example", "https://other.example"])
    for part in ("orders", "files"):
        api.root.add_resource(part, cors=cors)
    for method, path, options in routes:
        if path not in left_out:
            api.resource_for(path).add_method(method, answers, **options)


def small_stack(
    app: App,
    archives: Path,
    endpoint_url: str,
    left_out: tuple[str, ...] = (),
    forms: tuple[Form, ...] = FORMS,
) -> dict[Form, RestApi]:
    """The API in its renderings, in one stack."""
    stack = AwsStack(app, STACK, region="us-east-1")
    shop = Function(stack, "shop", archive=InlineArchive.make(archives, "shop", SHOP))
    guard = Function(stack, "guard", archive=InlineArchive.make(archives, "guard", GUARD))
    apis: dict[Form, RestApi] = {}
    stages = []
    for form in forms:
        api = RestApi(
            stack,
            form,
            name=form,
            description="A small shop",
            binary_media_types=["image/png"],
            gateway_responses=GatewayResponses(messages={"UNAUTHORIZED": "Who are you?"}),
            definition=form,
        )
        add_routes(api, shop, guard, left_out)
        stage = Stage(
            stack,
            f"{form}-stage",
            deployment=Deployment(stack, f"{form}-deployment", api=api),
            stage_name="prod",
            account=ExistingApiGatewayAccount(),
            execute_api_endpoint=endpoint_url,
        )
        TerraformOutput(stack, f"{form}-url", value=stage.invoke_url)
        apis[form] = api
        stages.append(stage)
    UsagePlan(stack, "plan", name="basic", stages=stages).add_tenant("acme")
    return apis


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, less what differs from one request to the next."""

    status: int
    headers: Mapping[str, str]
    body: str


_OF_ONE_REQUEST = {"date", "x-amz-apigw-id", "x-amzn-requestid", "x-amzn-trace-id"}
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def call(
    url: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
) -> Answer:
    """Call a path below an invoke URL."""
    place = urlsplit(url)
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)) as connection:
        connection.request(method, f"{place.path}{path}", body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "backslashreplace")
        left = {name.lower(): value for name, value in answer.getheaders()}
    identifier = place.path.split("/")[3]
    text = _IDENTIFIER.sub("(id)", text).replace(identifier, "(api)")
    return Answer(
        answer.status, {name: value for name, value in left.items() if name not in _OF_ONE_REQUEST}, text
    )


@dataclass(frozen=True, slots=True)
class Deployed:
    """The API, on a local cloud of its own.

    Attributes:
        terraform: Terraform where its configuration is.
        url: The local cloud.
        directory: Where all of it is.
    """

    terraform: Terraform
    url: str
    directory: Path

    def synthesize(
        self, left_out: tuple[str, ...] = (), forms: tuple[Form, ...] = FORMS
    ) -> dict[Form, RestApi]:
        """Write the configuration."""
        archives = self.directory / "archives"
        archives.mkdir(exist_ok=True)
        app = App(outdir=str(self.directory / "cdktf.out"))
        apis = small_stack(app, archives, self.url, left_out, forms)
        app.synth()
        return apis

    def apply(self) -> None:
        """Plan and apply."""
        self.terraform.run("apply", "-no-color", "-input=false", "-auto-approve")

    def planned(self) -> dict[str, list[str]]:
        """Return the actions of a plan by address."""
        self.terraform.run("plan", "-no-color", "-input=false", "-out=change.tfplan")
        shown = json.loads(self.terraform.run("show", "-json", "change.tfplan").stdout)
        return {
            change["address"]: change["change"]["actions"]
            for change in shown["resource_changes"]
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def invoke_url(self, form: Form) -> str:
        """The URL of one of the renderings."""
        state = json.loads((self.directory / f"terraform.{STACK}.tfstate").read_text(encoding="utf-8"))
        return str(state["outputs"][f"{form}-url"]["value"])

    def api_key(self) -> str:
        """The key of the one tenant."""
        state = json.loads((self.directory / f"terraform.{STACK}.tfstate").read_text(encoding="utf-8"))
        (key,) = [one for one in state["resources"] if one["type"] == "aws_api_gateway_api_key"]
        return str(key["instances"][0]["attributes"]["value"])


@contextmanager
def deployed(directory: Path, forms: tuple[Form, ...] = FORMS) -> Iterator[Deployed]:
    """The API, synthesized and applied; its local cloud ends with it."""
    engine = find_engine()
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        stack = directory / "cdktf.out" / "stacks" / STACK
        environment = environment_for(directory / "cloud", endpoint_url=cloud.url)
        deployed = Deployed(Terraform(engine, stack, environment), cloud.url, directory)
        deployed.synthesize(forms=forms)
        deployed.terraform.init()
        deployed.apply()
        yield deployed
    finally:
        stop_cloud(cloud.directory, forget=True)
