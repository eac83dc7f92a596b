"""JobRunner: its table and queue, the state machines that record their end, and the rights of its functions."""

from __future__ import annotations

import json
from graphlib import TopologicalSorter
from typing import Any

import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    EncryptionKey,
    Function,
    IamAuthorization,
    InvalidArgumentError,
    JobRunner,
    LimitExceededError,
    PayloadBucket,
    RestApi,
    Role,
    SigningKey,
    UnsafeSettingError,
)
from constructs_lib.workflows.expressions import Input, Variable
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Succeed
from constructs_lib.workflows.tasks import LambdaTask
from handlers.jobs.contract import jobs as contract
from tests.support.synthesis import Configuration, FakeArchive, children, machine_arn, refused, statements


@pytest.fixture
def payloads(stack: AwsStack) -> PayloadBucket:
    return PayloadBucket(stack, "payloads", expire_days=2)


def runner(stack: AwsStack, archive: FakeArchive, payloads: PayloadBucket, **options: Any) -> JobRunner:
    return JobRunner(stack, contract, payloads=payloads, archive=archive, **options)


def steps(function: Function) -> Step:
    payload = {
        "operation": "language.summary",
        "inputFrom": Input("input_key"),
        "outputTo": Input("output_key"),
    }
    return LambdaTask("summarize", function, input=payload, result="summary") >> Succeed(
        "summary", output={"from": Input("output_key")}
    )


def policies(synthesized: Configuration, role: str) -> dict[str, list[dict[str, Any]]]:
    return {
        body["name"]: statements(body["policy"])
        for address, body in synthesized.all("iam_role_policy").items()
        if address.split(".")[1].startswith(role)
    }


def states(synthesized: Configuration) -> dict[str, Any]:
    definition = json.loads(synthesized.only("sfn_state_machine")["definition"])
    found: dict[str, Any] = definition["States"]
    return found


