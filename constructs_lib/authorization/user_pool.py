"""Users of our own: a Cognito user pool, and the applications by which they sign in."""

from __future__ import annotations

from typing import Literal

from cdktf_cdktf_provider_aws.cognito_user_pool import (
    CognitoUserPool,
    CognitoUserPoolAccountRecoverySetting,
    CognitoUserPoolAccountRecoverySettingRecoveryMechanism,
    CognitoUserPoolAdminCreateUserConfig,
    CognitoUserPoolLambdaConfig,
    CognitoUserPoolPasswordPolicy,
    CognitoUserPoolSoftwareTokenMfaConfiguration,
    CognitoUserPoolUsernameConfiguration,
    CognitoUserPoolUserPoolAddOns,
)
from cdktf_cdktf_provider_aws.cognito_user_pool_client import (
    CognitoUserPoolClient,
    CognitoUserPoolClientTokenValidityUnits,
)
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_choice, check_pattern, check_range, path_below, path_of
from constructs_lib.errors import ConflictError
from constructs_lib.functions.alias import alias_arn
from constructs_lib.functions.function import Function
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

Mfa = Literal["OFF", "OPTIONAL", "ON"]
"""Whether users need a second factor, a code of an authenticator app."""

MIN_PASSWORD_LENGTH = 14
MAX_TRIGGER_SECONDS = 5
"""How long Cognito waits for the function of a trigger."""

_PRINCIPAL = "cognito-idp.amazonaws.com"


