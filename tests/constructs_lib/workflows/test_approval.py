"""Approval: the state that waits, what follows it, and what the functions of the jobs may do for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constructs_lib import (
    AlarmTopic,
    Approval,
    AwsStack,
    EncryptionKey,
    Function,
    Item,
    JobRunner,
    Map,
    Pass,
    PayloadBucket,
    Protection,
    Succeed,
    Variable,
)
from constructs_lib.errors import ConflictError, InvalidArgumentError, LimitExceededError, UnsafeSettingError
from handlers.jobs.contract import jobs
from tests.support.synthesis import Configuration, FakeArchive, statements


@pytest.fixture
def runner(stack: AwsStack, archive: FakeArchive) -> JobRunner:
    payloads = PayloadBucket(stack, "payloads", expire_days=2)
    return JobRunner(stack, jobs, payloads=payloads, archive=archive)


def approval(runner: JobRunner, **options: Any) -> Approval:
    return Approval(
        "pay it", runner, **{"question": "Pay it?", "scope": "pay", "expires_seconds": 600, **options}
    )


def add(runner: JobRunner, step: Any, **options: Any) -> None:
    runner.add_workflow("pay", step >> Succeed("paid"), **options)


def work(stack: AwsStack) -> Any:
    definition = json.loads(Configuration(stack).only("sfn_state_machine")["definition"])
    return definition["States"]["work"]["Branches"][0]["States"]


def rights(stack: AwsStack, function: str) -> dict[str, Any]:
    return {
        body["name"]: statements(body["policy"])
        for address, body in Configuration(stack).all("iam_role_policy").items()
        if address.split(".")[1].startswith(f"jobs_{function}_role")
    }


def test_the_state_waits_for_a_decision_and_asks_again_at_each_heartbeat(
    stack: AwsStack, runner: JobRunner
) -> None:
    add(runner, approval(runner, about={"total": 5}, heartbeat_seconds=250))
    states = work(stack)
    waiting = states["pay it"]
    assert waiting["Resource"] == "arn:aws:states:::lambda:invoke.waitForTaskToken"
    assert (waiting["TimeoutSeconds"], waiting["HeartbeatSeconds"]) == (600, 200)
    again, _ = waiting["Retry"]
    assert (again["ErrorEquals"], again["MaxAttempts"]) == (["States.HeartbeatTimeout", "States.Timeout"], 4)
    payload = waiting["Arguments"]["Payload"]
    assert payload["operation"] == "jobs.ask"
    assert payload["input"] == {
        "owner": "{% $states.context.Execution.Input.owner %}",
        "job_id": "{% $states.context.Execution.Input.job_id %}",
        "output_key": "{% $states.context.Execution.Input.output_key %}",
        "name": "pay it",
        "question": "Pay it?",
        "about": {"total": 5},
        "scope": "pay",
        "by_requester": False,
        "otherwise": "rejected",
        "seconds": 600,
        "asked_at": "{% $states.context.State.EnteredTime %}",
        "token": "{% $states.context.Task.Token %}",
    }
    assert states["pay it: approved?"]["Choices"][0]["Next"] == "paid"
    assert states[states["pay it: approved?"]["Default"]]["Type"] == "Fail"


def test_a_rejection_can_lead_to_another_step(stack: AwsStack, runner: JobRunner) -> None:
    add(runner, approval(runner, rejected=Succeed("not paid", output={"paid": False})))
    assert work(stack)["pay it: approved?"]["Default"] == "not paid"


def test_the_functions_may_do_what_approvals_need_and_only_then(stack: AwsStack, runner: JobRunner) -> None:
    runner.add_workflow("plain", Pass("nothing"))
    assert not {"approvals", "respond-shop-jobs-plain"} & set(rights(stack, "api"))
    add(runner, approval(runner))
    machine = (
        "arn:aws:states:us-east-1:${data.aws_caller_identity.current.account_id}:stateMachine:shop-jobs-pay"
    )
    for function, actions in (
        ("api", ["dynamodb:ConditionCheckItem", "dynamodb:Query"]),
        ("finish", ["dynamodb:Query"]),
    ):
        found = rights(stack, function)
        (respond,) = found["respond-shop-jobs-pay"]
        (machine,) = respond["Resource"]
        assert (respond["Action"], machine.rpartition(":")[2]) == (
            ["states:SendTaskSuccess"],
            "shop-jobs-pay",
        )
        assert found["approvals"][0]["Action"] == actions
        assert "respond-shop-jobs-plain" not in found
    (api,) = [
        one
        for one in Configuration(stack).all("lambda_function").values()
        if one["function_name"] == "shop-jobs"
    ]
    configured = json.loads(api["environment"]["variables"]["JOB_WORKFLOWS"])
    assert (configured["pay"]["approvals"], "approvals" in configured["plain"]) == (True, False)


def test_the_topic_of_protection_is_notified_of_open_approvals(stack: AwsStack, runner: JobRunner) -> None:
    add(runner, approval(runner))
    Protection(stack, "protection", monthly_usd=5)
    (publish,) = rights(stack, "finish")["publish-shop-alarms"]
    topic = f"${{{Configuration(stack).address('sns_topic')}.arn}}"
    assert (publish["Action"], publish["Resource"]) == (["sns:Publish"], [topic])


def test_a_second_topic_is_an_error(stack: AwsStack, runner: JobRunner) -> None:
    key = EncryptionKey(stack, "key")
    runner.notify(AlarmTopic(stack, "one", encryption_key=key))
    with pytest.raises(ConflictError, match=r"^shop/jobs: notifies a topic already; call notify once$"):
        runner.notify(AlarmTopic(stack, "two", encryption_key=key))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"question": Variable("x")}, "Approval 'pay it': question is not a text; pass a text, and what callers sent as about={…}"),
        ({"scope": "Pay all"}, "Approval 'pay it': scope 'Pay all' is not valid; use 1 to 64 lower case letters, digits and '._:/-'"),
        ({"expires_seconds": 1}, "Approval 'pay it': expires_seconds is 1; use 2 to 2592000"),
        ({"otherwise": "maybe"}, "Approval 'pay it': otherwise is 'maybe'; use 'approved' or 'rejected'"),
        ({"expires_seconds": 86_400, "heartbeat_seconds": 60}, "Approval 'pay it': heartbeat_seconds is 60; use 900 to 2592000"),
    ],
)  # fmt: skip
def test_an_argument_that_is_not_valid_is_an_error(
    runner: JobRunner, options: dict[str, Any], message: str
) -> None:
    with pytest.raises((InvalidArgumentError, LimitExceededError)) as error:
        approval(runner, **options)
    assert str(error.value) == message


def test_a_job_that_cannot_wait_so_long_is_an_error(runner: JobRunner) -> None:
    with pytest.raises(LimitExceededError) as error:
        add(runner, approval(runner), timeout_seconds=90_000)
    assert str(error.value) == (
        "shop/jobs/pay: an approval may take 600 s, the job 90000 s, and its record is kept for 86400 s; each should be "
        "longer than the one before: raise timeout_seconds, and lifetime_seconds of the JobRunner"
    )
    with pytest.raises(LimitExceededError):
        add(runner, approval(runner), timeout_seconds=600)


def test_an_approval_in_a_map_is_an_error(runner: JobRunner) -> None:
    each = approval(runner) >> Pass("it", output=Item())
    with pytest.raises(ConflictError) as error:
        add(runner, Map("all", [1, 2], each=each, result="all"))
    assert str(error.value) == (
        "shop/jobs/pay/pay it: an approval in a Map would be one for all items; ask once, after the Map, about all of them"
    )


def test_the_token_cannot_be_logged(runner: JobRunner) -> None:
    with pytest.raises(UnsafeSettingError) as error:
        add(runner, approval(runner), include_execution_data=True)
    assert str(error.value) == (
        "shop/jobs/pay: include_execution_data would log the tokens of approvals; remove include_execution_data"
    )


def test_what_asks_is_a_runner(function: Function) -> None:
    with pytest.raises(InvalidArgumentError):
        approval(function)  # type: ignore[arg-type]
