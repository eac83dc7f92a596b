"""Mapping templates: the language, and the variables that API Gateway gives to them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.api.cors import Cors
from local_cloud.gateway.velocity import (
    HostObject,
    JsonList,
    Template,
    VelocityError,
    compile_template,
    to_text,
)
from local_cloud.json_paths import MISSING, JsonPathError, find
from tests.support.cloud_in_thread import DeployedApi

MakeApi = Callable[..., DeployedApi]


def render(template: str, **variables: Any) -> str:
    return Template(template).render(variables)


# --- text and references ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain 5$ # a #5 $5 {x} $ {y}", "plain 5$ # a #5 $5 {x} $ {y}"),
        ("$a ${a} $!a $!{a}", "1 1 1 1"),
        ("$none|${none}|$!none|$map.none|$none.a.b()|$list[9]", "|||||"),
        ("$map.a $map['a'] $map.get('a') ${map.a}b", "A A A Ab"),
        ("$map.dash-ed ${map.dash-ed}-", "D D-"),
        ("$a-$a. $a.", "1-1. 1."),
        ("$list[0]$list.get(1)$list[-1] $list[x]", "123 [1, 2, 3][x]"),
        ("${a|'other'} ${none|'other'} ${none|$a}", "1 other 1"),
        (r"\$a \\$a \# \$5 \#if \#set($x = 1)", r"$a \1 \# \$5 #if #set( = 1)"),
        ("a ## gone\nb #* gone\n too *#c", "a b c"),
        ("#[[ $a #if( ]]#", " $a #if( "),
        ("${a", "${a"),
        ("#unknown #unknown(1) #{unknown}", "#unknown #unknown(1) #{unknown}"),
    ],
)
def test_text_and_references(template: str, text: str) -> None:
    assert render(template, a=1, map={"a": "A", "dash-ed": "D"}, list=[1, 2, 3]) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, ""),
        (1.5, "1.5"),
        ({"a": 1, "b": [True, None, "x"]}, "{a=1, b=[true, null, x]}"),
        (JsonList([{"a": "ü"}, True, None]), '[{"a":"ü"},true,null]'),
        ({}, "{}"),
        (HostObject(), ""),
    ],
)
def test_values_as_text(value: Any, text: str) -> None:
    assert to_text(value) == render("$v", v=value) == text


# --- directives ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("#set($x = 1)\n$x", "1"),
        ("  #set ( $x = 'a' ) #set($y = \"$x$x\") [$y]", "   [aa]"),
        ("#set($x = {'a': 1, b: [1, 2], \"c\": {}})$x.a$x.b[1]$x.c $x", "12{} {a=1, b=[1, 2], c={}}"),
        ("#set($x = {})#set($x.a = 1)#set($x['b'] = 2)$x.a$x.b", "12"),
        ("#set($x = [1, 2])#set($x[1] = 3)#set($x[7] = 4)$x", "[1, 3]"),
        ("#set($x.y = 1)[$x]", "[]"),
        ('#set($x = \'it\'\'s $a\')$x #set($x = "say ""hi""")$x', 'it\'s $a say "hi"'),
        ('#set($x = "#if(true)yes#end")$x', "yes"),
        ("#if($t)a#elseif($t)b#{else}c#end", "a"),
        ("#if($f)a#elseif(!$f)b#else c#end", "b"),
        ("#if($f)a#elseif($f)b#{else}c#{end}d", "cd"),
        ("#if($f)\na\n#else\nb\n#end\nc", "b\nc"),
        ("#foreach($i in [1..3])$i#if($foreach.hasNext),#end#end", "1,2,3"),
        ("#foreach($i in [2..0])$foreach.index$foreach.count$velocityCount #end", "011 122 233 "),
        ("#foreach($k in $map.keySet())$k=$map.get($k);#end", "a=1;b=2;"),
        ("#foreach($e in $map.entrySet())$e.key$e.value$e.getKey()#end", "a1ab2b"),
        ("#foreach($v in $map)$v#end", "12"),
        ("#foreach($i in [])x#{else}none#end #foreach($i in $none)x#end", "none "),
        ("#foreach($i in [1..5])#if($i == 3)#break#end$i#end!", "12!"),
        ("#foreach($i in [1, 2])#foreach($j in [1, 2])$foreach.parent.count$j #end#end", "11 12 21 22 "),
        ("#foreach($i in [1])$i#end[$i]$foreach.index", "1[]"),
        ("a#stop b", "a"),
        ("#macro(m $a $b)<$a$b>#end#m(1, 'x')#m(2 3)#m(4)", "<1x><23><4>"),
        ("#m(1)#macro(m $a)<$a>#end", "<1>"),
        ("#define($d)$x!#end#set($x = 1)$d#set($x = 2)$d", "1!2!"),
    ],
)
def test_directives(template: str, text: str) -> None:
    assert render(template, t=True, f=False, map={"a": 1, "b": 2}) == text


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4", "3"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 2", "-1"),
        ("7.0 / 2", "3.5"),
        ("1 / 0", ""),
        ("'a' + 1", "a1"),
        ("'a' * 2", ""),
        ("1 == 1.0", "true"),
        ("1 == '1'", "true"),
        ("true == 'true'", "true"),
        ("'a' != 'b'", "true"),
        ("$none == ''", "true"),
        ("$none == $null", "true"),
        ("null == null", "true"),
        ("1 == null", "false"),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3", "true"),
        ("'a' < 'b'", "true"),
        ("'a' < 1", "false"),
        ("1 lt 2 and not (1 ge 2) or false", "true"),
        ("1 eq 1 && 1 ne 2 && 1 le 1 && 2 gt 1", "true"),
        ("false || false", "false"),
        ("!true", "false"),
        ("$none && true", "true"),
        ("'' && 0", "true"),
    ],
)
def test_expressions(expression: str, value: str) -> None:
    assert render(f"#set($v = {expression})$v") == value


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("$s.length() $s.size()", "5 "),
        ("$s.substring(1) $s.substring(1, 3)", "ello el"),
        ("$s.toUpperCase() $s.replace('l', 'L') $s.replaceAll('l+', '<$0>')", "HELLO heLLo he<ll>o"),
        ("$s.replaceFirst('(h)(e)', '$2$1') $s.indexOf('l') $s.lastIndexOf('l') $s.indexOf('z')", "ehllo 2 3 -1"),
        ("$s.contains('ell') $s.startsWith('he') $s.endsWith('x') $s.matches('h.*o') $s.matches('h')", "true true false true false"),
        ("$s.equals('hello') $s.equalsIgnoreCase('HELLO') $s.isEmpty() $s.trim() $s.concat('!')", "true true false hello hello!"),
        ("$s.split('l') $s.split('l', 2) $s.charAt(0) $s.compareTo('a') $s.toLowerCase()", "[he, , o] [he, lo] h 1 hello"),
        ("$l.size() $l.isEmpty() $l.contains(2) $l.indexOf(3) $l.indexOf(9)", "3 false true 2 -1"),
        ("$l.add(4) $l.add(0, 0) $l.set(1, 9) $l.remove(0) $l.addAll([5]) $l", "true  1 0 true [9, 2, 3, 4, 5]"),
        ("$l.subList(0, 2) $l.get(0) $l.remove('x') $l.toString()", "[1, 2] 1 false [1, 2, 3]"),
        ("$m.size() $m.containsKey('a') $m.containsValue(1) $m.values() $m.getOrDefault('z', 0)", "1 true true [1] 0"),
        ("$m.put('b', 2) $m.putAll({'c': 3}) $m.remove('a') $m.isEmpty() $m", "  1 false {b=2, c=3}"),
        ("$n.intValue() $n.toString() $n.compareTo(1) $n.parseInt('42') $n.equals(2)", "2 2 1 42 true"),
        ("$s.none() $n.none() $l.none() $s.none $s.__class__ $s.format('x')", "     "),
    ],
)  # fmt: skip
def test_methods(call: str, value: str) -> None:
    assert render(call, s="hello", l=[1, 2, 3], m={"a": 1}, n=2) == value


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a\n#if($a)", "line 2, column 8: #end is missing"),
        ("#if $a", "line 1, column 1: #if needs '('"),
        ("#end", "line 1, column 5: #end belongs to nothing"),
        ("#else", "line 1, column 6: #else belongs to nothing"),
        ("#set($a 1)", "line 1, column 9: '=' is expected"),
        ("#set(a = 1)", "line 1, column 6: a reference such as $name is expected"),
        ("#set($a = )", "line 1, column 11: a value is expected"),
        ("#set($a = 'x)", "line 1, column 12: ' is missing at the end of a text"),
        ("#set($a.b() = 1)", "#set cannot change what b() returns"),
        ("#foreach(a in $b)#end", "line 1, column 10: a variable such as $name is expected"),
        ("#* x", "line 1, column 1: *# is missing"),
        ("#parse('x')", "line 1, column 1: #parse is not available in API Gateway"),
        ("#set($a = ['x'..2])", "a range needs whole numbers, not 'x' and 2"),
        ("#set($a = [1..999999999])", "the range 1..999999999 is too long"),
        ("$s.substring(9)", "substring(9, 5) is outside of a text of 5 characters"),
        ("$l.get(9)", "there is no element 9 in a list of 1"),
        ("$s.matches('(')", "matches() has failed: missing ), unterminated subpattern at position 0"),
        ("#macro(m)#m()#end#m()", "#m calls itself more than 20 times"),
        ("#define($d)$d#end$d", "$d calls itself more than 20 times"),
    ],
)
def test_templates_that_fail_say_where(template: str, message: str) -> None:
    with pytest.raises(VelocityError) as caught:
        render(template, s="hello", l=[1])
    assert str(caught.value) == message


