"""AWS_IAM authorization: signatures that botocore makes, what is wrong with others, and what policies allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.gateway.authorization.sigv4 import read_signature
from local_cloud.gateway.errors import GatewayError
from local_cloud.messages import Request
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]

ROOT = Credentials("local", "local")
MISSING = (403, "Missing Authentication Token", "MissingAuthenticationTokenException")
INVALID = (
    403,
    (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
        "and signing method. Consult the service documentation for details."
    ),
    "InvalidSignatureException",
)
UNKNOWN = (403, "The security token included in the request is invalid.", "UnrecognizedClientException")
EXPIRED = (403, "The security token included in the request is expired", "ExpiredTokenException")


def answered(response: Any) -> tuple[int, str, str]:
    """Return the status, the text under whichever name, and the type of an error."""
    (text,) = json.loads(response.content).values()
    return response.status, text, response.headers["x-amzn-ErrorType"]


def allow(resource: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource} | more
    return {"Version": "2012-10-17", "Statement": [statement]}


def moved(by: timedelta) -> Any:
    """A datetime module's present, moved."""
    return lambda: datetime.now(UTC) + by


@dataclass
class Scene:
    """An API whose methods take signed requests."""

    api: DeployedApi
    served: list[dict[str, Any]]

    def arn(self, rest: str = "GET/a/1") -> str:
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.api.api_id}/stage/{rest}"

    def url(self, path: str) -> str:
        return f"{self.api.cloud.cloud.url}/_aws/execute-api/{self.api.api_id}/stage{path}"

    def sign(
        self,
        credentials: Credentials = ROOT,
        path: str = "/a/1",
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        region: str = REGION,
        service: str = "execute-api",
    ) -> dict[str, str]:
        """Return the headers of a signed request."""
        request = AWSRequest(method=method, url=self.url(path), data=body, headers=headers or {})
        SigV4Auth(credentials, service, region).add_auth(request)
        return dict(request.headers.items())

    def presign(self, credentials: Credentials = ROOT, path: str = "/a/1", expires: int = 60) -> str:
        """Return the path and the query of a presigned URL, below the stage."""
        request = AWSRequest(method="GET", url=self.url(path))
        SigV4QueryAuth(credentials, "execute-api", REGION, expires=expires).add_auth(request)
        parts = urlsplit(request.url)
        return f"{path.partition('?')[0]}?{parts.query}"

    def call(self, credentials: Credentials = ROOT, path: str = "/a/1", **options: Any) -> Any:
        body = options.get("body", b"")
        headers = self.sign(credentials, path, **options)
        return self.api.call(options.get("method", "GET"), path, headers=headers, body=body)

    def refusal(self, who: str, rest: str = "GET/a/1", suffix: str = "") -> tuple[int, str, str]:
        hidden = self.arn(rest).replace(ACCOUNT, f"********{ACCOUNT[-4:]}")
        return (
            403,
            f"User: {who} is not authorized to perform: execute-api:Invoke on resource: {hidden}{suffix}",
            "AccessDeniedException",
        )


@pytest.fixture
def scene(make_api: MakeApi) -> Scene:
    served: list[dict[str, Any]] = []

    def serve(event: dict[str, Any]) -> dict[str, Any]:
        served.append(event)
        return {"statusCode": 200}

    api = make_api(serve)
    api.method("/a/{id}", authorizationType="AWS_IAM")
    api.deploy()
    return Scene(api, served)


_names = iter(range(10_000))


@dataclass
class User:
    name: str
    arn: str
    user_id: str
    credentials: Credentials


@pytest.fixture
def make_user(cloud: CloudInThread) -> Callable[..., User]:
    iam = cloud.client("iam")

    def make(*policies: dict[str, Any]) -> User:
        name = f"caller-{next(_names)}"
        user = iam.create_user(UserName=name)["User"]
        for number, document in enumerate(policies):
            iam.put_user_policy(
                UserName=name, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(document)
            )
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return User(
            name, user["Arn"], user["UserId"], Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        )

    return make


@pytest.fixture
def assume(cloud: CloudInThread) -> Callable[..., tuple[str, str, Credentials]]:
    """Make a role with a policy and assume it; returns the role's name, the session's ARN and its credentials."""

    def make(*policies: dict[str, Any], **options: Any) -> tuple[str, str, Credentials]:
        name = f"signing-role-{next(_names)}"
        trust = {"Version": "2012-10-17", "Statement": []}
        role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        for document in policies:
            cloud.client("iam").put_role_policy(
                RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(document)
            )
        assumed = cloud.client("sts").assume_role(
            RoleArn=role["Role"]["Arn"], RoleSessionName="me", **options
        )
        keys = assumed["Credentials"]
        credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        return name, assumed["AssumedRoleUser"]["Arn"], credentials

    return make


