"""Lambda authorizer of the partner routes.

A partner's token is an opaque secret of at least 256 bits, and belongs to one API key: usage is metered by the key, and
must not be metered to another partner. The table has the SHA-256 of both, so that a reader of the table cannot call.
API Gateway invokes the authorizer for every request: a revoked token stops working at once.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.caller import PARTNER
from handlers.common.caller_hash import CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.errors import ServiceError
from handlers.common.logs import InvocationLog
from handlers.common.once import Once
from handlers.common.proxy_request import ProxyRequest

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
        api_key_sha256: The SHA-256 of the API key that the token belongs to, in hexadecimal; empty for none, with
            which no call is allowed.
    """

    name: str
    enabled: bool
    expires_at: int | None
    api_key_sha256: str

    def may_call_with(self, api_keys: Sequence[str]) -> bool:
        """Whether the partner may call with the values of `x-api-key` that were sent: exactly the key of the token."""
        if not self.enabled or len(api_keys) != 1:
            return False
        return hmac.compare_digest(_sha256(api_keys[0]), self.api_key_sha256)


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
                "Key": {"token_sha256": {"S": _sha256(token)}},
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
            api_key_sha256=item.get("api_key_sha256", {}).get("S", ""),
        )


class PartnerAuthorizer:
    """Answers API Gateway's question whether a request may pass.

    Args:
        table: Gives the tokens; asked when the first is there.
        hashes: Gives the hashes of partners for the logs.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self,
        table: Callable[[], PartnerTable],
        hashes: Callable[[], CallerHashes],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._hashes = hashes
        self._clock = clock
        self._log = InvocationLog("partners")

    def handler(self, event: Mapping[str, object], context: object) -> dict[str, object]:
        """The Lambda entry point for an authorizer of type REQUEST.

        Returns:
            A policy for the one method that was asked for. It denies the call to a partner who is disabled, and with
            another API key than that of the token. `context.partner` reaches the integration, and `context.caller`,
            the keyed hash of the partner, the logs.

        Raises:
            Unauthorized: There is no token or more than one, or it is not in the table, or it has expired.
            ServiceError: The table cannot be asked; API Gateway answers 500 and nobody passes.
        """
        line = self._log.begin(str(getattr(context, "aws_request_id", "unknown")))
        line.operation = "partners.authorize"
        headers, deadline = ProxyRequest.from_event(event).headers, Deadline.of_context(context)
        try:
            partner = self._holder(headers.get("authorization", ()), deadline)
            line.caller = caller = self._hashes().hash_of(f"{PARTNER}:{partner.name}", deadline=deadline)
        except Exception as error:  # noqa: BLE001 - nothing of what went wrong may reach the caller
            problem = line.failure(error)
        else:
            line.success()
            allowed = partner.may_call_with(headers.get("x-api-key", ()))
            return _policy(partner, str(event.get("methodArn", "")), caller, allowed=allowed)
        raise problem.with_traceback(None) from None

    def _holder(self, sent: Sequence[str], deadline: Deadline) -> Partner:
        found = _TOKEN.fullmatch(sent[0]) if len(sent) == 1 else None
        partner = None if found is None else self._table().holder(found[1], deadline=deadline)
        if partner is None or (partner.expires_at is not None and partner.expires_at <= self._clock()):
            raise Unauthorized
        return partner


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def _policy(partner: Partner, method_arn: str, caller: str, *, allowed: bool) -> dict[str, object]:
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if allowed else "Deny",
        "Resource": method_arn,
    }
    return {
        "principalId": partner.name,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"partner": partner.name, "caller": caller},
    }


authorizer = PartnerAuthorizer(Once(PartnerTable.from_environment), Once(CallerHashes.from_environment))
handler = authorizer.handler