def test_a_loop_ends_after_1000_rounds() -> None:
    assert render("#foreach($i in [1..5000]).#end") == "." * 1000


def test_nesting_without_end_is_an_error() -> None:
    with pytest.raises(VelocityError, match=r"^the template is nested too deeply$"):
        render("#if(true)" * 20_000)
    with pytest.raises(VelocityError, match=r"^the template is nested too deeply$"):
        render(f"#set($a = {'(' * 20_000}1)")


@given(text=st.text(alphabet="$#!{}()[].'\"\\ab 1=\n-|", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_rendered_or_refused(text: str) -> None:
    with suppress(VelocityError):
        assert isinstance(Template(text).render({"a": {"b": "1"}}), str)


@given(text=st.text().filter(lambda text: not set(text) & set("$#\\")))
@settings(max_examples=100, deadline=None)
def test_text_without_references_stays(text: str) -> None:
    assert render(text) == text


def test_templates_are_read_once() -> None:
    assert compile_template("a $b") is compile_template("a $b")


# --- JSONPath -----------------------------------------------------------------------------------------------------

DOCUMENT = {"a": {"b": [1, 2, {"c": None}]}, "x-y": "dash", "items": [{"n": 1}, {"n": 2}, {"n": 3}], "": 0}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.a.b[0]", 1),
        ("a.b[1]", 2),
        ("$['a']['b'][-1]", {"c": None}),
        ('$["x-y"]', "dash"),
        ("$.x-y", "dash"),
        ("$.a.b[2].c", None),
        ("$.items[*].n", [1, 2, 3]),
        ("$..n", [1, 2, 3]),
        ("$.items[?(@.n > 1)].n", [2, 3]),
        ("$.items[0:2].n", [1, 2]),
        ("$.items.length()", 3),
        ("$.none[*]", []),
        ("$.none", MISSING),
        ("$.a.b[7]", MISSING),
        ("$.a.b.c", MISSING),
        ("$.none.length()", MISSING),
    ],
)
def test_paths(path: str, value: Any) -> None:
    assert find(path, DOCUMENT) == value


