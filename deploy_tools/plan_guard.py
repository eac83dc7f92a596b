"""Reject a Terraform plan that leaves a deleted route live, or replaces parts of an API that AWS has one of each.

    terraform show -json plan.tfplan | python -m deploy_tools.plan_guard -
    python -m deploy_tools.plan_guard PLAN.json

A stage of API Gateway serves a snapshot, the deployment. Terraform creates the new deployment before it destroys the old
one, and destroys the methods of deleted routes only after that. So the new snapshot still has them, and a second plan finds
nothing to do. Such a plan has to be applied in two steps, which the guard spells out.

Of what a plan destroys, this concerns methods, integrations and their responses, gateway responses and the API's policy.
A path, an authorizer, a model or a validator that is left in a snapshot has no effect there, since nothing refers to it;
and to destroy one of them first, while something does, would fail or take that something with it.

A part of an API that is tainted, because an apply was interrupted after it created it, is replaced like the deployment:
the new one before the old one. AWS rejects the second one, or deletes both with the old one. The part is complete, as it
is created by one call, so that the remedy is `terraform untaint` (docs/decisions/0011).
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SERVED: Final = {
    "aws_api_gateway_method": "{route}",
    "aws_api_gateway_integration": "{route}, its integration",
    "aws_api_gateway_method_response": "{route}, its response {status_code}",
    "aws_api_gateway_integration_response": "{route}, its integration's response {status_code}",
    "aws_api_gateway_gateway_response": "gateway response {response_type}",
    "aws_api_gateway_rest_api_policy": "resource policy",
}


API_PARTS: Final = frozenset(
    {
        "aws_api_gateway_authorizer",
        "aws_api_gateway_gateway_response",
        "aws_api_gateway_integration",
        "aws_api_gateway_integration_response",
        "aws_api_gateway_method",
        "aws_api_gateway_method_response",
        "aws_api_gateway_model",
        "aws_api_gateway_request_validator",
        "aws_api_gateway_resource",
    }
)
"""The types of what a deployment depends on and AWS has one of, by path, method or name, in an API."""


class NotAPlan(Exception):
    """The input is not a plan; the message explains how to create one."""


class PlanRefused(Exception):
    """The plan leaves something in a new snapshot that it deletes, or replaces a tainted part; the message has the remedy."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Resource that a plan destroys too late.

    Attributes:
        address: Its address in the configuration that the state is of.
        name: What people call it, such as `GET /orders`.
    """

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class StaleSnapshot:
    """A deployment that a plan makes, and what will be in its snapshot by mistake.

    Attributes:
        deployment: The deployment's address.
        leftovers: What the plan destroys after it, by name; never empty.
    """

    deployment: str
    leftovers: tuple[Leftover, ...]


def check_plan(plan: Mapping[str, Any]) -> None:
    """Check a plan, as `terraform show -json` prints it.

    Raises:
        PlanRefused: It would leave something in a new snapshot that it deletes, or replaces a tainted part of an API.
        NotAPlan: It is something else than a plan.
    """
    found = stale_snapshots(plan)
    if tainted := tainted_parts(plan):
        commands = [f"  terraform untaint {shlex.quote(address)}" for address in tainted]
        raise PlanRefused("\n".join([_TAINTED, "", *commands]))
    if found:
        raise PlanRefused(explanation(found))


def stale_snapshots(plan: Mapping[str, Any]) -> tuple[StaleSnapshot, ...]:
    """Return the deployments of a plan whose snapshots will hold what the plan deletes, by address.

    Raises:
        NotAPlan: It is something else than a plan.
    """
    if not isinstance(plan, Mapping) or not {"resource_changes", "planned_values"} & plan.keys():
        raise NotAPlan(
            "That is not a plan. Make one with `terraform plan -out=plan.tfplan`, and pass on what "
            "`terraform show -json plan.tfplan` prints."
        )
    changes = tuple(_changes(plan))
    paths = _paths(changes)
    gone = {
        change.before["id"]
        for change in changes
        if change.kind == "aws_api_gateway_rest_api" and change.destroys
    }
    found = []
    for change in changes:
        if (
            change.kind == "aws_api_gateway_deployment"
            and "create" in change.actions
            and change.api not in gone
        ):
            late = [
                other
                for other in changes
                if other.kind in _SERVED and other.destroys and other.api == change.api
            ]
            leftovers = sorted((Leftover(other.address, other.name(paths)) for other in late), key=_by_name)
            if leftovers:
                found.append(StaleSnapshot(change.address, tuple(leftovers)))
    return tuple(found)


def tainted_parts(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of the tainted parts of APIs that a plan replaces, and whose API it does not replace."""
    entries = plan.get("resource_changes") or ()
    gone = {
        entry["change"]["before"]["id"]
        for entry in entries
        if entry["type"] == "aws_api_gateway_rest_api" and "delete" in entry["change"]["actions"]
    }
    return tuple(
        entry["address"]
        for entry in entries
        if entry["type"] in API_PARTS
        and entry.get("action_reason") == "replace_because_tainted"
        and entry["change"]["before"].get("rest_api_id") not in gone
    )


