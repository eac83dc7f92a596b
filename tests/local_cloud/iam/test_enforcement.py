"""Calls of AWS's APIs with the credentials of a role: what its policies do not allow is refused in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.iam.calls import Call, read_call, session_credential
from local_cloud.iam.enforcement import UNKNOWN_PERMISSION, Verdict, checked_call
from local_cloud.iam.needs import needs_of
from local_cloud.iam.refusals import refusal_response
from local_cloud.messages import Request
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread
from tests.support.roles import MakeRole, Somebody, allow, deny, document, refused


def words(who: Somebody, action: str, resource: str) -> str:
    return (
        f"User: {who.arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


@pytest.fixture(scope="module")
def table(cloud: CloudInThread) -> str:
    created = cloud.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return str(created["TableDescription"]["TableArn"])


KEY = {"id": {"S": "1"}}


def test_what_a_policy_allows_is_carried_out_and_nothing_else(
    cloud: CloudInThread, make_role: MakeRole, table: str
) -> None:
    reader = make_role(allow("dynamodb:GetItem", table))
    dynamodb = reader.client("dynamodb")
    assert "Item" not in dynamodb.get_item(TableName="orders", Key=KEY)
    log = cloud.directory / "logs" / "requests.log"
    assert log.read_text().splitlines()[-1].endswith(f" dynamodb:GetItem by role {reader.role}")
    assert refused(dynamodb.put_item, TableName="orders", Item=KEY) == (
        400,
        "AccessDeniedException",
        words(reader, "dynamodb:PutItem", table),
    )
    assert (
        log.read_text()
        .splitlines()[-1]
        .endswith(f"refused: role {reader.role} does not allow dynamodb:PutItem on {table}")
    )


def test_a_right_on_single_items_is_for_those(make_role: MakeRole, table: str) -> None:
    only = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["1"]}}
    actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
    holder = make_role(allow(actions, table, Condition=only))
    dynamodb, other = holder.client("dynamodb"), {"id": {"S": "2"}}
    dynamodb.get_item(TableName="orders", Key=KEY)
    dynamodb.delete_item(TableName=table, Key=KEY)
    for call, action, item in (
        (dynamodb.get_item, "GetItem", {"Key": other}),
        (dynamodb.put_item, "PutItem", {"Item": other}),
        (dynamodb.update_item, "UpdateItem", {"Key": other}),
        (dynamodb.delete_item, "DeleteItem", {"Key": other}),
    ):
        assert refused(call, TableName="orders", **item)[1:] == (
            "AccessDeniedException",
            words(holder, f"dynamodb:{action}", table),
        )


def test_a_right_counts_from_the_moment_that_it_is_given(
    cloud: CloudInThread, make_role: MakeRole, table: str
) -> None:
    nobody = make_role()
    dynamodb = nobody.client("dynamodb")
    assert refused(dynamodb.get_item, TableName="orders", Key=KEY)[1] == "AccessDeniedException"
    cloud.client("iam").put_role_policy(
        RoleName=nobody.role, PolicyName="own", PolicyDocument=document(allow("dynamodb:GetItem", table))
    )
    dynamodb.get_item(TableName=table, Key=KEY)


def test_an_explicit_deny_says_so(make_role: MakeRole, table: str) -> None:
    denied = make_role(allow("dynamodb:*"), deny("dynamodb:DeleteItem", table))
    assert refused(denied.client("dynamodb").delete_item, TableName="orders", Key=KEY)[2] == (
        f"User: {denied.arn} is not authorized to perform: dynamodb:DeleteItem on resource: {table} "
        f"with an explicit deny in an identity-based policy"
    )


def test_a_boundary_and_a_session_policy_have_to_allow_as_well(
    cloud: CloudInThread, make_role: MakeRole, table: str
) -> None:
    boundary = cloud.client("iam").create_policy(
        PolicyName="boundary", PolicyDocument=document(allow("sqs:*"))
    )["Policy"]["Arn"]
    bounded = make_role(allow("*"), PermissionsBoundary=boundary)
    limited = make_role(allow("*"), session_policy=document(allow("sqs:*")))
    for who, kind in ((bounded, "permissions boundary"), (limited, "session policy")):
        assert refused(who.client("dynamodb").get_item, TableName="orders", Key=KEY)[2] == (
            f"User: {who.arn} is not authorized to perform: dynamodb:GetItem on resource: {table} "
            f"because no {kind} allows the dynamodb:GetItem action"
        )


def test_a_query_of_an_index_needs_the_index(make_role: MakeRole, table: str) -> None:
    reader = make_role(allow("dynamodb:Query", table))
    query = {
        "TableName": "orders",
        "IndexName": "by-day",
        "KeyConditionExpression": "id = :id",
        "ExpressionAttributeValues": {":id": {"S": "1"}},
    }
    assert refused(reader.client("dynamodb").query, **query)[2] == words(
        reader, "dynamodb:Query", f"{table}/index/by-day"
    )


def test_a_transaction_needs_the_action_of_each_of_its_parts(make_role: MakeRole, table: str) -> None:
    writer = make_role(allow(["dynamodb:PutItem", "dynamodb:TransactWriteItems"], table))
    items = [{"Put": {"TableName": "orders", "Item": KEY}}]
    dynamodb = writer.client("dynamodb")
    dynamodb.transact_write_items(TransactItems=items)
    other = {"Delete": {"TableName": "orders", "Key": {"id": {"S": "2"}}}}
    assert refused(dynamodb.transact_write_items, TransactItems=[*items, other])[2] == words(
        writer, "dynamodb:DeleteItem", table
    )


def test_s3_refuses_in_xml_and_without_a_body_where_it_has_none(
    cloud: CloudInThread, make_role: MakeRole
) -> None:
    cloud.client("s3").create_bucket(Bucket="letters")
    cloud.client("s3").put_object(Bucket="letters", Key="a/b c.txt", Body=b"x")
    reader = make_role(allow("s3:GetObject", "arn:aws:s3:::letters/a/*"))
    s3 = reader.client("s3")
    assert s3.get_object(Bucket="letters", Key="a/b c.txt")["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket="letters", Key="b&c") == (
        403,
        "AccessDenied",
        words(reader, "s3:GetObject", '"arn:aws:s3:::letters/b&c"'),
    )
    assert refused(s3.list_objects_v2, Bucket="letters")[2] == words(
        reader, "s3:ListBucket", '"arn:aws:s3:::letters"'
    )
    assert refused(s3.head_object, Bucket="letters", Key="b") == (403, "403", "Forbidden")
    assert refused(s3.copy_object, Bucket="letters", Key="copy", CopySource="letters/a/b c.txt")[2] == words(
        reader, "s3:PutObject", '"arn:aws:s3:::letters/copy"'
    )
    link = s3.generate_presigned_url("put_object", Params={"Bucket": "letters", "Key": "new"})
    answer = cloud.request("PUT", link.removeprefix(cloud.cloud.url), body=b"x")
    assert answer.status == 403


def test_who_may_not_list_a_bucket_is_not_told_that_an_object_is_missing(
    cloud: CloudInThread, make_role: MakeRole
) -> None:
    cloud.client("s3").create_bucket(Bucket="gaps")
    objects = allow("s3:GetObject", "arn:aws:s3:::gaps/*")
    reader, lister = make_role(objects), make_role(objects, allow("s3:ListBucket", "arn:aws:s3:::gaps"))
    assert refused(lister.client("s3").get_object, Bucket="gaps", Key="a")[:2] == (404, "NoSuchKey")
    assert refused(lister.client("s3").head_object, Bucket="gaps", Key="a")[0] == 404
    assert refused(reader.client("s3").get_object, Bucket="gaps", Key="a") == (
        403,
        "AccessDenied",
        words(reader, "s3:ListBucket", '"arn:aws:s3:::gaps"'),
    )
    assert refused(reader.client("s3").head_object, Bucket="gaps", Key="a")[0] == 403
    every = make_role(allow("s3:GetObject"))
    assert refused(every.client("s3").get_object, Bucket="nowhere", Key="a")[:2] == (404, "NoSuchBucket")


def test_a_grant_for_the_buckets_of_one_account_ends_at_the_bucket_of_another(
    cloud: CloudInThread, make_role: MakeRole
) -> None:
    from moto.s3.models import s3_backends

    own = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    writer = make_role(
        allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "arn:aws:s3:::payloads-*", Condition=own)
    ).client("s3")
    cloud.client("s3").create_bucket(Bucket="payloads-ours")
    s3_backends["999999999999"]["aws"].create_bucket("payloads-taken", "us-east-1")
    writer.put_object(Bucket="payloads-ours", Key="a", Body=b"x")
    assert writer.get_object(Bucket="payloads-ours", Key="a")["Body"].read() == b"x"
    for call, parameters in (
        (writer.put_object, {"Key": "a", "Body": b"x"}),
        (writer.get_object, {"Key": "a"}),
        (writer.list_objects_v2, {}),
    ):
        assert refused(call, Bucket="payloads-taken", **parameters)[:2] == (403, "AccessDenied")


def test_a_bucket_policy_that_asks_for_tls_refuses_nobody(cloud: CloudInThread, make_role: MakeRole) -> None:
    cloud.client("s3").create_bucket(Bucket="tls-only")
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    policy = deny("s3:*", ["arn:aws:s3:::tls-only", "arn:aws:s3:::tls-only/*"], Principal="*")
    cloud.client("s3").put_bucket_policy(
        Bucket="tls-only", Policy=document({**policy, "Condition": insecure})
    )
    writer = make_role(allow("s3:PutObject", "arn:aws:s3:::tls-only/*"), deny("s3:*", Condition=insecure))
    writer.client("s3").put_object(Bucket="tls-only", Key="a", Body=b"x")


def test_a_policy_of_the_resource_that_names_the_role_is_enough(
    cloud: CloudInThread, make_role: MakeRole
) -> None:
    cloud.client("s3").create_bucket(Bucket="shared")
    guest, stranger = make_role(), make_role()
    statements = [
        allow("s3:GetObject", "arn:aws:s3:::shared/*", Principal={"AWS": guest.role_arn}),
        allow("s3:PutObject", "arn:aws:s3:::shared/*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
    ]
    cloud.client("s3").put_bucket_policy(Bucket="shared", Policy=document(*statements))
    cloud.client("s3").put_object(Bucket="shared", Key="a", Body=b"x")
    assert guest.client("s3").get_object(Bucket="shared", Key="a")["Body"].read() == b"x"
    assert refused(stranger.client("s3").get_object, Bucket="shared", Key="a")[0] == 403
    assert refused(guest.client("s3").put_object, Bucket="shared", Key="a", Body=b"x")[0] == 403


def test_queues_and_topics_refuse_in_their_own_words(cloud: CloudInThread, make_role: MakeRole) -> None:
    queue = cloud.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    topic = cloud.client("sns").create_topic(Name="news")["TopicArn"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
    sender = make_role(allow("sqs:SendMessage", queue_arn))
    sqs = sender.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "x"}])
    assert refused(sqs.receive_message, QueueUrl=queue) == (
        403,
        "AccessDenied",
        words(sender, "sqs:receivemessage", queue_arn),
    )
    assert refused(sender.client("sns").publish, TopicArn=topic, Message="x") == (
        403,
        "AuthorizationError",
        words(sender, "SNS:Publish", topic),
    )


def test_a_function_is_invoked_by_the_arn_with_its_qualifier(
    cloud: CloudInThread, make_role: MakeRole
) -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:unknown"
    caller = make_role(allow("lambda:InvokeFunction", f"{arn}:live"))
    functions = caller.client("lambda")
    # It may, and there is no such function.
    for parameters in ({"FunctionName": f"{arn}:live"}, {"FunctionName": "unknown", "Qualifier": "live"}):
        assert refused(functions.invoke, **parameters)[1] != "AccessDeniedException"
    assert refused(functions.invoke, FunctionName="unknown") == (
        403,
        "AccessDeniedException",
        words(caller, "lambda:InvokeFunction", arn),
    )
    assert refused(functions.get_function_configuration, FunctionName="unknown")[2] == words(
        caller, "lambda:GetFunctionConfiguration", arn
    )


def test_a_key_is_known_by_its_alias_and_by_what_it_has_encrypted(
    cloud: CloudInThread, make_role: MakeRole
) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/enforced", TargetKeyId=key)
    user = make_role(
        allow("kms:Encrypt", key), allow("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another")
    )
    sealed = user.client("kms").encrypt(KeyId="alias/enforced", Plaintext=b"x")["CiphertextBlob"]
    assert refused(user.client("kms").decrypt, CiphertextBlob=sealed) == (
        400,
        "AccessDeniedException",
        words(user, "kms:Decrypt", key),
    )


def test_a_secret_is_known_by_its_name(cloud: CloudInThread, make_role: MakeRole) -> None:
    secret = cloud.client("secretsmanager").create_secret(Name="partner", SecretString="x")["ARN"]
    reader = make_role(allow("secretsmanager:GetSecretValue", secret))
    secrets = reader.client("secretsmanager")
    assert secrets.get_secret_value(SecretId="partner")["SecretString"] == "x"
    assert refused(secrets.describe_secret, SecretId=secret)[2] == words(
        reader, "secretsmanager:DescribeSecret", secret
    )


def test_metrics_are_refused_in_whatever_protocol_the_client_speaks(make_role: MakeRole) -> None:
    writer = make_role(
        allow("cloudwatch:PutMetricData", Condition={"StringEquals": {"cloudwatch:namespace": "Mine"}})
    )
    metrics = writer.client("cloudwatch")
    metrics.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "a", "Value": 1}])
    assert refused(metrics.list_metrics) == (
        403,
        "AccessDenied",
        words(writer, "cloudwatch:ListMetrics", "*"),
    )


def test_everybody_may_ask_who_they_are(make_role: MakeRole) -> None:
    nobody = make_role()
    assert nobody.client("sts").get_caller_identity()["Arn"] == nobody.arn


def test_conditions_that_cannot_be_known_refuse_nothing(make_role: MakeRole, table: str) -> None:
    tagged = {"StringEquals": {"aws:ResourceTag/team": "ai", "aws:RequestedRegion": REGION}}
    elsewhere = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    reader = make_role(
        allow("dynamodb:GetItem", table, Condition=tagged),
        allow("dynamodb:PutItem", table, Condition=elsewhere),
        deny("dynamodb:*", Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
    )
    reader.client("dynamodb").get_item(TableName="orders", Key=KEY)
    assert refused(reader.client("dynamodb").put_item, TableName="orders", Item=KEY)[2] == words(
        reader, "dynamodb:PutItem", table
    )


def test_tags_of_the_role_are_known(make_role: MakeRole, table: str) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "ai"}}
    for team, status in (("ai", 200), ("other", 400)):
        who = make_role(
            allow("dynamodb:GetItem", table, Condition=condition), Tags=[{"Key": "team", "Value": team}]
        )
        dynamodb = who.client("dynamodb")
        if status == 200:
            dynamodb.get_item(TableName="orders", Key=KEY)
        else:
            assert refused(dynamodb.get_item, TableName="orders", Key=KEY)[0] == status


def test_a_session_of_a_role_that_does_not_exist_and_a_user_are_not_checked(
    cloud: CloudInThread, make_role: MakeRole, table: str
) -> None:
    made_up = cloud.client("sts").assume_role(
        RoleArn="arn:aws:iam::111111111111:role/elsewhere", RoleSessionName="me"
    )
    elsewhere = Somebody(cloud, "elsewhere", made_up["AssumedRoleUser"]["Arn"], made_up["Credentials"])
    assert elsewhere.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    cloud.client("dynamodb").get_item(TableName="orders", Key=KEY)


@pytest.fixture
def session(make_role: MakeRole) -> Somebody:
    return make_role()


def request_of(
    service: str, method: str = "POST", path: str = "/", *, key: str = "ASIAEXAMPLE", **more: Any
) -> Request:
    scope = f"{key}/20260101/{REGION}/{service}/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0",
        **more.pop("headers", {}),
    }
    return Request(
        method,
        path,
        more.pop("query", ""),
        tuple(headers.items()),
        more.pop("body", b""),
        "127.0.0.1",
        "HTTP/1.1",
        1,
    )


def needed(request: Request) -> list[tuple[str, tuple[str, ...]]]:
    credential = session_credential(request)
    assert credential is not None
    call = read_call(request, credential, ACCOUNT)
    assert call is not None
    return [(need.action, need.resources) for need in needs_of(call)]


def json_call(service: str, target: str, **parameters: Any) -> Request:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    return request_of(service, headers=headers, body=json.dumps(parameters).encode())


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


GROUP = arn("logs", "log-group:/aws/x")
MACHINE = arn("states", "stateMachine:m")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            json_call("logs", "Logs_20140328.PutLogEvents", logGroupName="/aws/x", logStreamName="s"),
            [("logs:PutLogEvents", (f"{GROUP}:log-stream:s", GROUP))],
        ),
        (
            json_call("states", "AWSStepFunctions.StartExecution", stateMachineArn=f"{MACHINE}:live"),
            [("states:StartExecution", (MACHINE,))],
        ),
        (
            json_call("states", "AWSStepFunctions.StopExecution", executionArn=arn("states", "execution:m:1")),
            [("states:StopExecution", (arn("states", "execution:m:1"),))],
        ),
        (json_call("states", "AWSStepFunctions.SendTaskSuccess", taskToken="t"), [("states:SendTaskSuccess", ())]),
        (
            json_call("ssm", "AmazonSSM.GetParameters", Names=["/a/b", "c"]),
            [
                ("ssm:GetParameters", (arn("ssm", "parameter/a/b"),)),
                ("ssm:GetParameters", (arn("ssm", "parameter/c"),)),
            ],
        ),
        (
            json_call("ssm", "AmazonSSM.GetParametersByPath", Path="/a/"),
            [("ssm:GetParametersByPath", (arn("ssm", "parameter/a"), arn("ssm", "parameter/a/")))],
        ),
        (
            json_call("cognito-idp", "AWSCognitoIdentityProviderService.AdminGetUser", UserPoolId="p"),
            [("cognito-idp:AdminGetUser", (arn("cognito-idp", "userpool/p"),))],
        ),
        (
            json_call("events", "AWSEvents.PutEvents", Entries=[{"Detail": "{}"}, {"EventBusName": "own"}]),
            [
                ("events:PutEvents", (arn("events", "event-bus/default"),)),
                ("events:PutEvents", (arn("events", "event-bus/own"),)),
            ],
        ),
        (
            json_call("dynamodb", "DynamoDB_20120810.ExecuteStatement", Statement="select * from t"),
            [("dynamodb:PartiQLSelect", ())],
        ),
        (
            json_call("dynamodb", "DynamoDB_20120810.BatchGetItem", RequestItems={"a": {}, "b": {}}),
            [
                ("dynamodb:BatchGetItem", (arn("dynamodb", "table/a"),)),
                ("dynamodb:BatchGetItem", (arn("dynamodb", "table/b"),)),
            ],
        ),
        (
            json_call("dynamodb", "DynamoDBStreams_20120810.GetRecords", ShardIterator="i"),
            [("dynamodb:GetRecords", ())],
        ),
        (json_call("comprehend", "Comprehend_20171127.DetectSentiment"), [("comprehend:DetectSentiment", ("*",))]),
        (
            request_of("textract", path="/service/Textract/operation/DetectDocumentText"),
            [("textract:DetectDocumentText", ("*",))],
        ),
        (
            request_of("bedrock", path="/model/amazon.titan-v1%3A0/converse"),
            [("bedrock:InvokeModel", (f"arn:aws:bedrock:{REGION}::foundation-model/amazon.titan-v1:0",))],
        ),
        (request_of("bedrock", path="/model/eu.some-model/invoke"), [("bedrock:InvokeModel", ())]),
        (
            request_of("apigateway", "PATCH", "/restapis/a"),
            [("apigateway:PATCH", (f"arn:aws:apigateway:{REGION}::/restapis/a",))],
        ),
        (request_of("xray", path="/TraceSegments"), [("xray:PutTraceSegments", ("*",))]),
        (
            request_of("lambda", "GET", "/2015-03-31/functions/"),
            [("lambda:ListFunctions", ("*",))],
        ),
        (
            request_of("sts", headers=FORM, body=b"Action=GetCallerIdentity"),
            [],
        ),
        (
            request_of("sts", query="Action=AssumeRole&RoleArn=arn:aws:iam::1:role/r", method="GET"),
            [("sts:AssumeRole", ("arn:aws:iam::1:role/r",))],
        ),
        (
            request_of("iam", body=b"Action=PutRolePolicy&RoleName=r", headers=FORM),
            [("iam:PutRolePolicy", (ROLE,))],
        ),
        (
            request_of("lambda", path="/2015-03-31/functions", body=json.dumps({"FunctionName": "f", "Role": ROLE}).encode()),
            [("lambda:CreateFunction", (arn("lambda", "function:f"),)), ("iam:PassRole", (ROLE,))],
        ),
        (
            json_call("states", "AWSStepFunctions.CreateStateMachine", name="m", roleArn=ROLE),
            [("states:CreateStateMachine", (MACHINE,)), ("iam:PassRole", (ROLE,))],
        ),
        (
            json_call("events", "AWSEvents.PutTargets", Rule="r", Targets=[{"RoleArn": ROLE}, {"RoleArn": ROLE}]),
            [("events:PutTargets", (arn("events", "rule/r"),)), ("iam:PassRole", (ROLE,))],
        ),
        (
            request_of("apigateway", "PUT", "/restapis/a", body=json.dumps({"x": {"credentials": ROLE}}).encode()),
            [("apigateway:PUT", (f"arn:aws:apigateway:{REGION}::/restapis/a",)), ("iam:PassRole", (ROLE,))],
        ),
        (
            request_of("apigateway", "PATCH", "/account", body=json.dumps({"patchOperations": [
                {"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}, {"op": "replace", "path": "/other", "value": "x"},
            ]}).encode()),
            [("apigateway:PATCH", (f"arn:aws:apigateway:{REGION}::/account",)), ("iam:PassRole", (ROLE,))],
        ),
        (
            json_call("budgets", "AWSBudgetServiceGateway.UpdateBudget", NewBudget={"BudgetName": "b"}),
            [("budgets:ModifyBudget", (f"arn:aws:budgets::{ACCOUNT}:budget/b",))],
        ),
        (
            json_call("budgets", "AWSBudgetServiceGateway.DescribeSubscribersForNotification", BudgetName="b"),
            [("budgets:ViewBudget", (f"arn:aws:budgets::{ACCOUNT}:budget/b",))],
        ),
        (
            json_call("budgets", "AWSBudgetServiceGateway.UntagResource", ResourceARN="arn:b"),
            [("budgets:UntagResource", ("arn:b",))],
        ),
        (
            json_call("dynamodb", "DynamoDB_20120810.ExecuteStatement", Statement="insert into t value {}"),
            [("dynamodb:PartiQLInsert", ())],
        ),
        (
            json_call("dynamodb", "DynamoDB_20120810.TransactWriteItems", TransactItems=[
                {"ConditionCheck": {"TableName": "t"}}, {"Delete": {"TableName": "t"}},
            ]),
            [
                ("dynamodb:ConditionCheckItem", (arn("dynamodb", "table/t"),)),
                ("dynamodb:DeleteItem", (arn("dynamodb", "table/t"),)),
            ],
        ),
        (
            json_call("sqs", "AmazonSQS.SendMessageBatch", QueueUrl=f"http://h/{ACCOUNT}/q"),
            [("sqs:SendMessage", (arn("sqs", "q"),))],
        ),
        (
            request_of("sns", headers=FORM, body=f"Action=PublishBatch&TopicArn={arn('sns', 't')}".encode()),
            [("sns:Publish", (arn("sns", "t"),))],
        ),
        (request_of("execute-api", "POST", "/@connections/c"), [("execute-api:ManageConnections", ())]),
        (request_of("s3", "GET", "/"), [("s3:ListAllMyBuckets", ("*",))]),
        (request_of("s3", "PUT", "/b", query="encryption"), [("s3:PutEncryptionConfiguration", ("arn:aws:s3:::b",))]),
        (request_of("s3", "GET", "/b/k", query="versionId=1"), [("s3:GetObjectVersion", ("arn:aws:s3:::b/k",))]),
        (request_of("s3", "PUT", "/b/k", query="partNumber=1&uploadId=u"), [("s3:PutObject", ("arn:aws:s3:::b/k",))]),
        (
            request_of("s3", "DELETE", "/b/k", query="uploadId=u"),
            [("s3:AbortMultipartUpload", ("arn:aws:s3:::b/k",))],
        ),
        (
            request_of("s3", "POST", "/b", query="delete", body=b"<Delete><Object><Key>x</Key></Object></Delete>"),
            [("s3:DeleteObject", ("arn:aws:s3:::b/x",))],
        ),
        (
            request_of("s3", "GET", "/k", headers={"Host": "abc.s3.us-east-1.amazonaws.com"}),
            [("s3:GetObject", ("arn:aws:s3:::abc/k",))],
        ),
    ],
)  # fmt: skip
def test_the_permissions_of_a_call(request_: Request, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert needed(request_) == expected


@pytest.mark.parametrize("key", ["local", "test", "AKIAEXAMPLE", "LOCALCLOUDWORKER0000", "ASIAUNKNOWN"])
def test_who_has_no_session_is_not_checked(cloud: CloudInThread, key: str) -> None:
    request = request_of("dynamodb", key=key, headers={"X-Amz-Target": "DynamoDB_20120810.GetItem"})
    assert checked_call(request) == Verdict()


def test_a_request_of_which_nobody_knows_what_it_asks_for_is_let_through(session: Somebody) -> None:
    key = session.keys["AccessKeyId"]
    verdict = checked_call(request_of("unheard-of", "GET", "/some/path", key=key))
    assert verdict == Verdict(note=f"{UNKNOWN_PERMISSION} by role {session.role}")


def test_a_refusal_in_cbor_can_be_read() -> None:
    from botocore.parsers import create_parser
    from botocore.session import Session

    request = request_of("textract", path="/service/Textract/operation/DetectDocumentText")
    call = Call("textract", REGION, ACCOUNT, "DetectDocumentText", {}, "cbor", request)
    response = refusal_response("No: ü", call)
    model = Session().get_service_model("textract").operation_model("DetectDocumentText")
    parsed = create_parser("smithy-rpc-v2-cbor").parse(
        {
            "status_code": response.status,
            "headers": {name.lower(): value for name, value in response.headers},
            "body": response.body,
        },
        model.output_shape,
    )
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("AccessDeniedException", "No: ü")
