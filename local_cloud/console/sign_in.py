"""Credentials for requests that the console makes: a user of the deployed user pool, or the local cloud's root user."""

from __future__ import annotations

import secrets
from threading import Lock
from typing import Final

from local_cloud.states.clients import Clients

USER: Final = "console"
_ROOT = "local"
_PASSWORD_FLOWS = {"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"}
_lock = Lock()


def user_token(clients: Clients, region: str) -> str:
    """Return the ID token of a user in the first user pool that accepts passwords, who is created with the first token."""
    cognito = clients.get(region, "cognito-idp")
    password = f"Aa1!{secrets.token_urlsafe(24)}"
    with _lock:
        pool, client_id = _find_client(clients, region)
        if not cognito.list_users(UserPoolId=pool, Filter=f'username = "{USER}"')["Users"]:
            cognito.admin_create_user(UserPoolId=pool, Username=USER, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=USER, Password=password, Permanent=True)
        parameters = {"USERNAME": USER, "PASSWORD": password}
        answer = cognito.initiate_auth(
            ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
        )
    return str(answer["AuthenticationResult"]["IdToken"])


def _find_client(clients: Clients, region: str) -> tuple[str, str]:
    cognito = clients.get(region, "cognito-idp")
    for pool in cognito.list_user_pools(MaxResults=60)["UserPools"]:
        for client in cognito.list_user_pool_clients(UserPoolId=pool["Id"], MaxResults=60)["UserPoolClients"]:
            names = {"UserPoolId": pool["Id"], "ClientId": client["ClientId"]}
            described = cognito.describe_user_pool_client(**names)["UserPoolClient"]
            if _PASSWORD_FLOWS.intersection(described.get("ExplicitAuthFlows") or ()):
                return pool["Id"], client["ClientId"]
    raise LookupError(f"no user pool in {region} has a client that accepts passwords")


def signature(region: str, method: str, url: str, sha256: str) -> dict[str, str]:
    """Return the headers of a request that the root user signs (SigV4)."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method, url, headers={"X-Amz-Content-SHA256": sha256})
    SigV4Auth(Credentials(_ROOT, _ROOT), "execute-api", region).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}
