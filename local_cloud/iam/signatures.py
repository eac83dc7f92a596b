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

    The timestamp is as in the signature, the path canonical, the names of headers in lower case, and the query string not
    escaped and without the signature. The hash is the SHA-256 of the body, or `UNSIGNED_PAYLOAD`.
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
