"""Signatures of version 4 and their verification, in the Authorization header or in the query string (presigned URLs).

botocore computes what the signature should be; this file takes the request apart as the gateway received it. AWS's
words for each mistake are here too; how it words the rarer ones is best knowledge.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_plus

from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

from local_cloud.gateway.errors import INVALID_SIGNATURE, NO_ROUTE, Fault, GatewayError
from local_cloud.iam.signatures import expected_signature
from local_cloud.messages import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
LARGEST_SKEW = timedelta(minutes=5)
LONGEST_EXPIRY_SECONDS = 604_800

_TIME = "%Y%m%dT%H%M%SZ"
_TIME_PATTERN = re.compile(r"\d{8}T\d{6}Z")
_INCOMPLETE = "IncompleteSignatureException"
_PARTS = ("Credential", "Signature", "SignedHeaders")


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of a request, as the client sent it.

    Attributes:
        scope: The rest of the credential: date, region, service, `aws4_request`.
        signed_headers: Names of the headers that are signed, in lower case.
        query: The signed part of the query string.
        valid_for: For how long a presigned URL is good; None for the header's form.
    """

    access_key: str
    scope: tuple[str, ...]
    signed_headers: tuple[str, ...]
    value: str
    timestamp: str
    token: str | None
    query: tuple[tuple[str, str], ...]
    valid_for: timedelta | None = None

    def check_scope(self, region: str) -> None:
        """Refuse a signature for another day, region or service."""
        expected = (self.timestamp[:8], region, SERVICE, "aws4_request")
        if self.scope == expected:
            return
        complaints = (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
            f"Credential should be scoped to a valid region, not '{self.scope[1]}'.",
            f"Credential should be scoped to correct service: '{SERVICE}'.",
            "Credential should be scoped with a valid terminator: 'aws4_request'.",
        )
        wrong = [
            complaint
            for complaint, actual, wanted in zip(complaints, self.scope, expected, strict=True)
            if actual != wanted
        ]
        raise _refused(INVALID_SIGNATURE, " ".join(wrong))

    def check_time(self, now: datetime) -> None:
        """Refuse a signature that is too old, or made in the future."""
        signed = datetime.strptime(self.timestamp, _TIME).replace(tzinfo=UTC)
        lifetime = LARGEST_SKEW if self.valid_for is None else self.valid_for
        if signed + lifetime < now:
            earliest = f"{now - lifetime:{_TIME}} ({now:{_TIME}} - {_minutes(lifetime)}.)"
            raise _refused(
                INVALID_SIGNATURE, f"Signature expired: {self.timestamp} is now earlier than {earliest}"
            )
        if signed - LARGEST_SKEW > now:
            latest = f"{now + LARGEST_SKEW:{_TIME}} ({now:{_TIME}} + {_minutes(LARGEST_SKEW)}.)"
            raise _refused(
                INVALID_SIGNATURE, f"Signature not yet current: {self.timestamp} is still later than {latest}"
            )

    def check_value(self, request: Request, secret: str) -> None:
        """Refuse a signature that the key does not give for this request."""
        digest = hashlib.sha256(request.body).hexdigest()
        announced = request.header("x-amz-content-sha256")
        if announced is not None and announced != digest:
            raise GatewayError(INVALID_SIGNATURE, "x-amz-content-sha256 is not the hash of the body")
        _, region, service, _ = self.scope
        expected, canonical = expected_signature(
            request,
            Credentials(self.access_key, secret),
            region=region,
            service=service,
            timestamp=self.timestamp,
            signed_headers=self.signed_headers,
            path=quote(normalize_url_path(request.path), safe="/~"),
            query=self.query,
            payload_hash=digest,
        )
        if not hmac.compare_digest(expected.encode(), self.value.encode("utf-8", "replace")):
            shown = canonical if self.token is None else canonical.replace(self.token, "…")
            raise GatewayError(INVALID_SIGNATURE, f"the canonical request should have been {shown!r}")


