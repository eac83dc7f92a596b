"""Faults that no scanner sees, each put into a stack that has none: the audit, or a construct, has to notice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AccessLog,
    Alarms,
    AlarmTopic,
    AwsStack,
    ConflictError,
    ConstructError,
    Function,
    Gradual,
    InvalidArgumentError,
    LambdaIntegration,
    LimitExceededError,
    Pass,
    PolicyStatement,
    Public,
    RestApi,
    Role,
    StepFunctionsIntegration,
    Succeed,
    Throttle,
    UnsafeSettingError,
    UsagePlan,
    Wait,
    Workflow,
)
from tests.support.synthesis import Configuration, FakeArchive
from tools.audit import RULES, Finding, audit
from tools.scan_all_on import AllOn

Json = dict[str, Any]
KEY_OF_A_MODEL = "sk-" + "proj0123456789abcdef"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The stack with every construct, as Terraform gets it."""
    directory = tmp_path_factory.mktemp("all")
    return Configuration(AllOn(App(outdir=str(directory / "out")), directory, jobs=True)).json


@pytest.fixture(scope="module")
def findings(written: Json) -> tuple[Finding, ...]:
    """The findings before a fault is put in."""
    return audit(written)


def test_a_stack_without_faults_has_no_findings(findings: tuple[Finding, ...]) -> None:
    assert [str(finding) for finding in findings if finding.rule != "execution-data"] == []


def test_a_stack_with_a_body_has_no_findings(tmp_path: Path) -> None:
    stack = AllOn(App(outdir=str(tmp_path / "out")), tmp_path, definition="openapi", jobs=True)
    found = [finding for finding in audit(Configuration(stack).json) if finding.rule != "execution-data"]
    assert [str(finding) for finding in found] == []


def of(written: Json, kind: str, containing: str = "") -> Json:
    """The body of the first resource of a type whose name has a part."""
    named = written["resource"][f"aws_{kind}"]
    body: Json = named[next(name for name in sorted(named) if containing in name)]
    return body


def drop(written: Json, kind: str, containing: str = "") -> None:
    """Remove the resources of a type whose names have a part, and what waits for them."""
    named = written["resource"][f"aws_{kind}"]
    for name in [name for name in named if containing in name]:
        del named[name]
        for others in written["resource"].values():
            for body in others.values():
                body["depends_on"] = [
                    one for one in body.get("depends_on", ()) if one != f"aws_{kind}.{name}"
                ]


def without(body: Json, *names: str) -> None:
    for name in names:
        del body[name]


def statement(body: Json, argument: str = "policy") -> tuple[Json, Callable[[], None]]:
    """The first statement of a policy, and what writes it back."""
    document = json.loads(body[argument])

    def write() -> None:
        body[argument] = json.dumps(document)

    return document["Statement"][0], write


# Each takes the configuration and puts one fault into it. Sorted by what is wrong; the words are the issue's.


def permission_missing(written: Json) -> None:
    drop(written, "lambda_permission", "api_orders_POST")


def permission_for_everything(written: Json) -> None:
    permission = of(written, "lambda_permission", "api_orders_POST")
    permission["source_arn"] = permission["source_arn"].partition("}")[0] + "}/*/*/*"


def permission_for_the_function_only(written: Json) -> None:
    without(of(written, "lambda_permission", "api_orders_POST"), "qualifier", "lifecycle")


def integration_calls_by_arn(written: Json) -> None:
    integration = of(written, "api_gateway_integration", "api_orders_POST")
    alias = next(name for name in written["resource"]["aws_lambda_alias"] if "chat" in name)
    integration["uri"] = f"${{aws_lambda_alias.{alias}.arn}}"


def deployment_without_triggers(written: Json) -> None:
    without(of(written, "api_gateway_deployment"), "triggers")


def deployment_with_a_trigger_of_ids(written: Json) -> None:
    of(written, "api_gateway_deployment")["triggers"] = {"redeployment": "${aws_api_gateway_method.get.id}"}


def deployment_without_depends_on(written: Json) -> None:
    without(of(written, "api_gateway_deployment"), "depends_on")


def stage_before_the_permissions(written: Json) -> None:
    stage = of(written, "api_gateway_stage")
    stage["depends_on"] = [one for one in stage["depends_on"] if "lambda_permission" not in one]


def integration_that_refers_to_its_function(written: Json) -> None:
    integration = of(written, "api_gateway_integration", "api_orders_POST")
    alias = next(name for name in written["resource"]["aws_lambda_alias"] if "chat" in name)
    integration["uri"] = f"${{aws_lambda_alias.{alias}.invoke_arn}}"