def test_a_path_that_is_none() -> None:
    with pytest.raises(JsonPathError, match=r"^\$\.\[\[ is not a JSONPath: "):
        find("$.[[", DOCUMENT)


# --- what API Gateway adds ----------------------------------------------------------------------------------------


def echo(make_api: MakeApi, template: str, path: str = "/a/{id}", **options: Any) -> DeployedApi:
    """Make an API that answers with what a request template gives: it stands in for the service."""
    seen: list[Any] = []

    def handler(event: Any) -> Any:
        seen.append(event)
        return event

    api = make_api(handler, **options)
    integration = api.proxy_integration() | {
        "type": "AWS",
        "requestTemplates": {"application/json": template},
    }
    resource = api.method(path, "POST", integration=integration)
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "POST", "statusCode": "200"}
    api.aws.put_method_response(**ids)
    api.aws.put_integration_response(**ids)
    api.deploy()
    return api


def rendered(make_api: MakeApi, expression: str, *, body: bytes = b"{}", query: str = "?q=1") -> Any:
    """Return the text that an expression gives."""
    template = f'{{"text": "$util.base64Encode("{expression}")"}}'
    api = echo(make_api, template)
    response = api.call("POST", f"/a/7{query}", body=body, headers={"X-Sent": "sent"})
    assert response.status == 200, response.content
    return base64.b64decode(json.loads(response.content)["text"]).decode()