class UserPool(AwsConstruct):
    """Cognito user pool (`aws_cognito_user_pool`). Administrators create users; sign-up is disabled.

    Passwords have at least 14 characters of all kinds, and a lost one is replaced by way of a verified address.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.
        mfa: Whether users need a code of an authenticator app as well. Default: each user may choose it.
        deletion_protection: Whether AWS refuses to delete the pool with all its users, so that `terraform destroy`
            fails. Default: the stack's, True.
        threat_protection: Whether Cognito looks for stolen passwords and odd sign-ins and stops them; it
            costs by the user. Default: False.
        pre_token_generation: Function that adds claims to ID tokens (event version V1_0). Cognito may invoke its alias
            for this pool (`aws_lambda_permission`), and waits 5 seconds for the answer. Default: none.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> users = UserPool(stack, "users")
        >>> client_id = users.add_client("shop", access_minutes=15)
        >>> staff = CognitoAuthorizer(name="staff", user_pools=[users])
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=staff)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None = None,
        mfa: Mfa = "OPTIONAL",
        deletion_protection: bool | None = None,
        threat_protection: bool = False,
        pre_token_generation: Function | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        pool_name = AwsStack.of(scope).physical_name(where) if name is None else name
        check_pattern(
            where,
            "name",
            pool_name,
            r"[\w+=,.@ -]{1,128}",
            "use 1 to 128 letters, digits, spaces and '+=,.@_-'",
        )
        check_choice(where, "mfa", mfa, Mfa)
        if pre_token_generation is not None:
            _check_trigger(where, scope, pre_token_generation)
        defaults = AwsStack.of(scope).defaults
        protected = defaults.deletion_protection if deletion_protection is None else deletion_protection
        super().__init__(scope, construct_id)
        self._clients: dict[str, CognitoUserPoolClient] = {}
        self._resource = self._create(
            CognitoUserPool,
            "Resource",
            name=pool_name,
            admin_create_user_config=CognitoUserPoolAdminCreateUserConfig(allow_admin_create_user_only=True),
            account_recovery_setting=CognitoUserPoolAccountRecoverySetting(
                recovery_mechanism=[
                    CognitoUserPoolAccountRecoverySettingRecoveryMechanism(name="verified_email", priority=1)
                ]
            ),
            auto_verified_attributes=["email"],
            deletion_protection="ACTIVE" if protected else "INACTIVE",
            mfa_configuration=mfa,
            software_token_mfa_configuration=None
            if mfa == "OFF"
            else CognitoUserPoolSoftwareTokenMfaConfiguration(enabled=True),
            password_policy=CognitoUserPoolPasswordPolicy(
                minimum_length=MIN_PASSWORD_LENGTH,
                require_lowercase=True,
                require_numbers=True,
                require_symbols=True,
                require_uppercase=True,
                temporary_password_validity_days=3,
            ),
            user_pool_tier="PLUS" if threat_protection else None,
            user_pool_add_ons=CognitoUserPoolUserPoolAddOns(advanced_security_mode="ENFORCED")
            if threat_protection
            else None,
            username_configuration=CognitoUserPoolUsernameConfiguration(case_sensitive=False),
            lambda_config=None
            if pre_token_generation is None
            else CognitoUserPoolLambdaConfig(
                pre_token_generation=alias_arn(AwsStack.of(scope), pre_token_generation.function_name)
            ),
        )
        if pre_token_generation is not None:
            pre_token_generation.add_permission(
                self, "trigger", principal=_PRINCIPAL, source_arn=attribute(self._resource, "arn")
            )

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def pool_id(self) -> str:
        """Id; a reference."""
        return token(self._resource, "id")

    @property
    def client_ids(self) -> tuple[str, ...]:
        """The ids of its clients; references."""
        return tuple(attribute(client, "id") for client in self._clients.values())

    @property
    def resource(self) -> CognitoUserPool:
        """The `aws_cognito_user_pool`."""
        return self._resource

    def add_client(
        self,
        name: str,
        *,
        password_sign_in: bool = False,
        access_minutes: int = 60,
        refresh_days: int = 30,
    ) -> str:
        """Add an application by which users sign in (`aws_cognito_user_pool_client`), without a secret.

        Args:
            name: Its name, unique in the pool.
            password_sign_in: Whether it may send the password itself (`USER_PASSWORD_AUTH`), as command lines
                and tests do. Default: only a proof of it (`USER_SRP_AUTH`).
            access_minutes: How long ID and access tokens are good, 5 to 1440. Default: an hour.
            refresh_days: How long users stay signed in, 1 to 3650. Default: 30.

        Returns:
            Its client id; a reference.

        Raises:
            ConstructError: if an argument is not valid, or the name is taken.
        """
        where = f"{path_of(self)}/{name}"
        check_pattern(where, "name", name, r"[A-Za-z][\w-]{0,63}", "use letters, digits, '_' and '-'")
        check_range(where, "access_minutes", access_minutes, 5, 1440)
        check_range(where, "refresh_days", refresh_days, 1, 3650)
        if name in self._clients:
            raise ConflictError(where, "exists already", "give the client another name")
        flows = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
        client = self._create(
            CognitoUserPoolClient,
            name,
            name=name,
            user_pool_id=attribute(self._resource, "id"),
            explicit_auth_flows=[*flows, "ALLOW_USER_PASSWORD_AUTH"] if password_sign_in else flows,
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            access_token_validity=access_minutes,
            id_token_validity=access_minutes,
            refresh_token_validity=refresh_days,
            token_validity_units=[
                CognitoUserPoolClientTokenValidityUnits(
                    access_token="minutes",  # noqa: S106 - a unit
                    id_token="minutes",  # noqa: S106
                    refresh_token="days",  # noqa: S106
                )
            ],
        )
        self._clients[name] = client
        return client.id


def _check_trigger(where: str, scope: Construct, function: Function) -> None:
    check_same_stack(where, scope, function)
    if function.timeout_seconds > MAX_TRIGGER_SECONDS:
        raise ConflictError(
            where,
            f"function '{function.function_name}' may run {function.timeout_seconds} s and Cognito waits "
            f"{MAX_TRIGGER_SECONDS} s for it",
            f"set its timeout_seconds to at most {MAX_TRIGGER_SECONDS}",
        )
    pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Abcdefghi"
    function._check_permission(where, principal=_PRINCIPAL, source_arn=pool)
