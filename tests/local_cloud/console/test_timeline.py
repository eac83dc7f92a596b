"""The timeline of an execution says which state failed, and which one caught it."""

from __future__ import annotations

from local_cloud.console.timeline import timeline
from tests.support.states_cloud import States


def test_a_fail_state_in_a_branch_failed_and_the_parallel_state_caught_it(states: States) -> None:
    refuse = {"Type": "Fail", "Error": "Refused", "Cause": "no text"}
    definition = {
        "StartAt": "both",
        "States": {
            "both": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "refuse", "States": {"refuse": refuse}}],
                "Catch": [{"ErrorEquals": ["Refused"], "Next": "rescue"}],
                "End": True,
            },
            "rescue": {"Type": "Pass", "Next": "give up"},
            "give up": {"Type": "Fail", "Error": "GivenUp"},
        },
    }
    execution = states.start(states.machine(definition, kind="STANDARD"))
    states.wait(execution)
    rows = timeline(states.events(execution))
    # As on AWS, the events of a branch and of its Parallel state do not name the error.
    assert [(row.state, row.outcome, row.error) for row in rows] == [
        ("both", "caught", None),
        ("refuse", "failed", None),
        ("rescue", "succeeded", None),
        ("give up", "failed", "GivenUp"),
    ]
