"""Output on a terminal while a step is under way."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from deploy_tools.archive_progress import ArchiveEvent
from deploy_tools.console import Step
from deploy_tools.terraform_events import ApplyProgress


def shown(step: Step, width: int) -> list[str]:
    """Return the lines that a terminal shows, with 0.0 for all seconds."""
    console = Console(file=io.StringIO(), width=width)
    console.print(step)
    assert isinstance(console.file, io.StringIO)
    return [re.sub(r"\d+\.\d s$", "0.0 s", line) for line in console.file.getvalue().splitlines()]


def applying() -> ApplyProgress:
    progress = ApplyProgress()
    changes = {"add": 3, "change": 0, "remove": 0, "operation": "plan"}
    progress.read(json.dumps({"type": "change_summary", "changes": changes}))
    for kind, name in (("start", "fast"), ("start", "slow"), ("complete", "fast")):
        hook = {"resource": {"addr": f"aws_sqs_queue.{name}"}, "action": "create"}
        progress.read(json.dumps({"type": f"apply_{kind}", "hook": hook}))
    return progress


@pytest.mark.parametrize("width", [70, 93, 200])
def test_resources_that_are_done_and_those_under_way(width: int) -> None:
    step = Step("terraform apply", alone=False)
    step.follow(applying())
    first, second = shown(step, width)
    assert first.startswith("  terraform apply                    1 of 3 resources")
    assert second.startswith("    aws_sqs_queue.slow ")
    assert len(first) == len(second) == min(width, 93)
    assert first.endswith(" 0.0 s")
    assert second.endswith(" 0.0 s")


def test_archives_that_are_built() -> None:
    step = Step("synthesize main.py", alone=False)
    step.show_archive(ArchiveEvent("vision"))
    (line,) = shown(step, 93)
    assert line.startswith("  synthesize main.py                 archive vision ")