def deployment_destroyed_first(written: Json) -> None:
    of(written, "api_gateway_deployment")["lifecycle"].pop("create_before_destroy")


def no_throttle(written: Json) -> None:
    without(of(written, "api_gateway_method_settings")["settings"], "throttling_rate_limit")


def plan_without_limits(written: Json) -> None:
    without(of(written, "api_gateway_usage_plan"), "throttle_settings", "quota_settings")


def plan_for_a_stage_by_name(written: Json) -> None:
    of(written, "api_gateway_usage_plan")["api_stages"][0]["stage"] = "prod"


def no_request_model(written: Json) -> None:
    without(of(written, "api_gateway_method", "api_orders_POST"), "request_models")


def model_for_one_content_type(written: Json) -> None:
    without(of(written, "api_gateway_method", "api_orders_POST")["request_models"], "$default")


def validator_that_checks_nothing(written: Json) -> None:
    of(written, "api_gateway_request_validator")["validate_request_body"] = False


def authorizer_id_missing(written: Json) -> None:
    without(of(written, "api_gateway_method", "api_orders_POST"), "authorizer_id")


def authorizer_cached_for_an_hour(written: Json) -> None:
    of(written, "api_gateway_authorizer")["authorizer_result_ttl_in_seconds"] = 3600


def preflight_with_credentials(written: Json) -> None:
    of(written, "api_gateway_method", "api_orders_OPTIONS")["authorization"] = "AWS_IAM"


def key_as_the_only_authorization(written: Json) -> None:
    method = of(written, "api_gateway_method", "api_orders_POST")
    method["authorization"] = "NONE"
    without(method, "authorizer_id")


def key_in_an_output(written: Json) -> None:
    (name,) = written["resource"]["aws_api_gateway_api_key"]
    written["output"]["key"] = {"value": f"${{aws_api_gateway_api_key.{name}.value}}"}


def execute_api_open_beside_a_domain(written: Json) -> None:
    without(of(written, "api_gateway_rest_api"), "disable_execute_api_endpoint")


def domain_with_old_tls(written: Json) -> None:
    of(written, "api_gateway_domain_name")["security_policy"] = "TLS_1_0"


def domain_before_its_certificate(written: Json) -> None:
    (name,) = written["resource"]["aws_acm_certificate"]
    of(written, "api_gateway_domain_name")["regional_certificate_arn"] = (
        f"${{aws_acm_certificate.{name}.arn}}"
    )


def no_gateway_responses(written: Json) -> None:
    drop(written, "api_gateway_gateway_response")


def errors_without_cors(written: Json) -> None:
    parameters = of(written, "api_gateway_gateway_response", "DEFAULT_4XX")["response_parameters"]
    without(parameters, "gatewayresponse.header.Access-Control-Allow-Origin")


def every_origin(written: Json) -> None:
    parameters = of(written, "api_gateway_integration_response")["response_parameters"]
    parameters["method.response.header.Access-Control-Allow-Origin"] = "'*'"


def function_that_outlives_the_request(written: Json) -> None:
    of(written, "lambda_function", "chat")["timeout"] = 900


def no_log_group(written: Json) -> None:
    drop(written, "cloudwatch_log_group", "chat_log-group")


def log_kept_for_ever(written: Json) -> None:
    without(of(written, "cloudwatch_log_group"), "retention_in_days")


def secret_in_the_environment(written: Json) -> None:
    of(written, "lambda_function", "chat")["environment"]["variables"]["MODEL_KEY"] = KEY_OF_A_MODEL


def alarms_without_actions(written: Json) -> None:
    without(of(written, "cloudwatch_metric_alarm"), "alarm_actions")


def topic_whose_key_alarms_may_not_use(written: Json) -> None:
    (key,) = (one for one in written["resource"]["aws_kms_key"].values() if "cloudwatch" in one["policy"])
    document = json.loads(key["policy"])
    document["Statement"] = [one for one in document["Statement"] if "cloudwatch" not in json.dumps(one)]
    key["policy"] = json.dumps(document)


def no_firewall(written: Json) -> None:
    drop(written, "wafv2_web_acl_association")


def firewall_without_a_rate(written: Json) -> None:
    acl = of(written, "wafv2_web_acl")
    acl["rule"] = [rule for rule in acl["rule"] if "rate_based_statement" not in json.dumps(rule)]