@pytest.mark.parametrize(
    ("expression", "body", "text"),
    [
        ("$input.body", b'{"a":  1}', '{"a":  1}'),
        ("$input.json('$')", b'{"a":  [1, "\xc3\xbc"]}', '{"a":[1,"ü"]}'),
        ("$input.json('$.a')", b'{"a": "x"}', '"x"'),
        ("$input.json('$.none')", b'{"a": "x"}', '""'),
        ("$input.json('$.a')", b'{"a": null}', "null"),
        ("$input.json('$')", b"", "{}"),
        ("$input.path('$.a')", b'{"a": {"b": "c"}}', "{b=c}"),
        ("$input.path('$.a')", b'{"a": [{"b": "c"}]}', '[{"b":"c"}]'),
        ("$input.path('$.a[0].b') $input.path('$.a').size()", b'{"a": [{"b": "c"}]}', "c 1"),
        ("$input.path('$.none').a", b"{}", ""),
        ("$input.path('$')", b"no JSON", "no JSON"),
        ("$input.params('id') $input.params('q') $input.params('x-sent')", b"{}", "7 1 sent"),
        ("$input.params('none')", b"{}", ""),
        ("$input.params().path $input.params().querystring", b"{}", "{id=7} {q=1}"),
        ("$input.params().header.get('X-Sent')", b"{}", "sent"),
        ("$context.httpMethod $context.resourcePath $context.stage $context.none.x", b"{}", "POST /a/{id} stage "),
        ("$context.identity.sourceIp", b"{}", "127.0.0.1"),
        ("$util.escapeJavaScript($input.path('$'))", 'a"b\'c\\d/e\n\t\u0001ü\U0001f600'.encode(), "a\\\"b\\'c\\\\d\\/e\\n\\t\\u0001\\u00FC\\uD83D\\uDE00"),
        ("$util.urlEncode('a b&c=ü/*') $util.urlDecode('a+b%26')", b"{}", "a+b%26c%3D%C3%BC%2F* a b&"),
        ("$util.base64Decode($util.base64Encode('ü'))", b"{}", "ü"),
        ("$util.parseJson($input.path('$.a')).b[0]", b'{"a": "{\\"b\\": [5]}"}', "5"),
    ],
)  # fmt: skip
def test_variables(make_api: MakeApi, expression: str, body: bytes, text: str) -> None:
    assert rendered(make_api, expression, body=body) == text


@pytest.mark.parametrize(
    "template",
    [
        "#if(",
        "$util.parseJson('{')",
        "$input.path('$.[[')",
        "$input.body.substring(99)",
        "$a" + " " * 307_200,
    ],
)
def test_a_template_that_fails_is_500(make_api: MakeApi, template: str) -> None:
    api = echo(make_api, template)
    response = api.call("POST", "/a/1", body=b"{}")
    assert (response.status, response.content) == (500, b'{"message":"Internal server error"}')


