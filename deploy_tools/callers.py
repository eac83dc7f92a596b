"""Callers of a deployed API: a user who signs in, a tenant with a key, an operator who signs.

The accounts are created on the local cloud, in the resources that Terraform created there; nothing of it is in the stack.
Where those resources are is in outputs of the stack: `user_pool_id` and `user_pool_client_id` for users, `tenants_table` and
`usage_plan_id` for tenants.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from typing import Any, Final, Literal

from constructs_lib.environment import DEFAULT_REGION
from constructs_lib.metering.tenant_records import TenantAccess
from deploy_tools.local_session import local_session
from deploy_tools.tenant_register import TenantRegister

USER = "ada"
TENANT = "acme"
USER_OUTPUTS: Final = ("user_pool_id", "user_pool_client_id")
"""Outputs that a user's token needs: a pool, and a client of it that takes passwords."""

OPENAI_OUTPUTS: Final = (*USER_OUTPUTS, "openai_base_url")
"""Outputs that the settings of OpenAI's clients need: those of a user's token, and the address of the models up to `/v1`."""

CallerKind = Literal["user", "tenant", "operator", "anonymous"]


class Callers:
    """The callers of one deployment on the local cloud.

    Args:
        cloud_url: The local cloud, such as `http://127.0.0.1:4566`.
        outputs: The outputs of the stack.
        region: The stack's AWS region. Default: us-east-1.
    """

    def __init__(
        self, cloud_url: str, outputs: Mapping[str, object], *, region: str = DEFAULT_REGION
    ) -> None:
        self._cloud_url = cloud_url
        self._outputs = outputs
        self._region = region

    def headers(self, kind: CallerKind, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Return the headers by which a caller of that kind is known."""
        match kind:
            case "user":
                return {"Authorization": f"Bearer {self.user_token}"}
            case "tenant":
                return {"Authorization": f"Bearer {self.tenant_key}"}
            case "operator":
                return self.signed(method, url, body)
            case "anonymous":
                return {}

    @cached_property
    def user_token(self) -> str:
        """The ID token of a user who was just made, and who signed in with a password."""
        pool, client_id = str(self._outputs["user_pool_id"]), str(self._outputs["user_pool_client_id"])
        name, password = f"{USER}-{secrets.token_hex(4)}", f"Aa1!{secrets.token_urlsafe(24)}"
        with closing(self.client("cognito-idp")) as cognito:
            cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
            cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)
            answer = cognito.initiate_auth(
                ClientId=client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
        return str(answer["AuthenticationResult"]["IdToken"])

    @cached_property
    def openai_environment(self) -> dict[str, str]:
        """Environment variables by which OpenAI's clients call the language models, with a user's token as their key."""
        return {"OPENAI_BASE_URL": str(self._outputs["openai_base_url"]), "OPENAI_API_KEY": self.user_token}

    @cached_property
    def tenant_key(self) -> str:
        """A new key of the tenant `acme`, which may use everything; the tenant is created unless it exists."""
        with self.tenants() as register:
            if register.find(TENANT) is None:
                return register.add(TENANT, TenantAccess()).value
            return register.rotate(TENANT).value

    @contextmanager
    def tenants(self) -> Iterator[TenantRegister]:
        """Open the register of tenants."""
        with ExitStack() as open_clients:
            dynamodb, apigateway = (
                open_clients.enter_context(closing(self.client(service)))
                for service in ("dynamodb", "apigateway")
            )
            yield TenantRegister(
                dynamodb,
                apigateway,
                table=str(self._outputs["tenants_table"]),
                usage_plan_id=str(self._outputs["usage_plan_id"]),
            )

    def signed(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Return the headers of a request that is signed with the credentials of the environment (SigV4)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method, url, data=body or b"")
        SigV4Auth(self._session.get_credentials(), "execute-api", self._region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}

    def client(self, service: str) -> Any:
        """Return a new boto3 client of the local cloud. Close it after use."""
        return self._session.client(service, endpoint_url=self._cloud_url)

    @cached_property
    def _session(self) -> Any:
        return local_session(self._region)
