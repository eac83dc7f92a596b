"""Integrations with AWS services: what they call, with which right, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from constructs_lib.workflows.http_errors import HttpError
from constructs_lib.workflows.http_templates import refusal_template, request_template, response_template
from local_cloud.gateway.gateway import RestApiGateway
from local_cloud.messages import Request, Response
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, DeployedApi, function_failure

MakeApi = Callable[..., DeployedApi]

INTERNAL = b'{"message":"Internal server error"}'
_names = iter(range(10_000))


def name(kind: str) -> str:
    return f"{kind}-{next(_names)}"


def uri(service: str, rest: str) -> str:
    return f"arn:aws:apigateway:{REGION}:{service}:{rest}"


def make_role(
    cloud: CloudInThread, *statements: dict[str, Any], service: str = "apigateway.amazonaws.com"
) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam = cloud.client("iam")
    role_name = name("integration-role")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=document)["Role"]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=role_name, PolicyName="p", PolicyDocument=policy)
    return str(role["Arn"])


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def add(
    api: DeployedApi,
    path: str,
    method: str,
    integration: dict[str, Any],
    responses: dict[str, dict[str, Any]] | None = None,
    **options: Any,
) -> None:
    """Add a method with its responses, each by its status code."""
    resource = api.method(path, method, integration=integration, **options)
    for status, response in (responses or {"200": {}}).items():
        ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": method, "statusCode": status}
        headers = response.get("responseParameters", {})
        api.aws.put_method_response(**ids, responseParameters=dict.fromkeys(headers, True))
        api.aws.put_integration_response(**ids, **response)


def aws(uri_: str, role: str, **options: Any) -> dict[str, Any]:
    return {"type": "AWS", "integrationHttpMethod": "POST", "uri": uri_, "credentials": role} | options


def log(cloud: CloudInThread) -> str:
    return (cloud.directory / "logs" / "requests.log").read_text().splitlines()[-1]


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    return make_api(lambda _event: {}, binaryMediaTypes=["image/png"])


# --- Step Functions ---------------------------------------------------------------------------------------------


@pytest.fixture
def state_machine(cloud: CloudInThread) -> str:
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    created = cloud.client("stepfunctions").create_state_machine(
        name=name("machine"),
        definition=json.dumps(definition),
        roleArn=make_role(cloud, service="states.amazonaws.com"),
    )
    return str(created["stateMachineArn"])


def start_template(state_machine: str) -> str:
    return (
        "#set($body = $util.escapeJavaScript($input.json('$')).replaceAll(\"\\\\'\", \"'\"))\n"
        f'{{"stateMachineArn": "{state_machine}", "input": "$body", "name": "$context.requestId"}}'
    )


def test_an_execution_is_started_and_described(
    api: DeployedApi, cloud: CloudInThread, state_machine: str
) -> None:
    execution = state_machine.replace(":stateMachine:", ":execution:")
    role = make_role(
        cloud,
        allow("states:StartExecution", state_machine),
        allow("states:DescribeExecution", f"{execution}:*"),
    )
    start = aws(
        uri("states", "action/StartExecution"),
        role,
        requestTemplates={"application/json": start_template(state_machine)},
    )
    accepted = {
        "responseParameters": {"method.response.header.Location": "integration.response.body.executionArn"},
        "responseTemplates": {
            "application/json": '#set($context.responseOverride.header.X-Job = "job-$context.requestId")'
            '{"id": "$context.requestId", "since": $input.json(\'$.startDate\')}'
        },
    }
    add(api, "/jobs", "POST", start, {"202": accepted})
    template = f'{{"executionArn": "{execution}:$input.params(\'id\')"}}'
    describe = aws(
        uri("states", "action/DescribeExecution"), role, requestTemplates={"application/json": template}
    )
    shown = '{"status": "$input.path(\'$.status\')", "input": $input.path(\'$.input\')}'
    missing = {"selectionPattern": "4\\d\\d", "responseTemplates": {"application/json": '{"code": "gone"}'}}
    add(
        api,
        "/jobs/{id}",
        "GET",
        describe,
        {"200": {"responseTemplates": {"application/json": shown}}, "404": missing},
    )
    api.deploy()
    body = {"text": 'it\'s "quoted" / ünïcode \\ and\nlines', "list": [1, {"a": None}], "n": 1.5}
    started = api.call("POST", "/jobs", body=json.dumps(body).encode())
    assert started.status == 202, log(cloud)
    job = json.loads(started.content)["id"]
    assert started.headers["Location"] == f"{execution}:{job}"
    assert started.headers["X-Job"] == f"job-{job}"
    assert started.headers["X-Amzn-Trace-Id"].startswith("Root=")
    found = json.loads(api.call("GET", f"/jobs/{job}").content)
    assert found["input"] == body
    assert found["status"] in ("RUNNING", "SUCCEEDED")
    gone = api.call("GET", "/jobs/none")
    assert (gone.status, gone.content) == (404, b'{"code": "gone"}')


@pytest.mark.parametrize("synchronous", [True, False])
def test_the_constructs_templates_run_a_workflow(
    api: DeployedApi, cloud: CloudInThread, synchronous: bool
) -> None:
    definition = {
        "StartAt": "Choose",
        "States": {
            "Choose": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.body.fail", "IsPresent": True, "Next": "Fail"}],
                "Default": "Done",
            },
            "Fail": {"Type": "Fail", "Error": "NotFound", "Cause": "it's secret"},
            "Done": {"Type": "Pass", "End": True},
        },
    }
    machine = cloud.client("stepfunctions").create_state_machine(
        name=name("express"),
        definition=json.dumps(definition),
        roleArn=make_role(cloud, service="states.amazonaws.com"),
        type="EXPRESS",
    )["stateMachineArn"]
    role = make_role(cloud, *([allow("states:StartSyncExecution", machine)] if synchronous else []))
    start = aws(
        uri("states", "action/StartSyncExecution"),
        role,
        requestTemplates={"application/json": request_template(machine)},
    )
    answer = response_template(
        {"NotFound": HttpError(status=404, code="not_found", message="There is no such thing.")}
    )
    responses = {
        "200": {"responseTemplates": {"application/json": answer}},
        "400": {
            "selectionPattern": "4\\d{2}",
            "responseTemplates": {"application/json": refusal_template()},
        },
    }
    add(api, "/flow/{id}", "POST", start, responses)
    api.deploy()
    text = 'it\'s "quoted" / ünïcode \U0001f600 \\ and\nlines $x #set($y = 1)'
    sent = {"text": text, "list": [1, None, {}]}
    response = api.call("POST", "/flow/a%22b?q=%22%27%5C&r=1", body=json.dumps(sent).encode())
    if not synchronous:
        assert response.status == 500
        assert "states:StartSyncExecution on resource" in log(cloud)
        return
    assert response.status == 200, (response.content, log(cloud))
    output = json.loads(response.content)
    assert output["body"] == sent
    assert output["path"] == {"id": "a%22b"}
    assert output["query"] == {"q": "\"'\\", "r": "1"}
    unknown = dict.fromkeys(("kind", "principal", "tenant", "key", "pseudonym", "limits"), "")
    assert output["caller"] == {**unknown, "sourceIp": "127.0.0.1"}
    assert output["requestId"] == response.headers["x-amzn-RequestId"]
    failed = api.call("POST", "/flow/1", body=b'{"fail": 1}')
    assert (failed.status, json.loads(failed.content)) == (
        404,
        {
            "code": "not_found",
            "message": "There is no such thing.",
            "requestId": failed.headers["x-amzn-RequestId"],
        },
    )
    refused = api.call("POST", "/flow/1", body=b"[1]")
    assert (refused.status, json.loads(refused.content)["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([], "because no identity-based policy allows the states:StartExecution action"),
        (
            [allow("states:StartExecution", "arn:aws:states:us-east-1:123456789012:stateMachine:other")],
            "because no identity-based policy allows the states:StartExecution action",
        ),
        (
            [allow("*", "*"), {"Effect": "Deny", "Action": "states:*", "Resource": "*"}],
            "with an explicit deny in an identity-based policy",
        ),
    ],
)
def test_a_right_that_the_role_lacks(
    api: DeployedApi,
    cloud: CloudInThread,
    state_machine: str,
    statements: list[dict[str, Any]],
    reason: str,
) -> None:
    role = make_role(cloud, *statements)
    integration = aws(
        uri("states", "action/StartExecution"),
        role,
        requestTemplates={"application/json": f'{{"stateMachineArn": "{state_machine}"}}'},
    )
    refused = {"selectionPattern": "[45]\\d\\d", "responseTemplates": {"application/json": "{}"}}
    add(api, "/mapped", "POST", integration, {"200": {}, "500": refused})
    add(api, "/bare", "POST", integration)
    api.deploy()
    assert (api.call("POST", "/mapped").status, api.call("POST", "/mapped").content) == (500, b"{}")
    bare = api.call("POST", "/bare")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/BackplaneAssumeRoleSession"
    message = f"User: {session} is not authorized to perform: states:StartExecution on resource: {state_machine} {reason}"
    assert bare.status == 200
    assert json.loads(bare.content) == {
        "__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": message,
        "message": message,
    }
    assert message in log(cloud)
    executions = cloud.client("stepfunctions").list_executions(stateMachineArn=state_machine)["executions"]
    assert executions == []


def test_a_role_that_cannot_be_assumed_is_500(api: DeployedApi, cloud: CloudInThread) -> None:
    target = uri("states", "action/StartExecution")
    for path, role in (
        ("/trust", make_role(cloud, allow("*", "*"), service="lambda.amazonaws.com")),
        ("/none", f"arn:aws:iam::{ACCOUNT}:role/none"),
    ):
        add(api, path, "POST", aws(target, role))
    without = {"type": "AWS", "integrationHttpMethod": "POST", "uri": target}
    add(api, "/without", "POST", without)
    api.deploy()
    for path, reason in (
        ("/trust", "may not assume"),
        ("/none", "cannot assume the integration's role: there is no arn:aws:iam"),
        ("/without", "the integration has no role (credentials)"),
    ):
        response = api.call("POST", path, body=b"{}")
        assert (response.status, response.content) == (500, INTERNAL)
        assert reason in log(cloud)


# --- DynamoDB ---------------------------------------------------------------------------------------------------


@pytest.fixture
def table(cloud: CloudInThread) -> str:
    table_name = name("table")
    cloud.client("dynamodb").create_table(
        TableName=table_name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return table_name


def test_items_are_written_read_changed_and_found(api: DeployedApi, cloud: CloudInThread, table: str) -> None:
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    actions = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
    role = make_role(
        cloud,
        {"Effect": "Allow", "Action": actions, "Resource": arn},
        allow("dynamodb:Query", f"{arn}/index/by-owner"),
    )

    def action(action_name: str, template: str) -> dict[str, Any]:
        return aws(
            uri("dynamodb", f"action/{action_name}"), role, requestTemplates={"application/json": template}
        )

    key = '"Key": {"id": {"S": "$input.params(\'id\')"}}'
    put = (
        f'{{"TableName": "{table}", "Item": {{"id": {{"S": "$input.params(\'id\')"}}, '
        '"owner": {"S": $input.json(\'$.owner\')}}, "ConditionExpression": "attribute_not_exists(id)"}'
    )
    conflict = {
        "selectionPattern": "400",
        "responseTemplates": {
            "application/json": "#if($input.path('$.__type').contains('ConditionalCheckFailedException'))"
            '#set($context.responseOverride.status = 409){"code": "conflict"}#else{"code": "bad"}#end'
        },
    }
    add(api, "/items/{id}", "PUT", action("PutItem", put), {"201": {}, "400": conflict})
    item = {
        "responseTemplates": {
            "application/json": "#set($item = $input.path('$.Item'))#if($item == '')"
            "#set($context.responseOverride.status = 404){}"
            '#else{"id": "$item.id.S", "owner": "$item.owner.S"}#end'
        }
    }
    get = action("GetItem", f'{{"TableName": "{table}", {key}}}')
    add(api, "/items/{id}", "GET", get, {"200": item})
    update = (
        f'{{"TableName": "{table}", {key}, "UpdateExpression": "SET #o = :o", '
        '"ExpressionAttributeNames": {"#o": "owner"}, "ExpressionAttributeValues": {":o": {"S": "bo"}}}'
    )
    add(api, "/items/{id}", "PATCH", action("UpdateItem", update))
    query = (
        f'{{"TableName": "{table}", "IndexName": "by-owner", "KeyConditionExpression": "#o = :o", '
        '"ExpressionAttributeNames": {"#o": "owner"}, '
        '"ExpressionAttributeValues": {":o": {"S": "$input.params().querystring.get(\'owner\')"}}}'
    )
    listed = {
        "responseTemplates": {
            "application/json": "[#foreach($item in $input.path('$.Items'))\"$item.id.S\"#if($foreach.hasNext),#end#end]"
        }
    }
    add(api, "/items", "GET", action("Query", query), {"200": listed})
    add(api, "/scan", "GET", action("Scan", f'{{"TableName": "{table}"}}'), {"200": {}})
    api.deploy()
    assert api.call("PUT", "/items/1", body=b'{"owner": "ada"}').status == 201, log(cloud)
    again = api.call("PUT", "/items/1", body=b'{"owner": "eve"}')
    assert (again.status, again.content) == (409, b'{"code": "conflict"}')
    assert json.loads(api.call("GET", "/items/1").content) == {"id": "1", "owner": "ada"}
    assert api.call("GET", "/items/2").status == 404
    assert api.call("PATCH", "/items/1", body=b"{}").status == 200
    assert api.call("PUT", "/items/3", body=b'{"owner": "bo"}').status == 201
    assert sorted(json.loads(api.call("GET", "/items?owner=bo").content)) == ["1", "3"]
    assert b"dynamodb:Scan on resource" in api.call("GET", "/scan").content


# --- SQS, SNS and EventBridge -----------------------------------------------------------------------------------


def test_messages_are_sent(api: DeployedApi, cloud: CloudInThread) -> None:
    sqs = cloud.client("sqs")
    queue = name("queue")
    queue_url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    role = make_role(cloud, allow("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"))
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    body = "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
    path_style = aws(
        uri("sqs", f"path/{ACCOUNT}/{queue}"),
        role,
        requestParameters=form,
        requestTemplates={"application/json": body},
    )
    found = '{"id": "$input.path(\'$.SendMessageResponse.SendMessageResult.MessageId\')"}'
    sent = {"200": {"responseTemplates": {"application/json": found}}}
    add(api, "/path", "POST", path_style, sent)
    body = f"QueueUrl=$util.urlEncode('{queue_url}')&MessageBody=$util.urlEncode($input.body)"
    action = aws(uri("sqs", "action/SendMessage"), role, requestTemplates={"application/json": body})
    add(api, "/action", "POST", action, sent)
    headers = {
        "integration.request.header.Content-Type": "'application/x-amz-json-1.0'",
        "integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'",
    }
    template = f'{{"QueueUrl": "{queue_url}", "MessageBody": "$util.escapeJavaScript($input.body)"}}'
    as_json = aws(
        uri("sqs", f"path/{ACCOUNT}/{queue}"),
        role,
        requestParameters=headers,
        requestTemplates={"application/json": template},
    )
    found = '{"id": "$input.path(\'$.MessageId\')"}'
    add(api, "/json", "POST", as_json, {"200": {"responseTemplates": {"application/json": found}}})
    purge = path_style | {"requestTemplates": {"application/json": "Action=PurgeQueue"}}
    refused = {"selectionPattern": "403", "responseTemplates": {"application/json": "{}"}}
    add(api, "/purge", "POST", purge, {"200": {}, "403": refused})
    api.deploy()
    for path in ("/path", "/action", "/json"):
        message = json.dumps({"from": path, "text": 'a&b=c+d %20 "ü"'})
        response = api.call("POST", path, body=message.encode())
        assert response.status == 200, log(cloud)
        received = sqs.receive_message(QueueUrl=queue_url)["Messages"][0]
        assert json.loads(response.content) == {"id": received["MessageId"]}
        assert received["Body"] == message
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=received["ReceiptHandle"])
    assert api.call("POST", "/purge", body=b"{}").status == 403


def test_topics_and_buses(api: DeployedApi, cloud: CloudInThread) -> None:
    topic = cloud.client("sns").create_topic(Name=name("topic"))["TopicArn"]
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    role = make_role(cloud, allow("sns:Publish", topic), allow("events:PutEvents", bus))
    body = f"TopicArn=$util.urlEncode('{topic}')&Message=$util.urlEncode($input.body)"
    publish = aws(uri("sns", "action/Publish"), role, requestTemplates={"application/json": body})
    add(api, "/sns", "POST", publish)
    entry = '{"Source": "tests", "DetailType": "d", "Detail": "$util.escapeJavaScript($input.body)"}'
    put = aws(
        uri("events", "action/PutEvents"),
        role,
        requestTemplates={"application/json": f'{{"Entries": [{entry}]}}'},
    )
    add(api, "/events", "POST", put)
    api.deploy()
    published = json.loads(api.call("POST", "/sns", body=b"{}").content)
    assert published["PublishResponse"]["PublishResult"]["MessageId"]
    accepted = json.loads(api.call("POST", "/events", body=b"{}").content)
    assert accepted["FailedEntryCount"] == 0


# --- S3 ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(cloud: CloudInThread) -> str:
    bucket_name = name("bucket")
    cloud.client("s3").create_bucket(Bucket=bucket_name)
    return bucket_name


def test_objects_are_written_and_read(api: DeployedApi, cloud: CloudInThread, bucket: str) -> None:
    role = make_role(
        cloud,
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::{bucket}/in/*",
        },
    )
    options = {
        "integrationHttpMethod": "ANY",
        "requestParameters": {
            "integration.request.path.key": "method.request.path.key",
            "integration.request.header.Content-Type": "method.request.header.Content-Type",
            "integration.request.header.x-amz-meta-place": "'in'",
        },
    }
    mapped = {"method.response.header.Content-Type": "integration.response.header.Content-Type"}
    error = {
        "selectionPattern": "[45]\\d\\d",
        "responseTemplates": {"application/json": '{"code": "$input.path(\'$.nothing\')none"}'},
    }
    responses = {"200": {"responseParameters": mapped}, "404": error}
    request = {"requestParameters": {"method.request.path.key": True}}
    add(
        api,
        "/in/{key}",
        "ANY",
        aws(uri("s3", f"path/{bucket}/in/{{key}}"), role, **options),
        responses,
        **request,
    )
    add(
        api,
        "/out/{key}",
        "ANY",
        aws(uri(f"{bucket}.s3", "path/out/{key}"), role, **options),
        responses,
        **request,
    )
    api.deploy()
    image = bytes(range(256))
    png = {"Content-Type": "image/png"}
    written = api.call("PUT", "/in/a%20b.png", body=image, headers=png)
    assert written.status == 200, log(cloud)
    stored = cloud.client("s3").get_object(Bucket=bucket, Key="in/a b.png")
    assert (stored["Body"].read(), stored["ContentType"]) == (image, "image/png")
    assert stored["Metadata"] == {"place": "in"}
    read = api.call("GET", "/in/a%20b.png", headers={"Accept": "image/png"})
    assert (read.content, read.headers["Content-Type"]) == (image, "image/png")
    as_text = api.call("GET", "/in/a%20b.png", headers={"Accept": "text/plain"})
    assert as_text.content.startswith(b"AAECAwQFBgcICQ")
    assert api.call("PUT", "/in/t", body=b"text", headers={"Content-Type": "text/plain"}).status == 200
    assert api.call("GET", "/in/t").content == b"text"
    missing = api.call("GET", "/in/none")
    assert (missing.status, missing.content) == (404, b'{"code": "none"}')
    assert api.call("PUT", "/out/x", body=b"x", headers={"Content-Type": "text/plain"}).status == 404
    assert f's3:PutObject on resource: "arn:aws:s3:::{bucket}/out/x"' in log(cloud)
    assert api.call("DELETE", "/in/t").status == 404


# --- content handling -------------------------------------------------------------------------------------------


def echo_of_s3(api: DeployedApi, cloud: CloudInThread, bucket: str, **options: Any) -> None:
    role = make_role(cloud, allow("s3:*", f"arn:aws:s3:::{bucket}/*"))
    add(api, "/o", "PUT", aws(uri("s3", f"path/{bucket}/o"), role, integrationHttpMethod="PUT", **options))
    api.deploy()


@pytest.mark.parametrize(
    ("handling", "content_type", "sent", "stored"),
    [
        (None, "image/png", b"\xff\x00", b"\xff\x00"),
        (None, "text/plain", b"a\xffb", "a�b".encode()),
        ("CONVERT_TO_TEXT", "image/png", b"\xff\x00", b"/wA="),
        ("CONVERT_TO_TEXT", "text/plain", b"text", b"text"),
        ("CONVERT_TO_BINARY", "image/png", b"\xff\x00", b"\xff\x00"),
        ("CONVERT_TO_BINARY", "text/plain", b"/wA=", b"\xff\x00"),
    ],
)
def test_content_handling_of_requests(
    api: DeployedApi,
    cloud: CloudInThread,
    bucket: str,
    handling: str | None,
    content_type: str,
    sent: bytes,
    stored: bytes,
) -> None:
    echo_of_s3(api, cloud, bucket, **({"contentHandling": handling} if handling else {}))
    assert api.call("PUT", "/o", body=sent, headers={"Content-Type": content_type}).status == 200
    assert cloud.client("s3").get_object(Bucket=bucket, Key="o")["Body"].read() == stored


def test_what_is_not_base64_cannot_become_binary(api: DeployedApi, cloud: CloudInThread, bucket: str) -> None:
    echo_of_s3(api, cloud, bucket, contentHandling="CONVERT_TO_BINARY")
    response = api.call("PUT", "/o", body=b"no base64!", headers={"Content-Type": "text/plain"})
    assert (response.status, response.content) == (500, INTERNAL)


def test_a_template_cannot_read_a_binary_body(api: DeployedApi, cloud: CloudInThread, bucket: str) -> None:
    echo_of_s3(api, cloud, bucket, requestTemplates={"image/png": "$input.body"})
    assert api.call("PUT", "/o", body=b"\xff", headers={"Content-Type": "image/png"}).status == 500


@pytest.mark.parametrize(
    ("behaviour", "templates", "content_type", "status"),
    [
        ("WHEN_NO_MATCH", {"application/json": "{}"}, "text/plain", 200),
        ("WHEN_NO_TEMPLATES", {"application/json": "{}"}, "text/plain", 415),
        ("WHEN_NO_TEMPLATES", {}, "text/plain", 200),
        ("NEVER", {"application/json": "{}"}, "text/plain", 415),
        ("NEVER", {"application/json": "{}"}, None, 200),
        ("NEVER", {"application/json": "{}"}, "application/json; charset=utf-8", 200),
        ("NEVER", {}, "application/json", 415),
    ],
)
def test_bodies_that_no_template_is_for(
    api: DeployedApi,
    cloud: CloudInThread,
    bucket: str,
    behaviour: str,
    templates: dict[str, str],
    content_type: str | None,
    status: int,
) -> None:
    echo_of_s3(api, cloud, bucket, passthroughBehavior=behaviour, requestTemplates=templates)
    headers = {"Content-Type": content_type} if content_type else {}
    response = api.call("PUT", "/o", body=b"as it is", headers=headers)
    assert response.status == status
    if status == 415:
        assert response.content == b'{"message":"Unsupported Media Type"}'
    else:
        stored = cloud.client("s3").get_object(Bucket=bucket, Key="o")["Body"].read()
        assert stored == (b"as it is" if content_type == "text/plain" else b"{}")


# --- Lambda functions that are not proxies ------------------------------------------------------------------------


def test_a_function_gets_a_mapped_event(make_api: MakeApi) -> None:
    def answer(event: Any) -> Any:
        if event.get("fail"):
            return function_failure("Missing", "[404] no such thing\nsecond line")
        if event.get("break"):
            return function_failure("Error", "boom")
        return {"got": event, "statusCode": 500}

    api = make_api(answer)
    event = (
        '{"id": "$input.params(\'id\')", "fail": $input.json(\'$.fail\'), "break": $input.json(\'$.break\')}'
    )
    plain = api.proxy_integration() | {"type": "AWS", "requestTemplates": {"application/json": event}}
    responses = {
        "200": {"responseTemplates": {"application/json": "$input.json('$.got.id')"}},
        "404": {
            "selectionPattern": "\\[404\\](.|\\n)*",
            "responseTemplates": {"application/json": "{\"error\": $input.json('$.errorMessage')}"},
        },
    }
    add(api, "/things/{id}", "POST", plain, responses)
    add(api, "/raw", "POST", plain | {"requestTemplates": {}})
    api.deploy()
    found = api.call("POST", "/things/7", body=b'{"fail": false, "break": false}')
    assert (found.status, found.content) == (200, b'"7"')
    missing = api.call("POST", "/things/7", body=b'{"fail": true, "break": false}')
    assert (missing.status, json.loads(missing.content)) == (
        404,
        {"error": "[404] no such thing\nsecond line"},
    )
    # an error that no pattern is for looks like success, which is what a pattern is for
    broken = api.call("POST", "/things/7", body=b'{"fail": false, "break": true}')
    assert broken.status == 200
    raw = api.call("POST", "/raw", body=b'{"id": 1}')
    assert json.loads(raw.content) == {"got": {"id": 1}, "statusCode": 500}
    assert json.loads(api.call("POST", "/raw").content) == {"got": {}, "statusCode": 500}
    assert api.call("POST", "/raw", body=b"no JSON").status == 500


def test_a_function_may_be_called_with_a_role(make_api: MakeApi, cloud: CloudInThread) -> None:
    api = make_api(lambda _event: {"statusCode": 201})
    cloud.client("lambda").remove_permission(FunctionName=api.function_arn, StatementId="all")
    able = make_role(cloud, allow("lambda:InvokeFunction", api.function_arn))
    unable = make_role(cloud, allow("lambda:InvokeFunction", f"{api.function_arn}:live"))
    for path, role in (("/able", able), ("/unable", unable)):
        api.method(path, "GET", integration=api.proxy_integration() | {"credentials": role})
    add(api, "/plain", "GET", api.proxy_integration() | {"type": "AWS", "credentials": able})
    add(api, "/neither", "GET", api.proxy_integration() | {"type": "AWS"})
    api.deploy()
    assert api.call("GET", "/able").status == 201
    assert api.call("GET", "/plain").status == 200
    unable_response = api.call("GET", "/unable")
    assert (unable_response.status, unable_response.content) == (500, INTERNAL)
    assert f"lambda:InvokeFunction on resource: {api.function_arn}" in log(cloud)
    assert api.call("GET", "/neither").status == 500


# --- time, and answers that nothing is for -----------------------------------------------------------------------


def handled(api: DeployedApi, path: str, answer: Callable[[Request], Any]) -> tuple[Response, str]:
    """Send a request through a gateway of its own, for which `answer` is all of AWS's APIs."""

    async def handle() -> tuple[Response, str]:
        async def aws_apis(request: Request) -> Response:
            answered = answer(request)
            return await answered if asyncio.iscoroutine(answered) else answered

        gateway = RestApiGateway(api.cloud.functions, aws_apis=aws_apis)
        request = Request("POST", path, "", (), b'{"a": 1}', "127.0.0.1", "HTTP/1.1", 80)
        try:
            return await gateway.handle(request, api_id=api.api_id, stage=api.stage, path=path)
        finally:
            gateway.close()

    return asyncio.run(handle())


