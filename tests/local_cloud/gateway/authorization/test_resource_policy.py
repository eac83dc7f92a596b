"""Resource policies of REST APIs, alone and together with what a method asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]
MakeFunction = Callable[[Callable[[Any], Any]], str]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect: str = "Allow", resource: str = "execute-api:/*", **more: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": resource,
    } | more


def refusal(
    api: DeployedApi, rest: str = "GET/a", who: str = "anonymous", suffix: str = ""
) -> tuple[int, str]:
    arn = f"arn:aws:execute-api:{REGION}:********{ACCOUNT[-4:]}:{api.api_id}/stage/{rest}"
    return 403, f"User: {who} is not authorized to perform: execute-api:Invoke on resource: {arn}{suffix}"


def outcome(response: Any) -> tuple[int, str]:
    return response.status, json.loads(response.content)["Message"] if response.status == 403 else ""


OTHER_ADDRESS = {"Condition": {"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}}}
THIS_ADDRESS = {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}}
DENIED = " with an explicit deny"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement()], None),
        ([statement(Principal={"AWS": "*"})], None),
        ([statement(resource="arn:aws:execute-api:*:*:*/stage/GET/a")], None),
        ([statement(**THIS_ADDRESS)], None),
        ([statement(), statement("Deny", **OTHER_ADDRESS)], None),
        ([], ""),
        ([statement(resource="execute-api:/stage/POST/*")], ""),
        ([statement(resource="execute-api:/other/*")], ""),
        ([statement(**OTHER_ADDRESS)], ""),
        ([statement(Principal={"AWS": ACCOUNT})], ""),
        ([statement(NotPrincipal={"AWS": ACCOUNT}, Principal=None)], ""),
        ([statement(), statement("Deny", **THIS_ADDRESS)], DENIED),
        ([statement(), statement("Deny", "execute-api:/stage/GET/a")], DENIED),
    ],
    ids=str,
)
def test_without_authorization_the_policy_has_to_allow(
    make_api: MakeApi, statements: list[dict[str, Any]], expected: str | None
) -> None:
    api = make_api(lambda _event: {"statusCode": 200}, policy=policy(*statements))
    api.method("/a")
    api.deploy()
    wanted = (200, "") if expected is None else refusal(api, suffix=expected)
    assert outcome(api.call("GET", "/a")) == wanted


def test_a_change_of_the_policy_needs_a_deployment(make_api: MakeApi) -> None:
    api = make_api(lambda _event: {"statusCode": 200}, policy=policy(statement("Deny")))
    api.method("/a")
    api.deploy()
    operations = [{"op": "replace", "path": "/policy", "value": policy(statement())}]
    api.aws.update_rest_api(restApiId=api.api_id, patchOperations=operations)
    assert api.call("GET", "/a").status == 403
    api.deploy()
    assert api.call("GET", "/a").status == 200


@pytest.mark.parametrize(
    ("resource_policy", "own", "expected"),
    [
        ("Allow", "Allow", "200"),
        ("Allow", None, "200"),
        (None, "Allow", "200"),
        (None, None, "implicit"),
        ("Allow", "Deny", "explicit"),
        (None, "Deny", "explicit"),
        ("Deny", "Allow", "before"),
        ("Deny", "Deny", "before"),
    ],
)
def test_with_a_lambda_authorizer_one_of_both_has_to_allow(
    make_api: MakeApi,
    make_function: MakeFunction,
    resource_policy: str | None,
    own: str | None,
    expected: str,
) -> None:
    questions = []

    def decide(event: Any) -> dict[str, Any]:
        questions.append(event)
        arn = "arn:aws:execute-api:*:*:nothing" if own is None else "*"
        statement = {"Effect": own or "Allow", "Action": "execute-api:Invoke", "Resource": arn}
        return {"principalId": "me", "policyDocument": {"Statement": [statement]}}

    statements = [] if resource_policy is None else [statement(resource_policy)]
    api = make_api(lambda _event: {"statusCode": 200}, policy=policy(*statements))
    function_arn = make_function(decide)
    api.cloud.client("lambda").add_permission(
        FunctionName=function_arn,
        StatementId="a",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    authorizer = api.aws.create_authorizer(
        restApiId=api.api_id,
        name="a",
        type="REQUEST",
        authorizerUri=api.proxy_integration(function_arn)["uri"],
        authorizerResultTtlInSeconds=0,
    )["id"]
    api.method("/a", authorizationType="CUSTOM", authorizerId=authorizer)
    api.deploy()
    message = "User is not authorized to access this resource"
    assert (
        outcome(api.call("GET", "/a"))
        == {
            "200": (200, ""),
            "implicit": (403, message),
            "explicit": (403, message + DENIED),
            "before": refusal(api, suffix=DENIED),
        }[expected]
    )
    assert len(questions) == (expected != "before")


_names = iter(range(10_000))


def make_user(cloud: CloudInThread, *statements: dict[str, Any]) -> tuple[str, Credentials]:
    iam = cloud.client("iam")
    name = f"guest-{next(_names)}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def signed_call(api: DeployedApi, credentials: Credentials) -> Any:
    url = f"{api.cloud.cloud.url}/_aws/execute-api/{api.api_id}/stage/a"
    request = AWSRequest(method="GET", url=url)
    SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    return api.call("GET", "/a", headers=dict(request.headers.items()))


OWN = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}


@pytest.mark.parametrize(
    ("principal", "effect", "own", "expected"),
    [
        ("the user", "Allow", False, None),
        ("the user", "Deny", True, DENIED),
        ("*", "Allow", False, None),
        ("another role", "Allow", False, ""),
        ("another role", "Deny", True, None),
        # the account's name lets the account's own policies decide
        ("the account", "Allow", False, ""),
        ("the account", "Allow", True, None),
        ("the account", "Deny", True, DENIED),
    ],
)
def test_a_signed_request_has_a_principal(
    make_api: MakeApi, cloud: CloudInThread, principal: str, effect: str, own: bool, expected: str | None
) -> None:
    arn, credentials = make_user(cloud, *([OWN] if own else []))
    named = {
        "the user": {"AWS": [arn]},
        "another role": {"AWS": f"{arn}-x"},
        "the account": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "*": "*",
    }
    document = policy(statement(effect, Principal=named[principal]))
    api = make_api(lambda _event: {"statusCode": 200}, policy=document)
    api.method("/a", authorizationType="AWS_IAM")
    api.deploy()
    wanted = (200, "") if expected is None else refusal(api, who=arn, suffix=expected)
    assert outcome(signed_call(api, credentials)) == wanted


def test_another_account_needs_both(make_api: MakeApi, cloud: CloudInThread) -> None:
    from moto.iam.models import iam_backends

    role = iam_backends["222222222222"]["aws"].create_role("guest", policy(), "/", None, "", [], "3600", None)
    keys = cloud.client("sts").assume_role(RoleArn=role.arn, RoleSessionName="me")["Credentials"]
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    document = policy(statement(Principal={"AWS": "222222222222"}))
    api = make_api(lambda _event: {"statusCode": 200}, policy=document)
    api.method("/a", authorizationType="AWS_IAM")
    api.deploy()
    session = "arn:aws:sts::222222222222:assumed-role/guest/me"
    assert outcome(signed_call(api, credentials)) == refusal(api, who=session)
    role.policies["p"] = policy(OWN)
    assert outcome(signed_call(api, credentials)) == (200, "")
    operations = [
        {"op": "replace", "path": "/policy", "value": policy(statement(Principal={"AWS": ACCOUNT}))}
    ]
    api.aws.update_rest_api(restApiId=api.api_id, patchOperations=operations)
    api.deploy()
    assert outcome(signed_call(api, credentials)) == refusal(api, who=session)


def test_with_a_user_pool_the_policy_has_to_allow_as_well(make_api: MakeApi, cloud: CloudInThread) -> None:
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]
    client = cognito.create_user_pool_client(UserPoolId=pool["Id"], ClientName="web")["UserPoolClient"]
    cognito.admin_create_user(UserPoolId=pool["Id"], Username="ann")
    cognito.admin_set_user_password(
        UserPoolId=pool["Id"], Username="ann", Password="Secret-123", Permanent=True
    )
    token = cognito.initiate_auth(
        ClientId=client["ClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": "Secret-123"},
    )["AuthenticationResult"]["IdToken"]
    for document, expected in ((policy(statement()), 200), (policy(), 403)):
        api = make_api(lambda _event: {"statusCode": 200}, policy=document)
        authorizer = api.aws.create_authorizer(
            restApiId=api.api_id,
            name="people",
            type="COGNITO_USER_POOLS",
            identitySource="method.request.header.Authorization",
            providerARNs=[pool["Arn"]],
        )["id"]
        api.method("/a", authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer)
        api.deploy()
        assert api.call("GET", "/a").status == 401
        assert api.call("GET", "/a", headers={"Authorization": token}).status == expected
