"""The pre token generation trigger of a user pool, with a function that runs."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud import moto_gaps
from tests.support import aws
from tests.support.function_cloud import ACCOUNT, ECHO, REGION, Cloud, arn

PASSWORD = "Secret-123"
RETURNING = "def handler(event, context):\n    event['response'] = {}\n    return event\n"


def adding(**details: Any) -> str:
    return (
        f"def handler(event, context):\n"
        f"    event['response'] = {{'claimsOverrideDetails': {details!r}}}\n"
        f"    return event\n"
    )


@dataclass
class Pool:
    """A user pool with a trigger, one client and one user in a group."""

    idp: Any
    pool_id: str
    client_id: str

    def sign_in(self, *, admin: bool = False) -> dict[str, Any]:
        flow = "ADMIN_USER_PASSWORD_AUTH" if admin else "USER_PASSWORD_AUTH"
        return self.authenticate(flow, admin, USERNAME="ada", PASSWORD=PASSWORD)

    def refresh(self, token: str, *, admin: bool = False) -> dict[str, Any]:
        return self.authenticate("REFRESH_TOKEN_AUTH", admin, REFRESH_TOKEN=token)

    def authenticate(self, flow: str, admin: bool, **parameters: str) -> dict[str, Any]:
        call = self.idp.admin_initiate_auth if admin else self.idp.initiate_auth
        pool = {"UserPoolId": self.pool_id} if admin else {}
        answer = call(ClientId=self.client_id, AuthFlow=flow, AuthParameters=parameters, **pool)
        return dict(answer.get("AuthenticationResult", answer))


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.fixture
def idp(cloud: Cloud) -> Any:
    moto_gaps.apply()
    return aws.client("cognito-idp", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))


def make_pool(
    cloud: Cloud, idp: Any, code: str, *, permitted: bool = True, trigger: dict[str, Any] | None = None
) -> Pool:
    cloud.deploy(code)
    pool = idp.create_user_pool(
        PoolName="users", LambdaConfig=trigger or {"PreTokenGeneration": arn("demo")}
    )["UserPool"]
    if permitted:
        aws.client("lambda", region_name=REGION).add_permission(
            FunctionName="demo",
            StatementId="cognito",
            Action="lambda:InvokeFunction",
            Principal="cognito-idp.amazonaws.com",
            SourceArn=pool["Arn"],
        )
    client = idp.create_user_pool_client(UserPoolId=pool["Id"], ClientName="app")["UserPoolClient"]
    user = {"UserPoolId": pool["Id"], "Username": "ada"}
    idp.admin_create_user(**user, UserAttributes=[{"Name": "email", "Value": "ada@example.com"}])
    idp.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    idp.create_group(UserPoolId=pool["Id"], GroupName="staff")
    idp.admin_add_user_to_group(**user, GroupName="staff")
    return Pool(idp, pool["Id"], client["ClientId"])


RECORDING = """
import json

def handler(event, context):
    claims = {"tenant": "7", "source": event["triggerSource"], "event": json.dumps(event)}
    event["response"]["claimsOverrideDetails"] = {"claimsToAddOrOverride": claims}
    return event