def test_an_event_is_handed_over_to_lambda(api: DeployedApi) -> None:
    header = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    add(
        api, "/a", "POST", api.proxy_integration() | {"type": "AWS", "requestParameters": header}, {"202": {}}
    )
    api.deploy()
    sent: list[Request] = []

    def accept(request: Request) -> Response:
        sent.append(request)
        return Response(202)

    response, _ = handled(api, "/a", accept)
    assert (response.status, response.body) == (202, b"")
    function = quote(api.function_arn, safe="")
    assert sent[0].path == f"/2015-03-31/functions/{function}/invocations"
    assert sent[0].header("X-Amz-Invocation-Type") == "Event"
    assert sent[0].body == b'{"a": 1}'
    assert "/us-east-1/lambda/aws4_request" in (sent[0].header("Authorization") or "")
    refused, note = handled(api, "/a", lambda _request: Response(429, body=b"slower"))
    assert (refused.status, refused.body) == (500, INTERNAL)
    assert note.endswith("Lambda refused the event: b'slower'")


def test_a_call_that_takes_too_long_is_504(api: DeployedApi, cloud: CloudInThread) -> None:
    role = make_role(cloud, allow("states:*", "*"))
    target = uri("states", "action/ListStateMachines")
    add(api, "/a", "POST", aws(target, role, timeoutInMillis=50))
    api.deploy()

    async def slow(_request: Request) -> Response:
        await asyncio.sleep(30)
        return Response(200)

    response, note = handled(api, "/a", slow)
    assert (response.status, response.body) == (504, b'{"message":"Endpoint request timed out"}')
    assert note.endswith("states took longer than 0.05 s; the call runs on")