def test_whatever_happens_the_end_is_noted_or_kept(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    runner(stack, archive, payloads).add_workflow("summary", steps(function))
    synthesized = Configuration(stack)
    machine = synthesized.only("sfn_state_machine")
    assert (machine["type"], machine["name"]) == ("STANDARD", "shop-jobs-summary")
    found = states(synthesized)

    def after(name: str) -> str:
        return str(found[name].get("Next"))

    def caught(name: str) -> str:
        (catch,) = found[name]["Catch"]
        assert catch["ErrorEquals"] == ["States.ALL"]
        return str(catch["Next"])

    assert (after("work"), caught("work")) == ("note the result", "note the failure")
    assert (after("note the result"), caught("note the result")) == (
        "tell of the result",
        "the result is lost: keep",
    )
    assert (after("tell of the result"), caught("tell of the result")) == (
        "done",
        "tell of the result, in vain",
    )
    assert after("tell of the result, in vain") == "done"
    assert (after("note the failure"), caught("note the failure")) == (
        "tell of the failure",
        "the end is lost: keep",
    )
    assert after("tell of the failure") == after("tell of the failure, in vain") == "failed"
    assert found["failed"]["Type"] == found["the end is lost"]["Type"] == "Fail"
    for name in ("the result is lost: keep", "the end is lost: keep", "tell of the result, in vain"):
        assert found[name]["Resource"] == "arn:aws:states:::sqs:sendMessage"
    refused_callback = found["tell of the result"]["Retry"][0]
    assert (refused_callback["ErrorEquals"], refused_callback["MaxAttempts"]) == (["CallbackRefused"], 0)


def test_each_function_may_do_what_it_has_to(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    jobs = runner(stack, archive, payloads)
    workflow = jobs.add_workflow("summary", steps(function), each="pages", max_items=5)
    synthesized = Configuration(stack)
    may_finish, may_front = policies(synthesized, "jobs_finish_role"), policies(synthesized, "jobs_api_role")
    assert may_finish["table-shop-jobs"][0]["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert may_finish["sign-shop-jobs-callbacks"][0]["Action"] == ["kms:Sign"]
    assert not any("start" in name for name in may_finish)
    assert may_front["table-shop-jobs"][0]["Action"] == [
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ]
    assert may_front[f"start-{workflow.workflow_name}"][0]["Action"] == ["states:StartExecution"]
    assert not any("sign" in name for name in may_front)
    objects, _ = may_front["readwrite-jobs"]
    assert objects["Resource"][0].endswith("}/jobs/*")

    environment = next(
        body["environment"]["variables"]
        for body in synthesized.all("lambda_function").values()
        if body["function_name"] == "shop-jobs"
    )
    workflows = json.loads(environment["JOB_WORKFLOWS"])
    assert workflows["summary"] == {
        "state_machine": machine_arn(synthesized, workflow.workflow_name),
        "max_items": 5,
        "timeout_seconds": 3600,
        "each": "pages",
    }
    assert environment["JOB_MAX_RUNNING"] == "5"
    assert (environment["JOB_CALLBACKS"], environment["JOB_LIFETIME_SECONDS"]) == ("on", "86400")


def test_links_are_made_by_the_function_that_ends_jobs(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    jobs = runner(stack, archive, payloads)
    links = jobs.links(
        "links", read={"text": Input("input_key")}, write={"part": Input("part_key")}, result="links"
    )
    task = LambdaTask("work on it", function, input={"inputFrom": Variable("links.read.text")})
    jobs.add_workflow("summary", links >> task)
    synthesized = Configuration(stack)
    (branch,) = states(synthesized)["work"]["Branches"]
    arguments = branch["States"]["links"]["Arguments"]
    assert arguments["FunctionName"].startswith("${aws_lambda_alias.jobs_finish")
    assert arguments["Payload"] == {
        "operation": "jobs.links",
        "input": {
            "output_key": "{% $states.context.Execution.Input.output_key %}",
            "read": {"text": "{% $states.context.Execution.Input.input_key %}"},
            "write": {"part": "{% $states.context.Execution.Input.part_key %}"},
        },
    }
    own = policies(synthesized, "chat_role")
    assert own
    assert not any("s3:" in json.dumps(policy) for policy in own.values())


def test_links_are_in_no_log(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    jobs = runner(stack, archive, payloads)
    links = jobs.links("links", read={"text": Input("input_key")}, result="links")
    before = children(jobs)
    assert refused(
        lambda: jobs.add_workflow("summary", links >> Succeed("summarized"), include_execution_data=True)
    ) == (
        UnsafeSettingError,
        "shop/jobs/summary: include_execution_data would log the presigned URLs of links; remove include_execution_data",
    )
    assert children(jobs) == before
    assert refused(lambda: jobs.links("links", result="links")) == (
        InvalidArgumentError,
        "shop/jobs/links: links has no keys; pass read={...} or write={...}",
    )


def test_executions_that_cannot_note_their_end_are_told_of(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    jobs = runner(stack, archive, payloads)
    for name in ("summary", "scan"):
        jobs.add_workflow(name, steps(function))
    synthesized = Configuration(stack)
    rule = synthesized.only("cloudwatch_event_rule")
    machines = {
        body["name"]: f"${{aws_sfn_state_machine.{address.split('.')[1]}.arn}}"
        for address, body in synthesized.all("sfn_state_machine").items()
    }
    assert (rule["name"], rule["state"]) == ("shop-jobs-ends", "ENABLED")
    assert json.loads(rule["event_pattern"]) == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
            "stateMachineArn": [machines["shop-jobs-summary"], machines["shop-jobs-scan"]],
        },
    }
    target = synthesized.only("cloudwatch_event_target")
    (alias,) = [one for one in synthesized.all("lambda_alias") if one.split(".")[1].startswith("jobs_finish")]
    queue = synthesized.address("sqs_queue")
    assert target["arn"] == f"${{{alias}.arn}}"
    assert target["dead_letter_config"] == {"arn": f"${{{queue}.arn}}"}
    configured = synthesized.only("lambda_function_event_invoke_config")
    assert configured["destination_config"] == {"on_failure": {"destination": f"${{{queue}.arn}}"}}
    assert configured["qualifier"] == f"${{{alias}.name}}"
    may = policies(synthesized, "jobs_finish_role")
    assert may["send-shop-jobs-failed"][0]["Action"] == ["sqs:SendMessage"]
    for name in ("summary", "scan"):
        (statement,) = may[f"describe-shop-jobs-{name}"]
        assert statement["Action"] == ["states:DescribeExecution"]
        (resource,) = statement["Resource"]
        assert resource.endswith(f":execution:shop-jobs-{name}:*")


def test_no_state_machine_and_no_function_waits_for_the_queue(
    stack: AwsStack, archive: FakeArchive, payloads: PayloadBucket
) -> None:
    jobs = runner(stack, archive, payloads)
    jobs.add_workflow("summary", steps(Function(stack, "language", archive=archive)))
    synthesized = Configuration(stack)
    references, queue = synthesized.references(), synthesized.address("sqs_queue")
    before_it = dict.fromkeys(references, False)
    for address in TopologicalSorter(references).static_order():
        before_it[address] = any(one == queue or before_it[one] for one in references[address])
    waiting = {address for address, waits in before_it.items() if waits}
    kinds = {address.partition(".")[0] for address in waiting}
    assert kinds == {"aws_cloudwatch_event_target", "aws_lambda_function_event_invoke_config"}

    definition = synthesized.only("sfn_state_machine")["definition"]
    account = "${data.aws_caller_identity.current_caller_identity_64FE2A6C.account_id}"
    suffix = "${data.aws_partition.current_partition_8EB29CA4.dns_suffix}"
    sent = json.loads(definition)["States"]["the end is lost: keep"]["Arguments"]["QueueUrl"]
    assert sent == f"https://sqs.us-east-1.{suffix}/{account}/shop-jobs-failed"


def test_with_a_key_the_function_may_read_what_executions_were_given(
    stack: AwsStack, archive: FakeArchive
) -> None:
    stack.encrypt_with(EncryptionKey(stack, "key"))
    payloads = PayloadBucket(stack, "payloads", expire_days=2)
    function = Function(stack, "worker", archive=archive)
    runner(stack, archive, payloads, callbacks=False).add_workflow("summary", steps(function))
    synthesized = Configuration(stack)
    describe, decrypt = policies(synthesized, "jobs_finish_role")["describe-shop-jobs-summary"]
    assert describe["Action"] == ["states:DescribeExecution"]
    assert (decrypt["Action"], decrypt["Resource"]) == (
        ["kms:Decrypt"],
        [f"${{{synthesized.address('kms_key')}.arn}}"],
    )
    (arn,) = decrypt["Condition"]["StringEquals"].values()
    assert arn.endswith(":stateMachine:shop-jobs-summary")


def test_one_rule_has_room_for_twelve_workflows(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    jobs = runner(stack, archive, payloads)
    for number in range(12):
        jobs.add_workflow(f"w{number}", Succeed(f"done {number}"))
    assert refused(lambda: jobs.add_workflow("more", Succeed("done"))) == (
        LimitExceededError,
        "shop/jobs/more: shop/jobs has 12 workflows, as many as one EventBridge rule can name; create another JobRunner for it",
    )


def test_without_callbacks_there_is_no_key(
    stack: AwsStack, archive: FakeArchive, payloads: PayloadBucket
) -> None:
    runner(stack, archive, payloads, callbacks=False)
    synthesized = Configuration(stack)
    assert "kms_key" not in synthesized.types()
    variables = {
        body["function_name"]: body["environment"]["variables"]
        for body in synthesized.all("lambda_function").values()
    }
    assert variables["shop-jobs"]["JOB_CALLBACKS"] == "off"
    assert "CALLBACK_KEY_ID" not in variables["shop-jobs-finish"]


def test_records_expire(stack: AwsStack, archive: FakeArchive, payloads: PayloadBucket) -> None:
    runner(stack, archive, payloads)
    table = Configuration(stack).only("dynamodb_table")
    assert table["name"] == "shop-jobs"
    assert table["ttl"] == {"attribute_name": "expires_at", "enabled": True}
    assert table["point_in_time_recovery"] == {"enabled": True, "recovery_period_in_days": 1}


def test_the_routes_are_those_of_the_contract(
    stack: AwsStack, archive: FakeArchive, payloads: PayloadBucket
) -> None:
    api = RestApi(stack, "api", name="shop", default_authorization=IamAuthorization())
    methods = api.add_services(runner(stack, archive, payloads))
    assert [method.definition.key for method in methods] == [
        ("/workflows", "GET"),
        ("/workflows/{workflow}/jobs", "POST"),
        ("/jobs/{job}", "GET"),
        ("/jobs/{job}/approval", "POST"),
    ]
    assert {method.definition.integration.target for method in methods} == {"lambda:shop-jobs:live"}


def test_payloads_expire_and_are_granted_by_prefix(stack: AwsStack, payloads: PayloadBucket) -> None:
    role = Role(stack, "role", service="lambda.amazonaws.com")
    payloads.grant(role, "jobs/", read=True)
    payloads.grant(role, "jobs/", read=True)
    synthesized = Configuration(stack)
    (rule,) = synthesized.only("s3_bucket_lifecycle_configuration")["rule"]
    assert (rule["expiration"], rule["status"]) == ([{"days": 2}], "Enabled")
    objects, bucket = policies(synthesized, "role_")["read-jobs"]
    assert (objects["Action"], bucket["Action"]) == (["s3:GetObject"], ["s3:ListBucket"])
    assert objects["Resource"] == [f"{bucket['Resource'][0]}/jobs/*"]
    assert objects["Condition"] == bucket["Condition"]
    assert set(objects["Condition"]["StringEquals"]) == {"aws:ResourceAccount"}
    assert refused(lambda: payloads.grant(role, "jobs/*", read=True)) == (
        InvalidArgumentError,
        "shop/payloads: prefix 'jobs/*' is not valid; write it with a '/' at the end and no '*', such as 'jobs/'",
    )


def test_a_bucket_of_somebody_else_is_only_used(stack: AwsStack) -> None:
    bucket = PayloadBucket(stack, "payloads", expire_days=1, existing="company-payloads")
    bucket.grant(Role(stack, "role", service="lambda.amazonaws.com"), "jobs/", write=True)
    synthesized = Configuration(stack)
    assert not any(kind.startswith("s3_") for kind in synthesized.types())
    (statement,) = policies(synthesized, "role_")["write-jobs"]
    assert statement["Resource"][0].endswith(":s3:::company-payloads/jobs/*")
    assert set(statement["Condition"]["StringEquals"]) == {"aws:ResourceAccount"}
    (checked,) = synthesized.json["data"]["aws_s3_bucket_policy"].values()
    assert checked == {"bucket": "company-payloads"}


def test_a_signing_key_never_leaves(stack: AwsStack) -> None:
    SigningKey(stack, "callbacks").grant_sign(Role(stack, "role", service="lambda.amazonaws.com"))
    key = Configuration(stack).only("kms_key")
    assert (key["customer_master_key_spec"], key["key_usage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    assert key["deletion_window_in_days"] == 30


def test_what_cannot_work_is_refused_before_anything_is_made(
    stack: AwsStack, archive: FakeArchive, function: Function, payloads: PayloadBucket
) -> None:
    before = children(stack)
    assert refused(lambda: runner(stack, archive, payloads, lifetime_seconds=59)) == (
        LimitExceededError,
        "shop/jobs: lifetime_seconds is 59; use 60 to 2592000",
    )
    assert refused(lambda: runner(stack, archive, payloads, max_running_per_caller=0)) == (
        LimitExceededError,
        "shop/jobs: max_running_per_caller is 0; use 1 to 1000",
    )
    assert children(stack) == before
    jobs = runner(stack, archive, payloads)
    jobs.add_workflow("summary", steps(function))
    assert refused(lambda: jobs.add_workflow("summary", steps(function))) == (
        ConflictError,
        "shop/jobs/summary: exists already; give the workflow another name",
    )
    assert refused(lambda: jobs.add_workflow("Big", steps(function)))[0] is InvalidArgumentError
