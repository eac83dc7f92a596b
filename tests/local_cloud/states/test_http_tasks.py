"""Tasks that call APIs and web servers over HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.states_cloud import REGION, States, only
from tests.support.web_server import WebServer

CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]


def task(service: str, caught: bool = False, **parameters: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{service}:invoke", "Parameters": parameters}
    if not caught:
        return only(state)
    states = {"Call": {**state, "Catch": CATCH, "End": True}, "Caught": {"Type": "Pass", "End": True}}
    return {"StartAt": "Call", "States": states}


def api(states: States, *, authorization: str = "NONE") -> str:
    """Make an API with a MOCK method that answers with a template; gives its host."""
    aws = states.client("apigateway")
    created = aws.create_rest_api(name=states.name("api"))
    item = aws.create_resource(restApiId=created["id"], parentId=created["rootResourceId"], pathPart="item")[
        "id"
    ]
    place = {"restApiId": created["id"], "resourceId": item, "httpMethod": "POST"}
    aws.put_method(**place, authorizationType=authorization)
    request = '{"statusCode": #if($input.params("fail") != "")409#{else}200#end}'
    aws.put_integration(**place, type="MOCK", requestTemplates={"application/json": request})
    for status in ("200", "409"):
        body = f'{{"status": {status}, "q": "$input.params(\'q\')"}}'
        aws.put_method_response(**place, statusCode=status)
        aws.put_integration_response(
            **place,
            statusCode=status,
            selectionPattern="" if status == "200" else status,
            responseTemplates={"application/json": body},
        )
    aws.create_deployment(restApiId=created["id"], stageName="prod")
    return f"{created['id']}.execute-api.{REGION}.amazonaws.com"


def test_an_api_of_this_cloud_is_called(states: States) -> None:
    output = states.output(
        task("apigateway", ApiEndpoint=api(states), Method="POST", Stage="prod", Path="item",
             QueryParameters={"q": ["1"]}, RequestBody={"a": 1})
    )  # fmt: skip
    assert (output["StatusCode"], output["StatusText"]) == (200, "OK")
    assert output["ResponseBody"] == {"status": 200, "q": "1"}
    assert output["Headers"]["Content-Type"] == ["application/json"]


def test_an_error_of_an_api_is_caught_by_its_status(states: States) -> None:
    output = states.output(
        task("apigateway", True, ApiEndpoint=api(states), Method="POST", Stage="prod", Path="/item",
             QueryParameters={"fail": ["1"]})
    )  # fmt: skip
    assert output["Error"] == "ApiGateway.409"
    assert json.loads(output["Cause"]) == {"status": 409, "q": ""}


def test_calls_are_signed_with_the_role(states: States) -> None:
    host = api(states, authorization="AWS_IAM")
    given = {"ApiEndpoint": host, "Method": "POST", "Stage": "prod", "Path": "item"}
    assert states.output(task("apigateway", True, **given))["Error"] == "ApiGateway.403"
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    iam, name = states.client("iam"), states.name("caller")
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    definition = json.dumps(task("apigateway", **given, AuthType="IAM_ROLE"))
    arn = states.sfn.create_state_machine(
        name=states.name(), definition=definition, roleArn=role, type="EXPRESS"
    )["stateMachineArn"]
    answer = states.sfn.start_sync_execution(stateMachineArn=arn)
    assert answer["status"] == "SUCCEEDED", answer


def test_calls_that_cannot_be_made_are_caught(states: States) -> None:
    for endpoint, error in (
        ("nowhere.example.com", "SdkClientException"),
        ("a.execute-api.us-east-1.amazonaws.com", "403"),
    ):
        output = states.output(task("apigateway", True, ApiEndpoint=endpoint, Method="GET"))
        assert output["Error"] == f"ApiGateway.{error}"
    output = states.output(
        task("apigateway", True, ApiEndpoint="a.example.com", Method="GET", Headers={"Host": ["b"]})
    )
    assert output == {
        "Error": "ApiGateway.InvalidHeader",
        "Cause": "The 'Headers' field contains unsupported values: Host",
    }


def connection(states: States, kind: str, parameters: dict[str, Any]) -> dict[str, str]:
    created = states.client("events").create_connection(
        Name=states.name("connection"), AuthorizationType=kind, AuthParameters=parameters
    )
    return {"ConnectionArn": created["ConnectionArn"]}


def test_a_web_server_is_called_with_a_connection(states: States, web_server: WebServer) -> None:
    web_server.body = b'{"done": true}'
    basic = connection(states, "BASIC", {"BasicAuthParameters": {"Username": "u", "Password": "p"}})
    output = states.output(
        task("http", ApiEndpoint=f"{web_server.url}/a", Method="POST", Authentication=basic,
             QueryParameters={"q": [1, 2]}, Headers={"X-A": "b"}, RequestBody={"n": "ü"})
    )  # fmt: skip
    assert (output["StatusCode"], output["ResponseBody"]) == (200, {"done": True})
    request = web_server.received[0]
    assert (request.method, request.target, json.loads(request.body)) == ("POST", "/a?q=1&q=2", {"n": "ü"})
    assert request.header("Authorization") == f"Basic {base64.b64encode(b'u:p').decode()}"
    assert request.header("X-A") == "b"


def test_a_body_can_be_a_form(states: States, web_server: WebServer) -> None:
    key = connection(states, "API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}})
    states.output(
        task("http", ApiEndpoint=web_server.url, Method="POST", Authentication=key,
             Transform={"RequestBodyEncoding": "URL_ENCODED"}, RequestBody={"a": "1 2", "b": "c"})
    )  # fmt: skip
    request = web_server.received[0]
    assert (request.body, request.header("X-Key")) == (b"a=1+2&b=c", "k")
    assert request.header("Content-Type") == "application/x-www-form-urlencoded"


def test_a_connection_gets_its_token_of_an_authorization_server(
    states: States, web_server: WebServer
) -> None:
    web_server.body = b'{"access_token": "secret"}'
    oauth = {
        "ClientParameters": {"ClientID": "me", "ClientSecret": "mine"},
        "AuthorizationEndpoint": f"{web_server.url}/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "read"}]},
    }
    bearer = connection(states, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": oauth})
    states.output(task("http", ApiEndpoint=f"{web_server.url}/a", Method="GET", Authentication=bearer))
    request, called = web_server.received
    assert (request.method, request.target) == ("POST", "/token")
    assert request.body == b"grant_type=client_credentials&client_id=me&client_secret=mine&scope=read"
    assert (called.target, called.header("Authorization")) == ("/a", "Bearer secret")
    web_server.body = b"no token"
    given = {"ApiEndpoint": web_server.url, "Method": "GET", "Authentication": bearer}
    assert states.output(task("http", True, **given)) == {
        "Error": "States.Http.Connection",
        "Cause": "The authorization server answered with status 200 and without an access_token",
    }


def test_errors_of_web_servers_are_caught(states: States, web_server: WebServer) -> None:
    web_server.status, web_server.body = 404, b"none"
    basic = connection(states, "BASIC", {"BasicAuthParameters": {"Username": "u", "Password": "p"}})
    given = {"Method": "GET", "Authentication": basic}
    assert states.output(task("http", True, ApiEndpoint=web_server.url, **given)) == {
        "Error": "States.Http.StatusCode.404",
        "Cause": "none",
    }
    refused = states.output(task("http", True, ApiEndpoint="https://example.com/", **given))
    assert refused["Error"] == "States.Http.Socket"
    assert "--allow-host example.com" in refused["Cause"]
    unknown = {"ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/none/1"}
    refused = states.output(
        task("http", True, ApiEndpoint=web_server.url, Method="GET", Authentication=unknown)
    )
    assert refused["Error"] == "States.Http.Connection"
