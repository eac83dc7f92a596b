"""The Lambda authorizer of the partner routes.

A partner's token is an opaque secret of at least 256 bits. The table holds its SHA-256 alone: who reads the table
cannot call. API Gateway asks with every request, so that a token that was revoked stops working at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.logs import InvocationLog
from handlers.common.once import Once

_TOKEN = re.compile(r"Bearer ([A-Za-z0-9_-]{43,128})")
_CHOICES = (Tries(2, 0.5, 1), Tries(1, 0.5, 1))


class Unauthorized(ServiceError):
    """What API Gateway answers with 401; it knows the error by exactly this message."""

    code = "unauthorized"
    status = 401
    default_message = "Unauthorized"


@dataclass(frozen=True, slots=True)
class Partner:
    """Who holds a token.

    Attributes:
        name: The partner's name.
        enabled: Whether the partner may call.
        expires_at: Until when the token is good, in seconds since 1970; None for ever.
    """

    name: str
    enabled: bool
    expires_at: int | None


class PartnerTable:
    """The DynamoDB table of tokens.

    Args:
        table: Its name.
        api: DynamoDB; made from the environment when left out.
    """

    def __init__(self, table: str, *, api: AwsApi | None = None) -> None:
        self._table = table
        self._api = api or AwsApi("dynamodb", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> PartnerTable:
        """The table that PARTNERS_TABLE names."""
        return cls(os.environ["PARTNERS_TABLE"])

    def holder(self, token: str, *, deadline: Deadline) -> Partner | None:
        """Returns who holds a token; None for a token that nobody was given.

        Raises:
            ServiceError: DynamoDB fails.
        """
        answer = self._api.call(
            "get_item",
            {
                "TableName": self._table,
                "Key": {"token_sha256": {"S": hashlib.sha256(token.encode()).hexdigest()}},
                "ConsistentRead": True,
            },
            deadline=deadline,
        )
        item: Mapping[str, Mapping[str, str]] = answer.get("Item") or {}
        if not item:
            return None
        expires_at = item.get("expires_at", {}).get("N")
        return Partner(
            name=item["partner"]["S"],
            enabled=bool(item.get("enabled", {"BOOL": True})["BOOL"]),
            expires_at=None if expires_at is None else int(expires_at),
        )


class PartnerAuthorizer:
    """Answers API Gateway's question whether a request may pass.

    Args:
        table: Gives the tokens; asked when the first is there.
        clock: The time, in seconds since 1970.
    """

    def __init__(self, table: Callable[[], PartnerTable], *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._log = InvocationLog("partners")

    def handler(self, event: Mapping[str, object], context: object) -> dict[str, object]:
        """The Lambda entry point for an authorizer of type TOKEN.

        Returns:
            A policy for the one method that was asked for. `context.partner` reaches the integration.

        Raises:
            Unauthorized: There is no token, or nobody holds it, or it has expired.
            ServiceError: The table cannot be asked; API Gateway answers 500 and nobody passes.
        """
        line = self._log.begin(str(getattr(context, "aws_request_id", "unknown")))
        line.operation = "partners.authorize"
        try:
            partner = self._holder(event.get("authorizationToken"), Deadline.of_context(context))
        except Exception as error:  # noqa: BLE001 - nothing of what went wrong may reach the caller
            problem = line.failure(error)
        else:
            line.success()
            return _policy(partner, str(event.get("methodArn", "")))
        raise problem.with_traceback(None) from None

    def _holder(self, header: object, deadline: Deadline) -> Partner:
        found = _TOKEN.fullmatch(header) if isinstance(header, str) else None
        partner = None if found is None else self._table().holder(found[1], deadline=deadline)
        if partner is None or (partner.expires_at is not None and partner.expires_at <= self._clock()):
            raise Unauthorized
        return partner


def _policy(partner: Partner, method_arn: str) -> dict[str, object]:
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if partner.enabled else "Deny",
        "Resource": method_arn,
    }
    return {
        "principalId": partner.name,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"partner": partner.name},
    }


authorizer = PartnerAuthorizer(Once(PartnerTable.from_environment))
handler = authorizer.handler
