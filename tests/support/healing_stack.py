"""A small API with one of each kind of resource that a deployment or its backends need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cdktf import App, TerraformOutput
from pydantic import BaseModel

from constructs_lib import (
    ArchiveBucket,
    AwsStack,
    CognitoAuthorizer,
    Cors,
    DeadLetterQueue,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    GatewayResponses,
    Input,
    LambdaAuthorizer,
    LambdaIntegration,
    LambdaTask,
    Public,
    RestApi,
    Stage,
    StepFunctionsIntegration,
    Succeed,
    Table,
    UsagePlan,
    UserPool,
    Variable,
    Workflow,
)
from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tests.support.small_api import Answer, InlineArchive, call
from tests.support.terraform import apply_at_once

STACK = "healing"

ECHO = """
import json


def handler(event, context):
    if "body" not in event:
        return {"said": event["say"]}
    return {"statusCode": 200, "body": json.dumps({"said": json.loads(event["body"])["say"]})}
"""
GUARD = """
def handler(event, context):
    effect = "Allow" if event["authorizationToken"] == "Bearer letmein" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "friend", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""


class Saying(BaseModel):
    """Text to repeat."""

    say: str


def healing_stack(app: App, archives: Path, endpoint_url: str) -> None:
    """Add the stack to an App."""
    stack = AwsStack(app, STACK, region="us-east-1")
    bucket = ArchiveBucket(stack, "archives", force_destroy=True)
    echo_archive = InlineArchive.make(archives, "echo", ECHO)
    bucket.upload(stack, "upload", archive=echo_archive, folder="echo")
    table = Table(stack, "notes", table_name="healing-notes", partition_key="id", deletion_protection=False)
    queue = DeadLetterQueue(stack, "failures")
    echo = Function(stack, "echo", archive=echo_archive, environment={"TABLE": table.table_name})
    table.grant(echo.role, "GetItem")
    queue.grant_send(echo.role)
    guard = Function(stack, "guard", archive=InlineArchive.make(archives, "guard", GUARD))
    task = LambdaTask("say", echo, input={"say": Input("body.say")}, result="answer")
    workflow = Workflow(
        stack,
        "flow",
        definition=task >> Succeed("end", output={"said": Variable("answer.said")}),
        timeout_seconds=20,
    )
    pool = UserPool(stack, "users", deletion_protection=False)
    api = RestApi(
        stack,
        "api",
        name="healing",
        gateway_responses=GatewayResponses(),
        cors=Cors(origins=["https://shop.example"]),
    )
    routes = {
        "/echo": (LambdaIntegration(echo), Public()),
        "/flow": (StepFunctionsIntegration(workflow), Public()),
        "/friends": (LambdaIntegration(echo), LambdaAuthorizer(name="friends", function=guard)),
        "/users": (LambdaIntegration(echo), CognitoAuthorizer(name="users", user_pools=[pool])),
    }
    for path, (integration, authorization) in routes.items():
        api.resource_for(path).add_method(
            "POST",
            integration,
            authorization=authorization,
            api_key_required=path == "/friends",
            request_model=Saying,
        )
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
        execute_api_endpoint=endpoint_url,
    )
    UsagePlan(stack, "plan", name="basic", stages=[stage]).add_tenant("acme")
    TerraformOutput(stack, "url", value=stage.invoke_url)


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack on a local cloud of its own.

    Attributes:
        terraform: Terraform in the stack's directory.
        state: The file of the state.
    """

    terraform: Terraform
    state: Path

    def apply(self) -> None:
        """Apply the last plan."""
        self.terraform.apply("change.tfplan")

    def plan(self) -> dict[str, list[str]]:
        """Plan, and return what it would do, by address."""
        options = ("-no-color", "-input=false", "-out=change.tfplan", "-detailed-exitcode")
        if self.terraform.run("plan", *options, accept=(0, 2)).returncode == 0:
            return {}
        shown = json.loads(self.terraform.run("show", "-json", "change.tfplan").stdout)
        return {
            change["address"]: change["change"]["actions"]
            for change in shown["resource_changes"]
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def resources(self) -> dict[str, set[str]]:
        """Return the addresses in the state, each with those that it depends on."""
        state = json.loads(self.state.read_text(encoding="utf-8"))
        return {
            f"{one['type']}.{one['name']}": set(one["instances"][0].get("dependencies", ()))
            for one in state["resources"]
            if one["mode"] == "managed"
        }

    def taint(self, *addresses: str) -> None:
        """Mark resources as an apply does that was interrupted while it created them."""
        state = json.loads(self.state.read_text(encoding="utf-8"))
        for one in state["resources"]:
            if f"{one['type']}.{one['name']}" in addresses:
                one["instances"][0]["status"] = "tainted"
        state["serial"] += 1
        self.state.write_text(json.dumps(state), encoding="utf-8")

    def said(self) -> dict[str, Answer]:
        """Call each route; return the answers by path."""
        state = json.loads(self.state.read_text(encoding="utf-8"))
        url = state["outputs"]["url"]["value"]
        (key,) = (one for one in state["resources"] if one["type"] == "aws_api_gateway_api_key")
        body, headers = json.dumps({"say": "hello"}), {"Content-Type": "application/json"}
        shown = {
            "/friends": {
                "Authorization": "Bearer letmein",
                "X-Api-Key": key["instances"][0]["attributes"]["value"],
            }
        }
        return {
            path: call(url, "POST", path, headers={**headers, **shown.get(path, {})}, body=body)
            for path in ("/echo", "/flow", "/friends", "/users")
        }


@contextmanager
def deployed(directory: Path) -> Iterator[Deployed]:
    """The stack, synthesized and applied; its local cloud ends with it."""
    engine = find_engine()
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        archives = directory / "archives"
        archives.mkdir()
        app = App(outdir=str(directory / "cdktf.out"))
        healing_stack(app, archives, cloud.url)
        app.synth()
        environment = environment_for(directory / "cloud", endpoint_url=cloud.url)
        terraform = Terraform(engine, directory / "cdktf.out" / "stacks" / STACK, environment)
        deployed = Deployed(terraform, directory / f"terraform.{STACK}.tfstate")
        terraform.init()
        apply_at_once(terraform)
        yield deployed
    finally:
        stop_cloud(cloud.directory, forget=True)