def test_the_documented_template_passes_everything_on(make_api: MakeApi) -> None:
    template = """
#set($allParams = $input.params())
{
  "body-json": $input.json('$'),
  "params": {
    #foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
    "$type": {
      #foreach($paramName in $params.keySet())
      "$paramName": "$util.escapeJavaScript($params.get($paramName))"
      #if($foreach.hasNext),#end
      #end
    }
    #if($foreach.hasNext),#end
    #end
  },
  "stage-variables": {
    #foreach($key in $stageVariables.keySet())
    "$key": "$util.escapeJavaScript($stageVariables.get($key))"#if($foreach.hasNext),#end
    #end
  },
  "context": {"stage": "$context.stage", "user": "$context.authorizer.principalId"}
}
"""
    api = echo(make_api, template)
    operations = [
        {"op": "replace", "path": f"/variables/{name}", "value": value}
        for name, value in (("a", "1"), ("b", "2"))
    ]
    api.aws.update_stage(restApiId=api.api_id, stageName="stage", patchOperations=operations)
    body = {"n": [1, 2, {"x": "ü"}]}
    event = json.loads(api.call("POST", "/a/7?q=a%22b", body=json.dumps(body).encode()).content)
    assert event["body-json"] == body
    assert event["params"]["path"] == {"id": "7"}
    assert event["params"]["querystring"] == {"q": 'a"b'}
    assert event["params"]["header"]["X-Forwarded-For"] == "127.0.0.1"
    assert event["stage-variables"] == {"a": "1", "b": "2"}
    assert event["context"] == {"stage": "stage", "user": ""}


# --- MOCK -----------------------------------------------------------------------------------------------------------


def mock_api(make_api: MakeApi, request: str, method: str = "GET", **response: Any) -> DeployedApi:
    api = make_api(lambda _event: {})
    integration = {"type": "MOCK", "requestTemplates": {"application/json": request}}
    resource = api.method("/m", method, integration=integration)
    ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": method}
    for status, options in response.items():
        headers = options.get("responseParameters", {})
        api.aws.put_method_response(
            **ids, statusCode=status[1:], responseParameters=dict.fromkeys(headers, True)
        )
        api.aws.put_integration_response(**ids, statusCode=status[1:], **options)
    api.deploy()
    return api


def test_mock_answers_with_what_templates_say(make_api: MakeApi) -> None:
    request = (
        "#set($context.requestOverride.path.body = $input.body)"
        "#if($input.params('kind') == 'bad'){statusCode: 400,}#else{\"statusCode\": 200}#end"
    )
    answer = {
        "application/json": '{"kind": "$input.params(\'kind\')", "body": "$context.requestOverride.path.body"}'
    }
    api = mock_api(
        make_api,
        request,
        "POST",
        s200={"responseTemplates": answer},
        s400={"selectionPattern": "4\\d\\d", "responseTemplates": {"application/json": "bad"}},
    )
    good = api.call("POST", "/m?kind=good", body=b"text")
    assert json.loads(good.content) == {"kind": "good", "body": "text"}
    bad = api.call("POST", "/m?kind=bad", body=b"text")
    assert (bad.status, bad.content) == (400, b"bad")


def test_mock_overrides_status_and_headers(make_api: MakeApi) -> None:
    template = (
        "#set($context.responseOverride.status = 418)"
        '#set($context.responseOverride.header["X-Several"] = ["a", "b"])'
        "#set($context.responseOverride.header.x-mapped = 'over')"
        "#set($context.responseOverride.header.Content-Type = 'text/plain')short and stout"
    )
    mapped = {"method.response.header.X-Mapped": "'mapped'"}
    response = {"responseParameters": mapped, "responseTemplates": {"application/json": template}}
    api = mock_api(make_api, '{"statusCode": 200}', s200=response)
    answer = api.call("GET", "/m")
    assert (answer.status, answer.content) == (418, b"short and stout")
    assert answer.headers.get_all("X-Several") == ["a", "b"]
    assert answer.headers.get_all("X-Mapped") == ["over"]
    assert answer.headers["Content-Type"] == "text/plain"


