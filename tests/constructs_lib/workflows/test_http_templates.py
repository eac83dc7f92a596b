"""Mapping templates, evaluated as the local cloud does: input of callers stays data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.errors import ConstructError
from constructs_lib.workflows.expressions import MAX_DATA_BYTES
from constructs_lib.workflows.http_errors import BUDGET_EXCEEDED, ERRORS, HttpError
from constructs_lib.workflows.http_templates import (
    outage_template,
    refusal_template,
    request_template,
    response_template,
)
from constructs_lib.workflows.strict_body import CHECK, MAX_DEPTH
from handlers.common import errors as service_errors
from handlers.common.caller import Caller
from handlers.common.errors import InvalidRequest
from handlers.common.strict_json import read_json_object
from local_cloud.gateway.velocity import HostObject, compile_template
from local_cloud.json_paths import MISSING, find
from tests.support.events import authorized

REQUEST = compile_template(request_template("arn:aws:states:us-east-1:$context.accountId:stateMachine:flow"))
RESPONSE = compile_template(response_template(ERRORS))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")) | st.sampled_from(
    ["$input.body", "#set($a = 1)", "${x}", "\\'", '\'"\\"', "#end", '","x":"', "\x00\u2028"]
)
NASTY = (
    "it's \"so\" \\ \\' \\\\' ${x} $input.body $context.accountId #set($a = 1) #end \u2028 é 漢 😀 \n\t\x00"
)


def escaped(value: Any) -> str:
    """Velocity's escapeJavaScript, as the documentation of Apache Commons Lang describes it."""
    short = {"\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r"}

    def one(match: re.Match[str]) -> str:
        character = match[0]
        if character in "\"'\\/":
            return f"\\{character}"
        units = character.encode("utf-16-be", "surrogatepass")
        code = "".join(f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))
        return short.get(character, code)

    return re.sub(r"[\"'\\/\x00-\x1f\x7f-\U0010ffff]", one, str(value))


