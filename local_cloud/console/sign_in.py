"""Credentials for requests that the console makes: a user of the deployed user pool, or the local cloud's root user."""

from __future__ import annotations

import secrets
import time
from threading import Lock
from typing import Final

from local_cloud.states.clients import Clients

USER: Final = "console"
_ROOT = "local"
_PASSWORD_FLOWS = {"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"}
_TOKEN_SECONDS = 1800


class NoUserPoolError(Exception):
    """No user pool has a client that accepts passwords."""


class SignIn:
    """Signs in a user of its own in the first user pool that accepts passwords, and signs requests."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._tokens: dict[str, tuple[float, str]] = {}
        self._lock = Lock()

    def user_token(self, region: str) -> str:
        """Return the ID token of a user, who is created with the first token."""
        with self._lock:
            pool, client_id = self._find_client(region)
            present = self._tokens.get(pool)
            if present is not None and present[0] > time.monotonic():
                return present[1]
            token = self._new_token(region, pool, client_id)
            self._tokens[pool] = (time.monotonic() + _TOKEN_SECONDS, token)
            return token

    def signature(self, region: str, method: str, url: str, body_sha256: str) -> dict[str, str]:
        """Return the headers of a request that the root user signs (SigV4)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method, url, headers={"X-Amz-Content-SHA256": body_sha256})
        SigV4Auth(Credentials(_ROOT, _ROOT), "execute-api", region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}

    def _find_client(self, region: str) -> tuple[str, str]:
        cognito = self._clients.get(region, "cognito-idp")
        for pool in cognito.list_user_pools(MaxResults=60)["UserPools"]:
            clients = cognito.list_user_pool_clients(UserPoolId=pool["Id"], MaxResults=60)["UserPoolClients"]
            for client in clients:
                names = {"UserPoolId": pool["Id"], "ClientId": client["ClientId"]}
                described = cognito.describe_user_pool_client(**names)["UserPoolClient"]
                if _PASSWORD_FLOWS.intersection(described.get("ExplicitAuthFlows") or ()):
                    return pool["Id"], client["ClientId"]
        raise NoUserPoolError(f"no user pool in {region} has a client that accepts passwords")

    def _new_token(self, region: str, pool: str, client_id: str) -> str:
        cognito = self._clients.get(region, "cognito-idp")
        password = f"Aa1!{secrets.token_urlsafe(24)}"
        if not cognito.list_users(UserPoolId=pool, Filter=f'username = "{USER}"')["Users"]:
            cognito.admin_create_user(UserPoolId=pool, Username=USER, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=USER, Password=password, Permanent=True)
        answer = cognito.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": USER, "PASSWORD": password},
        )
        return str(answer["AuthenticationResult"]["IdToken"])
