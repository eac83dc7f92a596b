"""Lambda authorizers: events, the meaning of answers, and requests that need no call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from local_cloud.functions.errors import FunctionNotFound, TooManyRequests
from local_cloud.functions.result import InvocationResult
from local_cloud.gateway.authorization.authorizer_answer import read_answer
from local_cloud.gateway.authorization.lambda_authorizer import LambdaAuthorizers
from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.gateway.errors import GatewayError
from local_cloud.gateway.exchange import DeployedStage, Exchange
from local_cloud.gateway.gateway_responses import plain_response
from local_cloud.gateway.routing import Router
from local_cloud.messages import Request
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, DeployedApi, function_failure

MakeApi = Callable[..., DeployedApi]
MakeFunction = Callable[[Callable[[Any], Any]], str]

UNAUTHORIZED = (401, b'{"message":"Unauthorized"}', "UnauthorizedException")
DENIED = (403, b'{"Message":"User is not authorized to access this resource"}', "AccessDeniedException")
EXPLICITLY_DENIED = (
    403,
    b'{"Message":"User is not authorized to access this resource with an explicit deny"}',
    "AccessDeniedException",
)
FAILURE = (500, b'{"message":null}', "AuthorizerFailureException")
CONFIGURATION = (500, b'{"message":null}', "AuthorizerConfigurationException")


def answered(response: Any) -> tuple[int, bytes, str]:
    return response.status, response.content, response.headers["x-amzn-ErrorType"]


def answered_plainly(error: GatewayError) -> tuple[int, bytes, str]:
    response = plain_response(error.fault)
    return response.status, response.body, dict(response.headers)["x-amzn-ErrorType"]


def statement(
    effect: str = "Allow", resource: Any = "*", action: Any = "execute-api:Invoke"
) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


def policy(*statements: dict[str, Any], **members: Any) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements) or [statement()]}
    return {"principalId": "ada", "policyDocument": document} | members


@dataclass
class Scene:
    """An API with one authorizer before `/a/{id}`, and what the two functions were given."""

    api: DeployedApi
    authorizer_id: str
    authorizer_arn: str
    events: list[dict[str, Any]]
    served: list[dict[str, Any]]
    answer: Any = field(default_factory=policy)

    def call(self, path: str = "/a/1", sent: str | None = "token", **options: Any) -> Any:
        headers = options.pop("headers", {}) | ({} if sent is None else {"Authorization": sent})
        return self.api.call(options.pop("method", "GET"), path, headers=headers, **options)


@pytest.fixture
def make_scene(make_api: MakeApi, make_function: MakeFunction) -> Callable[..., Scene]:
    def make(permission: str | None = "authorizer", stage_variables: Any = None, **settings: Any) -> Scene:
        events: list[dict[str, Any]] = []
        served: list[dict[str, Any]] = []

        def decide(event: dict[str, Any]) -> Any:
            events.append(event)
            return scene.answer(event) if callable(scene.answer) else scene.answer

        def serve(event: dict[str, Any]) -> dict[str, Any]:
            served.append(event)
            return {"statusCode": 200}

        api = make_api(serve)
        function_arn = make_function(decide)
        options = {
            "type": "TOKEN",
            "identitySource": "method.request.header.Authorization",
            "authorizerResultTtlInSeconds": 0,
            "authorizerUri": api.proxy_integration(function_arn)["uri"],
        } | settings
        authorizer = api.aws.create_authorizer(restApiId=api.api_id, name="authorizer", **options)["id"]
        source = {
            "authorizer": f"authorizers/{authorizer}",
            "other authorizer": "authorizers/abc123",
            "methods": "*/*/*",
        }
        if permission is not None:
            api.cloud.client("lambda").add_permission(
                FunctionName=function_arn,
                StatementId="authorizer",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.api_id}/{source[permission]}",
            )
        for path in ("/a/{id}", "/b"):
            api.method(path, authorizationType="CUSTOM", authorizerId=authorizer)
        api.method("/open")
        api.deploy()
        for name, value in (stage_variables or {}).items():
            operations = [{"op": "replace", "path": f"/variables/{name}", "value": value}]
            api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
        scene = Scene(api, authorizer, function_arn, events, served)
        return scene

    return make


# --- events of the function -------------------------------------------------------------------------------------


def test_a_token_authorizer_gets_the_token_and_the_method(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    assert scene.call("/a/1%2F2/", sent="Bearer abc").status == 200
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{scene.api.api_id}/stage/GET/a/1%2F2"
    assert scene.events == [{"type": "TOKEN", "methodArn": arn, "authorizationToken": "Bearer abc"}]
    assert scene.api.cloud.functions.invoked[-2:] == [scene.authorizer_arn, scene.api.function_arn]


def test_a_request_authorizer_gets_the_request_without_its_body(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(type="REQUEST", stage_variables={"colour": "red"})
    assert scene.call("/a/7?q=1&q=2", method="POST", body=b"secret", headers={"X-One": "1"}).status == 200
    (event,) = scene.events
    context = event.pop("requestContext")
    trace = event["headers"].pop("X-Amzn-Trace-Id")
    assert event["multiValueHeaders"].pop("X-Amzn-Trace-Id") == [trace]
    headers = {
        "Authorization": "token",
        "X-One": "1",
        "Accept-Encoding": "identity",
        "Host": f"{scene.api.api_id}.execute-api.us-east-1.amazonaws.com",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": str(scene.api.cloud.cloud.port),
        "X-Forwarded-Proto": "http",
    }
    assert event == {
        "type": "REQUEST",
        "methodArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{scene.api.api_id}/stage/POST/a/7",
        "resource": "/a/{id}",
        "path": "/a/7",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {"q": "2"},
        "multiValueQueryStringParameters": {"q": ["1", "2"]},
        "pathParameters": {"id": "7"},
        "stageVariables": {"colour": "red"},
    }
    assert (context["apiId"], context["resourcePath"], context["stage"], context["httpMethod"]) == (
        scene.api.api_id,
        "/a/{id}",
        "stage",
        "POST",
    )
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert "authorizer" not in context


def test_what_is_empty_is_an_empty_object_for_a_request_authorizer(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(type="REQUEST", identitySource="")
    assert scene.call("/b", sent=None).status == 200
    names = (
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
    )
    assert [scene.events[0][name] for name in names] == [{}, {}, {}, {}]


def test_a_request_authorizer_sees_the_key_of_a_method_that_requires_one(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(type="REQUEST")
    scene.api.method(
        "/keyed", authorizationType="CUSTOM", authorizerId=scene.authorizer_id, apiKeyRequired=True
    )
    scene.api.deploy()
    assert scene.call("/keyed", headers={"X-Api-Key": "mine"}).status == 403
    assert scene.events[0]["requestContext"]["identity"]["apiKey"] == "mine"


# --- identity sources -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, ""])
def test_without_the_token_nobody_is_asked(make_scene: Callable[..., Scene], token: str | None) -> None:
    scene = make_scene()
    assert answered(scene.call(sent=token)) == UNAUTHORIZED
    assert (scene.events, scene.served) == ([], [])


@pytest.mark.parametrize(
    ("token", "status"), [("Bearer abc", 200), ("Bearer ", 401), ("Basic abc", 401), ("Bearer abc!", 401)]
)
def test_a_token_must_match_the_expression(make_scene: Callable[..., Scene], token: str, status: int) -> None:
    scene = make_scene(identityValidationExpression="Bearer [a-z]+")
    response = scene.call(sent=token)
    assert response.status == status
    assert len(scene.events) == (status == 200)
    if status == 401:
        assert answered(response) == UNAUTHORIZED


def test_each_identity_source_of_a_request_authorizer_must_be_there(make_scene: Callable[..., Scene]) -> None:
    sources = "method.request.header.X-User, method.request.querystring.tenant,stageVariables.colour,context.httpMethod"
    scene = make_scene(type="REQUEST", identitySource=sources, stage_variables={"colour": "red"})
    for path, headers in (
        ("/b?tenant=1", {}),
        ("/b", {"X-User": "me"}),
        ("/b?tenant=", {"X-User": "me"}),
        ("/b?tenant=1", {"X-User": ""}),
    ):
        assert answered(scene.call(path, sent=None, headers=headers)) == UNAUTHORIZED
    assert scene.events == []
    assert scene.call("/b?tenant=1", sent=None, headers={"x-user": "me"}).status == 200
    assert len(scene.events) == 1


def test_a_missing_stage_variable_is_401_and_an_unknown_source_500(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(type="REQUEST", identitySource="stageVariables.colour")
    assert answered(scene.call()) == UNAUTHORIZED
    scene = make_scene(type="REQUEST", identitySource="method.request.body.x")
    assert answered(scene.call()) == CONFIGURATION


# --- what the answer means --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement()], None),
        ([statement(resource="arn:aws:execute-api:*:*:*")], None),
        (
            [
                statement(
                    resource=["arn:aws:execute-api:*:*:other/*", "arn:aws:execute-api:*:*:*/stage/*/a/?"]
                )
            ],
            None,
        ),
        ([statement(action=["execute-api:*"])], None),
        ([statement(action="EXECUTE-API:INVOKE")], None),
        ([statement(resource="arn:aws:execute-api:*:*:*/stage/POST/a/1")], DENIED),
        ([statement(resource="arn:aws:execute-api:*:*:*/other/*")], DENIED),
        ([statement(resource="arn:aws:execute-api:eu-west-1:*:*")], DENIED),
        ([statement(action="execute-api:InvalidateCache")], DENIED),
        ([statement("Deny")], EXPLICITLY_DENIED),
        ([statement(), statement("Deny", "arn:aws:execute-api:*:*:*/stage/GET/a/*")], EXPLICITLY_DENIED),
        ([statement(), statement("Deny", "arn:aws:execute-api:*:*:*/stage/GET/b")], None),
        (
            [{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:execute-api:*:*:*/stage/GET/b"}],
            None,
        ),
        ([statement() | {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}], None),
        ([statement() | {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}], DENIED),
        ([statement() | {"Condition": {"Unheard": {"aws:SourceIp": "10.0.0.0/8"}}}], DENIED),
    ],
    ids=str,
)
def test_the_policy_decides(
    statements: list[dict[str, Any]], expected: tuple[int, bytes, str] | None
) -> None:
    answer = read_answer(json.dumps(policy(*statements)).encode())
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/stage/GET/a/1"
    if expected is None:
        answer.check(arn, {"aws:SourceIp": "127.0.0.1"})
        return
    with pytest.raises(GatewayError) as caught:
        answer.check(arn, {"aws:SourceIp": "127.0.0.1"})
    assert answered_plainly(caught.value) == expected


def test_a_policy_that_does_not_allow_is_403_over_http(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    scene.answer = policy(statement(resource="arn:aws:execute-api:*:*:*/stage/POST/*"))
    assert answered(scene.call()) == DENIED
    assert scene.served == []
    assert scene.call(method="POST").status == 200


def test_another_spelling_of_a_path_does_not_evade_a_denial(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    scene.answer = policy(statement(), statement("Deny", "arn:aws:execute-api:*:*:*/stage/GET/b"))
    for path in ("/b", "/b/", "//b", "/%62"):
        assert answered(scene.call(path)) == EXPLICITLY_DENIED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (function_failure("Exception", "Unauthorized"), UNAUTHORIZED),
        (function_failure("Exception", "unauthorized"), FAILURE),
        (function_failure("KeyError", "'x'"), FAILURE),
        (function_failure("Sandbox.Timedout", "Task timed out after 3.00 seconds"), FAILURE),
        (InvocationResult(b"no JSON", "Unhandled", "$LATEST", "", 1.0), FAILURE),
    ],
)
def test_a_function_that_raises(
    make_scene: Callable[..., Scene], error: InvocationResult, expected: tuple[int, bytes, str]
) -> None:
    scene = make_scene()
    scene.answer = error
    assert answered(scene.call()) == expected
    assert scene.served == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "is not an object"),
        (b"null", "is not an object"),
        (b'"Allow"', "is not an object"),
        ({"policyDocument": policy()["policyDocument"]}, "has no principalId"),
        (policy() | {"principalId": 7}, "has no principalId"),
        ({"principalId": "me"}, "has no policyDocument"),
        ({"principalId": "me", "policyDocument": "Allow"}, "has no policyDocument"),
        ({"principalId": "me", "policyDocument": {}}, "has a policyDocument with a malformed Statement"),
        (policy(statement("allow")), "has a policyDocument with a malformed Statement"),
        (policy(statement(resource=[])), "has a policyDocument with a malformed Statement"),
        (policy(statement(action=None)), "has a policyDocument with a malformed Statement"),
        (policy(statement() | {"Condition": "x"}), "has a policyDocument with a malformed Statement"),
        (policy(context="text"), "has a context that is not an object"),
        (policy(context={"roles": ["a"]}), "has a context with an object or a list: roles"),
        (policy(context={"user": {}}), "has a context with an object or a list: user"),
        (policy(usageIdentifierKey=1), "has a usageIdentifierKey that is not text"),
    ],
    ids=str,
)
def test_an_answer_that_is_none(make_scene: Callable[..., Scene], answer: Any, reason: str) -> None:
    payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(GatewayError) as caught:
        read_answer(payload)
    assert caught.value.reason == f"the authorizer's answer {reason}"
    assert caught.value.fault.response_type == "AUTHORIZER_CONFIGURATION_ERROR"


def test_a_bad_answer_is_500_over_http(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    scene.answer = policy(context={"roles": ["a"]})
    assert answered(scene.call()) == CONFIGURATION
    assert scene.served == []


def test_the_function_gets_the_context_as_text(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    scene.answer = policy(context={"text": "a", "whole": 1, "real": 1.5, "yes": True, "nothing": None})
    assert scene.call().status == 200
    authorizer = scene.served[0]["requestContext"]["authorizer"]
    assert isinstance(authorizer.pop("integrationLatency"), int)
    assert authorizer == {
        "principalId": "ada",
        "text": "a",
        "whole": "1",
        "real": "1.5",
        "yes": "true",
    }


def test_gateway_responses_are_made_for_refusals_and_see_the_context(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene()
    template = '{"message": $context.error.messageString, "who": "$context.authorizer.principalId"}'
    for kind in ("ACCESS_DENIED", "UNAUTHORIZED", "AUTHORIZER_FAILURE"):
        scene.api.aws.put_gateway_response(
            restApiId=scene.api.api_id,
            responseType=kind,
            responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'https://a.example'"},
            responseTemplates={"application/json": template},
        )
    scene.api.deploy()
    scene.answer = policy(statement("Deny"))
    denied = scene.call()
    assert denied.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert json.loads(denied.content) == {
        "message": "User is not authorized to access this resource with an explicit deny",
        "who": "ada",
    }
    assert json.loads(scene.call(sent=None).content) == {"message": "Unauthorized", "who": ""}
    scene.answer = function_failure("E", "x")
    failed = scene.call()
    assert (failed.status, json.loads(failed.content)) == (500, {"message": None, "who": ""})


# --- who may ask the function -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "status"), [("authorizer", 200), (None, 500), ("other authorizer", 500), ("methods", 500)]
)
def test_the_authorizer_needs_a_permission_of_its_own(
    make_scene: Callable[..., Scene], permission: str | None, status: int
) -> None:
    scene = make_scene(permission=permission)
    response = scene.call()
    assert response.status == status
    if status == 500:
        assert answered(response) == CONFIGURATION
        assert scene.events == []


def test_credentials_stand_for_the_permission(make_scene: Callable[..., Scene], cloud: CloudInThread) -> None:
    iam = cloud.client("iam")
    trust = statement() | {"Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    del trust["Resource"]
    role = iam.create_role(
        RoleName="authorizer-invoker",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    scene = make_scene(permission=None, authorizerCredentials=role)
    assert answered(scene.call()) == CONFIGURATION
    document = {
        "Version": "2012-10-17",
        "Statement": [statement(action="lambda:InvokeFunction", resource=scene.authorizer_arn)],
    }
    iam.put_role_policy(
        RoleName="authorizer-invoker", PolicyName="invoke", PolicyDocument=json.dumps(document)
    )
    assert scene.call().status == 200
    nobody = json.dumps(
        {"Version": "2012-10-17", "Statement": [trust | {"Principal": {"Service": "lambda.amazonaws.com"}}]}
    )
    iam.update_assume_role_policy(RoleName="authorizer-invoker", PolicyDocument=nobody)
    assert answered(scene.call()) == CONFIGURATION
    scene = make_scene(permission=None, authorizerCredentials=f"arn:aws:iam::{ACCOUNT}:role/missing")
    assert answered(scene.call()) == CONFIGURATION


def test_an_authorizer_without_a_function(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(authorizerUri="arn:aws:apigateway:us-east-1:lambda:path/nothing")
    assert answered(scene.call()) == CONFIGURATION


@pytest.mark.parametrize(
    ("error", "expected"), [(FunctionNotFound("gone"), CONFIGURATION), (TooManyRequests("Rate"), FAILURE)]
)
def test_a_function_that_lambda_does_not_run(
    make_scene: Callable[..., Scene], error: Exception, expected: tuple[int, bytes, str]
) -> None:
    def refuse(_event: Any) -> None:
        raise error

    scene = make_scene()
    scene.answer = refuse
    assert answered(scene.call()) == expected


def test_methods_without_it_are_open_and_a_change_needs_a_deployment(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene()
    assert scene.call("/open", sent=None).status == 200
    operations = [{"op": "replace", "path": "/identitySource", "value": "method.request.header.X-Other"}]
    scene.api.aws.update_authorizer(
        restApiId=scene.api.api_id, authorizerId=scene.authorizer_id, patchOperations=operations
    )
    assert scene.call().status == 200
    scene.api.deploy()
    assert scene.call().status == 401
    assert scene.call(sent=None, headers={"X-Other": "x"}).status == 200


def test_an_authorizer_that_the_deployment_lacks(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    scene.api.aws.delete_authorizer(restApiId=scene.api.api_id, authorizerId=scene.authorizer_id)
    assert scene.call().status == 200
    scene.api.deploy()
    assert answered(scene.call()) == CONFIGURATION


# --- remembered answers -----------------------------------------------------------------------------------------


class Invoker:
    """Invoker that answers for a function and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Any = policy()
        self.seconds = 0.0

    async def invoke(self, _function_arn: str, _payload: bytes, **_ids: str | None) -> InvocationResult:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        if isinstance(self.answer, InvocationResult):
            return self.answer
        return InvocationResult(json.dumps(self.answer).encode(), None, "1", "", 1.0)


