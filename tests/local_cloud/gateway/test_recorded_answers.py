"""Answers of the data plane as they were recorded on AWS: templates, headers, parameters, media types, bad requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from local_cloud.gateway.media_types import is_binary
from local_cloud.gateway.service_calls import ServiceRequest, input_fault
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]


def with_template(api: DeployedApi, path: str, template: str, uri: str | None = None, **more: Any) -> None:
    """Add an AWS integration whose request a template makes, and which passes on the answer."""
    integration = {
        **api.proxy_integration(),
        "type": "AWS",
        "requestTemplates": {"application/json": template},
        **({"uri": uri} if uri else {}),
        **more,
    }
    resource = api.method(path, "ANY", integration=integration)
    place = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "ANY"}
    for status, pattern in (("200", ""), ("400", "4\\d\\d")):
        api.aws.put_method_response(**place, statusCode=status)
        api.aws.put_integration_response(**place, statusCode=status, selectionPattern=pattern)


def test_a_request_without_a_body_has_an_empty_object(make_api: MakeApi) -> None:
    api = make_api(lambda event: event)
    with_template(api, "/a", '{"b": "$util.urlEncode($input.body)"}')
    api.deploy()
    assert json.loads(api.call("GET", "/a").content) == {"b": "%7B%7D"}  # type: ignore[attr-defined]


def test_all_of_the_identity_is_there(make_api: MakeApi) -> None:
    api = make_api(lambda event: event)
    with_template(api, "/a", '{"caller": "$context.identity.caller", "ip": "$context.identity.sourceIp"}')
    api.deploy()
    answer = api.call("GET", "/a")
    assert json.loads(answer.content) == {"caller": "", "ip": "127.0.0.1"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["none", "None", "NONE"])
def test_the_name_of_an_authorization_has_no_case(make_api: MakeApi, name: str) -> None:
    api = make_api(lambda _: {"statusCode": 200})
    api.method("/a", authorizationType=name)
    api.deploy()
    assert api.call("GET", "/a").status == 200


def test_missing_parameters_are_sorted(make_api: MakeApi) -> None:
    api = make_api(lambda _: {"statusCode": 200})
    validator = api.aws.create_request_validator(restApiId=api.api_id, validateRequestParameters=True)["id"]
    names = ("querystring.qs1", "header.x-header-param", "path.issuer")
    parameters = {f"method.request.{name}": True for name in names}
    api.method("/a", requestParameters=parameters, requestValidatorId=validator)
    api.deploy()
    message = json.loads(api.call("GET", "/a").content)["message"]  # type: ignore[attr-defined]
    assert message == "Missing required request parameters: [x-header-param, issuer, qs1]"


@pytest.mark.parametrize(
    ("entry", "sent", "binary"),
    [
        ("*/test", "*/test", False),
        ("*/*", "*/test", True),
        ("image/*", "image/png", True),
        ("*/*", "*/*", True),
    ],
)
def test_a_wildcard_in_front_means_nothing(entry: str, sent: str, binary: bool) -> None:
    assert is_binary(sent, [entry]) is binary


@pytest.mark.parametrize("header", ["Content-Length", "transfer-encoding", "Authorization", "TE"])
def test_a_proxy_that_maps_onto_a_reserved_header_cannot_work(make_api: MakeApi, header: str) -> None:
    api = make_api(lambda _: {"statusCode": 200})
    mapping = {f"integration.request.header.{header}": "'7'"}
    api.method("/a", integration={**api.proxy_integration(), "requestParameters": mapping})
    api.deploy()
    answer = api.call("GET", "/a")
    assert (answer.status, answer.content) == (500, b'{"message":"Internal server error"}')  # type: ignore[attr-defined]
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_two_headers_of_an_event_have_one_spelling(make_api: MakeApi) -> None:
    api = make_api(lambda event: {"statusCode": 200, "body": json.dumps(event["headers"])})
    api.method("/a")
    api.deploy()
    headers = {"aUThorization": "x", "user-Agent": "y", "x-Mine": "z"}
    seen = json.loads(api.call("GET", "/a", headers=headers).content)  # type: ignore[attr-defined]
    assert (seen["Authorization"], seen["User-Agent"], seen["x-Mine"]) == ("x", "y", "z")


def test_a_connection_that_is_kept_says_so(make_api: MakeApi) -> None:
    api = make_api(lambda _: {"statusCode": 200})
    api.method("/a")
    api.deploy()
    assert api.call("GET", "/a").headers["Connection"] == "keep-alive"
    assert api.call("GET", "/a", headers={"Connection": "close"}).headers["Connection"] == "close"


def test_a_client_that_closes_its_sending_side_is_answered(cloud: CloudInThread, make_api: MakeApi) -> None:
    import socket

    api = make_api(lambda _: {"statusCode": 200, "body": "all"})
    api.method("/a")
    api.deploy()
    with socket.create_connection(("127.0.0.1", cloud.cloud.port), timeout=30) as connection:
        path = f"/_aws/execute-api/{api.api_id}/{api.stage}/a"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nall")


def test_a_version_of_http_that_the_server_does_not_speak(cloud: CloudInThread) -> None:
    answer = cloud.raw(b"GET /a HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 505")


def test_a_client_is_not_told_to_send_a_body_that_is_too_large(
    cloud: CloudInThread, make_api: MakeApi
) -> None:
    api = make_api(lambda _: {"statusCode": 200})
    api.method("/a")
    api.deploy()
    path = f"/_aws/execute-api/{api.api_id}/{api.stage}/a"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10485761\r\nExpect: 100-continue\r\n"
    answer = cloud.raw(f"{head}Connection: close\r\n\r\n".encode(), end=b"bytes.")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer


def role_of(cloud: CloudInThread, action: str) -> str:
    """Make a role that API Gateway may assume, and that allows one action."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    allowed = {"Effect": "Allow", "Action": action, "Resource": "*"}
    iam, name = cloud.client("iam"), f"integration-{action.replace(':', '-')}-{id(action)}"
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


