"""Benchmark of `terraform apply` in calls to AWS, for an API in resources and as one body.

    python -m tools.benchmarks.apply            10 and 50 routes in both forms
    python -m tools.benchmarks.apply 10 200     other numbers of routes

AWS throttles the control plane of API Gateway to a few calls a second and account, so that the calls
determine the duration of an apply there; the seconds are those of the local cloud. The calls are counted in
its request log.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdktf import App

from constructs_lib import (
    AwsStack,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    LambdaArchive,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
    Target,
)
from constructs_lib.api.rest_api_base import DefinitionForm
from deploy_tools import interrupts
from deploy_tools.cloud import Cloud, ensure_cloud, stop_cloud
from deploy_tools.console import heading
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tools.project import PROJECT

FORMS: tuple[DefinitionForm, ...] = ("resources", "openapi")
ROUTES = (10, 50)
STACK = "bench"
CODE = PROJECT / "examples" / "hello" / "service"
"""Code of the function."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Apply of a new stack.

    Attributes:
        form: Form of the API.
        routes: Number of routes, each with its own path.
        gateway_calls: The calls to API Gateway.
        permission_calls: The calls to Lambda, most of them for the permission of each route.
        calls: All calls to AWS.
        seconds: Duration of the apply on the local cloud.
    """

    form: DefinitionForm
    routes: int
    gateway_calls: int
    permission_calls: int
    calls: int
    seconds: float


def synthesize(directory: Path, form: DefinitionForm, routes: int) -> Path:
    """Write a stack with a number of routes; return the directory of its `cdk.tf.json`."""
    app = App(outdir=str(directory / "cdktf.out"))
    stack = AwsStack(app, STACK, region="us-east-1")
    archive = LambdaArchive(CODE, target=Target.this_machine(), cache=directory / "archives")
    function = Function(stack, "bench", archive=archive, handler="app.handler")
    api = RestApi(stack, "api", name="bench", definition=form)
    for number in range(routes):
        api.resource_for(f"/route-{number}").add_method(
            "GET", LambdaIntegration(function), authorization=Public()
        )
    Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
    )
    app.synth()
    return directory / "cdktf.out" / "stacks" / STACK


def measure(directory: Path, form: DefinitionForm, routes: int) -> Measured:
    """Apply a new stack to a local cloud of its own."""
    stack = synthesize(directory, form, routes)
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        terraform = Terraform(
            find_engine(), stack, environment_for(directory / "cloud", endpoint_url=cloud.url)
        )
        terraform.init()
        terraform.plan()
        before = sum(services(cloud).values())
        started = time.monotonic()
        terraform.apply()
        seconds = time.monotonic() - started
        found = services(cloud)
    finally:
        stop_cloud(cloud.directory, forget=True)
    gateway, functions = found["apigateway"], found["lambda"]
    return Measured(form, routes, gateway, functions, sum(found.values()) - before, seconds)


def services(cloud: Cloud) -> Counter[str]:
    """Count the calls to AWS in a local cloud's request log, by service."""
    text = (cloud.directory / "logs" / "requests.log").read_text(encoding="utf-8")
    return Counter(_services(text.splitlines()))


def _services(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        # time, status, method, path, milliseconds and their unit, bytes and their unit, service
        fields = line.split()
        if len(fields) == 9 and not fields[3].startswith("/_local_cloud/"):
            yield fields[8]


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a table."""
    numbers = [int(argument) for argument in arguments] or list(ROUTES)
    heading("terraform apply of a new API: calls to AWS, and seconds on the local cloud")
    print(f"  {'form':<12}{'routes':>8}{'API Gateway':>14}{'Lambda':>9}{'all calls':>12}{'seconds':>10}")
    for routes in numbers:
        for form in FORMS:
            with tempfile.TemporaryDirectory() as directory:
                one = measure(Path(directory), form, routes)
            print(
                f"  {one.form:<12}{one.routes:>8}{one.gateway_calls:>14}{one.permission_calls:>9}{one.calls:>12}"
                f"{one.seconds:>10.1f}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(interrupts.command(lambda: main(sys.argv[1:])))