class StageSettings:
    variables: dict[str, str] | None = None
    tracing_enabled = False


FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
AUTHORIZER: dict[str, Any] = {
    "id": "abc123",
    "type": "TOKEN",
    "identitySource": "method.request.header.Authorization",
    "authorizerResultTtlInSeconds": 60,
    "authorizerUri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations",
}
PERMISSION = {
    "Effect": "Allow",
    "Principal": {"Service": "apigateway.amazonaws.com"},
    "Action": "lambda:InvokeFunction",
    "Resource": FUNCTION,
}


class Desk:
    """Lambda authorizers with a clock that is set by hand."""

    def __init__(self, timeout_seconds: float = 5.0, **settings: Any) -> None:
        self.now = 0.0
        self.invoker = Invoker()
        self.authorizer = AUTHORIZER | settings
        self.stage = StageSettings()
        self.authorizers = LambdaAuthorizers(
            self.invoker,
            read_policy=lambda _arn: [PERMISSION],
            clock=lambda: self.now,
            timeout_seconds=timeout_seconds,
        )

    def ask(self, sent: str = "token", path: str = "/a") -> Exchange:
        method = Method(
            "r", path, "GET", "CUSTOM", "abc123", (), False, False, False, {}, {}, None, None, frozenset()
        )
        api = ApiDefinition("api", "name", ACCOUNT, REGION, "d", Router([]))
        request = Request("GET", path, "", (("Authorization", sent),), b"", "127.0.0.1", "HTTP/1.1", 80)
        exchange = Exchange(request, DeployedStage("stage", api, self.stage), path, "host", method=method)
        asyncio.run(self.authorizers.authorize(exchange, self.authorizer))
        return exchange