# --- good signatures --------------------------------------------------------------------------------------------


def test_root_may_do_everything_and_the_function_sees_who_calls(scene: Scene) -> None:
    for key in ("local", "test"):
        assert scene.call(Credentials(key, key)).status == 200
    identity = scene.served[0]["requestContext"]["identity"]
    assert {name: value for name, value in identity.items() if value is not None} == {
        "accessKey": "local",
        "accountId": ACCOUNT,
        "caller": ACCOUNT,
        "user": ACCOUNT,
        "userArn": f"arn:aws:iam::{ACCOUNT}:root",
        "sourceIp": "127.0.0.1",
    }
    assert "Authorization" not in scene.served[0]["headers"]
    assert "X-Amz-Date" in scene.served[0]["headers"]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/a/1", {"method": "POST", "body": b'{"a": 1}', "headers": {"Content-Type": "application/json"}}),
        ("/a/1?b=2&a=1&a=0&empty=&flag=", {}),
        ("/a/1?text=a%20b%2Bc%2F%C3%A9", {}),
        ("/a/x%20y%2Fz%C3%A9~", {}),
        ("/a/x+y=z;w", {}),
        ("/a/1", {"headers": {"X-Spaced": "  a   b ", "X-Amz-Meta-Zoo": "1", "Accept": "*/*"}}),
    ],
    ids=str,
)
def test_what_botocore_signs_is_good(scene: Scene, path: str, options: dict[str, Any]) -> None:
    assert scene.call(ROOT, path, **options).status == 200


def test_a_presigned_url_is_good(scene: Scene, assume: Callable[..., tuple[str, str, Credentials]]) -> None:
    assert scene.api.call("GET", scene.presign()).status == 200
    assert scene.api.call("GET", scene.presign(path="/a/1?q=a%20b")).status == 200
    _, _, session = assume(allow("*"))
    assert scene.api.call("GET", scene.presign(session)).status == 200


def test_the_date_header_may_stand_for_the_other(scene: Scene) -> None:
    headers = scene.sign(headers={"Date": "any"})
    assert "X-Amz-Date" not in headers
    assert scene.api.call("GET", "/a/1", headers=headers).status == 200


def test_the_url_by_host_name_is_signed_by_that_name(scene: Scene) -> None:
    host = f"{scene.api.api_id}.execute-api.{REGION}.amazonaws.com"
    request = AWSRequest(method="GET", url=f"https://{host}/stage/a/1")
    SigV4Auth(ROOT, "execute-api", REGION).add_auth(request)
    headers = {"Host": host, **dict(request.headers.items())}
    assert scene.api.cloud.request("GET", "/stage/a/1", headers=headers).status == 200


# --- other signatures -------------------------------------------------------------------------------------------


def test_no_signature_is_a_missing_token(scene: Scene) -> None:
    assert answered(scene.api.call("GET", "/a/1")) == MISSING
    assert answered(scene.api.call("GET", "/a/1?X-Amz-Signature=abc")) == MISSING
    assert scene.served == []


def test_what_is_changed_after_signing_is_refused(scene: Scene) -> None:
    body = b'{"a": 1}'
    headers = scene.sign(method="POST", body=body, path="/a/1?q=1", headers={"X-One": "1"})
    assert scene.api.call("POST", "/a/1?q=1", headers=headers, body=body).status == 200
    changed = [
        ("PUT", "/a/1?q=1", headers, body),
        ("POST", "/a/2?q=1", headers, body),
        ("POST", "/a/1?q=2", headers, body),
        ("POST", "/a/1?q=1&r=1", headers, body),
        ("POST", "/a/1", headers, body),
        ("POST", "/a/1?q=1", headers, b'{"a": 2}'),
        ("POST", "/a/1?q=1", headers, b""),
        ("POST", "/a/1?q=1", headers | {"X-One": "2"}, body),
        ("POST", "/a/1?q=1", {name: value for name, value in headers.items() if name != "X-One"}, body),
        ("POST", "/a/1?q=1", headers | {"Host": "other.example"}, body),
        ("POST", "/a/1?q=1", headers | {"Authorization": headers["Authorization"][:-1]}, body),
        ("POST", "/a/1?q=1", headers | {"Authorization": headers["Authorization"] + "é"}, body),
    ]
    for method, path, sent, content in changed:
        response = scene.api.call(method, path, headers=sent, body=content)
        assert answered(response) == INVALID, (method, path, sent)
    assert len(scene.served) == 1