_TAINTED: Final = (
    "This plan replaces parts of an API that an interrupted apply has left tainted. AWS has room for one of each, so that it\n"
    "rejects the new one, or deletes it with the old one. They are complete: where cdk.tf.json is, remove the mark and plan\n"
    "again. Terraform then corrects what differs."
)


def explanation(found: Sequence[StaleSnapshot]) -> str:
    """Return what is wrong with a plan in which something was found, and what to do."""
    lines = [
        "This plan makes a new deployment without waiting until what it deletes is gone. The snapshot would still hold",
        "these, they would still be served, and the next plan would find nothing to do:",
        "",
    ]
    for snapshot in found:
        width = max(len(leftover.name) for leftover in snapshot.leftovers)
        lines.append(f"  in {snapshot.deployment}")
        lines += [f"    {leftover.name:<{width}}  {leftover.address}" for leftover in snapshot.leftovers]
    targets = sorted({leftover.address for snapshot in found for leftover in snapshot.leftovers})
    replaced = " ".join(shlex.quote(f"-replace={snapshot.deployment}") for snapshot in found)
    lines += [
        "",
        "Apply it in two steps, where its cdk.tf.json is. First what is deleted; clients notice nothing of it:",
        "",
        " \\\n".join(
            ["  terraform apply", *(f"    {shlex.quote(f'-target={target}')}" for target in targets)]
        ),
        "",
        "Then the rest, with a new deployment of what is left:",
        "",
        "  terraform apply",
        "",
        "Where such a plan was applied as it is, this makes the deployment once more:",
        "",
        f"  terraform apply {replaced}",
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Change:
    kind: str
    address: str
    actions: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def destroys(self) -> bool:
        return "delete" in self.actions

    @property
    def api(self) -> object:
        return self.before.get("rest_api_id") or self.after.get("rest_api_id")

    def name(self, paths: Mapping[object, str]) -> str:
        place = self.before.get("resource_id")
        route = f"{self.before.get('http_method')} {paths.get(place, place)}"
        return _SERVED[self.kind].format_map({**self.before, "route": route})


def _changes(plan: Mapping[str, Any]) -> Iterator[_Change]:
    for entry in plan.get("resource_changes") or ():
        change = entry["change"]
        yield _Change(
            kind=entry["type"],
            address=entry["address"],
            actions=tuple(change["actions"]),
            before=change.get("before") or {},
            after=change.get("after") or {},
        )


def _paths(changes: Sequence[_Change]) -> dict[object, str]:
    """The path of each resource, by its id."""
    paths: dict[object, str] = {}
    for change in changes:
        if change.kind == "aws_api_gateway_resource" and change.before:
            paths[change.before["id"]] = change.before["path"]
        elif change.kind == "aws_api_gateway_rest_api" and change.before:
            paths[change.before["root_resource_id"]] = "/"
    return paths


def _by_name(leftover: Leftover) -> tuple[str, str]:
    return leftover.name, leftover.address


def main(arguments: Sequence[str]) -> int:
    """Run the command line described at the top of this file; return its exit status."""
    if len(arguments) != 1 or arguments[0].startswith("--"):
        print(__doc__, file=sys.stderr)
        return 2
    (source,) = arguments
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        check_plan(json.loads(text))
    except OSError as problem:
        print(f"{source} cannot be read: {problem.strerror}", file=sys.stderr)
        return 2
    except ValueError as problem:
        print(
            f"{source} holds no JSON ({problem}). Pass on what `terraform show -json PLAN` prints.",
            file=sys.stderr,
        )
        return 2
    except NotAPlan as problem:
        print(f"{source}: {problem}", file=sys.stderr)
        return 2
    except PlanRefused as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