def read_signature(request: Request) -> Signature:
    """Return the signature of a request."""
    header = request.header("authorization")
    if header is not None:
        return _from_header(request, header)
    parameters = dict(_query(request.query))
    if parameters.get("X-Amz-Algorithm") == ALGORITHM:
        return _from_query(request, parameters)
    raise GatewayError(NO_ROUTE, "the request is not signed, and the method demands AWS_IAM")


def _from_header(request: Request, header: str) -> Signature:
    algorithm, _, rest = header.partition(" ")
    parts = {}
    for part in filter(None, map(str.strip, re.split(r"[,\s]", rest))):
        name, equals, value = part.partition("=")
        if not equals:
            raise _incomplete(
                "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and "
                f"encoded with Base64): '{_digest(part)}'."
            )
        parts[name] = value
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARTS if name not in parts]
    date = request.header("x-amz-date") or request.header("date")
    if date is None:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or algorithm != ALGORITHM:
        missing = missing or [f"Authorization header requires the algorithm '{ALGORITHM}'."]
        raise _incomplete(
            f"{' '.join(missing)} (Hashed with SHA-256 and encoded with Base64) Authorization={_digest(header)}"
        )
    return _signature(
        parts,
        timestamp=date or "",
        token=request.header("x-amz-security-token"),
        query=tuple(_query(request.query)),
    )


def _from_query(request: Request, parameters: Mapping[str, str]) -> Signature:
    parts = {name: parameters.get(f"X-Amz-{name}", "") for name in _PARTS}
    date, seconds = parameters.get("X-Amz-Date", ""), parameters.get("X-Amz-Expires", "")
    missing = [
        f"X-Amz-{name}" for name, value in (*parts.items(), ("Date", date), ("Expires", seconds)) if not value
    ]
    if missing:
        raise _incomplete(
            f"AWS query-string parameters must include {_listed(missing)}. Re-examine the query-string parameters."
        )
    if not seconds.isdecimal() or not 1 <= int(seconds) <= LONGEST_EXPIRY_SECONDS:
        raise _incomplete("X-Amz-Expires must be less than a week (in seconds); that is 604800")
    signature = _signature(
        parts,
        timestamp=date,
        token=parameters.get("X-Amz-Security-Token"),
        query=tuple(pair for pair in _query(request.query) if pair[0] != "X-Amz-Signature"),
    )
    return replace(signature, valid_for=timedelta(seconds=int(seconds)))


def _signature(
    parts: Mapping[str, str], *, timestamp: str, token: str | None, query: tuple[tuple[str, str], ...]
) -> Signature:
    access_key, *scope = parts["Credential"].split("/")
    if len(scope) != 4:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got {len(scope) + 1}."
        )
    signed = tuple(parts["SignedHeaders"].lower().split(";"))
    if "host" not in signed:
        raise _refused(
            INVALID_SIGNATURE, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    return Signature(
        access_key=access_key,
        scope=tuple(scope),
        signed_headers=signed,
        value=parts["Signature"],
        timestamp=_timestamp(timestamp),
        token=token,
        query=query,
    )


def _timestamp(date: str) -> str:
    """Return a date of either form in the one that is signed."""
    try:
        if _TIME_PATTERN.fullmatch(date):
            datetime.strptime(date, _TIME).replace(tzinfo=UTC)
            return date
        return f"{parsedate_to_datetime(date).astimezone(UTC):{_TIME}}"
    except (ValueError, OverflowError):
        raise _incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{date[:40]}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def _query(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string, unescaped; a plus is a space."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def _minutes(duration: timedelta) -> str:
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{seconds} sec" if not minutes else f"{minutes} min" + (f" {seconds} sec" if seconds else "")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8", "replace")).digest()).decode()


def _incomplete(message: str) -> GatewayError:
    return _refused(replace(INVALID_SIGNATURE, error_type=_INCOMPLETE), message)


def _refused(fault: Fault, message: str) -> GatewayError:
    return GatewayError(replace(fault, message=message), message)
