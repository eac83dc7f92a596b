"""Names what a caller wants to invoke, and what is known of the request, as policies see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from local_cloud.gateway.exchange import Exchange

INVOKE = "execute-api:Invoke"

_PARAMETER = re.compile(r"\{([^}]*?)\+?\}")


def method_arn(exchange: Exchange) -> str:
    """Return the ARN of the method that a request is for.

    It is made of the resource's path and the values of its parameters, so that a policy cannot be evaded by another
    spelling of a path that leads to the same method.
    """
    method, api = exchange.routed, exchange.stage.api
    path = _PARAMETER.sub(lambda match: exchange.path_parameters.get(match[1], ""), method.resource_path)
    return (
        f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.api_id}/{exchange.stage.name}/"
        f"{exchange.request.method}/{path.lstrip('/')}"
    )


def request_facts(exchange: Exchange) -> dict[str, str]:
    """Return the condition keys that every request has.

    API Gateway takes HTTPS only, and the local cloud stands for it: `aws:SecureTransport` is true.
    """
    received = datetime.fromtimestamp(exchange.received_at, UTC)
    facts = {
        "aws:SourceIp": exchange.request.peer,
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": exchange.stage.api.region,
        "aws:CurrentTime": received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(exchange.received_at)),
    }
    for key, header in (("aws:UserAgent", "user-agent"), ("aws:Referer", "referer")):
        value = exchange.request.header(header)
        if value is not None:
            facts[key] = value
    return facts
