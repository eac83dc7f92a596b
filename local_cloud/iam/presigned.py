"""Presigned URLs of S3: whether the signature is for this very request, and not too old.

Other requests to AWS's APIs are taken at their word: their signer has a key of this machine. A presigned URL is
different, as it is given to others, who must not get more out of it than the object that it was made for.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Final, Literal
from urllib.parse import parse_qsl, quote

from botocore.auth import SigV4Auth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

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
    """Say whether a request carries a signature of version 4 in its query string, and for S3."""
    return "X-Amz-Signature=" in request.query and "%2Fs3%2Faws4_request" in request.query


def fault_of(request: Request, secret: str, *, now: datetime) -> Fault | None:
    """Return what is wrong with a presigned request; None where nothing is.

    Args:
        request: The request; its host is signed too.
        secret: The secret of the access key that it names.
        now: The present time, in UTC.
    """
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        access_key, _, region, service, _ = query["X-Amz-Credential"].split("/")
        signed_at = datetime.strptime(query["X-Amz-Date"], _TIME).replace(tzinfo=UTC)
        lifetime = timedelta(seconds=int(query["X-Amz-Expires"]))
        names, signature = query["X-Amz-SignedHeaders"].split(";"), query.pop("X-Amz-Signature")
    except (KeyError, ValueError, OverflowError):
        return "AuthorizationQueryParametersError"
    headers = HTTPHeaders()
    for name, value in request.headers:
        if name.lower() in names:
            headers.add_header(name.lower(), value)
    signer = SigV4Auth(Credentials(access_key, secret), service, region)
    moment = SimpleNamespace(context={"timestamp": query["X-Amz-Date"]})
    escaped = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    canonical = "\n".join(
        (
            request.method,
            request.path,
            "&".join(f"{name}={value}" for name, value in escaped),
            signer.canonical_headers(headers) + "\n",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        )
    )
    expected = signer.signature(signer.string_to_sign(moment, canonical), moment)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return "SignatureDoesNotMatch"
    return "AccessDenied" if signed_at + lifetime < now else None
