"""A domain, and a change that is tried out by a canary, under the real Terraform against the local cloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, TerraformOutput
from cdktf_cdktf_provider_aws.route53_zone import Route53Zone

from constructs_lib import (
    AwsStack,
    Canary,
    Deployment,
    DomainName,
    ExistingApiGatewayAccount,
    Function,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
)
from deploy_tools.cloud import Cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from tests.support.synthesis import FakeArchive
from tests.support.terraform import apply_at_once, check_unchanged

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

pytestmark = pytest.mark.long

Build = Callable[[AwsStack], None]


@pytest.fixture
def synthesize(tmp_path: Path, cloud: Cloud) -> Callable[[Build], Terraform]:
    """Write a stack into the same directory each time; return Terraform there, initialized."""

    def write(build: Build) -> Terraform:
        app = App(outdir=str(tmp_path / "cdktf.out"))
        build(AwsStack(app, "shop", region="us-east-1"))
        app.synth()
        environment = environment_for(cloud.directory, endpoint_url=cloud.url)
        terraform = Terraform(find_engine(), tmp_path / "cdktf.out" / "stacks" / "shop", environment)
        terraform.init()
        return terraform

    return write


def changes(terraform: Terraform, kind: str) -> dict[str, list[str]]:
    """Return the actions of a plan on the resources of a type, by address."""
    terraform.plan()
    shown = json.loads(terraform.run("show", "-json", "plan.tfplan").stdout)
    return {
        one["address"].split(".")[1].rpartition("_")[0]: one["change"]["actions"]
        for one in shown["resource_changes"]
        if one["type"] == f"aws_api_gateway_{kind}"
    }


def stage_in(terraform: Terraform) -> Any:
    shown = json.loads(terraform.run("show", "-json").stdout)["values"]["root_module"]["resources"]
    return next(one["values"] for one in shown if one["type"] == "aws_api_gateway_stage")


def test_a_domain_is_made_and_destroyed(tmp_path: Path, synthesize: Callable[[Build], Terraform]) -> None:
    def build(stack: AwsStack) -> None:
        zone = Route53Zone(stack, "zone", name="shop.example")
        api = RestApi(stack, "api", name="shop")
        chat = Function(stack, "chat", archive=FakeArchive.make(tmp_path))
        api.root.add_method("GET", LambdaIntegration(chat), authorization=Public())
        stage = Stage(
            stack,
            "stage",
            deployment=Deployment(stack, "deployment", api=api),
            stage_name="prod",
            account=ExistingApiGatewayAccount(),
        )
        DomainName(stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=zone.zone_id)
        TerraformOutput(stack, "invoke_url", value=stage.invoke_url)

    terraform = synthesize(build)
    apply_at_once(terraform)
    assert terraform.outputs() == {"invoke_url": "https://api.shop.example"}
    state = terraform.run("state", "pull").stdout
    assert "PRIVATE KEY" not in state
    check_unchanged(terraform)
    terraform.destroy()
    assert terraform.resources() == []


def test_a_change_is_tried_by_a_canary_and_promoted(
    tmp_path: Path, synthesize: Callable[[Build], Terraform]
) -> None:
    digests: list[str] = []

    def build(stack: AwsStack, *, routes: list[str], pinned: str | None = None) -> None:
        api = RestApi(stack, "api", name="shop")
        chat = Function(stack, "chat", archive=FakeArchive.make(tmp_path))
        for path in routes:
            api.resource_for(path).add_method("GET", LambdaIntegration(chat), authorization=Public())
        live = Deployment(stack, "live", api=api, pinned_digest=pinned)
        digests.append(live.digest)
        canary = pinned and Canary(percent=50, deployment=Deployment(stack, "tried", api=api))
        Stage(
            stack,
            "stage",
            deployment=live,
            stage_name="prod",
            account=ExistingApiGatewayAccount(),
            canary=canary or None,
        )

    terraform = synthesize(lambda stack: build(stack, routes=["/old"]))
    apply_at_once(terraform)
    before = stage_in(terraform)["deployment_id"]

    terraform = synthesize(lambda stack: build(stack, routes=["/old", "/new"], pinned=digests[0]))
    assert changes(terraform, "deployment") == {"live": ["no-op"], "tried": ["create"]}
    terraform.apply()
    trying = stage_in(terraform)
    (canary,) = trying["canary_settings"]
    assert trying["deployment_id"] == before
    assert canary["deployment_id"] not in ("", before)
    assert canary["percent_traffic"] == 50

    terraform = synthesize(lambda stack: build(stack, routes=["/old", "/new"]))
    assert changes(terraform, "deployment") == {"live": ["create", "delete"], "tried": ["delete"]}
    terraform.apply()
    promoted = stage_in(terraform)
    assert promoted["deployment_id"] not in (before, canary["deployment_id"])
    assert promoted["canary_settings"] == []
    terraform.destroy()
