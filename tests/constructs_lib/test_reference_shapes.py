"""References to lists, numbers and maps, and ARNs that are references."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cdktf import App, Fn, TerraformOutput, TerraformVariable, Token
from cdktf_cdktf_provider_aws.cognito_user_pool import CognitoUserPool
from cdktf_cdktf_provider_aws.data_aws_cognito_user_pools import DataAwsCognitoUserPools
from cdktf_cdktf_provider_aws.data_aws_subnets import DataAwsSubnets
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction

from constructs_lib import (
    ArchiveBucket,
    AwsStack,
    CognitoAuthorizer,
    Deployment,
    EncryptionKey,
    ExistingFunction,
    Function,
    InvalidArgumentError,
    LambdaAuthorizer,
    LambdaIntegration,
    MutualTls,
    PolicyStatement,
    RestApi,
    Role,
    Throttle,
)
from constructs_lib.functions.vpc_access import VpcAccess
from tests.support.synthesis import Configuration, FakeArchive, refused

SUBNETS = "data.aws_subnets.subnets.ids"


def test_a_list_of_ids_passes_whole_and_the_policy_names_each(stack: AwsStack, archive: FakeArchive) -> None:
    subnets = DataAwsSubnets(stack, "subnets")
    access = VpcAccess(subnet_ids=subnets.ids, security_group_ids=["sg-1"])
    Function(stack, "chat", archive=archive, vpc=access)
    written = Configuration(stack)
    assert written.only("lambda_function")["vpc_config"] == {
        "security_group_ids": ["sg-1"],
        "subnet_ids": f"${{{SUBNETS}}}",
    }
    (policy,) = (
        one["policy"]
        for one in written.all("iam_role_policy").values()
        if "CreateNetworkInterface" in one["policy"]
    )
    listed = policy[policy.index('"${join(') : policy.index('"arn:', policy.index('"${join(') + 40)]
    assert listed.startswith('"${join("\\",\\"", formatlist("arn:%s:ec2:us-east-1:%s:subnet/%s", ')
    assert listed.rstrip(", ").endswith(f', {SUBNETS}))}}"')


def test_a_list_of_resources_in_a_policy(stack: AwsStack) -> None:
    pools = DataAwsCognitoUserPools(stack, "pools", name="users")
    role = Role(stack, "reader", service="lambda.amazonaws.com")
    role.add_policy("pools", PolicyStatement(actions=["cognito-idp:ListUsers"], resources=pools.arns))
    policy = Configuration(stack).only("iam_role_policy")["policy"]
    assert '"Resource": ["${join("\\",\\"", data.aws_cognito_user_pools.pools.arns)}"]' in policy


def test_numbers_and_maps_are_named_as_references(stack: AwsStack, archive: FakeArchive) -> None:
    number = TerraformVariable(stack, "memory", type="number").number_value
    assert refused(lambda: Function(stack, "chat", archive=archive, memory_mb=number)) == (
        InvalidArgumentError,
        (
            "shop/chat: memory_mb is a reference, which only Terraform can resolve; pass a number from 128 to 10240, which is checked at synth"
        ),
    )
    assert refused(lambda: Throttle(rate_limit=number))[1].startswith("Throttle: rate_limit is a reference")
    variables = Token.as_string_map(Fn.merge([{"a": "b"}]))
    assert refused(lambda: Function(stack, "chat", archive=archive, environment=variables)) == (
        InvalidArgumentError,
        (
            "shop/chat: environment is a reference to a map, which only Terraform can resolve; name each variable, such as "
            "{'TABLE': table.table_name}; its value may be a reference"
        ),
    )


@pytest.mark.parametrize("form", ["resources", "openapi"])
def test_pools_by_references(stack: AwsStack, function: Function, form: Any) -> None:
    found = DataAwsCognitoUserPools(stack, "pools", name="users")
    pool = CognitoUserPool(stack, "pool", name="staff")
    api = RestApi(stack, "api", name="shop", definition=form)
    users = CognitoAuthorizer(name="users", user_pools=found.arns)
    staff = CognitoAuthorizer(name="staff", user_pools=[pool.arn])
    for path, allowed in (("/users", users), ("/staff", staff)):
        api.resource_for(path).add_method("GET", LambdaIntegration(function), authorization=allowed)
    Deployment(stack, "deployment", api=api)
    assert {one.name: one.targets for one in api.definition.authorizers} == {
        "users": ("${data.aws_cognito_user_pools.pools.arns}",),
        "staff": ("${aws_cognito_user_pool.pool.arn}",),
    }
    written = Configuration(stack)
    if form == "resources":
        authorizer = written.all("api_gateway_authorizer").values()
        assert {one["name"]: one["provider_arns"] for one in authorizer} == {
            "users": "${data.aws_cognito_user_pools.pools.arns}",
            "staff": ["${aws_cognito_user_pool.pool.arn}"],
        }
    else:
        body = written.only("api_gateway_rest_api")["body"]
        assert '"providerARNs":["${join("\\",\\"", data.aws_cognito_user_pools.pools.arns)}"]' in body
        assert '"providerARNs":["${aws_cognito_user_pool.pool.arn}"]' in body
    triggers = written.only("api_gateway_deployment")["triggers"]
    assert triggers == {
        "redeployment": api.definition.digest(),
        "reference-1": '${join(",", data.aws_cognito_user_pools.pools.arns)}',
        "reference-2": "${aws_cognito_user_pool.pool.arn}",
    }


def test_the_number_of_a_token_does_not_redeploy(app: App) -> None:
    def digest(account_id: str, tokens: int) -> str:
        stack = AwsStack(app, f"shop{tokens}", region="us-east-1", allowed_account_ids=[account_id])
        pool = CognitoUserPool(stack, "pool", name="staff")
        for number in range(tokens):
            TerraformOutput(stack, f"arn-{number}", value=pool.arn)
        function = ExistingFunction(stack, "orders", function_name="orders")
        api = RestApi(stack, "api", name="shop")
        staff = CognitoAuthorizer(name="staff", user_pools=[pool.arn])
        api.root.add_method("GET", LambdaIntegration(function), authorization=staff)
        return api.definition.digest()

    assert digest("111111111111", 1) == digest("222222222222", 5)


@pytest.mark.parametrize("qualifier", [None, "live"])
def test_a_function_by_a_reference_to_its_arn(stack: AwsStack, qualifier: str | None) -> None:
    other = LambdaFunction(stack, "other", function_name="orders", role="arn:aws:iam::123456789012:role/x")
    orders = ExistingFunction(stack, "orders", arn=other.arn, qualifier=qualifier)
    api = RestApi(stack, "api", name="shop")
    api.root.add_method(
        "GET",
        LambdaIntegration(orders),
        authorization=LambdaAuthorizer(name="partners", function=orders),
    )
    Deployment(stack, "deployment", api=api)
    written = Configuration(stack)
    qualified = "${aws_lambda_function.other.arn}" + ("" if qualifier is None else ":live")
    assert written.only("api_gateway_integration")["uri"] == (
        f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{qualified}/invocations"
    )
    for permission in written.all("lambda_permission").values():
        assert permission["function_name"] == "${aws_lambda_function.other.arn}"
        assert permission.get("qualifier") == qualifier
    assert written.only("api_gateway_deployment")["triggers"] == {
        "redeployment": api.definition.digest(),
        "reference-1": "${aws_lambda_function.other.arn}",
    }
    assert json.dumps([route.integration.target for route in api.definition.routes]) == json.dumps(
        [f"lambda:${{aws_lambda_function.other.arn}}:{qualifier or ''}"]
    )


def test_names_that_only_terraform_reads_may_be_references(stack: AwsStack) -> None:
    logs = ArchiveBucket(stack, "logs", encryption_key=EncryptionKey(stack, "key"))
    ArchiveBucket(stack, "archives", access_log_bucket=logs.name)
    (logging,) = Configuration(stack).all("s3_bucket_logging").values()
    assert logging["target_bucket"] == "${aws_s3_bucket.logs_71C2DF17.bucket}" or logging[
        "target_bucket"
    ].endswith(".bucket}")
    assert MutualTls(truststore_uri=f"s3://{logs.name}/clients.pem").truststore_uri.endswith("/clients.pem")