def test_a_function_that_takes_too_long_is_504(make_api: MakeApi) -> None:
    async def slow(_event: Any) -> Any:
        await asyncio.sleep(0.3)
        return {}

    api = make_api(slow)
    add(api, "/a", "GET", api.proxy_integration() | {"type": "AWS", "timeoutInMillis": 50})
    api.deploy()
    response = api.call("GET", "/a")
    assert (response.status, response.content) == (504, b'{"message":"Endpoint request timed out"}')


def test_an_answer_that_no_response_is_for_is_500(
    api: DeployedApi, cloud: CloudInThread, bucket: str
) -> None:
    role = make_role(cloud, allow("s3:*", f"arn:aws:s3:::{bucket}/*"))
    get = aws(uri("s3", f"path/{bucket}/none"), role, integrationHttpMethod="GET")
    add(api, "/a", "GET", get, {"200": {"selectionPattern": "2\\d\\d"}})
    add(api, "/b", "GET", get, {"200": {"selectionPattern": "("}})
    add(api, "/c", "GET", get, {"200": {}})
    api.aws.delete_method_response(
        restApiId=api.api_id, resourceId=api.resource("/c"), httpMethod="GET", statusCode="200"
    )
    api.deploy()
    for path, reason in (
        ("/a", "no integration response is for 404"),
        ("/b", "( is not a regular expression"),
        ("/c", "the method declares no response 200"),
    ):
        response = api.call("GET", path)
        assert (response.status, response.content) == (500, INTERNAL)
        assert reason in log(cloud)