def claims_in_the_access_log(written: Json) -> None:
    settings = of(written, "api_gateway_stage")["access_log_settings"]
    settings["format"] = settings["format"].replace("$context.stage", "$context.authorizer.claims.email")


def bodies_in_the_log(written: Json) -> None:
    of(written, "api_gateway_method_settings")["settings"]["data_trace_enabled"] = True


def trust_for_any_account(written: Json) -> None:
    trusted, write = statement(of(written, "iam_role", "chat"), "assume_role_policy")
    without(trusted, "Condition")
    write()


def role_with_a_fixed_name(written: Json) -> None:
    role = of(written, "iam_role", "chat")
    role["name"] = "chat"
    without(role, "name_prefix")


def permission_for_every_function(written: Json) -> None:
    allowed, write = statement(of(written, "iam_role_policy", "invoke"))
    allowed["Resource"] = ["*"]
    write()


def function_that_makes_log_groups(written: Json) -> None:
    allowed, write = statement(of(written, "iam_role_policy", "chat_role_logs"))
    allowed["Action"].append("logs:CreateLogGroup")
    write()


def function_before_its_policies(written: Json) -> None:
    function = of(written, "lambda_function", "chat")
    function["depends_on"] = [one for one in function["depends_on"] if "log_group" in one]


def weights_on_a_provisioned_alias(written: Json) -> None:
    of(written, "lambda_alias", "vision")["routing_config"] = {"additional_version_weights": {"7": 0.1}}


def workflow_that_any_account_starts(written: Json) -> None:
    trusted, write = statement(of(written, "iam_role", "scan_role"), "assume_role_policy")
    without(trusted, "Condition")
    write()


def workflow_without_a_log(written: Json) -> None:
    without(of(written, "sfn_state_machine", "scan")["logging_configuration"], "log_destination")


def workflow_that_logs_errors_never(written: Json) -> None:
    of(written, "sfn_state_machine", "scan")["logging_configuration"]["level"] = "OFF"


def execution_data_logged(written: Json) -> None:
    of(written, "sfn_state_machine", "jobs_scan")["logging_configuration"]["include_execution_data"] = True


def workflow_before_its_policies(written: Json) -> None:
    without(of(written, "sfn_state_machine", "scan"), "depends_on")


def workflow_that_outlives_the_request(written: Json) -> None:
    machine = next(
        one for one in written["resource"]["aws_sfn_state_machine"].values() if one["type"] == "EXPRESS"
    )
    machine["definition"] = machine["definition"].replace('"TimeoutSeconds":', '"TimeoutSeconds":1')


def workflow_whose_failure_is_a_success(written: Json) -> None:
    responses = written["resource"]["aws_api_gateway_integration_response"]
    for name in [name for name in responses if "api_scans_POST" in name]:
        responses[name]["response_templates"] = {"application/json": "$input.json('$.output')"}


def workflow_that_nobody_watches(written: Json) -> None:
    drop(written, "cloudwatch_metric_alarm", "scan-executions-failed")


def start_of_every_workflow(written: Json) -> None:
    allowed, write = statement(of(written, "iam_role_policy", "scan_api-role"))
    assert allowed["Action"] == ["states:StartSyncExecution"]
    allowed["Resource"] = ["arn:aws:states:eu-central-1:123456789012:stateMachine:*"]
    write()


def start_of_anything(written: Json) -> None:
    allowed, write = statement(of(written, "iam_role_policy", "scan_api-role"))
    allowed["Resource"] = ["*"]
    write()


def jobs_kept_for_ever(written: Json) -> None:
    without(of(written, "dynamodb_table", "jobs_table"), "ttl")


def jobs_that_cannot_be_had_back(written: Json) -> None:
    without(of(written, "dynamodb_table", "jobs_table"), "point_in_time_recovery")


def queue_that_nobody_watches(written: Json) -> None:
    alarms = written["resource"]["aws_cloudwatch_metric_alarm"]
    for name in [name for name, one in alarms.items() if "QueueName" in one["dimensions"]]:
        drop(written, "cloudwatch_metric_alarm", name)


def queue_without_tls(written: Json) -> None:
    without(of(written, "sqs_queue", "jobs_failed"), "policy")


def bucket_without_tls(written: Json) -> None:
    drop(written, "s3_bucket_policy", "payloads")


def topic_without_tls(written: Json) -> None:
    policy = of(written, "sns_topic_policy")
    policy["policy"] = policy["policy"].replace(
        '"aws:SecureTransport": "false"', '"aws:SecureTransport": "true"'
    )


