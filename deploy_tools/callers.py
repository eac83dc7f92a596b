"""Callers of a deployed API: a user who signs in, a partner with a token and a key, an operator who signs.

The accounts are made on the local cloud, in the resources that Terraform made there; nothing of it is in the stack. Where
those resources are is in outputs of the stack: `user_pool_id` and `user_pool_client_id` for users, `partner_key_id` and
`partners_table` for partners.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from typing import Any, Final, Literal

from constructs_lib.environment import DEFAULT_REGION
from deploy_tools.local_session import local_session

USER = "ada"
PARTNER = "acme"
USER_OUTPUTS: Final = ("user_pool_id", "user_pool_client_id")
"""Outputs that a user's token needs: a pool, and a client of it that takes passwords."""
PARTNER_OUTPUTS: Final = ("partner_key_id", "partners_table")
"""Outputs that a partner's token needs: an API key, and the table that the authorizer reads."""

CallerKind = Literal["user", "partner", "operator", "nobody"]


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
                return {"Authorization": self.user_token}
            case "partner":
                return self.partner_headers
            case "operator":
                return self.signed(method, url, body)
            case "nobody":
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
    def partner_headers(self) -> dict[str, str]:
        """The token of a partner who was just given one, and the partner's API key."""
        return {"Authorization": f"Bearer {self.give_token(PARTNER)}", "x-api-key": self.partner_key}

    @cached_property
    def partner_key(self) -> str:
        """The API key of the stack's partner."""
        with closing(self.client("apigateway")) as gateway:
            key = gateway.get_api_key(apiKey=str(self._outputs["partner_key_id"]), includeValue=True)
        return str(key["value"])

    def give_token(self, partner: str, *, api_key: str | None = None, **more: Any) -> str:
        """Write a new token of a partner into the table, and return it.

        Args:
            partner: The partner's name.
            api_key: The API key that the token belongs to. Default: that of the stack's partner.
            more: Further attributes of the item, in DynamoDB's form, such as `expires_at={"N": "1"}`.
        """
        token = secrets.token_urlsafe(32)
        item = {
            "token_sha256": {"S": _sha256(token)},
            "api_key_sha256": {"S": _sha256(self.partner_key if api_key is None else api_key)},
            "partner": {"S": partner},
            **more,
        }
        with closing(self.client("dynamodb")) as tables:
            tables.put_item(TableName=str(self._outputs["partners_table"]), Item=item)
        return token

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


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
