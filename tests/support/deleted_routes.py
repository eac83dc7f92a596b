"""A small API on a local cloud of its own, under the real Terraform: what its plans look like when routes are deleted.

    python -m tests.support.deleted_routes     records the plans of tests/deploy_tools/plans anew

A recorded plan is what `terraform show -json` printed, less what depends on the machine and what the guard cannot need.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_tools.cloud import ensure_cloud, stop_cloud
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tests.support.paths import PROJECT

PLANS = PROJECT / "tests" / "deploy_tools" / "plans"

Routes = Sequence[tuple[str, str]]
API = "${aws_api_gateway_rest_api.shop.id}"


def configuration(routes: Routes, *, throttled: bool = False) -> dict[str, Any]:
    """The Terraform JSON of an API with these paths (of one part) and methods, as the constructs would write it."""
    paths = sorted({path.strip("/") for path, _ in routes} - {""})
    resources: dict[str, Any] = {
        "aws_api_gateway_rest_api": {"shop": {"name": "shop"}},
        "aws_api_gateway_resource": {
            path: {
                "rest_api_id": API,
                "parent_id": "${aws_api_gateway_rest_api.shop.root_resource_id}",
                "path_part": path,
            }
            for path in paths
        },
        "aws_api_gateway_method": {},
        "aws_api_gateway_integration": {},
    }
    for path, method in routes:
        name = f"{path.strip('/') or 'root'}_{method}"
        resource = (
            f"${{aws_api_gateway_resource.{path.strip('/')}.id}}"
            if path != "/"
            else "${aws_api_gateway_rest_api.shop.root_resource_id}"
        )
        resources["aws_api_gateway_method"][name] = {
            "rest_api_id": API,
            "resource_id": resource,
            "http_method": method,
            "authorization": "NONE",
        }
        resources["aws_api_gateway_integration"][name] = {
            "rest_api_id": API,
            "resource_id": resource,
            "http_method": f"${{aws_api_gateway_method.{name}.http_method}}",
            "type": "MOCK",
            "request_templates": {"application/json": '{"statusCode": 200}'},
        }
    if throttled:
        resources["aws_api_gateway_gateway_response"] = {
            "throttled": {"rest_api_id": API, "response_type": "THROTTLED", "status_code": "429"}
        }
    awaited = [
        f"{kind}.{name}"
        for kind in (
            "aws_api_gateway_method",
            "aws_api_gateway_integration",
            "aws_api_gateway_gateway_response",
        )
        for name in resources.get(kind, ())
    ]
    resources["aws_api_gateway_deployment"] = {
        "shop": {
            "rest_api_id": API,
            "depends_on": awaited,
            "lifecycle": {"create_before_destroy": True},
            "triggers": {},
        }
    }
    resources["aws_api_gateway_stage"] = {
        "prod": {
            "rest_api_id": API,
            "stage_name": "prod",
            "deployment_id": "${aws_api_gateway_deployment.shop.id}",
        }
    }
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": [{"region": "us-east-1"}]},
        "resource": {kind: named for kind, named in resources.items() if named},
        "output": {"id": {"value": API}},
    }


@dataclass(frozen=True, slots=True)
class Shop:
    """The API on its local cloud.

    Attributes:
        terraform: Terraform where its configuration is.
        url: The local cloud.
    """

    terraform: Terraform
    url: str

    def write(self, written: dict[str, Any]) -> None:
        """Write a configuration, with a trigger that changes with it."""
        text = json.dumps(written["resource"], sort_keys=True)
        written["resource"]["aws_api_gateway_deployment"]["shop"]["triggers"]["redeployment"] = (
            hashlib.sha256(text.encode()).hexdigest()
        )
        (self.terraform.directory / "cdk.tf.json").write_text(json.dumps(written), encoding="utf-8")

    def plan(self, *options: str) -> None:
        """Plan into the file that `shown` reads and `apply` applies."""
        self.terraform.run("plan", "-no-color", "-input=false", "-out=plan.tfplan", *options)

    def shown(self) -> dict[str, Any]:
        """Return the last plan as JSON."""
        plan: dict[str, Any] = json.loads(self.terraform.run("show", "-json", "plan.tfplan").stdout)
        return plan

    def apply(self) -> None:
        """Apply the last plan."""
        self.terraform.apply()

    def apply_at_once(self, *options: str) -> None:
        """Plan and apply."""
        self.terraform.run("apply", "-no-color", "-input=false", "-auto-approve", *options)

    def has_changes(self) -> bool:
        """Return whether Terraform would change anything."""
        options = ("-no-color", "-input=false", "-detailed-exitcode")
        return self.terraform.run("plan", *options, accept=(0, 2)).returncode == 2

    def answers(self, path: str, method: str = "GET") -> bool:
        """Return whether the deployed API has this route: API Gateway answers all others with a missing token."""
        state = json.loads((self.terraform.directory / "terraform.tfstate").read_text(encoding="utf-8"))
        place = f"{self.url}/_aws/execute-api/{state['outputs']['id']['value']}/prod{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(place, method=method), timeout=10):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            return b"Missing Authentication Token" not in error.read()


@contextmanager
def shop(directory: Path) -> Iterator[Shop]:
    """A local cloud below `directory`, and Terraform set up there; nothing is deployed yet."""
    engine = find_engine()
    stack = directory / "stack"
    stack.mkdir()
    cloud, _ = ensure_cloud(directory / "cloud", 0)
    try:
        terraform = Terraform(engine, stack, environment_for(directory / "cloud", endpoint_url=cloud.url))
        shop = Shop(terraform, cloud.url)
        shop.write(configuration([("/", "GET")]))
        terraform.init()
        yield shop
    finally:
        stop_cloud(cloud.directory, forget=True)


def trimmed(plan: dict[str, Any]) -> dict[str, Any]:
    """The part of a plan that the guard could read: what is empty, unknown or of the stage is left out."""
    return {
        "format_version": plan["format_version"],
        "terraform_version": plan["terraform_version"],
        "resource_changes": [
            {
                "address": change["address"],
                "type": change["type"],
                "change": {
                    "actions": change["change"]["actions"],
                    **{side: _known(change["change"][side]) for side in ("before", "after")},
                },
            }
            for change in plan["resource_changes"]
            if change["type"] != "aws_api_gateway_stage"
        ],
    }


def _known(values: dict[str, Any] | None) -> dict[str, Any] | None:
    return values and {name: value for name, value in values.items() if value not in (None, "", [], {})}


ALL: Routes = [("/", "GET"), ("/orders", "GET"), ("/basket", "GET"), ("/basket", "POST")]
LESS: Routes = [("/", "GET"), ("/orders", "GET")]
BASKET = (
    "-target=aws_api_gateway_integration.basket_GET",
    "-target=aws_api_gateway_integration.basket_POST",
    "-target=aws_api_gateway_method.basket_GET",
    "-target=aws_api_gateway_method.basket_POST",
)


def record(deployed_shop: Shop, write: Callable[[str, dict[str, Any]], None]) -> None:
    """Create the plans that the unit tests read, and pass each on with its name."""

    def changed(change: Callable[[dict[str, Any]], None], *, throttled: bool = True) -> dict[str, Any]:
        written = configuration(ALL, throttled=throttled)
        change(written["resource"])
        return written

    def plan(*options: str) -> dict[str, Any]:
        deployed_shop.plan(*options)
        return deployed_shop.shown()

    deployed_shop.write(configuration(ALL, throttled=True))
    write("first", plan())
    deployed_shop.apply()

    deployed_shop.write(configuration(LESS, throttled=True))
    write("deleted_routes", plan())
    write("deleted_routes_first_step", plan(*BASKET))
    deployed_shop.write(changed(lambda resources: None, throttled=False))
    write("deleted_gateway_response", plan())
    deployed_shop.write(
        changed(lambda resources: resources["aws_api_gateway_method"]["basket_GET"].update(http_method="PUT"))
    )
    write("changed_method", plan())
    deployed_shop.write(
        changed(lambda resources: resources["aws_api_gateway_resource"]["basket"].update(path_part="cart"))
    )
    write("changed_path", plan())
    deployed_shop.write(configuration([*ALL, ("/cart", "GET")], throttled=True))
    write("added_route", plan())
    write("replaced_api", plan("-replace=aws_api_gateway_rest_api.shop"))
    write("destroyed", plan("-destroy"))

    deployed_shop.write(configuration(LESS, throttled=True))
    deployed_shop.plan(*BASKET)
    deployed_shop.apply()
    write("deleted_routes_second_step", plan())


def main() -> None:
    """Record the plans."""
    PLANS.mkdir(exist_ok=True)

    def write(name: str, plan: dict[str, Any]) -> None:
        text = json.dumps(trimmed(plan), indent=1, sort_keys=True)
        (PLANS / f"{name}.json").write_text(text + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory() as directory, shop(Path(directory)) as deployed_shop:
        record(deployed_shop, write)


if __name__ == "__main__":
    main()