def request(
    body: object,
    *,
    path: dict[str, str],
    query: dict[str, str],
    context: dict[str, Any],
    read: object = None,
    template: Any = REQUEST,
) -> dict[str, Any]:
    """The request that the template makes of a body; `read` is what API Gateway makes of a body that is not JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        content = json.loads(text)
    except ValueError:
        content = text if read is None else read
    places = {"path": path, "querystring": query, "header": {}}
    rendered = template.render(
        {
            "input": HostObject(
                properties={"body": text},
                methods={"json": lambda _: json.dumps(content, ensure_ascii=False), "params": lambda: places},
            ),
            "context": {"accountId": "123456789012", "requestId": "r-1", **context},
            "util": HostObject(methods={"escapeJavaScript": escaped}),
        }
    )
    resource = json.loads(rendered)
    assert list(resource) == ["stateMachineArn", "input"]
    assert resource["stateMachineArn"] == "arn:aws:states:us-east-1:123456789012:stateMachine:flow"
    return dict(resource)


def answer(
    template: Any, body: object, context: Mapping[str, Any] | None = None
) -> tuple[int | None, str, dict[str, Any]]:
    def path(expression: str) -> Any:
        found = find(expression, body)
        return None if found is MISSING else found

    override: dict[str, Any] = {"header": {}}
    variables = {"requestId": "r-1", "responseOverride": override, **(context or {})}
    text = template.render({"input": HostObject(methods={"path": path}), "context": variables})
    return override.get("status"), text, override["header"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    body=st.dictionaries(TEXTS, JSON, max_size=3),
    path=st.dictionaries(st.sampled_from(["id", "name"]), TEXTS, max_size=2),
    query=st.dictionaries(TEXTS, TEXTS, max_size=3),
    principal=TEXTS,
    limits=TEXTS,
)
def test_the_workflow_gets_exactly_what_was_sent(
    body: dict[str, Any], path: dict[str, str], query: dict[str, str], principal: str, limits: str
) -> None:
    authorizer = {"principalId": principal, "key": "k1", "caller": "hash", "limits": limits}
    context = {"authorizer": authorizer, "identity": {"sourceIp": "192.0.2.1"}}
    execution = request(body, path=path, query=query, context=context)
    assert json.loads(execution["input"]) == {
        "body": body,
        "path": path,
        "query": query,
        "caller": {
            "kind": "principal" if principal else "",
            "principal": principal,
            "sourceIp": "192.0.2.1",
            "tenant": "",
            "key": "k1",
            "pseudonym": "hash",
            "limits": limits,
        },
        "requestId": "r-1",
    }


def test_nothing_in_a_body_is_evaluated_or_ends_the_text_it_stands_in() -> None:
    execution = request({NASTY: [NASTY]}, path={"id": NASTY}, query={NASTY: NASTY}, context={})
    found = json.loads(execution["input"])
    assert found["body"] == {NASTY: [NASTY]}
    assert found["path"] == {"id": NASTY}
    assert found["query"] == {NASTY: NASTY}
    assert set(found["caller"].values()) == {""}


@pytest.mark.parametrize(
    "body", ["not JSON", "[1]", '"text"', "7", "null", '{"a":1}, "caller": {"principal": "root"', '{"a":1'],
)  # fmt: skip
def test_a_body_that_is_no_object_makes_an_input_that_is_refused(body: str) -> None:
    execution = request(body, path={}, query={}, context={"authorizer": {"principalId": "me"}})
    assert execution["input"] == " no JSON object"


DEEPEST = MAX_DEPTH - 1
NOT_STRICT = {
    "a key twice": '{"a": 1, "a": 1}',
    "a key twice, further in": '{"a": [{"b": {"c": 1, "c": 2}}]}',
    "a key twice, written in two ways": '{"a": 1, "\\u0061": 2}',
    "a key twice, with quotes": '{"\\"": 1, "\\"": 2}',
    "bytes that are not UTF-8": b'{"a": "\xff"}'.decode("utf-8", "replace"),
    "the first half of a pair": '{"a": "\\uD83D"}',
    "the second half of a pair": '{"a": "x\\ude00"}',
    "two first halves": '{"a": "\\ud83d\\ud83d\\ude00"}',
    "a half behind a backslash": '{"a": "\\\\\\ud83d"}',
    "a half as a key": '{"\\udE00": 1}',
    "NaN": '{"a": NaN}',
    "infinity": '{"a": [-Infinity]}',
    "a number that is too large": '{"a": 1e999}',
    "a number of many digits": '{"a": ' + "9" * 65 + "}",
    "too deep": '{"a":' + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1) + "}",
    "too deep in objects": '{"a":' * (DEEPEST + 2) + "1" + "}" * (DEEPEST + 2),
}


@pytest.mark.parametrize("body", NOT_STRICT.values(), ids=NOT_STRICT)
def test_a_body_that_the_services_reject_makes_an_input_that_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequest):
        read_json_object(body.encode())
    assert request(body, path={}, query={}, context={})["input"] == " no JSON object"


# API Gateway's reader accepts these, and makes texts and numbers of them.
@pytest.mark.parametrize(
    "value", ["'a'", "a", "01", ".5", "+1", "1.", "0x1F", "truefalse", "/* */ 1", "1 // x", "tru", '"a" b']
)
def test_what_only_a_lenient_reader_accepts_is_refused(value: str) -> None:
    execution = request('{"x": ' + value + "}", path={}, query={}, context={}, read={"x": "a"})
    assert execution["input"] == " no JSON object"


STRICT = {
    "the same key in two objects": '{"a": {"k": 1}, "b": [{"k": 1}, {"k": 2}]}',
    "signs of JSON in texts": json.dumps({"a:": ':{"k": 1, "k": NaN}[[', "b": "\\u", "c": '\\":\\\\'}),
    "a pair": '{"a": "\\ud83d\\uDE00", "b": "\\\\ud83d"}',
    "numbers": '{"a": [0, -1, 1.50, 1E5, 2e-7, -0.0, 12345678901234567890, true, false, null]}',
    "the deepest": '{"a":' + "[" * DEEPEST + "]" * DEEPEST + "}",
    "blanks": ' {\t"a" :\r\n[ ] } ',
    "nothing": "{}",
}


@pytest.mark.parametrize("body", STRICT.values(), ids=STRICT)
def test_a_body_that_the_services_accept_reaches_the_workflow(body: str) -> None:
    execution = request(body, path={}, query={}, context={})
    assert json.loads(execution["input"])["body"] == read_json_object(body.encode())


LENIENT = st.recursive(
    st.none() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    body=st.dictionaries(TEXTS, LENIENT, max_size=3),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_the_template_and_the_services_agree(
    body: dict[str, Any], *, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(body, ensure_ascii=ascii_only, indent=indent)
    try:
        expected: object = read_json_object(text.encode())
    except InvalidRequest:
        expected = None
    execution = request(text, path={}, query={}, context={})["input"]
    assert (None if execution == " no JSON object" else json.loads(execution)["body"]) == expected


@pytest.mark.parametrize("body", ["", None])
def test_no_body_is_an_empty_object(body: str | None) -> None:
    rendered = REQUEST.render(
        {
            "input": HostObject(
                properties={"body": body},
                methods={"json": lambda _: "{}", "params": lambda: {"path": {}, "querystring": {}}},
            ),
            "context": {"accountId": "123456789012", "requestId": "r-1"},
            "util": HostObject(methods={"escapeJavaScript": escaped}),
        }
    )
    assert json.loads(json.loads(rendered)["input"])["body"] == {}


def test_a_large_body_makes_an_input_that_is_larger_than_step_functions_takes() -> None:
    body = '{"a": 1,' + " " * MAX_DATA_BYTES + '"a": 1}'
    execution = request(body, path={}, query={}, context={})
    assert len(execution["input"]) > MAX_DATA_BYTES
    assert json.loads(execution["input"]) == {"body": body}


def test_no_pattern_of_the_check_would_be_read_as_a_unicode_escape() -> None:
    assert "\\u" not in CHECK


@pytest.mark.parametrize(
    ("context", "kind", "principal"),
    [
        ({"authorizer": {"claims": {"sub": "s"}}, "identity": {"userArn": "u"}}, "user", "s"),
        ({"authorizer": {"principalId": "user"}, "identity": {"userArn": "u"}}, "principal", "user"),
        ({"authorizer": authorized("acme", "acme")}, "tenant", "acme"),
        ({"authorizer": authorized("users", "s")}, "user", "s"),
        ({"identity": {"userArn": "arn:aws:iam::1:user/u"}}, "iam", "arn:aws:iam::1:user/u"),
        ({}, "", ""),
    ],
)
def test_the_caller_is_who_was_let_in_as_the_services_see_it(
    context: dict[str, Any], kind: str, principal: str
) -> None:
    found = json.loads(request({}, path={}, query={}, context=context)["input"])
    assert (found["caller"]["kind"], found["caller"]["principal"]) == (kind, principal)
    seen = Caller.from_event({"requestContext": context})
    assert (None if seen is None else seen.principal) == (f"{kind}:{principal}" if kind else None)


@pytest.mark.parametrize("output", ['{"a": [1, null]}', '"text"', "[]", json.dumps({"x": NASTY})])
def test_success_answers_with_the_output(output: str) -> None:
    assert answer(RESPONSE, {"status": "SUCCEEDED", "output": output}) == (None, output, {})


@pytest.mark.parametrize("name", [*ERRORS, "Unheard.Of", "", '"},{"x":"'])
def test_failure_answers_by_the_name_of_the_error_and_never_with_the_cause(name: str) -> None:
    body = {"status": "FAILED", "error": name, "cause": "the secret cause"}
    status, text, headers = answer(RESPONSE, body)
    expected = ERRORS.get(name)
    found = json.loads(text)
    assert "secret" not in text
    assert found.keys() == {"code", "message", "requestId"}
    assert found["requestId"] == "r-1"
    assert (status, found["code"]) == (
        (502, "workflow_failed") if expected is None else (expected.status, expected.code)
    )
    wait = "60" if name == BUDGET_EXCEEDED else "5"
    assert headers == ({"Retry-After": wait} if status in (429, 503) else {})


def test_an_execution_without_an_error_name_is_a_bad_gateway() -> None:
    assert answer(RESPONSE, {"status": "FAILED"})[0] == 502


def test_a_workflow_that_took_too_long_is_a_timeout() -> None:
    status, text, _ = answer(RESPONSE, {"status": "TIMED_OUT"})
    assert (status, json.loads(text)["code"]) == (504, "workflow_timeout")


def test_errors_of_ones_own_are_added() -> None:
    sold_out = HttpError(status=409, code="sold_out", message="There is none left.")
    template = compile_template(response_template({**ERRORS, "OutOfStock": sold_out}))
    status, text, _ = answer(template, {"status": "FAILED", "error": "OutOfStock"})
    assert (status, json.loads(text)) == (
        409,
        {"code": "sold_out", "message": "There is none left.", "requestId": "r-1"},
    )


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (
            {"__type": "InvalidExecutionInput", "message": "Invalid State Machine Execution Input"},
            400,
            "invalid_json",
        ),
        ({"__type": "com.amazonaws.swf.service.v2.model#InvalidExecutionInput"}, 400, "invalid_json"),
        (
            {"__type": "InvalidExecutionInput", "message": "Input exceeds 262144 bytes"},
            413,
            "payload_too_large",
        ),
        ({"__type": "ValidationException", "message": "length"}, 413, "payload_too_large"),
        ({"__type": "com.amazon.coral.availability#ThrottlingException"}, 429, "too_many_requests"),
        ({"__type": "ExecutionLimitExceeded"}, 429, "too_many_requests"),
        ({"__type": "AccessDeniedException", "Message": "arn:aws:iam::1:role/x"}, 500, "internal_error"),
        ({"__type": "StateMachineDoesNotExist"}, 500, "internal_error"),
        ({}, 500, "internal_error"),
    ],
)
def test_what_step_functions_refuses_has_an_answer(refusal: dict[str, str], status: int, code: str) -> None:
    found, text, _ = answer(compile_template(refusal_template()), refusal)
    assert (found, json.loads(text)["code"]) == (status, code)
    assert "arn:" not in text


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        ({}, True),
        ({"authorizer": {"claims": {"sub": "s"}}}, True),
        ({"authorizer": {"principalId": "other"}}, True),
        ({"authorizer": authorized("acme", "acme")}, True),
        ({"authorizer": authorized("acme", "acme", services="chat,workflows")}, True),
        ({"authorizer": authorized("users", "s", services="workflows")}, True),
        ({"authorizer": authorized("acme", "acme", services="chat")}, False),
        ({"authorizer": authorized("acme", "acme", services="")}, False),
        ({"authorizer": authorized("acme", "acme", services="my-workflows,workflows2")}, False),
    ],
)
def test_a_caller_without_the_service_starts_nothing_and_is_answered_with_403(
    context: dict[str, Any], allowed: bool
) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:flow"
    checked = compile_template(request_template(arn, service="workflows"))
    given = request({"a": 1}, path={}, query={}, context=context, template=checked)["input"]
    if allowed:
        assert json.loads(given)["body"] == {"a": 1}
    else:
        with pytest.raises(ValueError):
            json.loads(given)
    refusal = {"__type": "com.amazonaws.swf.service.v2.model#InvalidExecutionInput"}
    status, text, _ = answer(compile_template(refusal_template(service="workflows")), refusal, context)
    code = json.loads(text)["code"]
    assert (status, code) == ((400, "invalid_json") if allowed else (403, "forbidden"))


def test_an_outage_is_told_with_when_to_try_again() -> None:
    status, text, headers = answer(compile_template(outage_template()), {})
    assert (status, json.loads(text)["code"], headers) == (503, "backend_unavailable", {"Retry-After": "5"})


def test_the_errors_of_the_services_are_answered_as_the_services_answer_them() -> None:
    errors_by_name = service_errors._BY_NAME
    assert errors_by_name.keys() <= ERRORS.keys()
    for name, error in errors_by_name.items():
        assert (ERRORS[name].status, ERRORS[name].code) == (error.status, error.code), name


@pytest.mark.parametrize("message", ["", 'say "no"', "$input", "two\nlines", "#end"])
def test_a_message_that_would_be_evaluated_is_refused(message: str) -> None:
    with pytest.raises(ConstructError) as refusal:
        HttpError(status=409, code="x", message=message)
    assert str(refusal.value) == (
        f"HttpError: message {message!r} would be evaluated, or end the string around it; write one line without "
        "quotes, '\\', '$' and '#'"
    )


@pytest.mark.parametrize(
    ("cause", "headers", "message"),
    [
        (
            "60 The key's budget of 3 requests a minute is used up. It resets at 2026-12-01T00:00:00Z.",
            {"Retry-After": "60"},
            "The key's budget of 3 requests a minute is used up. It resets at 2026-12-01T00:00:00Z.",
        ),
        (
            "61 A budget.",
            {"Retry-After": "61", "x-should-retry": "false"},
            "A budget.",
        ),
        (None, {"Retry-After": "60"}, "A budget is used up. Try again later."),
        ('5 "}, "x": {"', {"Retry-After": "60"}, "A budget is used up. Try again later."),
        ("5 $context #set($a = 1)", {"Retry-After": "60"}, "A budget is used up. Try again later."),
        ("0 A budget.", {"Retry-After": "60"}, "A budget is used up. Try again later."),
    ],
)
def test_a_budget_that_is_used_up_says_which_and_when_to_try_again(
    cause: str | None, headers: dict[str, str], message: str
) -> None:
    body = {"status": "FAILED", "error": BUDGET_EXCEEDED, "cause": cause}
    status, text, answered = answer(RESPONSE, body)
    assert (status, answered) == (429, headers)
    assert json.loads(text) == {"code": "budget_exceeded", "message": message, "requestId": "r-1"}