def test_the_announced_hash_must_be_that_of_the_body(scene: Scene) -> None:
    unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert answered(scene.call(ROOT, method="POST", body=b"a", headers=unsigned)) == INVALID


def test_a_wrong_secret_and_an_unknown_key(scene: Scene, make_user: Callable[..., User]) -> None:
    user = make_user(allow("*"))
    assert answered(scene.call(Credentials(user.credentials.access_key, "wrong"))) == INVALID
    assert answered(scene.call(Credentials("local", "wrong"))) == INVALID
    assert answered(scene.call(Credentials("AKIAIOSFODNN7EXAMPLE", "secret"))) == UNKNOWN
    assert answered(scene.call(Credentials("LOCALCLOUDWORKER0000", "local-cloud", "local-cloud"))) == UNKNOWN
    session = Credentials(user.credentials.access_key, user.credentials.secret_key, "token")
    assert answered(scene.call(session)) == UNKNOWN


def test_an_inactive_or_deleted_key_is_unknown(
    scene: Scene, make_user: Callable[..., User], cloud: CloudInThread
) -> None:
    user = make_user(allow("*"))
    assert scene.call(user.credentials).status == 200
    key = {"UserName": user.name, "AccessKeyId": user.credentials.access_key}
    cloud.client("iam").update_access_key(**key, Status="Inactive")
    assert answered(scene.call(user.credentials)) == UNKNOWN
    cloud.client("iam").update_access_key(**key, Status="Active")
    assert scene.call(user.credentials).status == 200
    cloud.client("iam").delete_access_key(**key)
    assert answered(scene.call(user.credentials)) == UNKNOWN


def test_five_minutes_of_skew_are_allowed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (-4, 4):
        monkeypatch.setattr("botocore.auth.get_current_datetime", moved(timedelta(minutes=minutes)))
        assert scene.call().status == 200
    monkeypatch.setattr("botocore.auth.get_current_datetime", moved(timedelta(minutes=-6)))
    status, text, kind = answered(scene.call())
    assert (status, kind) == (403, "InvalidSignatureException")
    assert text.startswith("Signature expired: 20")
    assert " is now earlier than 20" in text
    assert text.endswith(" - 5 min.)")
    monkeypatch.setattr("botocore.auth.get_current_datetime", moved(timedelta(minutes=6)))
    status, text, kind = answered(scene.call())
    assert (status, kind) == (403, "InvalidSignatureException")
    assert text.startswith("Signature not yet current: 20")
    assert text.endswith(" + 5 min.)")


def test_a_presigned_url_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", moved(timedelta(minutes=-30)))
    assert scene.api.call("GET", scene.presign(expires=3600)).status == 200
    status, text, kind = answered(scene.api.call("GET", scene.presign(expires=90)))
    assert (status, kind) == (403, "InvalidSignatureException")
    assert text.startswith("Signature expired: 20")
    assert text.endswith(" - 1 min 30 sec.)")


def test_a_presigned_url_cannot_be_changed(scene: Scene) -> None:
    good = scene.presign(path="/a/1?q=1")
    assert answered(scene.api.call("GET", good.replace("q=1", "q=2"))) == INVALID
    assert answered(scene.api.call("GET", good.replace("Expires=60", "Expires=600"))) == INVALID
    assert answered(scene.api.call("GET", good.replace("/a/1", "/a/2"))) == INVALID
    assert answered(scene.api.call("POST", good, body=b"x")) == INVALID


def test_another_service_or_region_is_refused(scene: Scene) -> None:
    assert answered(scene.call(ROOT, service="lambda")) == (
        403,
        "Credential should be scoped to correct service: 'execute-api'.",
        "InvalidSignatureException",
    )
    assert answered(scene.call(ROOT, region="eu-west-1")) == (
        403,
        "Credential should be scoped to a valid region, not 'eu-west-1'.",
        "InvalidSignatureException",
    )


