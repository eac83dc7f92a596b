"""`main.py`: what each environment deploys."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from handlers.common.contract import Contract
from main import main
from settings import PROJECT as STACK
from settings import settings_from
from tests.support.main_stack import AWS_MODELS, Directory
from tests.support.paths import PROJECT
from tools.golden import PAGE, golden_file, profile, render
from tools.scan import ACCEPTED, audit_findings

GOLDEN = golden_file(STACK)
Synthesized = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def synthesized(main_stack: Directory) -> Synthesized:
    """Return the `cdk.tf.json` of an environment."""
    return lambda name: json.loads((main_stack(name) / "cdk.tf.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """Return the resources of the golden file."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))["resource"]  # type: ignore[no-any-return]


def test_what_is_derived_from_prod_is_up_to_date() -> None:
    derived, page = render(), (PROJECT / PAGE).read_text(encoding="utf-8")
    assert derived.configurations == {STACK: GOLDEN.read_text(encoding="utf-8")}, (
        "run `make golden` and read the difference"
    )
    assert derived.page(page) == page, "run `make golden`"
    assert f"\n{derived.routes}\n" in page


def test_the_golden_file_holds_nothing_absolute_and_no_unresolved_token() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    assert "TfToken[" not in text
    assert str(PROJECT) not in text
    assert str(Path.home()) not in text
    written = json.loads(text)
    assert written["terraform"]["backend"]["s3"]["bucket"] == "company-states"
    assert written["terraform"]["required_providers"] == {
        "aws": {"source": "hashicorp/aws", "version": ">= 5.100.0, < 7.0.0"}
    }


def test_prod_runs_on_arm64_and_python_3_13(golden: dict[str, Any]) -> None:
    functions = golden["aws_lambda_function"].values()
    assert {(tuple(f["architectures"]), f["runtime"]) for f in functions} == {(("arm64",), "python3.13")}


CONTRACTS = [
    importlib.import_module(".".join(file.relative_to(PROJECT).with_suffix("").parts))
    for file in sorted([*PROJECT.glob("handlers/*/contract.py"), *PROJECT.glob("workflows/contract.py")])
]
OPERATIONS = [
    operation
    for module in CONTRACTS
    for contract in vars(module).values()
    if isinstance(contract, Contract)
    for operation in contract
    if operation.path is not None
]
FOR_OPERATORS = {"GET /health": "AWS_IAM", "GET /v1/usage/all": "AWSSIGV4"}


def test_every_operation_is_a_route_for_the_callers_that_it_is_for(golden: dict[str, Any]) -> None:
    written = golden
    found = {
        f"{method['http_method']} {path_of(written, method)}": method["authorization"]
        for method in written["aws_api_gateway_method"].values()
        if method["http_method"] != "OPTIONS"
    }
    (body,) = (
        json.loads(one["body"]) for one in written["aws_api_gateway_rest_api"].values() if "body" in one
    )
    schemes = {
        name: scheme["x-amazon-apigateway-authtype"].upper()
        for name, scheme in body["components"]["securitySchemes"].items()
        if name != "api_key"
    }
    found |= {
        f"{name.upper()} {path}": schemes[next(iter(method["security"][0]))]
        for path, methods in body["paths"].items()
        for name, method in methods.items()
        if name != "options"
    }
    routes = [
        "ANY /ai-service",
        "ANY /mcp",
        *(f"{operation.method} {operation.path}" for operation in OPERATIONS),
    ]
    assert len(OPERATIONS) > 10
    assert found == {route: FOR_OPERATORS.get(route, "CUSTOM") for route in routes}


def path_of(written: dict[str, Any], method: dict[str, Any]) -> str:
    parts: list[str] = []
    place = method["resource_id"]
    while found := re.fullmatch(r"\$\{aws_api_gateway_resource\.([\w-]+)\.id\}", place):
        resource = written["aws_api_gateway_resource"][found[1]]
        parts.insert(0, resource["path_part"])
        place = resource["parent_id"]
    return "/" + "/".join(parts)


