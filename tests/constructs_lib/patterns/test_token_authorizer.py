"""TokenAuthorizer: a table of tokens, and a function that may read it and hash callers."""

from __future__ import annotations

from constructs_lib import AwsStack, CallerKey, Function, LambdaIntegration, RestApi, TokenAuthorizer
from tests.support.synthesis import Configuration, FakeArchive, statements


def test_the_function_may_read_the_table_and_hash_callers(
    stack: AwsStack, archive: FakeArchive, function: Function
) -> None:
    partners = TokenAuthorizer(stack, "partners", caller_key=CallerKey(stack, "caller-key"), archive=archive)
    api = RestApi(stack, "api", name="shop")
    for path in ("/a", "/b"):
        api.resource_for(path).add_method("GET", LambdaIntegration(function), authorization=partners)
    synthesized = Configuration(stack)
    table = synthesized.only("dynamodb_table")
    assert (table["name"], table["hash_key"], table["deletion_protection_enabled"]) == (
        "shop-partners-tokens",
        "token_sha256",
        True,
    )
    (body,) = (
        one for one in synthesized.all("lambda_function").values() if one["function_name"] == "shop-partners"
    )
    assert body["timeout"] == 5
    assert body["environment"]["variables"]["PARTNERS_TABLE"] == "shop-partners-tokens"
    granted = {
        action
        for place, policy in synthesized.all("iam_role_policy").items()
        if "partners_function" in place
        for statement in statements(policy["policy"])
        for action in statement["Action"]
    }
    assert granted >= {"dynamodb:GetItem", "kms:GenerateMac"}
    assert not {
        action for action in granted if action.startswith("dynamodb:") and action != "dynamodb:GetItem"
    }
    authorizer = synthesized.only("api_gateway_authorizer")
    assert (authorizer["name"], authorizer["type"], authorizer["authorizer_result_ttl_in_seconds"]) == (
        "partners",
        "REQUEST",
        0,
    )