def test_a_date_that_is_not_the_scopes(scene: Scene) -> None:
    headers = scene.sign()
    day = headers["X-Amz-Date"][:8]
    headers["Authorization"] = headers["Authorization"].replace(day, "20200101")
    assert answered(scene.api.call("GET", "/a/1", headers=headers)) == (
        403,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
        "InvalidSignatureException",
    )


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (
            {"Authorization": "Bearer abc"},
            (
                "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded "
                "with Base64): 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='."
            ),
        ),
        (
            {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e"},
            (
                "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' "
                "parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed "
                "with SHA-256 and encoded with Base64) Authorization=X"
            ),
        ),
        (
            {
                "Authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=a",
                "X-Amz-Date": "20260101T000000Z",
            },
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 2.",
        ),
        (
            {
                "Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=a",
                "X-Amz-Date": "yesterday",
            },
            "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601",
        ),
    ],
    ids=["no signature", "parts missing", "credential", "date"],
)
def test_a_header_that_is_not_complete(scene: Scene, headers: dict[str, str], text: str) -> None:
    status, message, kind = answered(scene.api.call("GET", "/a/1", headers=headers))
    assert (status, kind) == (403, "IncompleteSignatureException")
    if text.endswith("=X"):
        message = message.rpartition("Authorization=")[0] + "Authorization=X"
    assert message == text


def test_the_host_must_be_signed(scene: Scene) -> None:
    headers = scene.sign()
    headers["Authorization"] = headers["Authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    assert answered(scene.api.call("GET", "/a/1", headers=headers)) == (
        403,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        "InvalidSignatureException",
    )


def test_a_presigned_url_that_is_not_complete(scene: Scene) -> None:
    query = "/a/1?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Signature=a"
    assert answered(scene.api.call("GET", query)) == (
        403,
        (
            "AWS query-string parameters must include X-Amz-SignedHeaders, X-Amz-Date and X-Amz-Expires. Re-examine the "
            "query-string parameters."
        ),
        "IncompleteSignatureException",
    )
    query += "&X-Amz-SignedHeaders=host&X-Amz-Date=20260101T000000Z&X-Amz-Expires=604801"
    assert answered(scene.api.call("GET", query)) == (
        403,
        "X-Amz-Expires must be less than a week (in seconds); that is 604800",
        "IncompleteSignatureException",
    )


texts = st.text(max_size=30)


@given(header=texts | st.lists(texts, max_size=5).map(lambda parts: "AWS4-HMAC-SHA256 " + ", ".join(parts)))
def test_any_header_is_read_or_refused(header: str) -> None:
    headers = (("Authorization", header), ("X-Amz-Date", "20260101T000000Z"), ("Host", "a"))
    request = Request("GET", "/", "", headers, b"", "127.0.0.1", "HTTP/1.1", 80)
    with pytest.raises(GatewayError) as caught:
        read_signature(request).check_scope(REGION)
    assert caught.value.fault.status == 403


# --- sessions ---------------------------------------------------------------------------------------------------


def test_a_session_has_the_rights_of_its_role(
    scene: Scene, assume: Callable[..., tuple[str, str, Credentials]], cloud: CloudInThread
) -> None:
    name, arn, session = assume()
    assert answered(scene.call(session)) == scene.refusal(arn)
    cloud.client("iam").put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps(allow(scene.arn()))
    )
    assert scene.call(session).status == 200
    identity = scene.served[0]["requestContext"]["identity"]
    assert identity["userArn"] == arn
    assert identity["caller"] == identity["user"]
    assert identity["user"].endswith(":me")
    assert identity["accessKey"] == session.access_key


def test_a_session_needs_its_token(scene: Scene, assume: Callable[..., tuple[str, str, Credentials]]) -> None:
    _, _, session = assume(allow("*"))
    for token in (None, "other"):
        assert answered(scene.call(Credentials(session.access_key, session.secret_key, token))) == UNKNOWN


def test_a_session_that_has_ended_is_expired(
    scene: Scene, assume: Callable[..., tuple[str, str, Credentials]]
) -> None:
    from moto.sts.models import sts_backends

    _, _, session = assume(allow("*"))
    assert scene.call(session).status == 200
    session_record = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(session.access_key)
    session_record.expiration -= timedelta(hours=2)
    assert answered(scene.call(session)) == EXPIRED


def test_a_session_policy_limits(scene: Scene, assume: Callable[..., tuple[str, str, Credentials]]) -> None:
    limit = json.dumps(allow(scene.arn("GET/a/2")))
    _, arn, session = assume(allow("*"), Policy=limit)
    assert scene.call(session, "/a/2").status == 200
    assert answered(scene.call(session)) == scene.refusal(arn)


