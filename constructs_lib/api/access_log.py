"""Access log of a stage: one JSON line for each request, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from constructs_lib.checks import check_mapping, check_pattern
from constructs_lib.errors import InvalidArgumentError, UnsafeSettingError
from constructs_lib.log_retention import RetentionDays, check_retention

DEFAULT_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requestId": "$context.requestId",
        "extendedRequestId": "$context.extendedRequestId",
        "requestTime": "$context.requestTime",
        "stage": "$context.stage",
        "httpMethod": "$context.httpMethod",
        "resourcePath": "$context.resourcePath",
        "protocol": "$context.protocol",
        "sourceIp": "$context.identity.sourceIp",
        "status": "$context.status",
        "responseLength": "$context.responseLength",
        "responseLatency": "$context.responseLatency",
        "integrationStatus": "$context.integrationStatus",
        "integrationLatency": "$context.integrationLatency",
        "errorType": "$context.error.responseType",
        "xrayTraceId": "$context.xrayTraceId",
    }
)
"""Default fields of a line: no path with its values, no query, header, body or claim."""

CALLER_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "caller": "$context.authorizer.caller",
        "tenant": "$context.authorizer.tenant",
        "key": "$context.authorizer.key",
    }
)
"""The fields of a line that tell callers apart: a keyed hash, the id of the tenant, and that of its key."""

_WHERE: Final = "AccessLog"
_VARIABLE: Final = r"\$context(\.[A-Za-z][A-Za-z0-9_-]*)+"
_SECRET_PREFIXES: Final = (
    "$context.authorizer.",
    "$context.authorize.",
    "$context.identity.apiKey",
    "$context.identity.cognito",
    "$context.identity.clientCert",
    "$context.requestOverride.",
)
_HARMLESS: Final = frozenset(
    {
        "$context.authorizer.caller",
        "$context.authorizer.error",
        "$context.authorizer.integrationLatency",
        "$context.authorizer.integrationStatus",
        "$context.authorizer.key",
        "$context.authorizer.latency",
        "$context.authorizer.principalId",
        "$context.authorizer.requestId",
        "$context.authorizer.status",
        "$context.authorizer.tenant",
        "$context.identity.apiKeyId",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """Access log of a stage: one JSON object a line, in a log group of its own.

    Attributes:
        fields: Fields of a line, each a `$context` variable of API Gateway. Default: `DEFAULT_FIELDS`.
        callers: Whether a line has the caller too: `caller`, the keyed hash of the caller, and `tenant` and `key`, the ids
            of the tenant and of its key. A Lambda authorizer such as `Tenants` returns them in its context. Default: False.
        retention_days: Retention of a line in days. Default: the stack's, 365.

    Raises:
        UnsafeSettingError: if a field would log a secret: an API key, a claim, a certificate.
        InvalidArgumentError: if a field is not a `$context` variable, or the request id is missing.

    Example:
        >>> AccessLog(fields={"id": "$context.requestId", "status": "$context.status"}).format
        '{"id":"$context.requestId","status":"$context.status"}'
    """

    fields: Mapping[str, str] = field(default_factory=lambda: DEFAULT_FIELDS)
    callers: bool = False
    retention_days: RetentionDays | None = None

    def __post_init__(self) -> None:
        check_retention(_WHERE, "retention_days", self.retention_days)
        check_mapping(_WHERE, "fields", self.fields)
        for name, variable in self.fields.items():
            check_pattern(
                _WHERE, f"field {name!r}:", variable, _VARIABLE, "use one variable, such as '$context.status'"
            )
            if variable.startswith(_SECRET_PREFIXES) and variable not in _HARMLESS:
                raise UnsafeSettingError(
                    _WHERE, f"field {name!r} would log {variable}, which may hold a secret", "leave it out"
                )
        if not {"$context.requestId", "$context.extendedRequestId"} & set(self.fields.values()):
            raise InvalidArgumentError(
                _WHERE, "no field is $context.requestId, which API Gateway requires", "add one"
            )

    @property
    def format(self) -> str:
        """Template of a line for API Gateway."""
        fields = {**self.fields, **(CALLER_FIELDS if self.callers else {})}
        return json.dumps(fields, separators=(",", ":"))