def test_bodies_are_checked_before_anything_answers(golden: dict[str, Any]) -> None:
    written = golden
    unchecked = {
        path_of(written, method)
        for method in written["aws_api_gateway_method"].values()
        if method["http_method"] == "POST" and not method.get("request_models")
    }
    assert unchecked == {"/mcp"}  # its errors have JSON-RPC's form
    keyed = {
        path_of(written, method)
        for method in written["aws_api_gateway_method"].values()
        if method.get("api_key_required")
    }
    # The authorizer names the key of the usage plan; no caller sends one.
    apis = list(written["aws_api_gateway_rest_api"].values())
    keyed |= {
        path
        for body in (json.loads(api["body"]) for api in apis if "body" in api)
        for path, methods in body["paths"].items()
        for method in methods.values()
        if {"api_key": []} in method.get("security", [])
    }
    assert keyed == {str(operation.path) for operation in OPERATIONS} - {"/health", "/v1/usage/all"}
    assert {api["api_key_source"] for api in apis} == {"AUTHORIZER"}


def test_the_guide_shows_the_workflow(main_stack: Directory) -> None:
    guide = (PROJECT / "docs/guides/workflows.md").read_text(encoding="utf-8")
    file = main_stack("local") / "workflows" / "ai-orchestrator-local-workflows-document.mmd"
    picture = file.read_text(encoding="utf-8")
    assert f"```mermaid\n{picture.rstrip()}\n```" in guide


def test_the_api_is_described_for_its_callers(main_stack: Directory) -> None:
    files = [main_stack("local") / f"{name}.openapi.json" for name in ("api", "v1")]
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    for document in documents:
        validate(document)
    paths = documents[0]["paths"] | documents[1]["paths"]
    methods = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert methods == {f"{operation.method} {operation.path}" for operation in OPERATIONS}
    pictures = paths["/vision/text"]["post"]["requestBody"]["content"]
    assert {"application/json", "image/png"} <= set(pictures)
    answers = paths["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert {kind: content["schema"]["$ref"].rpartition("/")[2] for kind, content in answers.items()} == {
        "application/json": "ChatCompletion",
        "text/event-stream": "ChatCompletionChunk",
    }


def test_jobs_and_tokens_are_kept_in_prod_and_state_is_in_s3_where_that_is_said(
    synthesized: Synthesized,
) -> None:
    written = synthesized("prod")
    assert written["terraform"]["backend"]["s3"] == {
        "bucket": "company-states",
        "encrypt": True,
        "key": "ai-orchestrator-prod.tfstate",
        "region": "us-east-1",
        "use_lockfile": True,
    }
    resources = written["resource"]
    assert all(one["deletion_protection_enabled"] for one in resources["aws_dynamodb_table"].values())
    assert {one["deletion_protection"] for one in resources["aws_cognito_user_pool"].values()} == {"ACTIVE"}
    buckets = {variables_of(one).get("PAYLOAD_BUCKET") for one in resources["aws_lambda_function"].values()}
    assert buckets == {None, "company-payloads"}