STATES_URI = f"arn:aws:apigateway:{REGION}:states:action/StartExecution"


@pytest.mark.parametrize(
    ("template", "error"),
    [
        (
            '{"input": "$util.escapeJavaScript($input.json(\'$\'))", "stateMachineArn": "a"}',
            "SerializationException",
        ),
        ("{}", "ValidationException"),
        ('{"stateMachineArn": 5}', "SerializationException"),
        ("[]", "SerializationException"),
    ],
)
def test_a_request_that_a_service_cannot_read_is_a_400(
    cloud: CloudInThread, make_api: MakeApi, template: str, error: str
) -> None:
    api = make_api(lambda _: {})
    role = role_of(cloud, "states:StartExecution")
    with_template(api, "/a", template, STATES_URI, credentials=role)
    api.deploy()
    answer = api.call("POST", "/a", body=b'{"a":"it\'s"}', headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert json.loads(answer.content)["__type"].endswith(error)  # type: ignore[attr-defined]


def test_members_that_are_missing_are_named() -> None:
    request = ServiceRequest(
        "POST", "/", (), {"X-Amz-Target": "DynamoDB_20120810.PutItem"}, b'{"TableName":"t"}'
    )
    fault = input_fault("dynamodb", request)
    assert fault is not None
    assert json.loads(fault.body)["message"] == (
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"
    )
    whole = ServiceRequest("POST", "/", (), request.headers, b'{"TableName":"t","Item":{"id":{"S":"1"}}}')
    assert input_fault("dynamodb", whole) is None


def test_a_form_may_be_written_over_several_lines(cloud: CloudInThread, make_api: MakeApi) -> None:
    url = cloud.client("sqs").create_queue(QueueName="lines")["QueueUrl"]
    api = make_api(lambda _: {})
    form = f"Action=SendMessage\n&QueueUrl=$util.urlEncode('{url}')\n&MessageBody=a%0Ab\n"
    uri = f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/lines"
    kind = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    role = role_of(cloud, "sqs:SendMessage")
    with_template(api, "/a", form, uri, credentials=role, requestParameters=kind)
    api.deploy()
    assert api.call("POST", "/a").status == 200
    messages = cloud.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert messages[0]["Body"] == "a\nb"


@pytest.mark.parametrize("name", ["MessageAttribute", "MessageAttributes"])
def test_sqs_takes_two_names_of_attributes(cloud: CloudInThread, make_api: MakeApi, name: str) -> None:
    url = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    api = make_api(lambda _: {})
    form = (
        f"Action=SendMessage&MessageBody=$input.body&{name}.1.Name=from&{name}.1.Value.DataType=String&"
        f"{name}.1.Value.StringValue=$input.params('From')"
    )
    uri = f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/{name}"
    kind = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    role = role_of(cloud, "sqs:SendMessage")
    with_template(api, "/a", form, uri, credentials=role, requestParameters=kind)
    api.deploy()
    assert api.call("POST", "/a", headers={"From": "me"}).status == 200
    (message,) = cloud.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["from"]["StringValue"] == "me"


@pytest.mark.parametrize("header", ["Authorization", "content-length", "TE"])
def test_a_mapped_event_cannot_set_a_reserved_header(make_api: MakeApi, header: str) -> None:
    api = make_api(lambda event: event)
    mapping = {f"integration.request.header.{header}": "'7'"}
    with_template(api, "/a", "{}", requestParameters=mapping)
    api.deploy()
    assert api.call("GET", "/a").status == 500
