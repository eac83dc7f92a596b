"""Check of a call of an AWS API against the role whose session has signed it, before moto carries it out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from local_cloud.iam import sessions
from local_cloud.iam.callers import Caller, find_caller
from local_cloud.iam.calls import Call, Credential, read_call, session_credential
from local_cloud.iam.needs import needs_of
from local_cloud.iam.permissions import RESOURCE_BASED, Need, Principal, Refusal, refusal
from local_cloud.iam.presigned import MESSAGES, fault_of, is_presigned
from local_cloud.iam.refusals import expired_response, message_of, refusal_response, s3_refusal
from local_cloud.iam.s3_needs import listing_of_missing_object
from local_cloud.messages import Request, Response

UNKNOWN_PERMISSION = "unknown permission"
"""Note of a request whose operation cannot be determined. It is carried out."""

_log = logging.getLogger("local_cloud.iam")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of the check of a call: its rejection, if it is rejected, and a note in the log of requests."""

    response: Response | None = None
    note: str = ""


def checked_call(request: Request) -> Verdict:
    """Check whether the caller's role allows a call."""
    if (broken := _broken_url(request)) is not None:
        return broken
    session = _session(request)
    if session is None:
        return Verdict()
    credential, caller = session
    call = read_call(request, credential, caller.account_id)
    if call is None:
        _log.info("%s %s: the permission for this call is not known", request.method, request.path)
        return Verdict(note=f"{UNKNOWN_PERMISSION} by role {_role_name(caller)}")
    if caller.expires is not None and caller.expires.replace(tzinfo=UTC) <= datetime.now(UTC):
        return Verdict(expired_response(call), f"refused: the session {caller.arn} has expired")
    principal, facts = _principal(caller), _request_facts(caller, call.region)
    needs = needs_of(call)
    for need in needs:
        if (why := refusal(principal, need, facts)) is not None:
            return _refused(caller, call, why)
    actions = ", ".join(dict.fromkeys(need.action for need in needs)) or "no permission"
    return Verdict(note=f"{actions} by role {_role_name(caller)}")


def refused_answer(request: Request, response: Response) -> Verdict | None:
    """Return what takes the place of an answer that the caller's role does not let it see; mostly that is nothing.

    An answer that an object does not exist needs permission to list the bucket.
    """
    if response.status != 404:
        return None
    session = _session(request)
    if session is None:
        return None
    credential, caller = session
    call = read_call(request, credential, caller.account_id)
    if call is None or call.service != "s3" or (need := listing_of_missing_object(call, response)) is None:
        return None
    why = refusal(_principal(caller), need, _request_facts(caller, call.region))
    return None if why is None else _refused(caller, call, why)


def refused_need(access_key: str, need: Need, *, region: str) -> Refusal | None:
    """Return why a session may not do something that does not come as a request; None where it may.

    An unknown key may do everything.
    """
    caller = find_caller(access_key)
    return None if caller is None else refusal(_principal(caller), need, _request_facts(caller, region))


def refused_role(role_arn: str, need: Need, *, region: str) -> Refusal | None:
    """Return why a role may not do something that a service is to do with it; None where it may, or is not known here."""
    if not sessions.is_known(role_arn):
        return None
    account_id = role_arn.split(":")[4]
    facts = {"aws:PrincipalArn": role_arn, "aws:PrincipalAccount": account_id}
    return refusal(Principal(role_arn, role_arn, facts), need, {"aws:RequestedRegion": region})


def _broken_url(request: Request) -> Verdict | None:
    """Return the answer to a presigned URL that was altered or has expired; None for every other request."""
    if not is_presigned(request):
        return None
    credential = session_credential(request)
    caller = None if credential is None else find_caller(credential.access_key)
    fault = None if caller is None else fault_of(request, caller.secret, now=datetime.now(UTC))
    if fault is None:
        return None
    message = MESSAGES[fault]
    return Verdict(s3_refusal(request, fault, message), f"refused: presigned URL of S3: {fault}: {message}")


def _session(request: Request) -> tuple[Credential, Caller] | None:
    """Return the credential and the owner of a session whose role must allow the request; None for other requests."""
    credential = session_credential(request)
    caller = None if credential is None else find_caller(credential.access_key)
    if credential is None or caller is None or caller.token is None:
        return None
    if not sessions.is_own(credential.access_key) and not sessions.is_known(caller.principal_arn):
        return None
    return credential, caller


def _refused(caller: Caller, call: Call, why: Refusal) -> Verdict:
    message, note = message_of(why), _missing(why, caller)
    sessions.report_refusal(caller.access_key, f"{note} ({message})")
    return Verdict(refusal_response(message, call), note)


def _missing(why: Refusal, caller: Caller) -> str:
    """Return what is to be done, on one line."""
    role = _role_name(caller)
    on = f" on {why.need.resources[0]}" if why.need.resources else ""
    does = "denies" if why.decision == "denied" else "does not allow"
    if why.by == RESOURCE_BASED:
        return f"refused: the trust policy{on.replace(' on ', ' of ', 1)} {does} {why.need.action} by role {role}"
    whose = f"role {role}" if why.by == "identity-based policy" else f"the {why.by} of role {role}"
    return f"refused: {whose} {does} {why.need.action}{on}"


def _role_name(caller: Caller) -> str:
    return caller.principal_arn.rpartition("/")[2]


def _principal(caller: Caller) -> Principal:
    facts = caller.facts()
    function_arn = sessions.function_of(caller.access_key)
    if function_arn is not None:
        facts["lambda:SourceFunctionArn"] = function_arn
    return Principal(caller.principal_arn, caller.arn, facts, caller.session_policy)


def _request_facts(caller: Caller, region: str) -> dict[str, str]:
    return {
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": caller.account_id,
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
    }
