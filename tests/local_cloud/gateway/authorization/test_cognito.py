"""Tokens of Cognito user pools: those that moto's own sign-in gives are taken, and forged ones are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from local_cloud.gateway.authorization.cognito import authorize_token
from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.gateway.errors import GatewayError
from local_cloud.gateway.exchange import DeployedStage, Exchange
from local_cloud.gateway.routing import Router
from local_cloud.messages import Request
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]

PASSWORD = "Secret-123"
SCOPE = "aws.cognito.signin.user.admin"
UNAUTHORIZED = (401, b'{"message":"Unauthorized"}', "UnauthorizedException")
EXPIRED = (401, b'{"message":"The incoming token has expired"}', "UnauthorizedException")
CONFIGURATION = (500, b'{"message":null}', "AuthorizerConfigurationException")


def answered(response: Any) -> tuple[int, bytes, str]:
    return response.status, response.content, response.headers["x-amzn-ErrorType"]


@dataclass
class Pool:
    """A user pool with one user in one group."""

    cloud: CloudInThread
    pool_id: str
    client_id: str

    @property
    def arn(self) -> str:
        return f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{self.pool_id}"

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool_id}"

    @property
    def key(self) -> RSAKey:
        from moto.cognitoidp.models import cognitoidp_backends

        key: RSAKey = cognitoidp_backends[ACCOUNT][REGION].user_pools[self.pool_id].json_web_key
        return key

    def sign_in(self) -> tuple[str, str]:
        """Return an ID token and an access token."""
        signed_in = self.cloud.client("cognito-idp").initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return signed_in["IdToken"], signed_in["AccessToken"]

    def claims(self, use: str = "id", **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token; those that are None are left out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "1",
            "token_use": use,
            "iat": now,
            "exp": now + 3600,
            "aud" if use == "id" else "client_id": self.client_id,
        } | ({"scope": SCOPE} if use == "access" else {})
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, use: str = "id", **changes: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": "dummy"}, self.claims(use, **changes), self.key)


@pytest.fixture(scope="module")
def make_pool(cloud: CloudInThread) -> Callable[[], Pool]:
    def make() -> Pool:
        cognito = cloud.client("cognito-idp")
        pool_id = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
        client_id = cognito.create_user_pool_client(
            UserPoolId=pool_id, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )["UserPoolClient"]["ClientId"]
        cognito.create_group(UserPoolId=pool_id, GroupName="staff")
        cognito.create_group(UserPoolId=pool_id, GroupName="admins")
        cognito.admin_create_user(
            UserPoolId=pool_id,
            Username="ann",
            UserAttributes=[{"Name": "email", "Value": "ann@a.example"}],
        )
        cognito.admin_set_user_password(UserPoolId=pool_id, Username="ann", Password=PASSWORD, Permanent=True)
        for group in ("staff", "admins"):
            cognito.admin_add_user_to_group(UserPoolId=pool_id, Username="ann", GroupName=group)
        return Pool(cloud, pool_id, client_id)

    return make


@pytest.fixture(scope="module")
def pool(make_pool: Callable[[], Pool]) -> Pool:
    return make_pool()


@dataclass
class Scene:
    api: DeployedApi
    served: list[dict[str, Any]]

    def call(self, token: str | None, path: str = "/id", header: str = "Authorization") -> Any:
        return self.api.call("GET", path, headers={} if token is None else {header: token})


@pytest.fixture
def make_scene(make_api: MakeApi) -> Callable[..., Scene]:
    """An API that takes ID tokens at `/id`, and access tokens at `/access`."""

    def make(*pools: Pool, scopes: list[str] | None = None, **settings: Any) -> Scene:
        served: list[dict[str, Any]] = []

        def serve(event: dict[str, Any]) -> dict[str, Any]:
            served.append(event)
            return {"statusCode": 200}

        api = make_api(serve)
        options = {
            "type": "COGNITO_USER_POOLS",
            "identitySource": "method.request.header.Authorization",
            "authorizerResultTtlInSeconds": 300,
            "providerARNs": [pool.arn for pool in pools],
        } | settings
        authorizer = api.aws.create_authorizer(restApiId=api.api_id, name="people", **options)["id"]
        secured = {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": authorizer}
        api.method("/id", **secured)
        api.method("/access", **secured, authorizationScopes=scopes or ["orders/read", SCOPE])
        api.deploy()
        return Scene(api, served)

    return make


@pytest.fixture
def scene(make_scene: Callable[..., Scene], pool: Pool) -> Scene:
    return make_scene(pool)


# --- tokens of moto's own sign-in -------------------------------------------------------------------------------


def test_an_id_token_is_for_methods_without_scopes(scene: Scene, pool: Pool) -> None:
    id_token, access_token = pool.sign_in()
    assert scene.call(id_token).status == 200
    assert scene.call(f"Bearer {id_token}").status == 200
    assert scene.call(f"bearer  {id_token}").status == 200
    assert answered(scene.call(access_token)) == UNAUTHORIZED
    assert answered(scene.call(id_token, "/access")) == UNAUTHORIZED
    assert len(scene.served) == 3


def test_an_access_token_is_for_methods_with_one_of_its_scopes(
    make_scene: Callable[..., Scene], pool: Pool
) -> None:
    _, token = pool.sign_in()
    assert make_scene(pool).call(token, "/access").status == 200
    assert answered(make_scene(pool, scopes=["orders/read"]).call(token, "/access")) == UNAUTHORIZED
    assert answered(make_scene(pool, scopes=["aws.cognito"]).call(token, "/access")) == UNAUTHORIZED
    both = pool.token("access", scope="openid orders/read")
    assert make_scene(pool, scopes=["orders/read"]).call(both, "/access").status == 200


def test_the_function_gets_the_claims_as_text(scene: Scene, pool: Pool) -> None:
    token, _ = pool.sign_in()
    assert scene.call(token).status == 200
    authorizer = scene.served[0]["requestContext"]["authorizer"]
    assert list(authorizer) == ["claims"]
    claims = authorizer["claims"]
    assert claims["cognito:username"] == "ann"
    assert claims["cognito:groups"] in ("staff,admins", "admins,staff")  # moto keeps them in a set
    assert (claims["iss"], claims["aud"], claims["token_use"]) == (pool.issuer, pool.client_id, "id")
    sent = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["auth_time"] == str(sent["auth_time"])
    assert time.strptime(claims["exp"], "%a %b %d %H:%M:%S UTC %Y")[:6] == time.gmtime(sent["exp"])[:6]
    assert set(claims) == set(sent)


def test_a_pool_or_a_client_that_is_deleted_counts_at_once(
    make_scene: Callable[..., Scene], make_pool: Callable[[], Pool]
) -> None:
    pool = make_pool()
    scene = make_scene(pool)
    token, _ = pool.sign_in()
    assert scene.call(token).status == 200
    cognito = pool.cloud.client("cognito-idp")
    cognito.delete_user_pool_client(UserPoolId=pool.pool_id, ClientId=pool.client_id)
    assert answered(scene.call(token)) == UNAUTHORIZED
    cognito.delete_user_pool(UserPoolId=pool.pool_id)
    assert answered(scene.call(token)) == CONFIGURATION


def test_an_authorizer_may_have_several_pools(
    make_scene: Callable[..., Scene], make_pool: Callable[[], Pool], pool: Pool
) -> None:
    second, stranger = make_pool(), make_pool()
    scene = make_scene(pool, second)
    assert scene.call(pool.sign_in()[0]).status == 200
    assert scene.call(second.sign_in()[0]).status == 200
    assert answered(scene.call(stranger.sign_in()[0])) == UNAUTHORIZED
    # moto signs with the same key for all pools: only the claims tell them apart
    assert answered(scene.call(pool.token(aud=second.client_id))) == UNAUTHORIZED


def test_the_identity_source_names_the_header(make_scene: Callable[..., Scene], pool: Pool) -> None:
    scene = make_scene(pool, identitySource="method.request.header.X-Token")
    token, _ = pool.sign_in()
    assert answered(scene.call(token)) == UNAUTHORIZED
    assert scene.call(token, header="x-token").status == 200


def test_the_validation_expression_is_for_the_audience(make_scene: Callable[..., Scene], pool: Pool) -> None:
    token, access = pool.sign_in()
    scene = make_scene(pool, identityValidationExpression=pool.client_id)
    assert (scene.call(token).status, scene.call(access, "/access").status) == (200, 200)
    assert answered(make_scene(pool, identityValidationExpression="web-.*").call(token)) == UNAUTHORIZED


# --- tokens that are not good -----------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "Bearer ", "nonsense", "a.b.c", "Basic YTpi", "é.é.é"])
def test_no_token_is_401(scene: Scene, token: str | None) -> None:
    assert answered(scene.call(token)) == UNAUTHORIZED
    assert scene.served == []


NOW = int(time.time())
YEAR_2100 = 4_102_444_800
"""Always later; a test's name must not depend on when it was collected."""