def path_of_this_machine(written: Json) -> None:
    written["terraform"]["backend"] = {"local": {"path": "/home/ada/shop/terraform.tfstate"}}


@dataclass(frozen=True, slots=True)
class Mutation:
    put: Callable[[Json], None]
    rule: str


MUTATIONS = [
    Mutation(permission_missing, "permission-missing"),
    Mutation(permission_for_everything, "permission-too-wide"),
    Mutation(permission_for_the_function_only, "permission-alias"),
    Mutation(integration_calls_by_arn, "integration-uri"),
    Mutation(deployment_without_triggers, "deployment-triggers"),
    Mutation(deployment_with_a_trigger_of_ids, "deployment-triggers"),
    Mutation(deployment_without_depends_on, "deployment-order"),
    Mutation(stage_before_the_permissions, "stage-order"),
    Mutation(integration_that_refers_to_its_function, "name-twice"),
    Mutation(deployment_destroyed_first, "deployment-replacement"),
    Mutation(no_throttle, "throttle-missing"),
    Mutation(plan_without_limits, "plan-limits"),
    Mutation(plan_for_a_stage_by_name, "plan-stage"),
    Mutation(no_request_model, "model-missing"),
    Mutation(model_for_one_content_type, "model-content-types"),
    Mutation(validator_that_checks_nothing, "model-enforced"),
    Mutation(authorizer_id_missing, "authorizer-missing"),
    Mutation(authorizer_cached_for_an_hour, "authorizer-cache"),
    Mutation(preflight_with_credentials, "preflight-open"),
    Mutation(key_as_the_only_authorization, "key-alone"),
    Mutation(key_in_an_output, "key-shown"),
    Mutation(execute_api_open_beside_a_domain, "open-endpoint"),
    Mutation(domain_with_old_tls, "tls"),
    Mutation(domain_before_its_certificate, "certificate"),
    Mutation(no_gateway_responses, "gateway-responses"),
    Mutation(errors_without_cors, "gateway-responses"),
    Mutation(every_origin, "cors-origin"),
    Mutation(function_that_outlives_the_request, "integration-timeout"),
    Mutation(no_log_group, "log-group"),
    Mutation(log_kept_for_ever, "log-retention"),
    Mutation(secret_in_the_environment, "secret"),
    Mutation(alarms_without_actions, "alarm-actions"),
    Mutation(topic_whose_key_alarms_may_not_use, "topic-key"),
    Mutation(no_firewall, "firewall"),
    Mutation(firewall_without_a_rate, "firewall-rate"),
    Mutation(claims_in_the_access_log, "access-log-fields"),
    Mutation(bodies_in_the_log, "data-trace"),
    Mutation(trust_for_any_account, "trust"),
    Mutation(role_with_a_fixed_name, "role-name"),
    Mutation(permission_for_every_function, "wildcards"),
    Mutation(function_that_makes_log_groups, "log-group-by-function"),
    Mutation(function_before_its_policies, "role-policies"),
    Mutation(weights_on_a_provisioned_alias, "alias-weights"),
    Mutation(path_of_this_machine, "absolute-path"),
    Mutation(workflow_that_any_account_starts, "trust"),
    Mutation(workflow_without_a_log, "workflow-log"),
    Mutation(workflow_that_logs_errors_never, "workflow-log"),
    Mutation(execution_data_logged, "execution-data"),
    Mutation(workflow_before_its_policies, "workflow-policies"),
    Mutation(workflow_that_outlives_the_request, "workflow-timeout"),
    Mutation(workflow_whose_failure_is_a_success, "workflow-status"),
    Mutation(workflow_that_nobody_watches, "workflow-alarm"),
    Mutation(start_of_every_workflow, "wildcards"),
    Mutation(start_of_anything, "wildcards"),
    Mutation(jobs_kept_for_ever, "job-expiry"),
    Mutation(jobs_that_cannot_be_had_back, "table-recovery"),
    Mutation(queue_that_nobody_watches, "queue-alarm"),
    Mutation(queue_without_tls, "tls-only"),
    Mutation(bucket_without_tls, "tls-only"),
    Mutation(topic_without_tls, "tls-only"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.put.__name__)
def test_a_fault_is_found_by_the_rule_for_it(
    written: Json, findings: tuple[Finding, ...], mutation: Mutation
) -> None:
    assert mutation.rule in RULES
    mutated = copy.deepcopy(written)
    mutation.put(mutated)
    assert mutated != written, "the mutation changes nothing"
    found = [finding for finding in audit(mutated) if finding not in findings]
    assert mutation.rule in {finding.rule for finding in found}
    assert all(finding.problem and finding.remedy for finding in found)


def test_there_are_at_least_as_many_faults_as_the_project_set_out_to_find() -> None:
    assert len({mutation.put for mutation in MUTATIONS}) >= 28


# The same faults, written as a user of the constructs would: most cannot be written, and these are rejected.


def refused_faults(stack: AllOn, archive: FakeArchive) -> dict[str, Callable[[], object]]:
    slow = Function(stack, "slow", archive=archive, timeout_seconds=900)
    return {
        "function_that_outlives_the_request": lambda: LambdaIntegration(slow),
        "plan_without_limits": lambda: Throttle(rate_limit=0),
        "plan_for_nothing": lambda: UsagePlan(stack, "nothing", name="nothing", stages=[]),
        "authorization_not_said": lambda: RestApi(stack, "open", name="open").root.add_method(
            "GET", LambdaIntegration(stack.chat)
        ),
        "key_as_the_only_authorization": lambda: stack.api.root.add_method(
            "GET", LambdaIntegration(stack.chat), authorization=Public(), api_key_required=True
        ),
        "secret_in_the_environment": lambda: Function(
            stack, "leaky", archive=archive, environment={"MODEL_KEY": KEY_OF_A_MODEL}
        ),
        "claims_in_the_access_log": lambda: AccessLog(
            fields={"id": "$context.requestId", "who": "$context.authorizer.claims.email"}
        ),
        "permission_for_every_function": lambda: PolicyStatement(
            actions=["lambda:InvokeFunction"], resources=["*"]
        ),
        "every_action": lambda: PolicyStatement(actions=["s3:*"], resources=["arn:aws:s3:::talks"]),
        "trust_for_no_service": lambda: Role(stack, "anybody", service="*"),
        "weights_on_a_provisioned_alias": lambda: Function(
            stack,
            "divided",
            archive=archive,
            provisioned_concurrency=1,
            gradual=Gradual(stable_version="7", percent=10),
        ),
        "topic_whose_key_alarms_may_not_use": lambda: AlarmTopic(
            AwsStack(App(), "other", region="us-east-1"), "topic"
        ),
        "workflow_that_outlives_the_request": lambda: StepFunctionsIntegration(
            Workflow(stack, "long", definition=Wait("a while", seconds=29) >> Succeed("done"))
        ),
        "workflow_that_answers_before_its_end": lambda: StepFunctionsIntegration(
            Workflow(stack, "standard", definition=Pass("done"), kind="STANDARD", timeout_seconds=20)
        ),
        "start_of_anything": lambda: PolicyStatement(actions=["states:StartSyncExecution"], resources=["*"]),
        "alarms_that_tell_nobody": lambda: Alarms(stack, "silent", topic=None, workflows=[stack.scan]),  # type: ignore[arg-type]
    }


REFUSED: dict[str, type[ConstructError]] = {
    "function_that_outlives_the_request": ConflictError,
    "plan_without_limits": LimitExceededError,
    "plan_for_nothing": InvalidArgumentError,
    "authorization_not_said": InvalidArgumentError,
    "key_as_the_only_authorization": UnsafeSettingError,
    "secret_in_the_environment": UnsafeSettingError,
    "claims_in_the_access_log": UnsafeSettingError,
    "permission_for_every_function": UnsafeSettingError,
    "every_action": UnsafeSettingError,
    "trust_for_no_service": InvalidArgumentError,
    "weights_on_a_provisioned_alias": ConflictError,
    "topic_whose_key_alarms_may_not_use": ConflictError,
    "workflow_that_outlives_the_request": ConflictError,
    "workflow_that_answers_before_its_end": ConflictError,
    "start_of_anything": UnsafeSettingError,
    "alarms_that_tell_nobody": InvalidArgumentError,
}


def test_faults_that_can_be_said_are_refused(tmp_path: Path) -> None:
    stack = AllOn(App(outdir=str(tmp_path / "out")), tmp_path)
    faults = refused_faults(stack, FakeArchive.make(tmp_path, name="slow"))
    assert faults.keys() == REFUSED.keys()
    for name, put in faults.items():
        with pytest.raises(REFUSED[name]) as refusal:
            put()
        assert refusal.value.remedy, name
