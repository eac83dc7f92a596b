"""Access denied responses of AWS, in the form of each protocol.

The words are AWS's. So are the differences: SQS writes the action in lower case, and SNS its own name in capitals. Services
with a JSON protocol answer 400, all others 403.
"""

from __future__ import annotations

import json
from uuid import uuid4
from xml.sax.saxutils import escape

from local_cloud.iam.calls import Call
from local_cloud.iam.permissions import RESOURCE_BASED, Refusal
from local_cloud.messages import Request, Response

ACCESS_DENIED = "AccessDeniedException"

_EXPIRED = "The security token included in the request is expired"
_QUERY_CODES = {"sns": "AuthorizationError"}
# Services that had a query protocol before, whose errors keep their old codes in a header.
_QUERY_COMPATIBLE = ("monitoring", "sqs")


def message_of(refusal: Refusal) -> str:
    """Return AWS's words for a refusal."""
    action, resource = _written(refusal.need.action), next(iter(refusal.need.resources), None)
    on = "" if resource is None else f" on resource: {_quoted(action, resource)}"
    article = "an" if refusal.by[0] in "aeiou" else "a"
    if refusal.decision == "denied":
        reason = f" with an explicit deny in {article} {refusal.by}"
    elif refusal.by == RESOURCE_BASED:
        reason = ""  # STS does not name a trust policy that lacks a statement
    else:
        reason = f" because no {refusal.by} allows the {action} action"
    return f"User: {refusal.arn} is not authorized to perform: {action}{on}{reason}"


def refusal_response(message: str, call: Call) -> Response:
    """Return the answer to a call that is refused, with what is wrong."""
    if call.protocol == "rest-xml":
        return s3_refusal(call.request, "AccessDenied", message)
    return _response(message, call, ACCESS_DENIED, _QUERY_CODES.get(call.service, "AccessDenied"))


def expired_response(call: Call) -> Response:
    """Return the answer to a call with the credentials of a session that has ended."""
    if call.protocol == "rest-xml":
        return s3_refusal(call.request, "ExpiredToken", "The provided token has expired.", status=400)
    return _response(_EXPIRED, call, "ExpiredTokenException", "ExpiredToken")


def _response(message: str, call: Call, code: str, query_code: str) -> Response:
    service, protocol = call.service, call.protocol
    request_id = str(uuid4())
    if protocol == "query":
        return _from_query_api(message, request_id, query_code)
    headers = [("x-amzn-RequestId", request_id)]
    if service in _QUERY_COMPATIBLE:
        headers.append(("x-amzn-query-error", f"{query_code};Sender"))
    if protocol == "rest-json":
        headers += [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
        return Response(403, tuple(headers), json.dumps({"Message": message}).encode())
    status = 403 if service in _QUERY_COMPATIBLE else 400
    if protocol == "cbor":
        headers += [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        return Response(status, tuple(headers), _cbor_map({"__type": code, "message": message}))
    headers.append(("Content-Type", call.request.header("content-type") or "application/x-amz-json-1.0"))
    content = {"__type": f"com.amazon.coral.service#{code}", "Message": message, "message": message}
    return Response(status, tuple(headers), json.dumps(content).encode())


def _written(action: str) -> str:
    """Return an action as its service writes it."""
    service, _, name = action.partition(":")
    return action.lower() if service == "sqs" else f"SNS:{name}" if service == "sns" else action


def _quoted(action: str, resource: str) -> str:
    return f'"{resource}"' if action.startswith("s3:") else resource


def s3_refusal(request: Request, code: str, message: str, *, status: int = 403) -> Response:
    """Return the answer of S3 to a request that it refuses."""
    request_id = str(uuid4())
    headers = (("Content-Type", "application/xml"), ("x-amz-request-id", request_id))
    if request.method == "HEAD":
        return Response(status, headers)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>'
        f"<RequestId>{request_id}</RequestId><HostId></HostId></Error>"
    )
    return Response(status, headers, text.encode())


def _from_query_api(message: str, request_id: str, code: str) -> Response:
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    headers = (("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id))
    return Response(403, headers, text.encode())


def _cbor_map(content: dict[str, str]) -> bytes:
    """Write a map of texts, fewer than 24, as CBOR."""
    written = bytes([0xA0 + len(content)])
    for text in (text for entry in content.items() for text in entry):
        encoded = text.encode()
        written += b"\x79" + len(encoded).to_bytes(2, "big") + encoded
    return written
