"""API that `make soak` calls, created with AWS's API, with real worker processes."""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from dataclasses import dataclass
from typing import Any

from deploy_tools.local_session import local_session

REGION = "us-east-1"
ACCOUNT = "123456789012"
STAGE = "soak"
GOOD_TOKEN = "Bearer good"  # noqa: S105 - a made-up token that only the authorizer below accepts
DENIED_TOKEN = "Bearer denied"  # noqa: S105 - as above
RATE, BURST = 1, 10
"""Throttle of `GET /throttled`: requests a second, and burst."""

FUNCTIONS = ("items", "plain", "slow", "fragile", "authorizer")

_CODE = """
import json
import os
import time


def items(event, context):
    return {"statusCode": 200, "body": json.dumps({"number": json.loads(event["body"])["number"]})}


def plain(event, context):
    return {"statusCode": 200, "body": "{}"}


def slow(event, context):
    time.sleep(0.3)
    return {"statusCode": 200, "body": "{}"}


def fragile(event, context):
    how = (event["queryStringParameters"] or {}).get("how")
    if how == "exit":
        os._exit(3)
    if how == "raise":
        raise RuntimeError("raised on purpose")
    return {"statusCode": 200, "body": "{}"}


def authorizer(event, context):
    token = event["authorizationToken"]
    if token not in ("Bearer good", "Bearer denied"):
        raise Exception("Unauthorized")
    effect = "Allow" if token == "Bearer good" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "soak", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""
_ITEM = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["number"],
    "properties": {"number": {"type": "integer"}, "padding": {"type": "string"}},
    "additionalProperties": False,
}
_ACCESS_LOG = '{"id":"$context.requestId","status":"$context.status","path":"$context.resourcePath"}'


@dataclass(frozen=True, slots=True)
class SoakApi:
    """A deployed API.

    Attributes:
        path: The path of its stage on the local cloud.
        api_key: A key whose quota is `quota`.
        quota: How many requests the key is good for.
    """

    path: str
    api_key: str
    quota: int


def deploy_soak_api(endpoint_url: str, *, quota: int) -> SoakApi:
    """Create the functions and the API with a route for each kind of request.

    Args:
        endpoint_url: The local cloud.
        quota: How many requests the API key is good for, in a month.
    """
    session = local_session(REGION)
    arns = _functions(session, endpoint_url)
    api = session.client("apigateway", endpoint_url=endpoint_url)
    created = api.create_rest_api(name="soak")
    identifier, root = created["id"], created["rootResourceId"]
    functions = session.client("lambda", endpoint_url=endpoint_url)
    for name in FUNCTIONS:
        functions.add_permission(
            FunctionName=name,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{identifier}/*",
        )

    def add(path: str, http_method: str, function: str, **options: Any) -> None:
        resource = api.create_resource(restApiId=identifier, parentId=root, pathPart=path)["id"]
        method = {"restApiId": identifier, "resourceId": resource, "httpMethod": http_method}
        api.put_method(**method, **({"authorizationType": "NONE"} | options))
        api.put_integration(
            **method, type="AWS_PROXY", integrationHttpMethod="POST", uri=_invocations(arns[function])
        )

    api.create_model(
        restApiId=identifier, name="item", contentType="application/json", schema=json.dumps(_ITEM)
    )
    validator = api.create_request_validator(restApiId=identifier, name="body", validateRequestBody=True)
    add("items", "POST", "items", requestValidatorId=validator["id"], requestModels={"$default": "item"})
    authorizer = api.create_authorizer(
        restApiId=identifier,
        name="token",
        type="TOKEN",
        authorizerUri=_invocations(arns["authorizer"]),
        identitySource="method.request.header.Authorization",
        authorizerResultTtlInSeconds=0,
    )
    add("private", "GET", "plain", authorizationType="CUSTOM", authorizerId=authorizer["id"])
    add("metered", "GET", "plain", apiKeyRequired=True)
    add("throttled", "GET", "plain")
    add("slow", "GET", "slow")
    add("fragile", "GET", "fragile")
    api.create_deployment(restApiId=identifier, stageName=STAGE)
    _stage_settings(session, endpoint_url, identifier)
    key = api.create_api_key(name="soak", enabled=True)
    plan = api.create_usage_plan(
        name="soak",
        apiStages=[{"apiId": identifier, "stage": STAGE}],
        quota={"limit": quota, "period": "MONTH"},
    )
    api.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    return SoakApi(f"/_aws/execute-api/{identifier}/{STAGE}", key["value"], quota)


def replace_workers(endpoint_url: str) -> None:
    """Change every function's settings, so that the local cloud ends idle workers."""
    functions = local_session(REGION).client("lambda", endpoint_url=endpoint_url)
    for name in FUNCTIONS:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"ROUND": "2"}})


def _functions(session: Any, endpoint_url: str) -> dict[str, str]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", _CODE)
    iam = session.client("iam", endpoint_url=endpoint_url)
    functions = session.client("lambda", endpoint_url=endpoint_url)
    logs = session.client("logs", endpoint_url=endpoint_url)
    role = iam.create_role(RoleName="soak", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    arns = {}
    for name in FUNCTIONS:
        logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
        arns[name] = functions.create_function(
            FunctionName=name,
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=role,
            Handler=f"app.{name}",
            Code={"ZipFile": packed.getvalue()},
            Timeout=20,
            Architectures=["arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"],
        )["FunctionArn"]
    return arns


def _stage_settings(session: Any, endpoint_url: str, identifier: str) -> None:
    logs = session.client("logs", endpoint_url=endpoint_url)
    logs.create_log_group(logGroupName="soak-access")
    values = {
        "/accessLogSettings/destinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:soak-access",
        "/accessLogSettings/format": _ACCESS_LOG,
        "/throttled/GET/throttling/rateLimit": str(RATE),
        "/throttled/GET/throttling/burstLimit": str(BURST),
    }
    session.client("apigateway", endpoint_url=endpoint_url).update_stage(
        restApiId=identifier,
        stageName=STAGE,
        patchOperations=[{"op": "replace", "path": path, "value": value} for path, value in values.items()],
    )


def _invocations(function_arn: str) -> str:
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
