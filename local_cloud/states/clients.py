"""Clients of tasks for AWS services: boto3, at this server's own port.

moto makes a client for each call, which takes 50 ms, and addresses it to `localhost` at a port that an environment
variable names. Here clients are kept, talk to the address at which this server listens, go through no proxy, and put
nothing before the host's name (boto3 puts `sync-` there for StartSyncExecution). Their calls are signed with a session of
the state machine's role, so that the control plane refuses what the role does not allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock, local
from typing import Any

from local_cloud.iam.sessions import RoleSession
from local_cloud.messages import first_header
from local_cloud.states.roles import Roles

_MOST_CONNECTIONS = 64
_READ_TIMEOUT_SECONDS = 900


class Clients:
    """Cache of clients, safe to use from many threads.

    Args:
        endpoint_url: Where the AWS APIs of the local cloud are.
        roles: Sessions of the state machines' roles. Default: none; unknown credentials are used.
    """

    def __init__(self, endpoint_url: str, roles: Roles | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._roles = roles
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._session: Any = None
        self._lock = Lock()

    def get(self, region: str, service: str, state_credentials: object = None) -> Any:
        """Return the client of a service; the signature is that of moto's function, whose place it takes."""
        role_arn: str | None = getattr(state_credentials, "role_arn", None)
        session = self._roles.session(role_arn, region) if self._roles and role_arn else None
        key = (service, region, "" if session is None else session.access_key)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key) or self._make(service, region, session)
                self._clients[key] = client
        return client

    def _make(self, service: str, region: str, session: RoleSession | None) -> Any:
        import botocore.session
        from botocore.config import Config

        if self._session is None:
            self._session = botocore.session.Session()
        client = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id="LOCALCLOUDSTATES0000" if session is None else session.access_key,
            aws_secret_access_key="local-cloud" if session is None else session.secret,
            aws_session_token=None if session is None else session.token,
            config=Config(
                inject_host_prefix=False,
                max_pool_connections=_MOST_CONNECTIONS,
                parameter_validation=False,
                proxies={},
                read_timeout=_READ_TIMEOUT_SECONDS,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )
        client.meta.events.register("after-call.*", _remember_answer)
        return client


_answers = local()


def remember_answer(status: int, headers: Mapping[str, str]) -> None:
    """Note what the last call of this thread was answered with."""
    _answers.last = (status, dict(headers))


def metadata() -> dict[str, Any]:
    """Return what an optimized integration adds to its result: the status code and the headers of the last answer."""
    status, headers = _answers.last
    request_id = first_header(headers.items(), "x-amzn-requestid") or ""
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def _remember_answer(http_response: Any, **_: Any) -> None:
    remember_answer(http_response.status_code, http_response.headers)