def test_an_answer_is_remembered_for_its_time_and_its_token() -> None:
    desk = Desk()
    desk.ask()
    desk.now = 59.9
    assert desk.ask().authorizer == {"principalId": "ada", "integrationLatency": 0}
    assert desk.invoker.calls == 1
    desk.ask("other token")
    assert desk.invoker.calls == 2
    desk.now = 60.0
    desk.ask()
    assert desk.invoker.calls == 3


def test_a_remembered_policy_is_applied_to_each_method() -> None:
    desk = Desk()
    desk.invoker.answer = policy(
        statement(resource=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/stage/GET/a")
    )
    desk.ask()
    with pytest.raises(GatewayError) as caught:
        desk.ask(path="/b")
    assert caught.value.reason == (
        f"the authorizer's policy does not allow arn:aws:execute-api:{REGION}:{ACCOUNT}:api/stage/GET/b"
    )
    assert desk.invoker.calls == 1


@pytest.mark.parametrize(
    ("settings", "times"),
    [
        ({"authorizerResultTtlInSeconds": 0}, 2),
        ({"authorizerResultTtlInSeconds": None}, 1),
        ({"type": "REQUEST"}, 1),
        ({"type": "REQUEST", "identitySource": ""}, 2),
    ],
    ids=str,
)
def test_when_answers_are_remembered(settings: dict[str, Any], times: int) -> None:
    desk = Desk(**settings)
    desk.ask()
    desk.ask()
    assert desk.invoker.calls == times


def test_a_refusal_of_the_function_is_not_remembered() -> None:
    desk = Desk()
    desk.invoker.answer = function_failure("Exception", "Unauthorized")
    for _ in range(2):
        with pytest.raises(GatewayError):
            desk.ask()
    assert desk.invoker.calls == 2


def test_a_stage_variable_chooses_the_function_and_with_it_the_answers() -> None:
    uri = AUTHORIZER["authorizerUri"].replace(f"{FUNCTION}/", f"{FUNCTION}${{stageVariables.qualifier}}/")
    desk = Desk(authorizerUri=uri)
    desk.ask()
    desk.stage.variables = {"qualifier": ":2"}
    with pytest.raises(GatewayError) as caught:
        desk.ask()
    assert caught.value.reason.startswith(f"no permission on {FUNCTION}:2 for arn:aws:execute-api:")


def test_another_stage_or_other_settings_start_anew() -> None:
    desk = Desk()
    desk.ask()
    desk.stage = StageSettings()
    desk.ask()
    assert desk.invoker.calls == 2
    desk.authorizer |= {"authorizerUri": AUTHORIZER["authorizerUri"].replace("function:f", "function:f:2")}
    with pytest.raises(GatewayError) as caught:
        desk.ask()
    assert caught.value.reason.startswith(f"no permission on {FUNCTION}:2 for arn:aws:execute-api:")


def test_an_authorizer_that_takes_too_long_is_a_failure() -> None:
    desk = Desk(timeout_seconds=0.01)
    desk.invoker.seconds = 5.0
    with pytest.raises(GatewayError) as caught:
        desk.ask()
    assert caught.value.fault.response_type == "AUTHORIZER_FAILURE"
    assert caught.value.reason == f"{FUNCTION} took longer than 0.01 s; it runs on"