def test_mappings_take_values_from_everywhere(api: DeployedApi, cloud: CloudInThread, bucket: str) -> None:
    role = make_role(cloud, allow("s3:*", f"arn:aws:s3:::{bucket}/*"))
    sources = {
        "query": "method.request.querystring.q",
        "several": "method.request.multivaluequerystring.q",
        "header": "method.request.header.x-sent",
        "body": "method.request.body.a[0].b",
        "context": "context.stage",
        "static": "'text'",
        "missing": "method.request.header.none",
    }
    put = aws(
        uri("s3", f"path/{bucket}/o"),
        role,
        integrationHttpMethod="PUT",
        requestParameters={
            f"integration.request.header.x-amz-meta-{key}": value for key, value in sources.items()
        },
    )
    headers = {
        "method.response.header.X-Etag": "integration.response.header.etag",
        "method.response.header.X-Variable": "stageVariables.version",
        "method.response.header.X-Nothing": "integration.response.header.none",
    }
    add(api, "/a", "PUT", put, {"200": {"responseParameters": headers}})
    api.deploy()
    operations = [{"op": "replace", "path": "/variables/version", "value": "v7"}]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    body = b'{"a": [{"b": "deep"}]}'
    response = api.call("PUT", "/a?q=1&q=2", body=body, headers={"X-Sent": "sent", "Content-Type": "x/y"})
    assert response.headers["X-Etag"].startswith('"')
    assert response.headers["X-Variable"] == "v7"
    assert "X-Nothing" not in response.headers
    assert cloud.client("s3").get_object(Bucket=bucket, Key="o")["Metadata"] == {
        "query": "2",
        "several": "1,2",
        "header": "sent",
        "body": "deep",
        "context": "stage",
        "static": "text",
    }


