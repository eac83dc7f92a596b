"""WebAcl: what it blocks, what it lets through, and what its log does not show."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    InvalidArgumentError,
    LambdaIntegration,
    LimitExceededError,
    Public,
    RestApi,
    Stage,
    UserPool,
    WebAcl,
)
from handlers.common.contract import Contract
from handlers.common.models import RequestModel
from tests.support.synthesis import Configuration, children, public_method, refused

UNCHANGED = [{"priority": 0, "type": "NONE"}]
TOO_LARGE = {
    "size_constraint_statement": {
        "comparison_operator": "GT",
        "field_to_match": {"body": {"oversize_handling": "MATCH"}},
        "size": 65_536,
        "text_transformation": UNCHANGED,
    }
}


class Picture(RequestModel):
    image: str


@pytest.fixture
def stage(stack: AwsStack, api: RestApi, function: Function) -> Stage:
    public_method(api, function)
    deployment = Deployment(stack, "deployment", api=api)
    return Stage(
        stack, "stage", deployment=deployment, stage_name="prod", account=ExistingApiGatewayAccount()
    )


def ends_with(path: str) -> dict[str, Any]:
    return {
        "byte_match_statement": {
            "field_to_match": {"uri_path": {}},
            "positional_constraint": "ENDS_WITH",
            "search_string": path,
            "text_transformation": UNCHANGED,
        }
    }


def rules(stack: AwsStack) -> dict[str, dict[str, Any]]:
    rules = Configuration(stack).only("wafv2_web_acl")["rule"]
    assert [rule["priority"] for rule in rules] == list(range(len(rules)))
    return {rule["name"]: rule for rule in rules}


def test_the_rules_block_floods_and_let_prompts_through(stack: AwsStack, stage: Stage) -> None:
    WebAcl(stack, "firewall", stages=[stage])
    found = rules(stack)
    assert list(found) == [
        "RequestsPerAddress",
        "RequestsPerAuthorization",
        "RequestsPerXApiKey",
        "BodySize",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesAnonymousIpList",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    assert found["RequestsPerAddress"]["statement"] == {
        "rate_based_statement": {"aggregate_key_type": "IP", "evaluation_window_sec": 300, "limit": 5000}
    }
    for name, header in (("RequestsPerAuthorization", "authorization"), ("RequestsPerXApiKey", "x-api-key")):
        assert found[name]["statement"] == {
            "rate_based_statement": {
                "aggregate_key_type": "CUSTOM_KEYS",
                "custom_key": [
                    {
                        "header": {
                            "name": header,
                            "text_transformation": [
                                {"priority": 0, "type": "COMPRESS_WHITE_SPACE"},
                                {"priority": 1, "type": "LOWERCASE"},
                            ],
                        }
                    }
                ],
                "evaluation_window_sec": 300,
                "limit": 3000,
            }
        }
    assert found["BodySize"]["statement"] == TOO_LARGE
    assert [found[name]["action"] for name in list(found)[:4]] == [{"block": {}}] * 4
    assert [found[name]["override_action"] for name in list(found)[4:]] == [{"none": {}}] * 3
    assert found["AWSManagedRulesAnonymousIpList"]["statement"] == {
        "managed_rule_group_statement": {
            "name": "AWSManagedRulesAnonymousIpList",
            "rule_action_override": [{"action_to_use": {"count": {}}, "name": "HostingProviderIPList"}],
            "vendor_name": "AWS",
        }
    }
    for rule in found.values():
        assert rule["visibility_config"] == {
            "cloudwatch_metrics_enabled": True,
            "metric_name": rule["name"],
            "sampled_requests_enabled": False,
        }


def test_it_stands_in_front_of_the_stage_once_it_logs(stack: AwsStack, stage: Stage) -> None:
    firewall = WebAcl(stack, "firewall", stages=[stage])
    configuration = Configuration(stack)
    acl = configuration.address("wafv2_web_acl")
    resource = configuration.only("wafv2_web_acl")
    assert (resource["name"], resource["scope"], resource["default_action"]) == (
        "shop-firewall",
        "REGIONAL",
        {"allow": {}},
    )
    assert resource["association_config"] == {
        "request_body": [{"api_gateway": {"default_size_inspection_limit": "KB_64"}}]
    }
    assert configuration.only("wafv2_web_acl_association") == {
        "depends_on": [configuration.address("wafv2_web_acl_logging_configuration")],
        "resource_arn": f"${{{configuration.address('api_gateway_stage')}.arn}}",
        "web_acl_arn": f"${{{acl}.arn}}",
    }
    assert firewall.targets == (stage,)


def test_it_stands_in_front_of_a_user_pool_too(stack: AwsStack) -> None:
    pool = UserPool(stack, "users")
    firewall = WebAcl(stack, "firewall", user_pools=[pool])
    configuration = Configuration(stack)
    assert configuration.only("wafv2_web_acl_association") == {
        "depends_on": [configuration.address("wafv2_web_acl_logging_configuration")],
        "resource_arn": f"${{{configuration.address('cognito_user_pool')}.arn}}",
        "web_acl_arn": f"${{{configuration.address('wafv2_web_acl')}.arn}}",
    }
    assert firewall.targets == (pool,)
    assert refused(lambda: WebAcl(stack, "other", user_pools=[pool])) == (
        ConflictError,
        (
            "shop/other: web ACL of user pool 'shop/users' is taken by shop/firewall; remove the user pool from one: AWS "
            "allows one web ACL each"
        ),
    )


def test_its_log_shows_no_credentials(stack: AwsStack) -> None:
    WebAcl(stack, "firewall", name="shop", log_retention_days=30)
    configuration = Configuration(stack)
    assert configuration.only("cloudwatch_log_group") == {
        "name": "aws-waf-logs-shop",
        "retention_in_days": 30,
    }
    assert configuration.only("wafv2_web_acl_logging_configuration") == {
        "log_destination_configs": [f"${{{configuration.address('cloudwatch_log_group')}.arn}}"],
        "redacted_fields": [
            {"single_header": {"name": "authorization"}},
            {"single_header": {"name": "cookie"}},
            {"single_header": {"name": "x-api-key"}},
            {"query_string": {}},
        ],
        "resource_arn": f"${{{configuration.address('wafv2_web_acl')}.arn}}",
    }


@pytest.mark.parametrize(
    ("paths", "exempt"),
    [
        (["/vision/text"], ends_with("/vision/text")),
        (
            ["/vision/text", "/images"],
            {"or_statement": {"statement": [ends_with("/images"), ends_with("/vision/text")]}},
        ),
        (
            ["/images/{id}/text"],
            {
                "regex_match_statement": {
                    "regex_string": "/images/[^/]+/text$",
                    "field_to_match": {"uri_path": {}},
                    "text_transformation": UNCHANGED,
                }
            },
        ),
    ],
)
def test_some_routes_take_larger_bodies(stack: AwsStack, paths: list[str], exempt: dict[str, Any]) -> None:
    WebAcl(stack, "firewall", large_body_paths=paths)
    assert rules(stack)["BodySize"]["statement"] == {
        "and_statement": {"statement": [TOO_LARGE, {"not_statement": {"statement": [exempt]}}]}
    }


def test_routes_that_accept_larger_bodies_are_exempt_whenever_they_are_added(
    stack: AwsStack, api: RestApi, function: Function, stage: Stage
) -> None:
    pictures = Contract("pictures", max_body_bytes=65_537)
    pictures.post("/pictures", Picture, Picture, summary="Store.")
    pictures.post(
        "/pictures/small", Picture, Picture, name="pictures.small", summary="Store.", max_body_bytes=65_536
    )
    WebAcl(stack, "firewall", stages=[stage])
    api.add_service(
        pictures,
        LambdaIntegration(function),
        authorization=dict.fromkeys(("/pictures", "/pictures/small"), Public()),
    )
    assert rules(stack)["BodySize"]["statement"] == {
        "and_statement": {
            "statement": [TOO_LARGE, {"not_statement": {"statement": [ends_with("/pictures")]}}]
        }
    }


def test_the_limits_can_be_chosen(stack: AwsStack) -> None:
    WebAcl(stack, "firewall", requests_per_address=11, requests_per_credential=10, max_body_bytes=1_000)
    found = rules(stack)
    assert found["RequestsPerAddress"]["statement"]["rate_based_statement"]["limit"] == 11
    assert found["RequestsPerAuthorization"]["statement"]["rate_based_statement"]["limit"] == 10
    assert found["BodySize"]["statement"]["size_constraint_statement"]["size"] == 1_000


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"name": "a b"},
            InvalidArgumentError,
            "name 'a b' is not valid; use 1 to 100 letters, digits, '-' and '_'",
        ),
        (
            {"requests_per_address": 9},
            LimitExceededError,
            "requests_per_address is 9; use 10 to 2000000000",
        ),
        (
            {"requests_per_credential": 2_000_000_001},
            LimitExceededError,
            "requests_per_credential is 2000000001; use 10 to 2000000000",
        ),
        (
            {"requests_per_address": 2000},
            ConflictError,
            (
                "requests_per_credential 3000 is above requests_per_address 2000, which is reached first; raise "
                "requests_per_address or lower requests_per_credential"
            ),
        ),
        (
            {"max_body_bytes": 65_537},
            LimitExceededError,
            "max_body_bytes is 65537; use 1 to 65536",
        ),
        (
            {"large_body_paths": "/images"},
            InvalidArgumentError,
            "large_body_paths '/images' is not a list of strings; pass ['/images']",
        ),
        (
            {"large_body_paths": ["/images/{id+}"]},
            InvalidArgumentError,
            (
                "large_body_paths '/images/{id+}' is not valid; use paths of routes, such as '/vision/text' or '/images/{id}'"
            ),
        ),
    ],
)
def test_web_acls_that_are_refused(
    stack: AwsStack, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    assert refused(lambda: WebAcl(stack, "firewall", **arguments)) == (kind, f"shop/firewall: {problem}")
    assert children(stack) == before


def test_a_stage_has_one(stack: AwsStack, stage: Stage) -> None:
    firewall = WebAcl(stack, "firewall", stages=[stage])
    assert refused(lambda: WebAcl(stack, "other", stages=[stage])) == (
        ConflictError,
        (
            "shop/other: web ACL of stage 'shop/stage' is taken by shop/firewall; remove the stage from one: AWS allows "
            "one web ACL each"
        ),
    )
    assert refused(lambda: firewall.protect(stage)) == (
        ConflictError,
        "shop/firewall: protects shop/stage already; remove one of the two",
    )