def test_a_role_that_does_not_exist_may_do_nothing(scene: Scene, cloud: CloudInThread) -> None:
    assumed = cloud.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/missing", RoleSessionName="me"
    )
    keys = assumed["Credentials"]
    session = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert answered(scene.call(session)) == scene.refusal(assumed["AssumedRoleUser"]["Arn"])


def test_another_account_is_not_let_in_by_its_own_policies(
    scene: Scene, cloud: CloudInThread, make_user: Callable[..., User]
) -> None:
    assumed = cloud.client("sts").assume_role(
        RoleArn="arn:aws:iam::111111111111:role/other", RoleSessionName="me"
    )["Credentials"]
    session = Credentials(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
    arn = "arn:aws:sts::111111111111:assumed-role/other/me"
    assert answered(scene.call(session)) == scene.refusal(arn)


# --- policies ---------------------------------------------------------------------------------------------------


def test_a_user_needs_a_policy(scene: Scene, make_user: Callable[..., User], cloud: CloudInThread) -> None:
    user = make_user()
    response = scene.call(user.credentials)
    assert answered(response) == scene.refusal(user.arn)
    assert list(json.loads(response.content)) == ["Message"]
    assert scene.served == []
    iam = cloud.client("iam")
    iam.put_user_policy(
        UserName=user.name, PolicyName="p", PolicyDocument=json.dumps(allow(scene.arn("GET/a/*")))
    )
    assert scene.call(user.credentials).status == 200
    identity = scene.served[0]["requestContext"]["identity"]
    assert (identity["userArn"], identity["user"], identity["caller"]) == (
        user.arn,
        user.user_id,
        user.user_id,
    )
    assert answered(scene.call(user.credentials, method="POST")) == scene.refusal(user.arn, "POST/a/1")
    iam.put_user_policy(
        UserName=user.name, PolicyName="no", PolicyDocument=json.dumps(allow(scene.arn(), "Deny"))
    )
    assert answered(scene.call(user.credentials)) == scene.refusal(user.arn, suffix=" with an explicit deny")


def test_policies_of_a_group_and_attached_ones_count(
    scene: Scene, make_user: Callable[..., User], cloud: CloudInThread
) -> None:
    iam = cloud.client("iam")
    user = make_user()
    group = f"group-{next(_names)}"
    iam.create_group(GroupName=group)
    policy = iam.create_policy(PolicyName=group, PolicyDocument=json.dumps(allow("*")))["Policy"]["Arn"]
    iam.attach_group_policy(GroupName=group, PolicyArn=policy)
    assert scene.call(user.credentials).status == 403
    iam.add_user_to_group(GroupName=group, UserName=user.name)
    assert scene.call(user.credentials).status == 200
    iam.remove_user_from_group(GroupName=group, UserName=user.name)
    assert scene.call(user.credentials).status == 403
    iam.attach_user_policy(UserName=user.name, PolicyArn=policy)
    assert scene.call(user.credentials).status == 200
    iam.create_policy_version(
        PolicyArn=policy, PolicyDocument=json.dumps(allow("arn:aws:s3:::x")), SetAsDefault=True
    )
    assert scene.call(user.credentials).status == 403


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, 200),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, 403),
        ({"Bool": {"aws:SecureTransport": "true"}}, 200),
        ({"StringLike": {"aws:username": "caller-*"}}, 200),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalType": "User"}}, 200),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, 200),
        ({"DateGreaterThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}}, 403),
        ({"StringEquals": {"aws:PrincipalTag/team": "a"}}, 403),
    ],
    ids=str,
)
def test_conditions(
    scene: Scene, make_user: Callable[..., User], condition: dict[str, Any], status: int
) -> None:
    user = make_user(allow("*", Condition=condition))
    assert scene.call(user.credentials).status == status


def test_the_errors_are_gateway_responses(scene: Scene) -> None:
    expected = [
        ("MISSING_AUTHENTICATION_TOKEN", {}),
        ("INVALID_SIGNATURE", scene.sign(Credentials("local", "wrong"))),
        ("INVALID_SIGNATURE", scene.sign(Credentials("AKIAUNKNOWN", "x"))),
    ]
    for kind in ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE"):
        scene.api.aws.put_gateway_response(
            restApiId=scene.api.api_id,
            responseType=kind,
            responseTemplates={"application/json": '{"kind": "$context.error.responseType"}'},
        )
    scene.api.deploy()
    for kind, headers in expected:
        response = scene.api.call("GET", "/a/1", headers=headers)
        assert (response.status, json.loads(response.content)) == (403, {"kind": kind})
