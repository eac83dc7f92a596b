"""Mapping templates between API Gateway and Step Functions' StartSyncExecution.

They are Velocity templates that escape all values of the caller. The request to Step Functions is JSON whose
`input` is a string with JSON, so values are escaped twice. The body is escaped once, because API Gateway has
parsed and serialized it. It comes first, so that nothing in it can replace the members after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from constructs_lib.workflows.expressions import MAX_DATA_BYTES
from constructs_lib.workflows.http_errors import (
    BUDGET_EXCEEDED,
    FAILED,
    FORBIDDEN,
    INTERNAL,
    INVALID_INPUT,
    TIMED_OUT,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE,
    HttpError,
)
from constructs_lib.workflows.strict_body import CHECK

_RETRY_AFTER_SECONDS: Final = "5"
_RETRIED: Final = (429, 503)


def request_template(state_machine: str, *, service: str | None = None) -> str:
    """Return the template of the request.

    For a body that is not a JSON object, or not strict JSON, `input` is not JSON, and Step Functions rejects
    it. The same holds for a caller who may not use the service; `refusal_template` answers both.

    Args:
        state_machine: ARN of the state machine; may contain `$context`.
        service: Name of the service that the caller must be allowed to use. Default: none.
    """
    caller = {
        "kind": "$kind",
        "principal": _escaped_twice("$principal"),
        "sourceIp": _escaped_twice("$!context.identity.sourceIp"),
        "tenant": _escaped_twice("$tenant"),
        "key": _escaped_twice("$!context.authorizer.key"),
        "pseudonym": _escaped_twice("$!context.authorizer.caller"),
        "limits": _escaped_twice("$!context.authorizer.limits"),
    }
    described = ",".join(rf"\"{name}\":\"{value}\"" for name, value in caller.items())
    values = ",".join(
        (
            rf"\"body\":{_escaped('$body')}",
            rf"\"path\":{_parameters('path')}",
            rf"\"query\":{_parameters('querystring')}",
            rf"\"caller\":{{{described}}}",
            r"\"requestId\":\"$context.requestId\"",
        )
    )
    # Step Functions rejects a large input, so its content does not matter.
    large = rf"{{\"body\":\"{_escaped_twice('$raw')}\"}}"
    given = f"#if($large){large}#elseif($sound){{{values}}}#else no JSON object#end"
    if service is not None:
        given = f"#if({_may_not_use(service)}) forbidden#else{given}#end"
    return "\n".join(
        (
            "#set($body = $input.json('$'))",
            CHECK,
            _AUTHORIZED,
            _caller("user", "authorizer.claims.sub"),
            f'#if($principal == ""){_caller("principal", "authorizer.principalId")}{_KIND_OF_TENANT}#end',
            f'#if($principal == ""){_caller("iam", "identity.userArn")}#end',
            '#if($principal == "")#set($kind = "")#end',
            f'{{"stateMachineArn":"{state_machine}","input":"{given}"}}',
        )
    )


def response_template(errors: Mapping[str, HttpError], *, first: str | None = None) -> str:
    """Return the template of the response to an execution that succeeded or failed.

    Args:
        errors: Responses by the names of errors.
        first: Start of the template. Default: none.
    """
    groups: dict[HttpError, list[str]] = {}
    for name, error in errors.items():
        groups.setdefault(error, []).append(name)
    choices = [f'#if($state == "TIMED_OUT"){_chosen(TIMED_OUT)}']
    for error, names in groups.items():
        condition = " || ".join(f'$error == "{name}"' for name in names)
        chosen = _budget_exceeded(error) if BUDGET_EXCEEDED in names else _chosen(error)
        choices.append(f"#elseif({condition}){chosen}")
    choices.append(f"#else{_chosen(FAILED)}#end")
    return "\n".join(
        (
            *(() if first is None else (first,)),
            "#set($state = $input.path('$.status'))",
            """#if($state == "SUCCEEDED")$input.path('$.output')#else""",
            '#set($error = "")',
            "#set($error = $input.path('$.error'))",
            *choices,
            f"{_ANSWER}#end",
        )
    )


