"""Function: SnapStart, provisioned concurrency, and calls that move to a new version bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Function,
    Gradual,
    InvalidArgumentError,
    LimitExceededError,
)
from tests.support.synthesis import Configuration, FakeArchive, FakeTarget, children, refused


def test_instances_start_from_a_snapshot_of_a_version(stack: AwsStack, archive: FakeArchive) -> None:
    Function(stack, "chat", archive=archive, snap_start=True)
    function = Configuration(stack).only("lambda_function")
    assert (function["snap_start"], function["publish"]) == ({"apply_on": "PublishedVersions"}, True)


def test_nothing_of_it_is_there_unless_it_is_asked_for(stack: AwsStack, function: Function) -> None:
    configuration = Configuration(stack)
    assert "snap_start" not in configuration.only("lambda_function")
    assert "routing_config" not in configuration.only("lambda_alias")
    assert "lambda_provisioned_concurrency_config" not in configuration.types()


def test_instances_are_kept_for_the_alias(stack: AwsStack, archive: FakeArchive) -> None:
    Function(stack, "chat", archive=archive, reserved_concurrency=5, provisioned_concurrency=5)
    configuration = Configuration(stack)
    alias = configuration.address("lambda_alias")
    assert configuration.only("lambda_provisioned_concurrency_config") == {
        "function_name": f"${{{configuration.address('lambda_function')}.function_name}}",
        "lifecycle": {"replace_triggered_by": [f"{alias}.id"]},
        "provisioned_concurrent_executions": 5,
        "qualifier": f"${{{alias}.name}}",
    }


def test_a_part_of_the_calls_goes_to_the_new_version(stack: AwsStack, archive: FakeArchive) -> None:
    Function(stack, "chat", archive=archive, gradual=Gradual(stable_version="7", percent=25))
    configuration = Configuration(stack)
    alias = configuration.only("lambda_alias")
    version = f"${{{configuration.address('lambda_function')}.version}}"
    assert alias["function_version"] == "7"
    assert alias["routing_config"] == {"additional_version_weights": {version: 0.25}}


@pytest.mark.parametrize(
    ("runtime", "arguments", "kind", "problem"),
    [
        (
            "python3.11",
            {"snap_start": True},
            ConflictError,
            "Lambda has no SnapStart for python3.11; build the archive for Python 3.12 or newer, or leave snap_start out",
        ),
        (
            "python3.13",
            {"snap_start": True, "provisioned_concurrency": 1},
            ConflictError,
            (
                "has snap_start and provisioned_concurrency, and Lambda allows one of them; leave snap_start out: "
                "provisioned instances have started already"
            ),
        ),
        (
            "python3.13",
            {"snap_start": True, "ephemeral_storage_mb": 513},
            ConflictError,
            "has snap_start and ephemeral_storage_mb=513, and Lambda allows 512 with it; leave one of them out",
        ),
        (
            "python3.13",
            {"provisioned_concurrency": 0},
            LimitExceededError,
            "provisioned_concurrency is 0; use 1 to 100000",
        ),
        (
            "python3.13",
            {"provisioned_concurrency": 6, "reserved_concurrency": 5},
            ConflictError,
            (
                "provisioned_concurrency is 6 and reserved_concurrency 5, which it is taken from; raise the second or lower "
                "the first"
            ),
        ),
        (
            "python3.13",
            {"provisioned_concurrency": 1, "gradual": Gradual(stable_version="7", percent=10)},
            ConflictError,
            (
                "has provisioned_concurrency and gradual, and Lambda rejects provisioned concurrency on a weighted alias; leave "
                "provisioned_concurrency out until all calls go to the new version"
            ),
        ),
        (
            "python3.13",
            {"gradual": 0.1},
            InvalidArgumentError,
            "gradual is of type float; pass Gradual(stable_version=..., percent=...)",
        ),
    ],
)
def test_what_lambda_does_not_allow_together(
    stack: AwsStack,
    tmp_path: Path,
    runtime: str,
    arguments: dict[str, Any],
    kind: type[ConstructError],
    problem: str,
) -> None:
    archive = FakeArchive.make(tmp_path, target=FakeTarget(runtime=runtime))
    before = children(stack)
    assert refused(lambda: Function(stack, "chat", archive=archive, **arguments)) == (
        kind,
        f"shop/chat: {problem}",
    )
    assert children(stack) == before


def test_a_region_without_snap_start(app: App, archive: FakeArchive) -> None:
    stack = AwsStack(app, "shop", region="ap-east-2")
    assert refused(lambda: Function(stack, "chat", archive=archive, snap_start=True)) == (
        ConflictError,
        "shop/chat: Lambda has no SnapStart in ap-east-2; leave snap_start out",
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            {"stable_version": "$LATEST", "percent": 10},
            InvalidArgumentError,
            "Gradual: stable_version '$LATEST' is not valid; pass the number of a published version, such as '7'",
        ),
        (
            {"stable_version": "7", "percent": 100},
            LimitExceededError,
            "Gradual: percent is 100; use 1 to 99",
        ),
    ],
)
def test_divisions_that_are_refused(
    arguments: dict[str, Any], kind: type[ConstructError], message: str
) -> None:
    assert refused(lambda: Gradual(**arguments)) == (kind, message)