def variables_of(function: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = function.get("environment", {}).get("variables", {})
    return variables


def test_no_function_waits_for_another_one_or_for_a_queue(golden: dict[str, Any]) -> None:
    # The provider waits 5 s for each function and 25 s for each queue, also on AWS.
    bodies = {f"{kind}.{name}": body for kind, found in golden.items() for name, body in found.items()}

    @cache
    def before(place: str) -> frozenset[str]:
        needed = set(re.findall(r"aws_\w+\.[\w-]+", json.dumps(bodies[place]))) & bodies.keys()
        return frozenset(needed).union(*map(before, needed))

    slow = ("aws_lambda_function.", "aws_sqs_queue.")
    for place in bodies:
        if place.startswith("aws_lambda_function."):
            assert not [one for one in before(place) if one.startswith(slow)], place

    # But its alias, by which it is called, waits for all that it calls.
    (alias,) = (place for place in bodies if place.startswith("aws_lambda_alias.mcp_"))
    opened = {
        one.split(".")[1].split("_live_")[0] for one in before(alias) if one.startswith("aws_lambda_alias.")
    }
    assert opened == {"chat", "embeddings", "jobs_api", "jobs_finish", "language", "meter_function", "vision"}


def test_services_have_no_right_on_a_bucket(golden: dict[str, Any]) -> None:
    policies = golden["aws_iam_role_policy"]
    reach = {place.partition("_role")[0] for place, body in policies.items() if "s3:" in body["policy"]}
    assert reach == {"jobs_api", "jobs_finish"}


def test_only_prod_and_dev_call_clients_back(synthesized: Synthesized) -> None:
    for environment, calls_back in (("local", "off"), ("dev", "on")):
        functions = synthesized(environment)["resource"]["aws_lambda_function"].values()
        assert {
            variables["JOB_CALLBACKS"]
            for variables in map(variables_of, functions)
            if "JOB_CALLBACKS" in variables
        } == {calls_back}


def test_the_aws_backend_gets_the_permissions_that_it_needs(synthesized: Synthesized) -> None:
    written = synthesized(AWS_MODELS)
    policies = written["resource"]["aws_iam_role_policy"]
    statements = [
        (statement["Action"], statement["Resource"])
        for name, policy in policies.items()
        if "_ai_" in name or "_models_" in name
        for statement in json.loads(policy["policy"])["Statement"]
    ]
    nova = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    micro = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"
    titan = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    detect = ["DetectDominantLanguage", "DetectEntities", "DetectKeyPhrases", "DetectSentiment"]
    assert sorted(statements) == [
        (["bedrock:InvokeModel"], [nova, micro]),
        (["bedrock:InvokeModel"], [titan]),
        (["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], [nova, micro]),
        ([f"comprehend:{action}" for action in detect], ["*"]),
        (["rekognition:DetectLabels", "rekognition:DetectText"], ["*"]),
    ]
    backends = [
        variables_of(function).get("AI_BACKEND")
        for function in written["resource"]["aws_lambda_function"].values()
    ]
    assert backends.count("aws") > 3
    assert "local" not in backends


HARDENED = {
    "aws_budgets_budget",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_metric_alarm",
    "aws_sns_topic",
    "aws_wafv2_web_acl",
    "aws_wafv2_web_acl_association",
    "aws_wafv2_web_acl_logging_configuration",
}


def test_the_local_environment_has_nothing_that_an_apply_would_wait_for(synthesized: Synthesized) -> None:
    written = synthesized("local")["resource"]
    assert not HARDENED & written.keys()
    (key,) = written["aws_kms_key"].values()
    assert key["customer_master_key_spec"] == "HMAC_256"
    assert all("kms_key_id" not in group for group in written["aws_cloudwatch_log_group"].values())
    assert all("reserved_concurrent_executions" not in one for one in written["aws_lambda_function"].values())


def test_dev_is_encrypted_watched_and_shut(synthesized: Synthesized) -> None:
    written = synthesized("dev")["resource"]
    assert written.keys() >= HARDENED
    addresses = {one["endpoint"] for one in written["aws_sns_topic_subscription"].values()}
    assert addresses == {"ops@shop.example", "boss@shop.example"}
    assert all("kms_key_id" in group for group in written["aws_cloudwatch_log_group"].values())
    assert {group["retention_in_days"] for group in written["aws_cloudwatch_log_group"].values()} == {30}
    assert {one["force_destroy"] for one in written["aws_s3_bucket"].values()} == {True}


def test_users_of_prod_need_a_second_factor_and_send_no_password(
    synthesized: Synthesized, golden: dict[str, Any]
) -> None:
    (client,) = golden["aws_cognito_user_pool_client"].values()
    assert client["explicit_auth_flows"] == ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
    ((name, pool),) = golden["aws_cognito_user_pool"].items()
    assert (pool["mfa_configuration"], "user_pool_add_ons" in pool) == ("ON", False)
    protected = [one["resource_arn"] for one in golden["aws_wafv2_web_acl_association"].values()]
    assert f"${{aws_cognito_user_pool.{name}.arn}}" in protected
    watched = synthesized("prod")["resource"]
    (pool,) = watched["aws_cognito_user_pool"].values()
    assert pool["user_pool_add_ons"] == {"advanced_security_mode": "ENFORCED"}


def test_prod_is_told_of_what_costs_money(synthesized: Synthesized, golden: dict[str, Any]) -> None:
    (budget,) = golden["aws_budgets_budget"].values()
    assert (budget["name"], budget["limit_amount"]) == ("ai-orchestrator-prod-monthly", "100.0")
    watched = synthesized("prod")["resource"]
    (budget,) = watched["aws_budgets_budget"].values()
    assert budget["limit_amount"] == "250.0"
    counted = {
        (one["metric_name"], *one["dimensions"].values())
        for one in watched["aws_cloudwatch_metric_alarm"].values()
        if one["metric_name"] in {"Invocations", "SuccessfulRequestCount"}
    }
    assert counted == {
        ("Invocations", "ApplyGuardrail"),
        ("SuccessfulRequestCount", "DetectText"),
        ("SuccessfulRequestCount", "DetectLabels"),
        ("Invocations", "ai-orchestrator-prod-language"),
        ("Invocations", "amazon.nova-lite-v1:0"),
        ("Invocations", "amazon.nova-micro-v1:0"),
        ("Invocations", "amazon.titan-embed-text-v2:0"),
    }
    started = [
        one["alarm_name"]
        for one in watched["aws_cloudwatch_metric_alarm"].values()
        if one["metric_name"] == "ExecutionsStarted"
    ]
    assert started == [
        f"ai-orchestrator-prod-jobs-{name}-executions-started" for name in ("document", "receipt")
    ]


@pytest.mark.parametrize(("environment", "sends"), [("local", True), ("dev", False), ("prod", False)])
def test_passwords_are_sent_to_the_local_cloud_only(environment: str, sends: bool) -> None:
    settings = settings_from(profile(environment))
    assert settings.password_sign_in is sends
    assert settings.mfa == ("ON" if environment == "prod" else "OPTIONAL")


def test_prod_limits_its_functions_and_uploads_to_a_bucket_that_exists(
    synthesized: Synthesized, golden: dict[str, Any]
) -> None:
    written = synthesized("prod")["resource"]
    assert written.keys() >= HARDENED
    assert "aws_s3_bucket" not in written
    assert {one["bucket"] for one in written["aws_s3_object"].values()} == {"company-archives"}
    reserved = {
        one["function_name"].removeprefix("ai-orchestrator-prod-"): one["reserved_concurrent_executions"]
        for one in written["aws_lambda_function"].values()
    }
    assert reserved == dict.fromkeys(reserved, 20) | {
        "orchestrator": 50,
        "chat-stream": 50,
        "jobs-finish": 10,
        "tenants-authorizer": 100,
    }
    (bucket,) = {one["bucket"] for one in golden["aws_s3_object"].values()}
    assert bucket.startswith("ai-orchestrator-archives-${data.aws_caller_identity.")
    assert bucket.endswith(".account_id}-us-east-1")


def test_the_local_stack_reaches_the_local_cloud_only_and_prod_the_account_that_is_named(
    synthesized: Synthesized,
) -> None:
    def allowed(environment: str) -> object:
        (provider,) = synthesized(environment)["provider"]["aws"]
        return provider.get("allowed_account_ids")

    assert allowed("local") == ["123456789012"]
    assert allowed("prod") == ["210987654321"]
    assert allowed("dev") is None


def test_a_variable_that_is_not_valid_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "produktion")
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value) == "ENVIRONMENT: 'produktion' is unknown; set local, dev or prod. Default: local"


def exempt(statement: Any, path: str) -> bool:
    """Return whether a statement matches a path, for the kinds of statements that exempt paths from a rule."""
    ((kind, content),) = statement.items()
    match kind:
        case "or_statement":
            return any(exempt(one, path) for one in content["statement"])
        case "byte_match_statement":
            assert content["positional_constraint"] == "ENDS_WITH"
            return path.endswith(content["search_string"])
        case "regex_match_statement":
            return re.search(content["regex_string"], path) is not None
    raise AssertionError(kind)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_firewall_blocks_no_body_that_a_contract_accepts(
    synthesized: Synthesized, environment: str
) -> None:
    (acl,) = synthesized(environment)["resource"]["aws_wafv2_web_acl"].values()
    (rule,) = (one for one in acl["rule"] if one["name"] == "BodySize")
    too_large, other_paths = rule["statement"]["and_statement"]["statement"]
    limit = too_large["size_constraint_statement"]["size"]
    (exempted,) = other_paths["not_statement"]["statement"]
    limits: dict[str, int] = {}
    for operation in OPERATIONS:
        limits[str(operation.path)] = max(
            limits.get(str(operation.path), 0), operation.max_body_bytes if operation.request_model else 0
        )
    for path, largest in limits.items():
        sent = re.sub(r"\{\w+\}", "1f2e", path)
        assert exempt(exempted, f"/prod{sent}") == (largest > limit), path
    assert not exempt(exempted, "/prod/anything")


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_the_audit_accepts_the_stack_as_it_is_written(synthesized: Synthesized, environment: str) -> None:
    written = synthesized(environment)
    assert any("//" in body for named in written["resource"].values() for body in named.values())
    if environment == "prod":
        assert audit_findings(written, ACCEPTED) == []
    else:
        assert [one for one in audit_findings(written, ACCEPTED) if one.startswith("name-twice")] == []