def test_a_template_overrides_the_request(api: DeployedApi, cloud: CloudInThread, bucket: str) -> None:
    role = make_role(cloud, allow("s3:*", f"arn:aws:s3:::{bucket}/*"))
    template = (
        "#set($context.requestOverride.path.key = $input.path('$.key'))"
        "#set($context.requestOverride.header['x-amz-meta-by'] = 'template')$input.json('$.content')"
    )
    put = aws(
        uri("s3", f"path/{bucket}/{{key}}"),
        role,
        integrationHttpMethod="PUT",
        requestTemplates={"application/json": template},
        requestParameters={
            "integration.request.path.key": "'other'",
            "integration.request.header.x-amz-meta-by": "'mapping'",
        },
    )
    add(api, "/a", "PUT", put)
    api.deploy()
    assert api.call("PUT", "/a", body=b'{"key": "k", "content": [1, "a"]}').status == 200, log(cloud)
    stored = cloud.client("s3").get_object(Bucket=bucket, Key="k")
    assert (stored["Body"].read(), stored["Metadata"]) == (b'[1,"a"]', {"by": "template"})


# --- refused by name ---------------------------------------------------------------------------------------------


def test_services_are_called_by_botocores_models(api: DeployedApi, cloud: CloudInThread) -> None:
    stream, secret = name("stream"), name("secret")
    cloud.client("kinesis").create_stream(StreamName=stream, ShardCount=1)
    cloud.client("secretsmanager").create_secret(Name=secret, SecretString="hidden")
    role = make_role(cloud, allow("kinesis:PutRecord", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"))
    record = f'{{"StreamName": "{stream}", "PartitionKey": "k", "Data": "$util.base64Encode($input.body)"}}'
    for path, action, template in (
        ("/put", "kinesis:action/PutRecord", record),
        ("/read", "secretsmanager:action/GetSecretValue", f'{{"SecretId": "{secret}"}}'),
    ):
        add(
            api,
            path,
            "POST",
            aws(uri(*action.split(":")), role, requestTemplates={"application/json": template}),
        )
    api.deploy()
    assert "SequenceNumber" in json.loads(api.call("POST", "/put", body=b"{}").content)
    assert json.loads(api.call("POST", "/read", body=b"{}").content)["__type"].endswith(
        "AccessDeniedException"
    )
    assert "secretsmanager:GetSecretValue on resource" in log(cloud)


def test_services_and_operations_that_are_not_there(
    api: DeployedApi, cloud: CloudInThread, bucket: str
) -> None:
    role = make_role(cloud, allow("*", "*"))
    add(api, "/batch", "POST", aws(uri("batch", "action/SubmitJob"), role))
    add(api, "/s3", "POST", aws(uri("s3", f"path/{bucket}/key"), role))
    api.deploy()
    for path, feature in (
        ("/batch", "AWS integration with batch"),
        ("/s3", f"AWS integration with s3: POST /{bucket}"),
    ):
        response = api.call("POST", path, body=b"{}")
        assert response.status == 501
        assert json.loads(response.content)["feature"] == feature


def test_what_the_local_cloud_does_not_implement_is_not_mapped_to_an_outage(
    api: DeployedApi, cloud: CloudInThread
) -> None:
    outage = {"selectionPattern": "5\\d{2}", "responseTemplates": {"application/json": "busy"}}
    target = uri("states", "action/ListStateMachines")
    add(api, "/a", "POST", aws(target, make_role(cloud, allow("states:*", "*"))), {"200": {}, "503": outage})
    api.deploy()
    body = b'{"__type": "NotImplemented", "message": "AWSStepFunctions.X: not implemented in the local cloud: X"}'
    response, _ = handled(api, "/a", lambda _request: Response(501, body=body))
    feature = "AWS integration with states: AWSStepFunctions.X: not implemented in the local cloud: X"
    assert response.status == 501
    assert json.loads(response.body) == {
        "message": f"The local cloud does not have this feature yet: {feature}",
        "feature": feature,
    }
    busy, _ = handled(api, "/a", lambda _request: Response(500))
    assert (busy.status, busy.body) == (503, b"busy")


def test_a_lambda_uri_with_an_escaped_name_is_no_function(api: DeployedApi) -> None:
    target = uri("lambda", f"path/2015-03-31/functions/{quote('arn:aws:lambda', safe='')}/invocations")
    add(api, "/a", "POST", {"type": "AWS", "integrationHttpMethod": "POST", "uri": target})
    api.deploy()
    assert api.call("POST", "/a", body=b"{}").status == 500


def test_the_uri_of_a_function_may_have_two_slashes(api: DeployedApi) -> None:
    integration = api.proxy_integration()
    doubled = integration["uri"].replace(":lambda:path/", ":lambda:path//")
    assert doubled != integration["uri"]
    api.method("/proxy", integration={**integration, "uri": doubled})
    add(api, "/mapped", "POST", {**integration, "type": "AWS", "uri": doubled})
    api.deploy()
    assert api.call("GET", "/proxy").status == 200
    assert api.call("POST", "/mapped", body=b"{}").content == b"{}"
