"""AssumeRole: who may assume a role, and what the session may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from moto.sts.models import sts_backends

from tests.support.cloud_in_thread import ACCOUNT, CloudInThread
from tests.support.roles import MakeRole, Somebody, allow, deny, document, refused

BUCKET = "session-pages"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
_names = iter(range(10_000))


def page(number: int) -> str:
    return f"arn:aws:s3:::{BUCKET}/page-{number}"


@pytest.fixture(scope="module", autouse=True)
def bucket(cloud: CloudInThread) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for number in (1, 2, 3):
        s3.put_object(Bucket=BUCKET, Key=f"page-{number}", Body=b"x")


def trusting(*statements: dict[str, Any]) -> str:
    return document(*[{"Effect": "Allow", "Action": "sts:AssumeRole", **entry} for entry in statements])


@pytest.fixture
def trusted_role(cloud: CloudInThread) -> Callable[..., str]:
    """Create a role with a trust policy; returns its ARN."""

    def make(trust: str, *statements: dict[str, Any], **options: Any) -> str:
        name, iam = f"trusted-{next(_names)}", cloud.client("iam")
        created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **options)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return str(created["Role"]["Arn"])

    return make


def assume(who: Somebody, role: str, **options: Any) -> Somebody:
    assumed = who.client("sts").assume_role(RoleArn=role, RoleSessionName="page", **options)
    return Somebody(
        who.cloud, role.rpartition("/")[2], assumed["AssumedRoleUser"]["Arn"], assumed["Credentials"]
    )


def test_a_session_may_do_what_its_role_and_its_policy_both_allow(
    make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    caller = make_role()
    role = trusted_role(
        trusting({"Principal": {"AWS": caller.role_arn}}),
        allow(["s3:GetObject", "s3:PutObject"], [page(1), page(2)]),
    )
    policy = document(allow("s3:GetObject", [page(1), page(3)]), allow("s3:PutObject", page(1)))
    s3 = assume(caller, role, Policy=policy, DurationSeconds=900).client("s3")
    assert s3.get_object(Bucket=BUCKET, Key="page-1")["Body"].read() == b"x"
    s3.put_object(Bucket=BUCKET, Key="page-1", Body=b"x")
    user = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/page is not authorized to perform: "
    assert refused(s3.get_object, Bucket=BUCKET, Key="page-2") == (
        403,
        "AccessDenied",
        f'{user}s3:GetObject on resource: "{page(2)}" because no session policy allows the s3:GetObject action',
    )
    assert refused(s3.put_object, Bucket=BUCKET, Key="page-2", Body=b"x")[2] == (
        f'{user}s3:PutObject on resource: "{page(2)}" because no session policy allows the s3:PutObject action'
    )
    assert refused(s3.get_object, Bucket=BUCKET, Key="page-3")[2] == (
        f'{user}s3:GetObject on resource: "{page(3)}" because no identity-based policy allows the s3:GetObject action'
    )
    unlimited = assume(caller, role).client("s3")
    assert unlimited.get_object(Bucket=BUCKET, Key="page-2")["Body"].read() == b"x"


def test_a_session_policy_denies_what_the_role_allows(
    make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    caller = make_role()
    role = trusted_role(trusting({"Principal": {"AWS": caller.role_arn}}), allow("s3:*"))
    s3 = assume(caller, role, Policy=document(allow("s3:*"), deny("s3:GetObject", page(2)))).client("s3")
    s3.get_object(Bucket=BUCKET, Key="page-1")
    assert refused(s3.get_object, Bucket=BUCKET, Key="page-2")[2].endswith(
        f'on resource: "{page(2)}" with an explicit deny in a session policy'
    )


def test_managed_session_policies_join_the_inline_one(
    cloud: CloudInThread, make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    caller = make_role()
    role = trusted_role(trusting({"Principal": {"AWS": caller.role_arn}}), allow("s3:*"))
    managed = cloud.client("iam").create_policy(
        PolicyName=f"managed-{next(_names)}", PolicyDocument=document(allow("s3:GetObject", page(2)))
    )["Policy"]["Arn"]
    arns = [{"arn": managed}]
    both = assume(caller, role, Policy=document(allow("s3:GetObject", page(1))), PolicyArns=arns).client("s3")
    alone = assume(caller, role, PolicyArns=arns).client("s3")
    both.get_object(Bucket=BUCKET, Key="page-1")
    both.get_object(Bucket=BUCKET, Key="page-2")
    alone.get_object(Bucket=BUCKET, Key="page-2")
    assert refused(both.get_object, Bucket=BUCKET, Key="page-3")[0] == 403
    assert refused(alone.get_object, Bucket=BUCKET, Key="page-1")[0] == 403


def not_trusted(who: Somebody, role: str) -> tuple[int, str, str]:
    words = f"User: {who.arn} is not authorized to perform: sts:AssumeRole on resource: {role}"
    return 403, "AccessDenied", words


def test_the_trust_policy_of_the_role_must_name_the_caller_too(
    cloud: CloudInThread, make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    caller, other = make_role(allow("sts:AssumeRole")), make_role()
    for_other = trusted_role(trusting({"Principal": {"AWS": other.role_arn}}))
    for_a_service = trusted_role(trusting({"Principal": {"Service": "lambda.amazonaws.com"}}))
    missing = f"arn:aws:iam::{ACCOUNT}:role/nowhere"
    for role in (for_other, for_a_service, missing):
        assert refused(assume, who=caller, role=role) == not_trusted(caller, role)
    line = (cloud.directory / "logs" / "requests.log").read_text().splitlines()[-1]
    assert line.endswith(
        f"refused: the trust policy of {missing} does not allow sts:AssumeRole by role {caller.role}"
    )


def test_a_trust_policy_that_names_the_account_takes_a_policy_of_the_caller_as_well(
    make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    role = trusted_role(trusting({"Principal": {"AWS": ROOT}}))
    assume(make_role(allow("sts:AssumeRole", role)), role)
    stranger = make_role()
    assert refused(assume, who=stranger, role=role)[2] == (
        f"User: {stranger.arn} is not authorized to perform: sts:AssumeRole on resource: {role} "
        f"because no identity-based policy allows the sts:AssumeRole action"
    )


def test_a_trust_policy_denies(make_role: MakeRole, trusted_role: Callable[..., str]) -> None:
    caller = make_role(allow("sts:AssumeRole"))
    role = trusted_role(
        trusting({"Principal": {"AWS": ROOT}}, {"Effect": "Deny", "Principal": {"AWS": caller.role_arn}})
    )
    assert refused(assume, who=caller, role=role)[2] == (
        f"{not_trusted(caller, role)[2]} with an explicit deny in a resource-based policy"
    )


def test_a_trust_policy_may_ask_for_an_external_id(
    make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    caller = make_role(allow("sts:AssumeRole"))
    condition = {"StringEquals": {"sts:ExternalId": "42"}}
    role = trusted_role(trusting({"Principal": {"AWS": ROOT}, "Condition": condition}))
    assume(caller, role, ExternalId="42")
    for options in ({}, {"ExternalId": "43"}):
        assert refused(assume, who=caller, role=role, **options) == not_trusted(caller, role)


INVALID = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must have {}"
CHAINED = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"Policy": "{"}, "MalformedPolicyDocument", "This policy contains invalid Json"),
        ({"Policy": '{"Version": "2012-10-17"}'}, "MalformedPolicyDocument", "Syntax errors in policy."),
        (
            {"Policy": "x" * 2049},
            "ValidationError",
            INVALID.format("x" * 2049, "policy", "length less than or equal to 2048"),
        ),
        (
            {"DurationSeconds": 43201},
            "ValidationError",
            INVALID.format(43201, "durationSeconds", "value less than or equal to 43200"),
        ),
        ({"DurationSeconds": 3601}, "ValidationError", CHAINED),
    ],
)
def test_parameters_that_aws_rejects(
    make_role: MakeRole, trusted_role: Callable[..., str], options: dict[str, Any], code: str, message: str
) -> None:
    caller = make_role()
    role = trusted_role(trusting({"Principal": {"AWS": caller.role_arn}}))
    assert refused(assume, who=caller, role=role, **options) == (400, code, message)


def test_an_expired_session_may_do_nothing(
    cloud: CloudInThread, make_role: MakeRole, trusted_role: Callable[..., str]
) -> None:
    caller = make_role()
    role = trusted_role(trusting({"Principal": {"AWS": caller.role_arn}}), allow("*"))
    session = assume(caller, role, DurationSeconds=900)
    session.client("s3").get_object(Bucket=BUCKET, Key="page-1")
    (stored,) = [
        entry
        for entry in sts_backends[ACCOUNT]["aws"].assumed_roles
        if entry.access_key_id == session.keys["AccessKeyId"]
    ]
    stored.expiration -= timedelta(seconds=900)
    message = "The security token included in the request is expired"
    assert refused(session.client("s3").get_object, Bucket=BUCKET, Key="page-1") == (
        400,
        "ExpiredToken",
        "The provided token has expired.",
    )
    assert refused(session.client("dynamodb").list_tables) == (400, "ExpiredTokenException", message)
    assert refused(session.client("lambda").list_functions) == (403, "ExpiredTokenException", message)
    assert refused(assume, who=session, role=role) == (403, "ExpiredToken", message)
    line = (cloud.directory / "logs" / "requests.log").read_text().splitlines()[-1]
    assert line.endswith(f"refused: the session {session.arn} has expired")
