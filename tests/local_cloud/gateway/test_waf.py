"""The web ACL of a stage: what blocks a request, and with what."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from local_cloud.gateway.waf import RateCounts
from tests.support.cloud_in_thread import REGION, CloudInThread, DeployedApi

NO_CHANGE = [{"Priority": 0, "Type": "NONE"}]
FORBIDDEN = (403, b'{"message":"Forbidden"}')

Statement = dict[str, Any]


class Guarded:
    """An API whose stage has a web ACL."""

    def __init__(self, cloud: CloudInThread, api: DeployedApi) -> None:
        self.api = api
        self._waf = cloud.client("wafv2")
        self._stage = f"arn:aws:apigateway:{REGION}::/restapis/{api.api_id}/stages/stage"

    def by(self, *rules: Mapping[str, Any], **options: Any) -> None:
        """Give the stage a web ACL with these rules, in this order."""
        listed = [
            {"Name": f"rule-{i}", "Priority": i, "VisibilityConfig": visible(f"rule-{i}"), **rule}
            for i, rule in enumerate(rules)
        ]
        acl = self._waf.create_web_acl(
            Name=f"acl-{uuid4()}",
            Scope="REGIONAL",
            **({"DefaultAction": {"Allow": {}}} | options),
            VisibilityConfig=visible("acl"),
            Rules=listed,
        )["Summary"]
        self._waf.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=self._stage)

    def call(self, method: str = "POST", path: str = "/a", **options: Any) -> tuple[int, bytes]:
        with closing(self.api.call(method, path, **options)) as response:
            return response.status, response.content  # type: ignore[attr-defined]

    def is_blocked(self, **options: Any) -> bool:
        answer = self.call(**options)
        assert answer in (FORBIDDEN, (200, b"let in")), answer
        return answer == FORBIDDEN


def visible(name: str) -> dict[str, Any]:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def block(statement: Statement, **settings: Any) -> dict[str, Any]:
    return {"Action": {"Block": settings}, "Statement": statement}


def field(kind: str, **settings: Any) -> dict[str, Any]:
    return {"FieldToMatch": {kind: settings}, "TextTransformations": NO_CHANGE}


def contains(text: str, target: dict[str, Any], position: str = "CONTAINS") -> Statement:
    return {"ByteMatchStatement": {"SearchString": text.encode(), "PositionalConstraint": position} | target}


def larger(size: int, target: dict[str, Any]) -> Statement:
    return {"SizeConstraintStatement": {"ComparisonOperator": "GT", "Size": size} | target}


@pytest.fixture
def guarded(cloud: CloudInThread, make_api: Callable[..., DeployedApi]) -> Guarded:
    api = make_api(lambda _event: {"statusCode": 200, "body": "let in"})
    api.method("/a")
    api.deploy()
    return Guarded(cloud, api)


@pytest.fixture
def addresses(cloud: CloudInThread) -> Callable[[str], str]:
    waf = cloud.client("wafv2")

    def make(address: str) -> str:
        return str(
            waf.create_ip_set(
                Name=f"set-{uuid4()}", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[address]
            )["Summary"]["ARN"]
        )

    return make


def test_a_web_acl_without_a_rule_that_matches_lets_in(guarded: Guarded) -> None:
    guarded.by(block(contains("evil", field("QueryString"))))
    assert guarded.call() == (200, b"let in")


@pytest.mark.parametrize(
    ("statement", "request_options", "blocked"),
    [
        (contains("evil", field("QueryString")), {"path": "/a?q=evil"}, True),
        (contains("/stage/a", field("UriPath"), "EXACTLY"), {}, True),
        (contains("/a", field("UriPath"), "STARTS_WITH"), {}, False),
        (contains("/a", field("UriPath"), "ENDS_WITH"), {}, True),
        (contains("POST", field("Method"), "EXACTLY"), {"method": "GET"}, False),
        (
            contains("bot", field("SingleHeader", Name="user-agent")),
            {"headers": {"User-Agent": "a bot"}},
            True,
        ),
        (contains("bot", field("SingleHeader", Name="user-agent")), {}, False),
        (contains("a b", field("SingleQueryArgument", Name="q")), {"path": "/a?q=a+b"}, True),
        (contains("name", field("AllQueryArguments")), {"path": "/a?name=x"}, True),
        (contains("cat", field("Body"), "CONTAINS_WORD"), {"body": b"concatenate"}, False),
        (contains("cat", field("Body"), "CONTAINS_WORD"), {"body": b"a cat."}, True),
        (larger(4, field("Body")), {"body": b"12345"}, True),
        (larger(5, field("Body")), {"body": b"12345"}, False),
        (
            {"RegexMatchStatement": {"RegexString": "^q=[0-9]+$"} | field("QueryString")},
            {"path": "/a?q=42"},
            True,
        ),
        ({"NotStatement": {"Statement": contains("x", field("QueryString"))}}, {"path": "/a?x"}, False),
        (
            {"AndStatement": {"Statements": [contains(c, field("QueryString")) for c in "xy"]}},
            {"path": "/a?x"},
            False,
        ),
        (
            {"OrStatement": {"Statements": [contains(c, field("QueryString")) for c in "xy"]}},
            {"path": "/a?y"},
            True,
        ),
    ],
)
def test_statements(
    guarded: Guarded, statement: Statement, request_options: dict[str, Any], blocked: bool
) -> None:
    guarded.by(block(statement))
    assert guarded.is_blocked(**request_options) is blocked


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("LOWERCASE", b"EVIL"),
        ("URL_DECODE", b"ev%69l"),
        ("URL_DECODE_UNI", b"ev%69l"),
        ("BASE64_DECODE", base64.b64encode(b"evil")),
        ("HEX_DECODE", b"6576696c"),
        ("HTML_ENTITY_DECODE", b"ev&#105;l"),
        ("REMOVE_NULLS", b"e\0vil"),
        ("NORMALIZE_PATH", b"x/../evil"),
    ],
)
def test_transformations(guarded: Guarded, kind: str, sent: bytes) -> None:
    target = field("Body") | {"TextTransformations": [{"Priority": 0, "Type": kind}]}
    guarded.by(block(contains("evil", target, "EXACTLY")))
    assert guarded.is_blocked(body=sent)
    assert not guarded.is_blocked(body=b"good")


@pytest.mark.parametrize(
    ("scope", "body", "blocked"),
    [
        ("VALUE", b'{"a": ["x", {"b": "evil"}]}', True),
        ("VALUE", b'{"evil": 1}', False),
        ("KEY", b'{"a": {"evil": 1}}', True),
        ("ALL", b'{"a": "evil"}', True),
        ("ALL", b"evil, but no JSON", True),
    ],
)
def test_json_bodies(guarded: Guarded, scope: str, body: bytes, blocked: bool) -> None:
    target = field("JsonBody", MatchPattern={"All": {}}, MatchScope=scope)
    guarded.by(block(contains("evil", target)))
    assert guarded.is_blocked(body=body) is blocked


@pytest.mark.parametrize(("fallback", "blocked"), [("MATCH", True), ("NO_MATCH", False)])
def test_a_body_that_is_no_json_may_decide_by_itself(guarded: Guarded, fallback: str, blocked: bool) -> None:
    target = field("JsonBody", MatchPattern={"All": {}}, MatchScope="ALL", InvalidFallbackBehavior=fallback)
    guarded.by(block(contains("evil", target)))
    assert guarded.is_blocked(body=b"{") is blocked


@pytest.mark.parametrize(("handling", "blocked"), [("MATCH", True), ("NO_MATCH", False), ("CONTINUE", False)])
def test_only_the_start_of_a_large_body_is_inspected(guarded: Guarded, handling: str, blocked: bool) -> None:
    large = b"x" * 16 * 1024 + b"evil"
    guarded.by(block(contains("evil", field("Body", OversizeHandling=handling))))
    assert guarded.is_blocked(body=large) is blocked
    limit = {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_32"}}}
    guarded.by(block(contains("evil", field("Body", OversizeHandling=handling))), AssociationConfig=limit)
    assert guarded.is_blocked(body=large)


def test_addresses_are_blocked_by_set(guarded: Guarded, addresses: Callable[[str], str]) -> None:
    guarded.by(block({"IPSetReferenceStatement": {"ARN": addresses("203.0.113.0/24")}}))
    assert not guarded.is_blocked()
    guarded.by(block({"IPSetReferenceStatement": {"ARN": addresses("127.0.0.0/8")}}))
    assert guarded.is_blocked()


def test_addresses_in_a_header(guarded: Guarded, addresses: Callable[[str], str]) -> None:
    forwarded = {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": "LAST"}
    guarded.by(
        block(
            {
                "IPSetReferenceStatement": {
                    "ARN": addresses("203.0.113.0/24"),
                    "IPSetForwardedIPConfig": forwarded,
                }
            }
        )
    )

    def sent(value: str) -> bool:
        return guarded.is_blocked(headers={"X-Forwarded-For": value})

    assert sent("198.51.100.1, 203.0.113.9")
    assert not sent("203.0.113.9, 198.51.100.1")
    assert sent("no address")
    assert guarded.is_blocked()


def test_requests_over_the_rate_are_blocked(guarded: Guarded) -> None:
    only_a = contains("/stage/a", field("UriPath"), "EXACTLY")
    guarded.by(
        block(
            {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "ScopeDownStatement": only_a}},
            CustomResponse={"ResponseCode": 429},
        )
    )
    assert [guarded.call()[0] for _ in range(12)] == [200] * 10 + [429] * 2
    assert (
        guarded.call(path="/other")[0] == 403
    )  # not in the rule's scope: it goes on, and there is no such route


def by_header(name: str) -> Statement:
    transformations = [{"Priority": 0, "Type": "COMPRESS_WHITE_SPACE"}, {"Priority": 1, "Type": "LOWERCASE"}]
    return {"Header": {"Name": name, "TextTransformations": transformations}}


def test_requests_of_a_credential_over_the_rate_are_blocked(guarded: Guarded) -> None:
    guarded.by(
        block(
            {
                "RateBasedStatement": {
                    "Limit": 10,
                    "AggregateKeyType": "CUSTOM_KEYS",
                    "CustomKeys": [by_header("authorization")],
                }
            }
        )
    )

    def sent(value: str) -> bool:
        return guarded.is_blocked(headers={"Authorization": value})

    assert [sent("Bearer ada") for _ in range(12)] == [False] * 10 + [True] * 2
    assert sent("bearer   ADA"), "written otherwise, it is the same credential"
    assert not sent("Bearer bo")
    assert not any(guarded.is_blocked() for _ in range(12)), "without the header, nothing is counted"


def test_several_keys_are_counted_together(guarded: Guarded) -> None:
    keys = [{"IP": {}}, {"HTTPMethod": {}}, by_header("x-api-key")]
    guarded.by(
        block({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": keys}})
    )
    key = {"x-api-key": "k"}
    assert [guarded.is_blocked(headers=key) for _ in range(11)] == [False] * 10 + [True]
    assert not guarded.is_blocked(headers={"x-api-key": "other"})


def test_a_key_that_only_aws_can_tell_counts_nothing(guarded: Guarded) -> None:
    keys = [{"JA3Fingerprint": {"FallbackBehavior": "MATCH"}}, {"IP": {}}]
    guarded.by(
        block({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": keys}})
    )
    assert not any(guarded.is_blocked() for _ in range(12))


def test_the_rate_is_counted_in_a_sliding_window() -> None:
    counts = RateCounts()
    seen = [counts.count("a", now, 60, 3) for now in (0, 1, 2, 3, 4)]
    assert seen == [1, 2, 3, 4, 4]
    assert counts.count("b", 4, 60, 3) == 1
    assert counts.count("a", 62.5, 60, 3) == 3
    assert counts.count("a", 200, 60, 3) == 1


def test_rules_go_by_priority_and_counting_ones_go_on(guarded: Guarded) -> None:
    header = contains("trusted", field("SingleHeader", Name="x-from"))
    guarded.by(
        {"Action": {"Count": {}}, "Statement": header, "RuleLabels": [{"Name": "from:trusted"}]},
        {
            "Action": {"Allow": {}},
            "Statement": {"LabelMatchStatement": {"Scope": "LABEL", "Key": "from:trusted"}},
        },
        DefaultAction={"Block": {}},
    )
    assert guarded.is_blocked()
    assert not guarded.is_blocked(headers={"X-From": "trusted"})


def test_a_custom_response_is_sent_as_it_is(guarded: Guarded) -> None:
    custom = {
        "ResponseCode": 413,
        "CustomResponseBodyKey": "large",
        "ResponseHeaders": [{"Name": "x-reason", "Value": "size"}],
    }
    bodies = {"large": {"ContentType": "APPLICATION_JSON", "Content": '{"code":"too_large"}'}}
    guarded.by(block(larger(3, field("Body")), CustomResponse=custom), CustomResponseBodies=bodies)
    response = guarded.api.call("POST", "/a", body=b"1234")
    assert (response.status, response.content) == (413, b'{"code":"too_large"}')  # type: ignore[attr-defined]
    assert (response.getheader("x-reason"), response.getheader("Content-Type")) == (
        "size",
        "application/json",
    )
    assert response.getheader("x-amzn-RequestId")


def test_the_api_can_word_what_its_web_acl_blocks(guarded: Guarded) -> None:
    api = guarded.api
    api.aws.put_gateway_response(
        restApiId=api.api_id,
        responseType="WAF_FILTERED",
        statusCode="403",
        responseTemplates={"application/json": '{"code":"blocked"}'},
    )
    api.deploy()
    guarded.by(DefaultAction={"Block": {}})
    assert guarded.call() == (403, b'{"code":"blocked"}')


def test_managed_rule_groups_let_pass_and_are_told_once(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    group = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}
    guarded.by(
        {"OverrideAction": {"None": {}}, "Statement": group},
        block(
            {"AndStatement": {"Statements": [{"GeoMatchStatement": {"CountryCodes": ["FR"]}}] * 2}},
        ),
        block(contains("evil", field("QueryString"))),
    )
    with caplog.at_level(logging.WARNING, logger="local_cloud"):
        assert guarded.call() == (200, b"let in")
        assert guarded.is_blocked(path="/a?evil")
    warnings = [message for message in caplog.messages if message.startswith("web ACL ")]
    expected = (
        "the local cloud cannot evaluate rules that need AWS's own data (such as managed rule groups); "
        "they let every request pass, here rule-0, rule-1"
    )
    assert [message.partition(": ")[2] for message in warnings] == [expected]


def test_a_puzzle_for_browsers_is_not_done_here(guarded: Guarded) -> None:
    guarded.by({"Action": {"Captcha": {}}, "Statement": contains("x", field("QueryString"))})
    assert guarded.call(path="/a?y") == (200, b"let in")
    status, body = guarded.call(path="/a?x")
    assert (status, json.loads(body)["feature"].partition(" (")[0]) == (501, "AWS WAF's Captcha action")


def test_a_stage_without_its_web_acl_is_open(cloud: CloudInThread, guarded: Guarded) -> None:
    guarded.by(DefaultAction={"Block": {}})
    assert guarded.is_blocked()
    stage = f"arn:aws:apigateway:{REGION}::/restapis/{guarded.api.api_id}/stages/stage"
    cloud.client("wafv2").disassociate_web_acl(ResourceArn=stage)
    assert not guarded.is_blocked()
