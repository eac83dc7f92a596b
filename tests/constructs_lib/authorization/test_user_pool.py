"""UserPool: sign-up is off, passwords are strong, and authorizers follow the pool when it is replaced."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from constructs_lib import (
    AwsStack,
    CognitoAuthorizer,
    ConflictError,
    ConstructError,
    Deployment,
    Function,
    InvalidArgumentError,
    LambdaIntegration,
    LimitExceededError,
    RestApi,
    UserPool,
)
from tests.support.synthesis import Configuration, FakeArchive, alias_arn, children, refused


def test_users_are_made_by_administrators_and_have_strong_passwords(stack: AwsStack) -> None:
    UserPool(stack, "users")
    pool = Configuration(stack).only("cognito_user_pool")
    assert pool["name"] == "shop-users"
    assert pool["admin_create_user_config"] == {"allow_admin_create_user_only": True}
    assert pool["deletion_protection"] == "ACTIVE"
    assert (pool["mfa_configuration"], pool["software_token_mfa_configuration"]) == (
        "OPTIONAL",
        {"enabled": True},
    )
    policy = pool["password_policy"]
    assert policy["minimum_length"] == 14
    assert all(policy[f"require_{kind}"] for kind in ("lowercase", "uppercase", "numbers", "symbols"))
    assert "user_pool_add_ons" not in pool


def test_threat_protection_needs_the_tier_that_has_it(stack: AwsStack) -> None:
    UserPool(stack, "users", threat_protection=True, mfa="ON", deletion_protection=False)
    pool = Configuration(stack).only("cognito_user_pool")
    assert (pool["user_pool_tier"], pool["user_pool_add_ons"]) == (
        "PLUS",
        {"advanced_security_mode": "ENFORCED"},
    )
    assert (pool["mfa_configuration"], pool["deletion_protection"]) == ("ON", "INACTIVE")


def test_a_client_sends_passwords_only_where_that_is_said(stack: AwsStack) -> None:
    users = UserPool(stack, "users")
    users.add_client("web")
    users.add_client("cli", password_sign_in=True, access_minutes=15, refresh_days=1)
    clients = {body["name"]: body for body in Configuration(stack).all("cognito_user_pool_client").values()}
    assert "ALLOW_USER_PASSWORD_AUTH" not in clients["web"]["explicit_auth_flows"]
    assert "ALLOW_USER_PASSWORD_AUTH" in clients["cli"]["explicit_auth_flows"]
    for client in clients.values():
        assert client["prevent_user_existence_errors"] == "ENABLED"
        assert "generate_secret" not in client
    assert (clients["cli"]["id_token_validity"], clients["cli"]["refresh_token_validity"]) == (15, 1)
    assert clients["cli"]["token_validity_units"] == [
        {"access_token": "minutes", "id_token": "minutes", "refresh_token": "days"}
    ]


def test_a_trigger_may_be_called_for_the_pool_alone(stack: AwsStack, archive: FakeArchive) -> None:
    trigger = Function(stack, "claims", archive=archive, timeout_seconds=5)
    UserPool(stack, "users", pre_token_generation=trigger)
    configuration = Configuration(stack)
    pool, alias = configuration.address("cognito_user_pool"), configuration.address("lambda_alias")
    assert configuration.only("cognito_user_pool")["lambda_config"] == {
        "pre_token_generation": alias_arn(configuration, "shop-claims")
    }
    permission = configuration.only("lambda_permission")
    assert (permission["principal"], permission["source_arn"], permission["qualifier"]) == (
        "cognito-idp.amazonaws.com",
        f"${{{pool}.arn}}",
        f"${{{alias}.name}}",
    )


def test_a_trigger_that_cognito_would_not_wait_for(stack: AwsStack, archive: FakeArchive) -> None:
    trigger = Function(stack, "claims", archive=archive, timeout_seconds=6)
    before = children(stack)
    assert refused(lambda: UserPool(stack, "users", pre_token_generation=trigger)) == (
        ConflictError,
        (
            "shop/users: function 'shop-claims' may run 6 s and Cognito waits 5 s for it; set its timeout_seconds to at "
            "most 5"
        ),
    )
    assert children(stack) == before


def test_an_authorizer_takes_it_and_the_deployment_follows_it(
    stack: AwsStack, api: RestApi, function: Function
) -> None:
    users = UserPool(stack, "users")
    staff = CognitoAuthorizer(name="staff", user_pools=[users])
    api.root.add_method("GET", LambdaIntegration(function), authorization=staff)
    Deployment(stack, "deployment", api=api)
    synthesized = Configuration(stack)
    address = synthesized.address("cognito_user_pool")
    assert synthesized.only("api_gateway_authorizer")["provider_arns"] == [f"${{{address}.arn}}"]
    lifecycle = synthesized.only("api_gateway_deployment")["lifecycle"]
    authorizer = synthesized.address("api_gateway_authorizer")
    assert lifecycle["replace_triggered_by"] == [f"{authorizer}.id", f"{address}.id"]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda users: users.add_client("a b"),
            InvalidArgumentError,
            "shop/users/a b: name 'a b' is not valid; use letters, digits, '_' and '-'",
        ),
        (
            lambda users: users.add_client("web", access_minutes=4),
            LimitExceededError,
            "shop/users/web: access_minutes is 4; use 5 to 1440",
        ),
        (
            lambda users: [users.add_client("web"), users.add_client("web")],
            ConflictError,
            "shop/users/web: exists already; give the client another name",
        ),
    ],
)
def test_a_client_that_cognito_would_refuse(
    stack: AwsStack, act: Callable[[UserPool], object], error: type[ConstructError], message: str
) -> None:
    users = UserPool(stack, "users")
    assert refused(lambda: act(users)) == (error, message)


def test_a_pool_that_cognito_would_refuse(stack: AwsStack) -> None:
    assert refused(lambda: UserPool(stack, "users", mfa="SMS")) == (  # type: ignore[arg-type]
        InvalidArgumentError,
        "shop/users: mfa 'SMS' is unknown; choose 'OFF', 'OPTIONAL' or 'ON'",
    )
