"""Progress of an apply, read from the events that Terraform 1.11 prints."""

from __future__ import annotations

import json
from typing import Any

from deploy_tools.terraform_events import ApplyProgress


def event(kind: str, **fields: Any) -> str:
    return json.dumps({"@level": "info", "@message": "…", "type": kind, **fields})


def hook(kind: str, address: str, action: str) -> str:
    return event(kind, hook={"resource": {"addr": address}, "action": action, "elapsed_seconds": 0})


def summary(operation: str, add: int, change: int, remove: int) -> str:
    return event(
        "change_summary", changes={"add": add, "change": change, "remove": remove, "operation": operation}
    )


def read(*lines: str) -> ApplyProgress:
    progress = ApplyProgress()
    for line in lines:
        progress.read(line)
    return progress


def test_changes_are_counted_and_reading_is_not() -> None:
    progress = read(
        event("version", terraform="1.11.4"),
        hook("apply_start", "data.aws_partition.current", "read"),
        hook("apply_complete", "data.aws_partition.current", "read"),
        summary("plan", 2, 1, 0),
        hook("apply_start", "aws_sqs_queue.first", "update"),
        hook("apply_complete", "aws_sqs_queue.first", "update"),
        hook("apply_start", "aws_sqs_queue.second", "create"),
        hook("apply_start", "aws_sqs_queue.third", "create"),
        hook("apply_errored", "aws_sqs_queue.third", "create"),
    )
    assert progress.planned == {"add": 2, "change": 1, "destroy": 0}
    assert (progress.total, progress.done) == (3, 2)
    assert [address for address, _ in progress.slowest(3)] == ["aws_sqs_queue.second"]
    assert sorted(progress.took) == ["aws_sqs_queue.first", "aws_sqs_queue.third"]


def test_the_summary_of_the_apply_changes_nothing() -> None:
    assert read(summary("plan", 1, 0, 0), summary("apply", 0, 0, 0)).planned == {
        "add": 1,
        "change": 0,
        "destroy": 0,
    }


def test_the_slowest_come_first() -> None:
    progress = read(*(hook("apply_start", f"aws_sqs_queue.{name}", "create") for name in "abc"))
    assert [address for address, _ in progress.slowest(2)] == ["aws_sqs_queue.a", "aws_sqs_queue.b"]


def test_only_a_creation_may_leave_what_no_state_lists() -> None:
    assert ApplyProgress().may_have_created  # Terraform reported nothing
    planned = read(event("version"), summary("plan", 1, 1, 0))
    assert not planned.may_have_created
    planned.read(hook("apply_start", "aws_sqs_queue.a", "update"))
    assert not planned.may_have_created
    planned.read(hook("apply_start", "aws_sqs_queue.b", "create"))
    assert planned.may_have_created


def test_drift_is_noted() -> None:
    change = {"resource": {"addr": "aws_sqs_queue.a"}, "action": "update"}
    assert read(event("resource_drift", change=change)).drifted == ["aws_sqs_queue.a"]


def test_errors_are_worded_as_terraform_words_them() -> None:
    diagnostic = {
        "severity": "error",
        "summary": "creating queue",
        "detail": "AccessDenied: no",
        "address": "aws_sqs_queue.a",
        "range": {"filename": "cdk.tf.json", "start": {"line": 12}},
    }
    assert read(event("diagnostic", diagnostic=diagnostic), "no JSON\n").reports == [
        "Error: creating queue\n\n  with aws_sqs_queue.a,\n  on cdk.tf.json line 12\n\nAccessDenied: no",
        "no JSON",
    ]
