"""Signatures of version 4: what the signature of a request should be, computed by botocore."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import SimpleNamespace
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from local_cloud.messages import Request

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


def expected_signature(
    request: Request,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    timestamp: str,
    signed_headers: Collection[str],
    path: str,
    query: Sequence[tuple[str, str]],
    payload_hash: str,
) -> tuple[str, str]:
    """Return the signature of a request, in hexadecimal, and the canonical request that it is of.

    Args:
        request: The request.
        credentials: The credentials that it names.
        region: The region in the credential scope.
        service: The service in the credential scope.
        timestamp: The time in the signature, such as `20260131T120000Z`.
        signed_headers: Names of the signed headers, in lower case.
        path: The path in its canonical form.
        query: Names and values of the query string, not escaped, without the signature.
        payload_hash: SHA-256 of the body in hexadecimal, or `UNSIGNED_PAYLOAD`.
    """
    headers = HTTPHeaders()
    for name, value in request.headers:
        if name.lower() in signed_headers:
            headers.add_header(name.lower(), value)
    signer = SigV4Auth(credentials, service, region)
    escaped = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    canonical = "\n".join(
        (
            request.method.upper(),
            path,
            "&".join(f"{name}={value}" for name, value in escaped),
            signer.canonical_headers(headers) + "\n",
            ";".join(sorted(signed_headers)),
            payload_hash,
        )
    )
    moment = SimpleNamespace(context={"timestamp": timestamp})
    return signer.signature(signer.string_to_sign(moment, canonical), moment), canonical
