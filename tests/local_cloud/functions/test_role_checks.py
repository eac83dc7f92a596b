"""Workers have the credentials of their functions' roles, and Lambda must be trusted by a role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.functions import credentials
from local_cloud.iam import sessions
from local_cloud.iam.callers import find_caller
from tests.support import aws
from tests.support.function_cloud import ACCOUNT, REGION, Cloud
from tests.support.waiting import eventually

LAMBDA = {"Service": "lambda.amazonaws.com"}
WHO = """
    import os
    def handler(event, context):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return [os.environ[name] for name in names]
"""


def trust(*principals: Any, **more: Any) -> str:
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
        for principal in principals
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def iam(cloud: Cloud) -> Iterator[Any]:
    client = aws.client("iam", region_name=REGION)
    yield client
    client.close()


def make_role(iam: Any, name: str, document: str | None = None) -> str:
    created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document or trust(LAMBDA))
    return str(created["Role"]["Arn"])


def test_a_worker_has_a_session_of_its_role_named_after_the_function(cloud: Cloud, iam: Any) -> None:
    role = make_role(iam, "reader")
    cloud.deploy(WHO, Role=role)
    access_key, secret, token = cloud.call("demo")
    assert access_key.startswith("ASIA")
    caller = find_caller(access_key)
    assert caller is not None
    assert (caller.secret, caller.token, caller.principal_arn) == (secret, token, role)
    assert caller.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/demo"
    assert sessions.function_of(access_key) == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:demo"
    assert cloud.call("demo")[0] == access_key


def test_each_worker_has_a_session_of_its_own(cloud: Cloud, iam: Any) -> None:
    cloud.deploy(WHO, Role=make_role(iam, "reader"))
    before = cloud.call("demo")[0]
    cloud.update_code("demo", WHO + "\n")
    after = cloud.call("demo")[0]
    assert after != before
    assert after.startswith("ASIA")


def test_another_role_takes_effect_with_the_next_call(cloud: Cloud, iam: Any) -> None:
    cloud.deploy(WHO, Role=make_role(iam, "reader"))
    cloud.call("demo")
    cloud.backend.update_function_configuration("demo", "$LATEST", {"Role": make_role(iam, "writer")})
    caller = find_caller(cloud.call("demo")[0])
    assert caller is not None
    assert caller.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/demo"


def test_a_worker_whose_session_ends_soon_takes_no_more_invocations(
    cloud: Cloud, iam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.deploy(WHO, Role=make_role(iam, "reader"))
    before = cloud.call("demo")[0]
    assert cloud.call("demo")[0] == before
    monkeypatch.setattr(credentials, "_RENEWED_BEFORE_END_SECONDS", sessions.SESSION_SECONDS + 1)
    cloud.update_code("demo", WHO + "\n")
    second, third = cloud.call("demo")[0], cloud.call("demo")[0]
    assert len({before, second, third}) == 3


def test_a_role_that_is_not_known_here_gives_the_credentials_of_nobody(
    cloud: Cloud, iam: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.deploy(WHO, Role=make_role(iam, "short-lived"))
    iam.delete_role(RoleName="short-lived")
    with caplog.at_level("INFO", logger="local_cloud.iam"):
        assert cloud.call("demo") == [credentials.ACCESS_KEY_ID, "local-cloud", "local-cloud"]
    assert caplog.messages == [
        f"demo calls AWS's APIs unchecked: there is no role arn:aws:iam::{ACCOUNT}:role/short-lived here"
    ]


@pytest.mark.parametrize(
    "document",
    [
        trust({"Service": "apigateway.amazonaws.com"}),
        trust(LAMBDA, Condition={"StringEquals": {"aws:SourceAccount": "111111111111"}}),
    ],
)
def test_a_function_whose_role_does_not_trust_lambda_is_refused(
    cloud: Cloud, iam: Any, document: str
) -> None:
    with pytest.raises(Exception, match="The role defined for the function cannot be assumed by Lambda"):
        cloud.deploy(WHO, Role=make_role(iam, "of-others", document))
    cloud.deploy(WHO, Role=make_role(iam, "reader"))
    client = aws.client("lambda", region_name=REGION)
    with pytest.raises(client.exceptions.InvalidParameterValueException) as refused:
        client.update_function_configuration(
            FunctionName="demo", Role=f"arn:aws:iam::{ACCOUNT}:role/of-others"
        )
    assert refused.value.response["Error"]["Message"] == (
        "The role defined for the function cannot be assumed by Lambda."
    )
    client.close()


def test_a_role_may_ask_for_the_account_of_the_function(cloud: Cloud, iam: Any) -> None:
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    cloud.deploy(WHO, Role=make_role(iam, "careful", trust(LAMBDA, Condition=condition)))
    assert cloud.call("demo")[0].startswith("ASIA")


def let(iam: Any, role_arn: str, action: str, resource: str) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    iam.put_role_policy(
        RoleName=role_arn.rpartition("/")[2],
        PolicyName=action.replace(":", "-").replace("*", "all"),
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def test_a_queue_that_the_role_may_not_read_is_no_event_source(cloud: Cloud, iam: Any) -> None:
    role = make_role(iam, "reader")
    cloud.deploy(WHO, Role=role)
    sqs = aws.client("sqs", region_name=REGION)
    sqs.create_queue(QueueName="work")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:work"
    client = aws.client("lambda", region_name=REGION)
    for missing in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        with pytest.raises(client.exceptions.InvalidParameterValueException) as refused:
            client.create_event_source_mapping(FunctionName="demo", EventSourceArn=queue)
        assert refused.value.response["Error"]["Message"] == (
            f"The provided execution role does not have permissions to call {missing} on SQS"
        )
        let(iam, role, f"sqs:{missing}", queue)
    client.create_event_source_mapping(FunctionName="demo", EventSourceArn=queue)
    client.close()
    sqs.close()


def test_a_dead_letter_queue_that_the_role_may_not_send_to_is_refused(cloud: Cloud, iam: Any) -> None:
    role, queue = make_role(iam, "reader"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
    target = {"TargetArn": queue}
    refused = "The provided execution role does not have permissions to call SendMessage on SQS"
    with pytest.raises(Exception, match=refused):
        cloud.deploy(WHO, Role=role, DeadLetterConfig=target)
    cloud.deploy(WHO, Role=role)
    with pytest.raises(Exception, match=refused):
        cloud.backend.update_function_configuration("demo", "$LATEST", {"DeadLetterConfig": target})
    let(iam, role, "sqs:SendMessage", queue)
    cloud.backend.update_function_configuration("demo", "$LATEST", {"DeadLetterConfig": target})


def test_the_log_gets_into_cloudwatch_if_the_role_lets_lambda_write_it(cloud: Cloud, iam: Any) -> None:
    logs = aws.client("logs", region_name=REGION)
    logs.create_log_group(logGroupName="/aws/lambda/demo")
    role = make_role(iam, "reader")
    cloud.deploy(WHO, Role=role)
    cloud.call("demo")
    assert eventually(
        lambda: (
            "nothing of this gets into CloudWatch Logs: role reader does not allow logs:CreateLogStream and "
            "logs:PutLogEvents on log group /aws/lambda/demo\n" in cloud.log()
        )
    )
    let(iam, role, "logs:*", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/demo:*")
    cloud.update_code("demo", WHO + "\n")
    cloud.call("demo")
    assert eventually(
        lambda: len(logs.describe_log_streams(logGroupName="/aws/lambda/demo")["logStreams"]) == 1
    )
    logs.close()


def test_a_log_group_is_created_if_the_role_allows_it(cloud: Cloud, iam: Any) -> None:
    logs = aws.client("logs", region_name=REGION)
    for name, actions in (
        ("may-not", ["logs:CreateLogStream", "logs:PutLogEvents"]),
        ("may", ["logs:*"]),
    ):
        role = make_role(iam, name)
        for action in actions:
            let(iam, role, action, "*")
        cloud.deploy(WHO, name=name, Role=role)
        cloud.call(name)
    assert eventually(lambda: bool(logs.describe_log_groups()["logGroups"]))
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["/aws/lambda/may"]
    logs.close()


def test_old_sessions_are_forgotten_and_those_in_use_are_not(
    cloud: Cloud, iam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_MOST_ENDED_SESSIONS", 1)
    role = make_role(iam, "reader")
    used, first, second = (sessions.open_session(role, "demo", region=REGION) for _ in range(3))
    assert used is not None
    assert first is not None
    assert second is not None
    sessions.end_session(first.access_key)
    assert find_caller(first.access_key) is not None
    sessions.end_session(second.access_key)
    assert [find_caller(session.access_key) is None for session in (used, first, second)] == [
        False,
        True,
        False,
    ]
    sessions.end_session(used.access_key)


def test_what_a_worker_is_refused_gets_into_the_log_of_its_function(cloud: Cloud, iam: Any) -> None:
    cloud.deploy(WHO, Role=make_role(iam, "reader"))
    access_key = cloud.call("demo")[0]
    sessions.report_refusal(access_key, "refused: role reader does not allow s3:GetObject")
    assert eventually(
        lambda: "Z local cloud: refused: role reader does not allow s3:GetObject\n" in cloud.log()
    )