def refusal_template(*, service: str | None = None, first: str | None = None) -> str:
    """Return the template of the response to a request that Step Functions rejected.

    Args:
        service: The service of the request's template. Default: none.
        first: Start of the template. Default: none.
    """
    forbidden = "" if service is None else f"#if({_may_not_use(service)}){_chosen(FORBIDDEN)}#else"
    return "\n".join(
        (
            *(() if first is None else (first,)),
            *(() if service is None else (_AUTHORIZED,)),
            '#set($type = "")',
            "#set($type = $input.path('$.__type'))",
            '#set($said = "")',
            "#set($said = $input.path('$.message'))",
            f'{forbidden}#if($type.contains("ValidationException") || $said.contains("{MAX_DATA_BYTES}")){_chosen(TOO_LARGE)}',
            f'#elseif($type.contains("InvalidExecutionInput")){_chosen(INVALID_INPUT)}',
            f'#elseif($type.contains("Throttling") || $type.contains("LimitExceeded")){_chosen(TOO_MANY)}',
            f"#else{_chosen(INTERNAL)}#end{'#end' if forbidden else ''}",
            _ANSWER,
        )
    )


def outage_template(*, first: str | None = None) -> str:
    """Return the template of the response when Step Functions itself failed."""
    return "\n".join((*(() if first is None else (first,)), _chosen(UNAVAILABLE), _ANSWER))


_REFUSAL: Final = "[1-9][0-9]{0,7} [A-Za-z0-9 .,:'_-]{1,300}"
"""Cause of `BUDGET_EXCEEDED`: the seconds, and a message that needs no escape."""

_SHORT_WAIT: Final = "[1-9]|[1-5][0-9]|60"
_AUTHORIZED: Final = (
    '#set($tenant = "$!context.authorizer.tenant")#set($services = ",$!context.authorizer.services,")'
)
_KIND_OF_TENANT: Final = (
    '#if($tenant == "users")#set($kind = "user")#elseif($tenant != "")#set($kind = "tenant")#end'
)
"""The kinds are those of `handlers/common/caller.py`."""

_ANSWER: Final = '{"code":"$code","message":"$message","requestId":"$context.requestId"}'


def _chosen(error: HttpError, *, wait: str = _RETRY_AFTER_SECONDS) -> str:
    # API Gateway fails if a template overrides the same header twice.
    later = (
        f'#set($context.responseOverride.header.Retry-After = "{wait}")' if error.status in _RETRIED else ""
    )
    return (
        f'#set($context.responseOverride.status = {error.status})#set($code = "{error.code}")'
        f'#set($message = "{error.message}"){later}'
    )


def _budget_exceeded(error: HttpError) -> str:
    """Return the answer with the wait and the message of the cause, if the cause has the form that the ledger gives it."""
    return (
        f"""#set($cause = "")#set($cause = $input.path('$.cause'))#set($wait = "60")#set($message = "{error.message}")"""
        f'#if($cause.matches("{_REFUSAL}"))#set($wait = $cause.replaceAll(" .*", ""))'
        f'#set($message = $cause.replaceAll("^[0-9]+ ", ""))#end'
        f'#set($context.responseOverride.status = {error.status})#set($code = "{error.code}")'
        "#set($context.responseOverride.header.Retry-After = $wait)"
        f'#if(!$wait.matches("{_SHORT_WAIT}"))'
        '#set($context.responseOverride.header.x-should-retry = "false")#end'
    )


def _caller(kind: str, variable: str) -> str:
    return f'#set($kind = "{kind}")#set($principal = "$!context.{variable}")'


def _may_not_use(service: str) -> str:
    """Return the condition that the authorizer named a tenant and its services, and the service is not one of them."""
    return f'$tenant != "" && $services != ",*," && !$services.contains(",{service},")'


def _escaped(reference: str) -> str:
    # Velocity's escape writes \' as in JavaScript, which is not valid in JSON.
    return rf"""$util.escapeJavaScript({reference}).replaceAll("\\'","'")"""


def _escaped_twice(reference: str) -> str:
    return f"#set($once = {_escaped(_quoted(reference))}){_escaped('$once')}"


def _quoted(reference: str) -> str:
    """Return a reference as a string, empty if it has no value."""
    return f'"{reference}"' if reference.startswith("$!") else reference


def _parameters(place: str) -> str:
    return (
        rf"{{#foreach($name in $input.params().{place}.keySet())"
        rf"\"{_escaped_twice('$name')}\":\"{_escaped_twice(f'$input.params().{place}.get($name)')}\""
        "#if($foreach.hasNext),#end#end}"
    )
