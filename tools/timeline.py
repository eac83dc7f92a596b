"""The timeline of a state machine's execution as text, a line for each visit to a state.

rows = timeline(boto3.client("stepfunctions").get_execution_history(executionArn=arn)["events"])
show("Workflow document", rows)
"""

from __future__ import annotations

from collections.abc import Sequence

from deploy_tools.console import heading
from local_cloud.console.timeline import Row

_BAR_COLUMNS = 32


def lines(rows: Sequence[Row]) -> list[str]:
    """Write a timeline as text, a line for each row, with bars on one scale."""
    if not rows:
        return []
    labels = [_label(row) for row in rows]
    width = max(len(label) for label in labels)
    whole = max(row.start_ms + row.duration_ms for row in rows) or 1.0
    return [
        f"{label:<{width}}  +{row.start_ms:7.0f} ms {row.duration_ms:7.0f} ms  {_bar(row, whole)}  {_remark(row)}".rstrip()
        for label, row in zip(labels, rows, strict=True)
    ]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a timeline under a heading."""
    heading(title)
    for line in lines(rows):
        print(f"  {line}", flush=True)


def _label(row: Row) -> str:
    index = "" if row.iteration is None else f" [{row.iteration}]"
    return f"{'  ' * row.depth}{row.state}{index}"


def _bar(row: Row, whole: float) -> str:
    before = min(int(row.start_ms / whole * _BAR_COLUMNS), _BAR_COLUMNS - 1)
    length = max(1, round(row.duration_ms / whole * _BAR_COLUMNS))
    return ("·" * before + "█" * length)[:_BAR_COLUMNS].ljust(_BAR_COLUMNS, "·")


def _remark(row: Row) -> str:
    parts: list[str] = [] if row.outcome == "succeeded" else [row.outcome]
    if row.error is not None:
        parts.append(row.error)
    if row.attempts > 1:
        parts.append(f"{row.attempts} attempts")
    return ", ".join(parts)
