"""Rules with a rate are due again and again; others are not followed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from local_cloud.events.schedules import Schedules, rate_seconds


@dataclass
class Rule:
    """moto's rule, as far as a schedule needs it."""

    name: str
    scheduled_expression: str | None
    state: str = "ENABLED"

    @property
    def arn(self) -> str:
        return f"arn:aws:events:us-east-1:123456789012:rule/{self.name}"


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(5 minutes)", 300),
        ("rate(1 hour)", 3_600),
        ("rate(2 days)", 172_800),
        ("cron(0 8 * * ? *)", None),
    ],
)
def test_rates(expression: str, seconds: int | None) -> None:
    assert rate_seconds(expression) == seconds


def test_a_rule_is_due_once_in_each_period_from_when_it_was_seen() -> None:
    now, skipped = [100.0], []
    schedules = Schedules(lambda: now[0], lambda name, _: skipped.append(name))
    sweep, cron, pattern = (
        Rule("sweep", "rate(1 minute)"),
        Rule("cron", "cron(0 8 * * ? *)"),
        Rule("events", None),
    )
    due = []
    for now[0] in (100.0, 159.0, 160.0, 161.0, 221.0):
        due.append([rule.name for rule in schedules.due([sweep, cron, pattern])])
    assert due == [[], [], ["sweep"], [], ["sweep"]]
    assert skipped == ["cron"]


def test_a_changed_or_disabled_rule_waits() -> None:
    now = [0.0]
    schedules = Schedules(lambda: now[0], lambda _name, _expression: None)
    schedules.due([Rule("a", "rate(1 minute)"), Rule("b", "rate(1 minute)", "DISABLED")])
    now[0] = 60.0
    assert schedules.due([Rule("a", "rate(2 minutes)"), Rule("b", "rate(1 minute)", "DISABLED")]) == []
    now[0] = 180.0
    assert [rule.name for rule in schedules.due([Rule("a", "rate(2 minutes)")])] == ["a"]
