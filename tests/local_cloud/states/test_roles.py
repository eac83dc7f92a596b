"""Tasks run with the role of their state machine: what it does not allow fails the task as it does on AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import aws
from tests.support.roles import document
from tests.support.states_cloud import ACCOUNT, REGION, STATES, States, invoke, only


def trust(principal: dict[str, str]) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def make_role(states: States, *statements: dict[str, Any], trusted: dict[str, str] | None = None) -> str:
    name, iam = states.name("role"), states.client("iam")
    created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(trusted or STATES))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return str(created["Role"]["Arn"])


def make_machine(states: States, role: str, definition: dict[str, Any], kind: str = "EXPRESS") -> str:
    created = states.sfn.create_state_machine(
        name=states.name(), definition=json.dumps(definition), roleArn=role, type=kind
    )
    return str(created["stateMachineArn"])


def run(states: States, role: str, state: dict[str, Any], given: Any = None) -> dict[str, Any]:
    arn = make_machine(states, role, only(state))
    return dict(states.sfn.start_sync_execution(stateMachineArn=arn, input=json.dumps(given or {})))


def assert_denied(answer: dict[str, Any], error: str, role: str, action: str, resource: str) -> None:
    name = role.rpartition("/")[2]
    assert (answer["status"], answer["error"]) == ("FAILED", error)
    user, _, message = answer["cause"].partition(" is not authorized to perform: ")
    assert user.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/")
    assert message.startswith(
        f"{action} on resource: {resource} because no identity-based policy allows the {action} action (Service: "
    )


@pytest.mark.parametrize("kind", ["optimised", "bare"])
def test_a_function_is_invoked_if_the_role_allows_it(states: States, kind: str) -> None:
    bare = {"Type": "Task", "Resource": states.function}
    task = invoke(states.function) if kind == "optimised" else bare
    allowed = make_role(states, allow("lambda:InvokeFunction", states.function))
    assert json.loads(run(states, allowed, task, {"n": 1})["output"]) == {"n": 1}
    nobody = make_role(states)
    answer = run(states, nobody, task)
    assert_denied(answer, "Lambda.AWSLambdaException", nobody, "lambda:InvokeFunction", states.function)
    assert "(Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException;" in answer["cause"]


def test_an_alias_is_another_resource_than_its_function(states: States) -> None:
    role = make_role(states, allow("lambda:InvokeFunction", states.function))
    answer = run(states, role, invoke(f"{states.function}:live"))
    assert_denied(
        answer, "Lambda.AWSLambdaException", role, "lambda:InvokeFunction", f"{states.function}:live"
    )


def test_a_permission_that_is_given_meanwhile_counts(states: States) -> None:
    role = make_role(states)
    arn = make_machine(states, role, only(invoke(states.function)))
    assert states.sfn.start_sync_execution(stateMachineArn=arn)["status"] == "FAILED"
    states.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="own",
        PolicyDocument=document(allow("lambda:InvokeFunction", states.function)),
    )
    assert states.sfn.start_sync_execution(stateMachineArn=arn)["status"] == "SUCCEEDED"


def test_a_table_is_read_if_the_role_allows_it(states: States) -> None:
    name = states.name("table")
    created = states.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = created["TableDescription"]["TableArn"]
    role = make_role(states, allow("dynamodb:PutItem", table))
    item = {"TableName": name, "Item": {"id": {"S": "1"}}}
    put = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": item}
    assert run(states, role, put)["status"] == "SUCCEEDED"
    key = {"TableName": name, "Key": {"id": {"S": "1"}}}
    get = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Parameters": key}
    answer = run(states, role, get)
    assert_denied(answer, "DynamoDB.AmazonDynamoDBException", role, "dynamodb:GetItem", table)
    get["Resource"] = "arn:aws:states:::aws-sdk:dynamodb:getItem"
    answer = run(states, role, get)
    assert_denied(answer, "DynamoDb.DynamoDbException", role, "dynamodb:GetItem", table)


def test_a_message_is_sent_if_the_role_allows_it(states: States) -> None:
    name = states.name("queue")
    queue = states.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    parameters = {"QueueUrl": queue, "MessageBody": "x"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters}
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    assert run(states, make_role(states, allow("sqs:SendMessage", arn)), task)["status"] == "SUCCEEDED"
    nobody = make_role(states)
    assert_denied(run(states, nobody, task), "SQS.AmazonSQSException", nobody, "sqs:sendmessage", arn)


def test_another_state_machine_is_started_if_the_role_allows_it(states: States) -> None:
    inner = states.machine(only({"Type": "Succeed"}), kind="STANDARD")
    parameters = {"StateMachineArn": inner, "Input": {}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": parameters}
    assert (
        run(states, make_role(states, allow("states:StartExecution", inner)), task)["status"] == "SUCCEEDED"
    )
    nobody = make_role(states)
    assert_denied(
        run(states, nobody, task),
        "StepFunctions.AWSStepFunctionsException",
        nobody,
        "states:StartExecution",
        inner,
    )


def test_a_fallback_catches_what_the_role_does_not_allow(states: States) -> None:
    nobody = make_role(states)
    catch = {"ErrorEquals": ["Lambda.AWSLambdaException"], "Next": "Other", "ResultPath": None}
    definition = {
        "StartAt": "Try",
        "States": {
            "Try": {**invoke(states.function), "Catch": [catch], "End": True},
            "Other": {"Type": "Pass", "Result": "other", "End": True},
        },
    }
    arn = make_machine(states, nobody, definition)
    assert json.loads(states.sfn.start_sync_execution(stateMachineArn=arn)["output"]) == "other"


def test_a_role_that_does_not_trust_step_functions_is_refused(states: States) -> None:
    role = make_role(states, trusted={"Service": "lambda.amazonaws.com"})
    refused = (
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
        "the provided role."
    )
    with pytest.raises(ClientError) as error:
        make_machine(states, role, only({"Type": "Succeed"}))
    assert error.value.response["Error"] == {"Code": "AccessDeniedException", "Message": refused}
    arn = make_machine(states, make_role(states), only({"Type": "Succeed"}))
    with pytest.raises(ClientError) as error:
        states.sfn.update_state_machine(stateMachineArn=arn, roleArn=role)
    assert error.value.response["Error"]["Message"] == refused
    regional = make_role(states, trusted={"Service": f"states.{REGION}.amazonaws.com"})
    make_machine(states, regional, only({"Type": "Succeed"}))


def test_a_role_that_is_not_known_here_may_do_everything(states: States) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/not-here"
    assert run(states, role, invoke(states.function))["status"] == "SUCCEEDED"


def test_a_role_assumes_another_and_limits_the_session_to_one_object(states: States) -> None:
    s3 = states.client("s3")
    s3.create_bucket(Bucket="pages")
    for key in ("page-1", "page-2"):
        s3.put_object(Bucket="pages", Key=key, Body=b"x")
    machine, stranger = make_role(states), make_role(states)
    target = make_role(states, allow("s3:GetObject", "arn:aws:s3:::pages/*"), trusted={"AWS": machine})
    for role in (machine, stranger):
        states.client("iam").put_role_policy(
            RoleName=role.rpartition("/")[2],
            PolicyName="own",
            PolicyDocument=document(allow("sts:AssumeRole", target)),
        )
    policy = (
        "{% $string({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:GetObject', "
        "'Resource': 'arn:aws:s3:::pages/' & $states.input.key}]}) %}"
    )
    arguments = {"RoleArn": target, "RoleSessionName": "page", "DurationSeconds": 900, "Policy": policy}
    resource = "arn:aws:states:::aws-sdk:sts:assumeRole"
    task = {"Type": "Task", "QueryLanguage": "JSONata", "Resource": resource, "Arguments": arguments}
    answer = run(states, machine, task, {"key": "page-1"})
    assert answer["status"] == "SUCCEEDED", answer
    keys = json.loads(answer["output"])["Credentials"]
    limited = aws.client(
        "s3",
        endpoint_url=states.cloud.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=REGION,
    )
    assert limited.get_object(Bucket="pages", Key="page-1")["Body"].read() == b"x"
    with pytest.raises(ClientError, match="because no session policy allows the s3:GetObject action"):
        limited.get_object(Bucket="pages", Key="page-2")

    denied = run(states, stranger, task, {"key": "page-1"})
    assert (denied["status"], denied["error"]) == ("FAILED", "Sts.StsException")
    assert (
        f"is not authorized to perform: sts:AssumeRole on resource: {target} (Service: Sts, "
        in denied["cause"]
    )
    arguments["DurationSeconds"] = 60
    short = run(states, machine, task, {"key": "page-1"})
    assert (short["status"], short["error"]) == ("FAILED", "Sts.StsException")
    assert short["cause"].startswith(
        "1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have "
        "value greater than or equal to 900 (Service: Sts, "
    )
