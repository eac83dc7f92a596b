"""Presigned URLs of S3: whether the signature is for this very request, and not too old.

Other requests to AWS's APIs are taken at their word: their signer has a key of this machine. A presigned URL is
different, as it is given to others, who must not get more out of it than the object that it was made for.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import parse_qsl

from botocore.credentials import Credentials

from local_cloud.iam.signatures import UNSIGNED_PAYLOAD, expected_signature
from local_cloud.messages import Request

Fault = Literal["AccessDenied", "AuthorizationQueryParametersError", "SignatureDoesNotMatch"]

MESSAGES: Final[dict[Fault, str]] = {
    "AccessDenied": "Request has expired",
    "AuthorizationQueryParametersError": "Query-string authentication version 4 requires the X-Amz-Algorithm, "
    "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    "SignatureDoesNotMatch": "The request signature we calculated does not match the signature you provided. Check your "
    "key and signing method.",
}
_TIME = "%Y%m%dT%H%M%SZ"


def is_presigned(request: Request) -> bool:
    """Return whether a request carries a signature of version 4 in its query string, and for S3."""
    return "X-Amz-Signature=" in request.query and "%2Fs3%2Faws4_request" in request.query


def fault_of(request: Request, secret: str, *, now: datetime) -> Fault | None:
    """Return what is wrong with a presigned request; None where nothing is."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        access_key, _, region, service, _ = query["X-Amz-Credential"].split("/")
        signed_at = datetime.strptime(query["X-Amz-Date"], _TIME).replace(tzinfo=UTC)
        lifetime = timedelta(seconds=int(query["X-Amz-Expires"]))
        names, signature = query["X-Amz-SignedHeaders"].split(";"), query.pop("X-Amz-Signature")
    except (KeyError, ValueError, OverflowError):
        return "AuthorizationQueryParametersError"
    expected, _ = expected_signature(
        request,
        Credentials(access_key, secret),
        region=region,
        service=service,
        timestamp=query["X-Amz-Date"],
        signed_headers=names,
        path=request.path,
        query=tuple(query.items()),
        payload_hash=UNSIGNED_PAYLOAD,
    )
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return "SignatureDoesNotMatch"
    return "AccessDenied" if signed_at + lifetime < now else None