@pytest.mark.parametrize(
    ("use", "changes"),
    [
        ("id", {"iss": None}),
        ("id", {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"}),
        ("id", {"iss": ["a"]}),
        ("id", {"aud": "other"}),
        ("id", {"aud": None}),
        ("id", {"aud": ["a"]}),
        ("id", {"token_use": "access"}),
        ("id", {"token_use": None}),
        ("id", {"exp": None}),
        ("id", {"exp": "tomorrow"}),
        ("id", {"nbf": YEAR_2100}),
        ("id", {"iat": YEAR_2100}),
        ("access", {"client_id": "other"}),
        ("access", {"client_id": None}),
        ("access", {"scope": None}),
        ("access", {"scope": "other"}),
        ("access", {"token_use": "id"}),
    ],
    ids=str,
)
def test_each_claim_is_checked_by_itself(scene: Scene, pool: Pool, use: str, changes: dict[str, Any]) -> None:
    path = f"/{use}"
    assert scene.call(pool.token(use), path).status == 200
    assert answered(scene.call(pool.token(use, **changes), path)) == UNAUTHORIZED
    assert len(scene.served) == 1


def test_an_expired_token_says_so(scene: Scene, pool: Pool) -> None:
    assert answered(scene.call(pool.token(exp=NOW - 3600))) == EXPIRED
    assert answered(scene.call(pool.token(exp=NOW - 1))) == EXPIRED
    other = RSAKey.generate_key(2048)
    forged = jwt.encode({"alg": "RS256", "kid": "dummy"}, pool.claims(exp=NOW - 3600), other)
    assert answered(scene.call(forged)) == UNAUTHORIZED


def test_a_clock_may_be_a_little_fast(scene: Scene, pool: Pool) -> None:
    soon = int(time.time()) + 50
    assert scene.call(pool.token(nbf=soon, iat=soon)).status == 200


def segment(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_forged_signatures(scene: Scene, pool: Pool) -> None:
    good = pool.token()
    header, payload, signature = good.split(".")
    stranger = RSAKey.generate_key(2048)
    changed = segment(pool.claims() | {"sub": "2"})
    public = pool.key.as_pem(private=False)
    same = RSAKey.import_key(pool.key.as_pem(private=True))  # without the algorithm that it is meant for

    def hs256(key: bytes) -> str:
        head = segment({"alg": "HS256", "typ": "JWT", "kid": "dummy"})
        mac = hmac.new(key, f"{head}.{payload}".encode(), hashlib.sha256).digest()
        return f"{head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    embedded = {"alg": "RS256", "kid": "dummy", "jwk": stranger.as_dict(private=False)}
    tokens = {
        "another key": jwt.encode({"alg": "RS256", "kid": "dummy"}, pool.claims(), stranger),
        "a key that the token brings along": jwt.encode(embedded, pool.claims(), stranger),
        "none": f"{segment({'alg': 'none'})}.{payload}.",
        "none with the signature": f"{segment({'alg': 'none'})}.{payload}.{signature}",
        "None": f"{segment({'alg': 'None'})}.{payload}.",
        "HS256 with the public key": hs256(public),
        "HS256 with an empty key": hs256(b""),
        "other claims": f"{header}.{changed}.{signature}",
        "no signature": f"{header}.{payload}.",
        "half a signature": good[:-20],
        "RS512": jwt.encode({"alg": "RS512"}, pool.claims(), same, algorithms=["RS512"]),
        "PS256": jwt.encode({"alg": "PS256"}, pool.claims(), same, algorithms=["PS256"]),
    }
    assert {name: answered(scene.call(token)) for name, token in tokens.items()} == dict.fromkeys(
        tokens, UNAUTHORIZED
    )
    assert scene.served == []
    assert scene.call(good).status == 200


def check(token: str, pool: Pool) -> Exchange:
    """Take a token to the authorizer without HTTP in between."""
    authorizer = {
        "type": "COGNITO_USER_POOLS",
        "identitySource": "method.request.header.A",
        "providerARNs": [pool.arn],
    }
    method = Method("r", "/", "GET", "X", "a", (), False, False, False, {}, {}, None, None, frozenset())
    stage = DeployedStage("stage", ApiDefinition("api", "name", ACCOUNT, REGION, "d", Router([])), None)
    request = Request("GET", "/", "", (("A", token),), b"", "127.0.0.1", "HTTP/1.1", 80)
    exchange = Exchange(request, stage, "/", "host", method=method)
    authorize_token(exchange, authorizer)
    return exchange


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@example(changes={"iat": -(10**17)})
@example(changes={"exp": 10**30})
@given(
    changes=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "token_use", "sub", "jti"]),
        json_values,
        min_size=1,
    )
)
def test_signed_nonsense_is_never_a_failure(pool: Pool, changes: dict[str, Any]) -> None:
    claims = pool.claims() | changes
    status = 200
    try:
        check(jwt.encode({"alg": "RS256"}, claims, pool.key), pool)
    except GatewayError as error:
        status = error.fault.status
    good = (claims["iss"], claims["aud"], claims["token_use"]) == (pool.issuer, pool.client_id, "id")
    assert status == 401 or (status == 200 and good)


@given(
    token=st.text(st.characters(codec="latin-1"))
    | st.lists(json_values.map(segment), max_size=4).map(".".join)
)
def test_nonsense_is_401(pool: Pool, token: str) -> None:
    with pytest.raises(GatewayError) as caught:
        check(token, pool)
    assert caught.value.fault.status == 401


def test_a_token_that_is_nested_deeply_is_401(pool: Pool) -> None:
    nested = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    for token in (f"{nested}.{nested}.aa", f"{segment({'alg': 'RS256'})}.{nested}.aa"):
        with pytest.raises(GatewayError) as caught:
            check(token, pool)
        assert caught.value.fault.status == 401