"""


@pytest.mark.parametrize("admin", [False, True])
def test_claims_land_in_the_id_token_at_sign_in_and_at_refresh(cloud: Cloud, idp: Any, admin: bool) -> None:
    pool = make_pool(cloud, idp, RECORDING)
    signed_in = pool.sign_in(admin=admin)
    first = claims(signed_in["IdToken"])
    assert (first["tenant"], first["source"]) == ("7", "TokenGeneration_Authentication")
    assert first["cognito:groups"] == ["staff"]
    assert "tenant" not in claims(signed_in["AccessToken"])
    again = claims(pool.refresh(signed_in["RefreshToken"], admin=admin)["IdToken"])
    assert (again["tenant"], again["source"]) == ("7", "TokenGeneration_RefreshTokens")
    assert (again["sub"], again["origin_jti"]) == (first["sub"], first["origin_jti"])
    event = json.loads(first["event"])
    assert event == {
        "version": "1",
        "triggerSource": "TokenGeneration_Authentication",
        "region": REGION,
        "userPoolId": pool.pool_id,
        "userName": "ada",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": pool.client_id},
        "request": {
            "userAttributes": {
                "sub": first["sub"],
                "email": "ada@example.com",
                "cognito:user_status": "CONFIRMED",
            },
            "groupConfiguration": {
                "groupsToOverride": ["staff"],
                "iamRolesToOverride": [],
                "preferredRole": None,
            },
        },
        "response": {"claimsOverrideDetails": None},
    }


def test_a_new_password_is_a_source_of_its_own(cloud: Cloud, idp: Any) -> None:
    pool = make_pool(cloud, idp, RECORDING)
    idp.admin_create_user(UserPoolId=pool.pool_id, Username="new", TemporaryPassword="Temporary-1")
    challenge = pool.authenticate("USER_PASSWORD_AUTH", False, USERNAME="new", PASSWORD="Temporary-1")
    answer = idp.respond_to_auth_challenge(
        ClientId=pool.client_id,
        ChallengeName=challenge["ChallengeName"],
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": "new", "NEW_PASSWORD": PASSWORD},
    )
    token_claims = claims(answer["AuthenticationResult"]["IdToken"])
    assert token_claims["source"] == "TokenGeneration_NewPasswordChallenge"


def test_the_token_verifies_with_the_key_of_the_pool(cloud: Cloud, idp: Any) -> None:
    from joserfc import jwt
    from moto.cognitoidp.models import cognitoidp_backends

    pool = make_pool(cloud, idp, RECORDING)
    token = pool.sign_in()["IdToken"]
    key = cognitoidp_backends[ACCOUNT][REGION].user_pools[pool.pool_id].json_web_key
    assert jwt.decode(token, key).claims["tenant"] == "7"


def test_suppressed_claims_are_missing_and_protected_ones_stay(cloud: Cloud, idp: Any) -> None:
    added = {"sub": "forged", "aud": "forged", "cognito:username": "eve", "dev:x": "1", "a": "1", "b": "2"}
    suppressed = ["iss", "b", "cognito:groups"]
    code = adding(claimsToAddOrOverride=added, claimsToSuppress=suppressed)
    pool = make_pool(cloud, idp, code)
    token_claims = claims(pool.sign_in()["IdToken"])
    assert token_claims["iss"].endswith(pool.pool_id)
    assert (token_claims["aud"], token_claims["cognito:username"], token_claims["a"]) == (
        pool.client_id,
        "ada",
        "1",
    )
    assert token_claims["sub"] != "forged"
    assert not {"b", "dev:x", "cognito:groups"} & set(token_claims)


@pytest.mark.parametrize("code", [ECHO, RETURNING, adding()])
def test_a_trigger_may_change_nothing(cloud: Cloud, idp: Any, code: str) -> None:
    assert claims(make_pool(cloud, idp, code).sign_in()["IdToken"])["cognito:groups"] == ["staff"]


@pytest.mark.parametrize(
    ("code", "permitted", "error", "message"),
    [
        (
            "def handler(event, context):\n    raise ValueError('no tenant')\n",
            True,
            "UserLambdaValidationException",
            "PreTokenGeneration failed with error no tenant.",
        ),
        (
            ECHO,
            False,
            "UnexpectedLambdaException",
            "PreTokenGeneration invocation failed due to error AccessDeniedException.",
        ),
        (
            "def handler(event, context):\n    return 'x'\n",
            True,
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output",
        ),
        (
            adding(claimsToAddOrOverride={"n": 1}),
            True,
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output",
        ),
        (
            adding(claimsToSuppress="email"),
            True,
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output",
        ),
    ],
)
def test_a_failed_trigger_fails_the_sign_in(
    cloud: Cloud, idp: Any, code: str, permitted: bool, error: str, message: str
) -> None:
    pool = make_pool(cloud, idp, code, permitted=permitted)
    with pytest.raises(ClientError) as raised:
        pool.sign_in()
    assert raised.value.response["Error"] == {"Code": error, "Message": message}
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("code", "version", "message"),
    [
        (ECHO, "V2_0", "pre token generation events of version V2_0; use V1_0"),
        (
            adding(groupOverrideDetails={"groupsToOverride": ["root"]}),
            "V1_0",
            "a pre token generation trigger that changes groupOverrideDetails",
        ),
    ],
)
def test_what_is_not_implemented_is_not_passed_over(
    cloud: Cloud, idp: Any, code: str, version: str, message: str
) -> None:
    trigger = {"PreTokenGenerationConfig": {"LambdaVersion": version, "LambdaArn": arn("demo")}}
    pool = make_pool(cloud, idp, code, trigger=trigger)
    with pytest.raises(NotImplementedError, match=f"^{message}$"):
        pool.sign_in()