def test_no_header_can_be_made_from_what_a_client_sends(make_api: MakeApi) -> None:
    template = "#set($context.responseOverride.header.X-Q = $input.params('q'))"
    api = mock_api(
        make_api, '{"statusCode": 200}', s200={"responseTemplates": {"application/json": template}}
    )
    answer = api.call("GET", "/m?q=a%0d%0aX-Evil:%201")
    assert answer.headers["X-Q"] == "aX-Evil: 1"
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("status", ["'x'", "99", "600"])
def test_a_status_that_is_none_is_500(make_api: MakeApi, status: str) -> None:
    template = f"#set($context.responseOverride.status = {status})"
    api = mock_api(
        make_api, '{"statusCode": 200}', s200={"responseTemplates": {"application/json": template}}
    )
    assert api.call("GET", "/m").status == 500


def test_the_accept_header_chooses_the_template(make_api: MakeApi) -> None:
    templates = {"application/json": "{}", "text/html": "<p>"}
    api = mock_api(make_api, '{"statusCode": 200}', s200={"responseTemplates": templates})
    html = api.call("GET", "/m", headers={"Accept": "text/html;q=0.9, application/json"})
    assert (html.content, html.headers["Content-Type"]) == (b"<p>", "text/html")
    other = api.call("GET", "/m", headers={"Accept": "image/png"})
    assert (other.content, other.headers["Content-Type"]) == (b"{}", "application/json")


def test_mock_with_binary_media_types_needs_content_handling(make_api: MakeApi) -> None:
    api = make_api(lambda _event: {}, binaryMediaTypes=["*/*"])
    for path, options in (("/without", {}), ("/with", {"contentHandling": "CONVERT_TO_TEXT"})):
        integration = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 204}'}}
        resource = api.method(path, "OPTIONS", integration=integration | options)
        ids = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "OPTIONS", "statusCode": "204"}
        api.aws.put_method_response(**ids)
        api.aws.put_integration_response(**ids)
    api.deploy()
    assert api.call("OPTIONS", "/without").status == 500
    assert api.call("OPTIONS", "/with").status == 204


# --- the preflight of the constructs --------------------------------------------------------------------------------


def preflight_api(make_api: MakeApi, cors: Cors) -> DeployedApi:
    """Deploy the data that `Cors` renders a preflight from."""
    preflight = cors.preflight
    assert preflight.response is not None
    assert preflight.request_template is not None
    headers = {f"method.response.header.{name}": value for name, value in preflight.response.headers}
    template = preflight.response.template
    return mock_api(
        make_api,
        preflight.request_template,
        "OPTIONS",
        s204={
            "responseParameters": headers,
            **({"responseTemplates": {"application/json": template}} if template else {}),
        },
    )


@pytest.mark.parametrize("header", ["Origin", "origin"])
@pytest.mark.parametrize(
    ("sent", "allowed"),
    [
        ("https://a.example", "https://a.example"),
        ("https://b.example", "https://b.example"),
        ("https://c.example", "https://a.example"),
        ("https://b.example.evil", "https://a.example"),
        ("null", "https://a.example"),
        ('" || true || "', "https://a.example"),
        (None, "https://a.example"),
    ],
)
def test_a_preflight_of_several_origins(
    make_api: MakeApi, sent: str | None, allowed: str, header: str
) -> None:
    api = preflight_api(make_api, Cors(origins=["https://a.example", "https://b.example"]))
    answer = api.call("OPTIONS", "/m", headers={header: sent} if sent else {})
    assert (answer.status, answer.content) == (204, b"")
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [allowed]
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Access-Control-Max-Age"] == "600"


def test_a_preflight_of_one_origin(make_api: MakeApi) -> None:
    api = preflight_api(make_api, Cors(origins=["https://a.example"], methods=["GET"], headers=[]))
    answer = api.call("OPTIONS", "/m", headers={"Origin": "https://z.example"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,OPTIONS"
