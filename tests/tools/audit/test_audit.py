"""The audit: each of its rules on the smallest configuration that breaks it, and on the same one mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.audit import RULES, Finding, audit
from tools.audit.__main__ import main
from tools.audit.configuration import reference

Json = dict[str, Any]
SHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration that breaks a rule, what the rule says, and what is changed in it to keep the rule."""

    rule: str
    says: str
    resource: Json
    mend: Callable[[Json], object]
    rest: Json = field(default_factory=dict)

    def written(self) -> Json:
        named: Json = {f"aws_{kind}": bodies for kind, bodies in self.resource.items()}
        whole: Json = json.loads(json.dumps({"resource": named, **self.rest}))
        return whole


def setting(path: str, value: object) -> Callable[[Json], object]:
    """Set what is at a path such as `lambda_function.f.publish` in the resources."""
    *outer, last = f"aws_{path}".split(".")

    def mend(written: Json) -> None:
        place = written["resource"]
        for name in outer:
            place = place[name]
        place[last] = value

    return mend


def removing(kind: str, name: str) -> Callable[[Json], object]:
    return lambda written: written["resource"][f"aws_{kind}"].pop(name)


def doing(*steps: Callable[[Json], object]) -> Callable[[Json], object]:
    return lambda written: [step(written) for step in steps]


def method(path: str = "root", **more: Any) -> Json:
    place = "${aws_api_gateway_rest_api.a.root_resource_id}"
    if path != "root":
        place = f"${{aws_api_gateway_resource.{path}.id}}"
    return {
        "rest_api_id": "${aws_api_gateway_rest_api.a.id}",
        "resource_id": place,
        "http_method": "GET",
        "authorization": "NONE",
        **more,
    }


def of_api(**more: Any) -> Json:
    return {"rest_api_id": "${aws_api_gateway_rest_api.a.id}", **more}


def machine(**more: Any) -> Json:
    return {"role_arn": "${aws_iam_role.r.arn}", **more}


def waiting(seconds: int) -> str:
    states = {"wait": {"Type": "Wait", "Seconds": seconds, "End": True}}
    return json.dumps({"StartAt": "wait", "States": states})


def allowing(action: str, resource: str) -> Json:
    statement = {"Effect": "Allow", "Action": [action], "Resource": [resource]}
    return {"role": "${aws_iam_role.r.id}", "policy": json.dumps({"Statement": [statement]})}


def queue_consumer(**mapping: Any) -> Json:
    return {
        "sqs_queue": {"q": {"visibility_timeout_seconds": 60, "redrive_policy": "{}"}},
        "lambda_function": {"f": {"timeout": 30}},
        "lambda_alias": {"live": {"function_name": "${aws_lambda_function.f.function_name}"}},
        "lambda_event_source_mapping": {
            "m": {
                "event_source_arn": "${aws_sqs_queue.q.arn}",
                "function_name": "${aws_lambda_alias.live.arn}",
                "function_response_types": ["ReportBatchItemFailures"],
                **mapping,
            }
        },
    }


TLS_ONLY = json.dumps(
    {"Statement": [{"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
)
API: Json = {"a": {"name": "shop"}}
STAGE: Json = of_api(stage_name="prod")
ALIAS: Json = {
    "function_name": "${aws_lambda_function.f.function_name}",
    "function_version": "${aws_lambda_function.f.version}",
}
PROVISIONED: Json = {
    "function_name": "${aws_lambda_function.f.function_name}",
    "qualifier": "${aws_lambda_alias.live.name}",
    "provisioned_concurrent_executions": 5,
}

TAKES_PAGES: Json = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::pages/*"]}

CASES = [
    Case(
        "permission-lifetime",
        "aws_lambda_permission.p: is not made anew with aws_lambda_alias.live; add 'aws_lambda_alias.live.id' to its "
        "replace_triggered_by",
        {"lambda_permission": {"p": {"qualifier": "${aws_lambda_alias.live.name}"}}},
        setting("lambda_permission.p.lifecycle", {"replace_triggered_by": ["aws_lambda_alias.live.id"]}),
    ),
    Case(
        "integration-missing",
        "aws_api_gateway_method.m: has no integration, and AWS refuses to deploy it; add one, or remove it",
        {"api_gateway_rest_api": API, "api_gateway_method": {"m": method()}},
        setting("api_gateway_integration", {"i": method(type="MOCK")}),
    ),
    Case(
        "api-mixed",
        "aws_api_gateway_rest_api.a: has a body and resources of its own beside it; use one of the two forms",
        {
            "api_gateway_rest_api": {"a": {"body": "{}"}},
            "api_gateway_method": {"m": method()},
        },
        removing("api_gateway_method", "m"),
    ),
    Case(
        "api-size",
        "aws_api_gateway_rest_api.a: has 301 resources and API Gateway allows 300; let one {proxy+} resource take several "
        "paths, or divide the API",
        {
            "api_gateway_rest_api": API,
            "api_gateway_resource": {f"r{number}": of_api(path_part=str(number)) for number in range(300)},
        },
        removing("api_gateway_resource", "r7"),
    ),
    Case(
        "api-policy",
        "aws_api_gateway_rest_api.a: has its policy in itself; use an aws_api_gateway_rest_api_policy",
        {"api_gateway_rest_api": {"a": {"policy": "{}"}}},
        setting("api_gateway_rest_api.a.policy", None),
    ),
    Case(
        "api-policy",
        "aws_api_gateway_rest_api_policy.p: names methods in the short form 'execute-api:/', which AWS writes otherwise: "
        "every plan differs; start with the API's execution_arn",
        {"api_gateway_rest_api_policy": {"p": of_api(policy='{"Resource":"execute-api:/*"}')}},
        setting("api_gateway_rest_api_policy.p.policy", "${aws_api_gateway_rest_api.a.execution_arn}/*"),
    ),
    Case(
        "policy-deployed",
        "aws_api_gateway_deployment.d: does not notice when aws_api_gateway_rest_api_policy.p changes, and the stage keeps "
        "the old one; add extra_triggers={'policy': a hash of it} to the Deployment",
        {
            "api_gateway_rest_api_policy": {"p": of_api()},
            "api_gateway_deployment": {"d": of_api(triggers={"redeployment": "1"})},
        },
        setting("api_gateway_deployment.d.triggers", {"redeployment": "1", "policy": "2"}),
    ),
    Case(
        "method-settings-path",
        "aws_api_gateway_method_settings.s: method_path '/orders/{id}/GET' is not encoded; write it without the first "
        "'/', with '~1' for each other one, such as 'orders~1{id}/GET'",
        {"api_gateway_method_settings": {"s": of_api(method_path="/orders/{id}/GET")}},
        setting("api_gateway_method_settings.s.method_path", "orders~1{id}/GET"),
    ),
    Case(
        "method-settings-path",
        "aws_api_gateway_method_settings.s: is created at the same time as the settings of '*/*', which overwrite it; add "
        "aws_api_gateway_method_settings.all to its depends_on",
        {
            "api_gateway_method_settings": {
                "all": of_api(method_path="*/*"),
                "s": of_api(method_path="orders/GET"),
            }
        },
        setting("api_gateway_method_settings.s.depends_on", ["aws_api_gateway_method_settings.all"]),
    ),
    Case(
        "execution-log-group",
        "aws_api_gateway_stage.s: does not depend on the log group of its executions, so API Gateway creates it without a retention; create an aws_cloudwatch_log_group named 'API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.a.id}/prod' and add it to depends_on",
        {
            "api_gateway_stage": {"s": STAGE},
            "api_gateway_method_settings": {
                "m": of_api(
                    stage_name="${aws_api_gateway_stage.s.stage_name}", settings={"logging_level": "ERROR"}
                )
            },
            "cloudwatch_log_group": {
                "g": {"name": "API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.a.id}/prod"}
            },
        },
        setting("api_gateway_stage.s.depends_on", ["aws_cloudwatch_log_group.g"]),
    ),
    Case(
        "access-log",
        "aws_api_gateway_stage.s: logs no requests; pass account=... to the Stage, and leave access_log out",
        {"api_gateway_stage": {"s": STAGE}},
        setting(
            "api_gateway_stage.s.access_log_settings",
            {"destination_arn": "${aws_cloudwatch_log_group.g.arn}"},
        ),
    ),
    Case(
        "access-log-fields",
        "aws_api_gateway_stage.s: its access log has no $context.requestId, which AWS requires; add it",
        {"api_gateway_stage": {"s": {**STAGE, "access_log_settings": {"format": '{"a":"$context.status"}'}}}},
        setting("api_gateway_stage.s.access_log_settings", {"format": '{"a":"$context.requestId"}'}),
    ),
    Case(
        "access-log-fields",
        "aws_api_gateway_stage.s: its access log has $context.authorizer.claims.sub, which may hold a secret; take the "
        "field out",
        {
            "api_gateway_stage": {
                "s": {
                    **STAGE,
                    "access_log_settings": {
                        "format": '{"a":"$context.requestId","b":"$context.authorizer.claims.sub"}'
                    },
                }
            }
        },
        setting(
            "api_gateway_stage.s.access_log_settings",
            {
                "format": '{"a":"$context.requestId","b":"$context.authorizer.caller",'
                '"c":"$context.authorizer.tenant","d":"$context.authorizer.key"}'
            },
        ),
    ),
    Case(
        "access-log-json",
        "aws_api_gateway_stage.s: its access log is not JSON; write one JSON object a line",
        {"api_gateway_stage": {"s": {**STAGE, "access_log_settings": {"format": "$context.requestId"}}}},
        setting("api_gateway_stage.s.access_log_settings", {"format": '{"a":"$context.requestId"}'}),
    ),
    Case(
        "account-order",
        "aws_api_gateway_stage.s: does not depend on aws_api_gateway_account.a, without which AWS rejects it; pass "
        "account=... to the Stage",
        {"api_gateway_account": {"a": {}}, "api_gateway_stage": {"s": STAGE}},
        setting("api_gateway_stage.s.depends_on", ["aws_api_gateway_account.a"]),
    ),
    Case(
        "account-once",
        "aws_api_gateway_account.b: overwrites aws_api_gateway_account.a: there is one such setting in a region; keep one "
        "of the two",
        {"api_gateway_account": {"a": {}, "b": {}}},
        removing("api_gateway_account", "b"),
    ),
    Case(
        "canary",
        "aws_api_gateway_stage.s: its canary has no deployment of its own; set deployment_id in canary_settings",
        {"api_gateway_stage": {"s": {**STAGE, "canary_settings": {"percent_traffic": 10}}}},
        setting(
            "api_gateway_stage.s.canary_settings", {"deployment_id": "${aws_api_gateway_deployment.new.id}"}
        ),
    ),
    Case(
        "canary",
        "aws_api_gateway_stage.s: its canary serves the same deployment as the stage; pin the stage to the deployment "
        "that it served before",
        {
            "api_gateway_stage": {
                "s": {
                    **STAGE,
                    "deployment_id": "${aws_api_gateway_deployment.d.id}",
                    "canary_settings": {"deployment_id": "${aws_api_gateway_deployment.d.id}"},
                }
            }
        },
        setting(
            "api_gateway_stage.s.canary_settings", {"deployment_id": "${aws_api_gateway_deployment.new.id}"}
        ),
    ),
    Case(
        "tracing",
        "aws_api_gateway_stage.s: is not traced by X-Ray; set xray_tracing_enabled",
        {"api_gateway_stage": {"s": STAGE}},
        setting("api_gateway_stage.s.xray_tracing_enabled", True),
    ),
    Case(
        "authorizer-order",
        "aws_api_gateway_authorizer.one: is changed at the same time as another one; make each wait for the next",
        {"api_gateway_rest_api": API, "api_gateway_authorizer": {"one": of_api(), "two": of_api()}},
        setting("api_gateway_authorizer.two.depends_on", ["aws_api_gateway_authorizer.one"]),
    ),
    Case(
        "authorizer-identity",
        "aws_api_gateway_authorizer.a: invokes its function for any value of the header; set "
        "identity_validation_expression",
        {"api_gateway_authorizer": {"a": of_api(type="TOKEN")}},
        setting("api_gateway_authorizer.a.identity_validation_expression", "Bearer .+"),
    ),
    Case(
        "client-password",
        "aws_cognito_user_pool_client.c: lets users send their password; use ALLOW_USER_SRP_AUTH alone",
        {
            "cognito_user_pool_client": {
                "c": {"explicit_auth_flows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"]}
            }
        },
        setting("cognito_user_pool_client.c.explicit_auth_flows", ["ALLOW_USER_SRP_AUTH"]),
    ),
    Case(
        "key-without-plan",
        "aws_api_gateway_method.m: requires an API key, and no usage plan is for its API; add a UsagePlan",
        {"api_gateway_rest_api": API, "api_gateway_method": {"m": method(api_key_required=True)}},
        setting(
            "api_gateway_usage_plan", {"p": {"api_stages": [{"api_id": "${aws_api_gateway_rest_api.a.id}"}]}}
        ),
    ),
    Case(
        "key-shown",
        "aws_api_gateway_api_key.k: has its value in the configuration; let AWS generate it",
        {"api_gateway_api_key": {"k": {"value": "0123456789abcdefghij"}}},
        setting("api_gateway_api_key.k.value", None),
    ),
    Case(
        "publish",
        "aws_lambda_function.f: publishes no versions for aws_lambda_alias.live; set publish",
        {"lambda_function": {"f": {}}, "lambda_alias": {"live": ALIAS}},
        setting("lambda_function.f.publish", True),
    ),
    Case(
        "publish",
        "aws_lambda_alias.live: points to $LATEST, which changes under its callers; use the function's version",
        {"lambda_alias": {"live": {"function_version": "$LATEST"}}},
        setting("lambda_alias.live.function_version", "7"),
    ),
    Case(
        "alias-function",
        "aws_lambda_alias.live: names its function by arn; use function_name",
        {"lambda_alias": {"live": {"function_name": "${aws_lambda_function.f.arn}"}}},
        setting("lambda_alias.live", ALIAS),
    ),
    Case(
        "provisioned-concurrency",
        "aws_lambda_provisioned_concurrency_config.p: wants 5 and the function reserves 2; raise the one or lower the "
        "other",
        {
            "lambda_function": {"f": {"reserved_concurrent_executions": 2}},
            "lambda_alias": {"live": ALIAS},
            "lambda_provisioned_concurrency_config": {"p": PROVISIONED},
        },
        setting("lambda_function.f.reserved_concurrent_executions", 5),
    ),
    Case(
        "provisioned-concurrency",
        "aws_lambda_provisioned_concurrency_config.p: is not for an alias, so that a new version has none; set qualifier "
        "to an alias's name",
        {
            "lambda_function": {"f": {}},
            "lambda_alias": {"live": ALIAS},
            "lambda_provisioned_concurrency_config": {"p": {**PROVISIONED, "qualifier": "7"}},
        },
        setting("lambda_provisioned_concurrency_config.p", PROVISIONED),
    ),
    Case(
        "snap-start",
        "aws_lambda_function.f: has snap_start and more than 512 MB of /tmp, which Lambda refuses; remove one of the two",
        {
            "lambda_function": {
                "f": {
                    "snap_start": {"apply_on": "PublishedVersions"},
                    "ephemeral_storage": {"size": 1024},
                    "runtime": "python3.13",
                    "publish": True,
                }
            }
        },
        setting("lambda_function.f.ephemeral_storage", {"size": 512}),
    ),
    Case(
        "snap-start",
        "aws_lambda_function.f: has snap_start and runtime python3.11, which Lambda refuses; remove one of the two",
        {
            "lambda_function": {
                "f": {
                    "snap_start": [{"apply_on": "PublishedVersions"}],
                    "runtime": "python3.11",
                    "publish": True,
                }
            }
        },
        setting("lambda_function.f.runtime", "python3.12"),
    ),
    Case(
        "code-hash",
        "aws_lambda_function.f: source_code_hash 'd41d8cd98f00b204e9800998ecf8427e' is not a SHA-256 in base64, so that every "
        "plan differs or none does; use LambdaArchive",
        {"lambda_function": {"f": {"source_code_hash": "d41d8cd98f00b204e9800998ecf8427e"}}},
        setting("lambda_function.f.source_code_hash", SHA256),
    ),
    Case(
        "network",
        "aws_lambda_function.f: is in a VPC and holds its security groups when it is destroyed; set "
        "replace_security_groups_on_destroy",
        {"lambda_function": {"f": {"vpc_config": {"subnet_ids": ["subnet-1", "subnet-2"]}}}},
        setting("lambda_function.f.replace_security_groups_on_destroy", True),
    ),
    Case(
        "network",
        "aws_security_group.g: cannot be replaced while a function uses it; set create_before_destroy",
        {
            "lambda_function": {
                "f": {
                    "replace_security_groups_on_destroy": True,
                    "vpc_config": {
                        "security_group_ids": ["${aws_security_group.g.id}"],
                        "subnet_ids": ["subnet-1", "subnet-2"],
                    },
                }
            },
            "security_group": {"g": {}},
        },
        setting("security_group.g.lifecycle", {"create_before_destroy": True}),
    ),
    Case(
        "network",
        "aws_lambda_function.f: is in one subnet, so it fails with its zone; name subnets of two zones",
        {
            "lambda_function": {
                "f": {"replace_security_groups_on_destroy": True, "vpc_config": {"subnet_ids": ["subnet-1"]}}
            }
        },
        setting("lambda_function.f.vpc_config", {"subnet_ids": ["subnet-1", "subnet-2"]}),
    ),
    Case(
        "explicit-size",
        "aws_lambda_function.f: leaves timeout at the provider's default; say it",
        {"lambda_function": {"f": {"memory_size": 512}}},
        setting("lambda_function.f.timeout", 10),
    ),
    Case(
        "bucket-account",
        "aws_iam_role_policy.p: allows the use of buckets of any account; add the condition aws:ResourceAccount",
        {"iam_role_policy": {"p": {"policy": json.dumps({"Statement": TAKES_PAGES})}}},
        setting(
            "iam_role_policy.p.policy",
            json.dumps(
                {"Statement": {**TAKES_PAGES, "Condition": {"StringEquals": {"aws:ResourceAccount": "1"}}}}
            ),
        ),
    ),
    Case(
        "bucket-owner",
        "aws_s3_object.code: is written to bucket company-code without a check of its owner; read its policy "
        "(data.aws_s3_bucket_policy), which S3 shows to the owner's account alone",
        {"s3_object": {"code": {"bucket": "company-code"}}},
        lambda written: written.update(data={"aws_s3_bucket_policy": {"code": {"bucket": "company-code"}}}),
    ),
    Case(
        "bucket-owner",
        "aws_s3_object.code: is written to bucket company-code without a check of its owner; read its policy "
        "(data.aws_s3_bucket_policy), which S3 shows to the owner's account alone",
        {"s3_bucket": {"b": {}}, "s3_object": {"code": {"bucket": "company-code"}}},
        setting("s3_object.code.bucket", "${aws_s3_bucket.b.id}"),
    ),
    Case(
        "managed-policies",
        "aws_iam_role_policy_attachment.a: attaches arn:aws:iam::aws:policy/AdministratorAccess; write an inline policy with the permissions that it needs",
        {"iam_role_policy_attachment": {"a": {"policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}}},
        removing("iam_role_policy_attachment", "a"),
    ),
    Case(
        "function-open",
        "aws_lambda_permission.p: allows s3.amazonaws.com to invoke it for any account; set source_arn",
        {"lambda_permission": {"p": {"principal": "s3.amazonaws.com"}}},
        setting("lambda_permission.p.source_arn", "arn:aws:s3:::talks"),
    ),
    Case(
        "function-open",
        "aws_lambda_permission.p: allows any principal to invoke the function; name a service",
        {"lambda_permission": {"p": {"principal": "*"}}},
        removing("lambda_permission", "p"),
    ),
    Case(
        "private-key",
        "aws_acm_certificate.c: has its private key in the state; let ACM create it",
        {"acm_certificate": {"c": {"private_key": '${file("key.pem")}'}}},
        setting("acm_certificate.c.private_key", None),
    ),
    Case(
        "shown-address",
        "output url: gives the address of aws_api_gateway_stage.s, which is closed; give the domain's",
        {
            "api_gateway_rest_api": {"a": {"disable_execute_api_endpoint": True}},
            "api_gateway_stage": {"s": STAGE},
        },
        lambda written: written["output"]["url"].update(value="https://api.shop.example"),
        {"output": {"url": {"value": "${aws_api_gateway_stage.s.invoke_url}"}}},
    ),
    Case(
        "certificate",
        "aws_acm_certificate.c: cannot be replaced while a domain uses it; set create_before_destroy",
        {"acm_certificate": {"c": {}}},
        setting("acm_certificate.c.lifecycle", {"create_before_destroy": True}),
    ),
    Case(
        "base-path",
        "aws_api_gateway_base_path_mapping.m: names its stage_name 'prod' instead of referring to it; refer to the "
        "resource",
        {
            "api_gateway_base_path_mapping": {
                "m": {
                    "api_id": "${aws_api_gateway_rest_api.a.id}",
                    "domain_name": "${aws_api_gateway_domain_name.d.domain_name}",
                    "stage_name": "prod",
                }
            }
        },
        setting("api_gateway_base_path_mapping.m.stage_name", "${aws_api_gateway_stage.s.stage_name}"),
    ),
    Case(
        "firewall-order",
        "aws_wafv2_web_acl_association.a: has resource_arn as a string, and does not depend on it; refer to its arn",
        {
            "wafv2_web_acl_association": {
                "a": {
                    "resource_arn": "arn:aws:apigateway:us-east-1::/restapis/abc/stages/prod",
                    "web_acl_arn": "${aws_wafv2_web_acl.w.arn}",
                }
            }
        },
        setting("wafv2_web_acl_association.a.resource_arn", "${aws_api_gateway_stage.s.arn}"),
    ),
    Case(
        "firewall-log",
        "aws_cloudwatch_log_group.g: WAF refuses a log group named '/shop/waf'; start it with aws-waf-logs-",
        {
            "wafv2_web_acl_logging_configuration": {
                "l": {"log_destination_configs": ["${aws_cloudwatch_log_group.g.arn}"]}
            },
            "cloudwatch_log_group": {"g": {"name": "/shop/waf"}},
        },
        setting("cloudwatch_log_group.g.name", "aws-waf-logs-shop"),
    ),
    Case(
        "alarm-missing",
        "aws_api_gateway_stage.s: has no alarm for its 5xx; add an alarm on the metric 5XXError",
        {"api_gateway_stage": {"s": STAGE}},
        setting("cloudwatch_metric_alarm", {"a": {"metric_name": "5XXError"}}),
    ),
    Case(
        "log-key",
        "aws_cloudwatch_log_group.g: is encrypted with aws_kms_key.k, which CloudWatch Logs may not use; allow logs.REGION.amazonaws.com to use it in the key's policy",
        {"cloudwatch_log_group": {"g": {"kms_key_id": "${aws_kms_key.k.arn}"}}, "kms_key": {"k": {}}},
        setting(
            "kms_key.k.policy",
            json.dumps(
                {"Statement": [{"Effect": "Allow", "Principal": {"Service": "logs.us-east-1.amazonaws.com"}}]}
            ),
        ),
    ),
    Case(
        "vended-log-names",
        "aws_cloudwatch_log_group.g: its name '/shop/workflow' uses one of the account's ten places for log policies; "
        "start it with /aws/vendedlogs/states/",
        {
            "sfn_state_machine": {
                "m": machine(logging_configuration={"log_destination": "${aws_cloudwatch_log_group.g.arn}:*"})
            },
            "cloudwatch_log_group": {"g": {"name": "/shop/workflow"}},
        },
        setting("cloudwatch_log_group.g.name", "/aws/vendedlogs/states/shop"),
    ),
    Case(
        "queue-visibility",
        "aws_sqs_queue.q: gives a message out again after 60 s, and aws_lambda_function.f may need more; set "
        "visibility_timeout_seconds to 180: six times the function's timeout",
        queue_consumer(),
        setting("sqs_queue.q.visibility_timeout_seconds", 180),
    ),
    Case(
        "batch-failures",
        "aws_lambda_event_source_mapping.m: delivers a whole batch again for one bad message; set function_response_types "
        "to ReportBatchItemFailures, and answer with batchItemFailures",
        queue_consumer(function_response_types=None),
        setting("lambda_event_source_mapping.m.function_response_types", ["ReportBatchItemFailures"]),
    ),
    Case(
        "queue-redrive",
        "aws_sqs_queue.q: gives out what cannot be handled again and again; set a redrive_policy",
        {**queue_consumer(), "sqs_queue": {"q": {}}},
        setting("sqs_queue.q.redrive_policy", '{"deadLetterTargetArn": "${aws_sqs_queue.dead.arn}"}'),
    ),
    Case(
        "workflow-policies",
        "aws_sfn_state_machine.m: does not depend on aws_iam_role_policy.p; add it to depends_on",
        {"sfn_state_machine": {"m": machine()}, "iam_role_policy": {"p": {"role": "${aws_iam_role.r.id}"}}},
        setting("sfn_state_machine.m.depends_on", ["aws_iam_role_policy.p"]),
    ),
    Case(
        "workflow-status",
        "aws_api_gateway_method.m: answers 200 when its workflow fails; map a status other than SUCCEEDED in a response "
        "template",
        {
            "api_gateway_rest_api": API,
            "api_gateway_method": {"m": method()},
            "api_gateway_integration": {
                "i": method(type="AWS", uri="arn:aws:apigateway:us-east-1:states:action/StartSyncExecution")
            },
        },
        setting(
            "api_gateway_integration_response",
            {"r": method(response_templates={"application/json": "#if($root.status == 'FAILED')…"})},
        ),
    ),
    Case(
        "workflow-timeout",
        "aws_api_gateway_method.m: workflow aws_sfn_state_machine.m may run 60 s and API Gateway waits 29000 ms; lower the "
        "workflow's TimeoutSeconds, or start it as a job",
        {
            "api_gateway_rest_api": API,
            "api_gateway_method": {"m": method()},
            "api_gateway_integration": {
                "i": method(
                    type="AWS",
                    uri="arn:aws:apigateway:us-east-1:states:action/StartSyncExecution",
                    request_templates={"application/json": '{"stateMachineArn":"arn:…:stateMachine:scan"}'},
                )
            },
            "sfn_state_machine": {"m": machine(name="scan", type="EXPRESS", definition=waiting(60))},
        },
        setting("sfn_state_machine.m.definition", waiting(20)),
    ),
    Case(
        "workflow-timeout",
        "aws_api_gateway_method.m: workflow aws_sfn_state_machine.m may run inf s and API Gateway waits 9000 ms; lower the "
        "workflow's TimeoutSeconds, or start it as a job",
        {
            "api_gateway_rest_api": API,
            "api_gateway_method": {"m": method()},
            "api_gateway_integration": {
                "i": method(
                    type="AWS",
                    uri="arn:aws:apigateway:us-east-1:states:action/StartSyncExecution",
                    timeout_milliseconds=9_000,
                    request_templates={
                        "application/json": '{"stateMachineArn":"${aws_sfn_state_machine.m.arn}"}'
                    },
                )
            },
            "sfn_state_machine": {
                "m": machine(name="scan", type="EXPRESS", definition='${file("scan.json")}')
            },
        },
        setting("sfn_state_machine.m.definition", waiting(8)),
    ),
    Case(
        "workflow-log",
        "aws_sfn_state_machine.m: logs nothing; set log_destination and level in its logging_configuration",
        {"sfn_state_machine": {"m": machine()}},
        setting(
            "sfn_state_machine.m.logging_configuration",
            [{"level": "ERROR", "log_destination": "${aws_cloudwatch_log_group.g.arn}:*"}],
        ),
    ),
    Case(
        "execution-data",
        "aws_sfn_state_machine.m: logs the input and output of steps; leave include_execution_data out",
        {"sfn_state_machine": {"m": machine(logging_configuration={"include_execution_data": True})}},
        setting("sfn_state_machine.m.logging_configuration", {"include_execution_data": False}),
    ),
    Case(
        "workflow-alarm",
        "aws_sfn_state_machine.m: has no alarm for its failures; add an alarm on ExecutionsFailed",
        {
            "sfn_state_machine": {"m": machine()},
            "cloudwatch_metric_alarm": {"a": {"metric_name": "ExecutionsFailed", "dimensions": {}}},
        },
        setting(
            "cloudwatch_metric_alarm.a.dimensions", {"StateMachineArn": "${aws_sfn_state_machine.m.arn}"}
        ),
    ),
    Case(
        "queue-alarm",
        "aws_sqs_queue.dead: has no consumer and no alarm; add an alarm on ApproximateNumberOfMessagesVisible",
        {**queue_consumer(), "sqs_queue": {"q": {}, "dead": {"name": "shop-dead"}}},
        setting(
            "cloudwatch_metric_alarm",
            {
                "a": {
                    "metric_name": "ApproximateNumberOfMessagesVisible",
                    "dimensions": {"QueueName": "shop-dead"},
                }
            },
        ),
    ),
    Case(
        "job-expiry",
        "aws_dynamodb_table.t: keeps the records of jobs for ever; set ttl",
        {
            "dynamodb_table": {"t": {}, "customers": {}},
            "iam_role_policy": {
                "start": allowing("states:StartExecution", "${aws_sfn_state_machine.m.arn}"),
                "note": allowing("dynamodb:PutItem", "${aws_dynamodb_table.t.arn}"),
                "read": allowing("dynamodb:GetItem", "${aws_dynamodb_table.customers.arn}"),
            },
        },
        setting("dynamodb_table.t.ttl", {"attribute_name": "expires_at", "enabled": True}),
    ),
    Case(
        "table-recovery",
        "aws_dynamodb_table.t: cannot be set back to an earlier time; enable point_in_time_recovery",
        {"dynamodb_table": {"t": {"point_in_time_recovery": {"enabled": False}}}},
        setting("dynamodb_table.t.point_in_time_recovery", {"enabled": True}),
    ),
    Case(
        "tls-only",
        "aws_sqs_queue.q: accepts requests without TLS; add an aws_sqs_queue_policy that denies all of them where "
        "aws:SecureTransport is false",
        {"sqs_queue": {"q": {"policy": TLS_ONLY.replace("false", "true")}}},
        setting("sqs_queue.q.policy", TLS_ONLY),
    ),
    Case(
        "tls-only",
        "aws_s3_bucket.b: accepts requests without TLS; add an aws_s3_bucket_policy that denies all of them where "
        "aws:SecureTransport is false",
        {"s3_bucket": {"b": {}}, "s3_bucket_policy": {"p": {"bucket": "other", "policy": TLS_ONLY}}},
        setting("s3_bucket_policy.p.bucket", "${aws_s3_bucket.b.id}"),
    ),
    Case(
        "provider-source",
        "terraform: takes provider 'aws'; set its source to hashicorp/aws",
        {},
        lambda written: written["terraform"]["required_providers"]["aws"].update(source="hashicorp/aws"),
        {"terraform": {"required_providers": {"aws": {"source": "aws", "version": ">= 5.100.0, < 7.0.0"}}}},
    ),
    Case(
        "provider-source",
        "terraform: pins version '6.25.0' of the provider; set a range, such as '>= 5.100.0, < 7.0.0'",
        {},
        lambda written: written["terraform"]["required_providers"]["aws"].update(version=">= 6.0.0, < 7.0.0"),
        {"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "6.25.0"}}}},
    ),
    Case(
        "provider-retries",
        "provider: gives up after 3 tries, and large applies are throttled for longer; set max_retries to 25 or more, or "
        "leave it out",
        {},
        lambda written: written["provider"]["aws"][0].pop("max_retries"),
        {"provider": {"aws": [{"max_retries": 3}]}},
    ),
    Case(
        "backend",
        "terraform: has no backend for its state; pass state_path or state to the stack",
        {},
        lambda written: written["terraform"].update(backend={"local": {"path": "terraform.tfstate"}}),
        {"terraform": {}},
    ),
    Case(
        "backend",
        "terraform: does not lock its state, and concurrent applies corrupt it; set use_lockfile",
        {},
        lambda written: written["terraform"]["backend"]["s3"].update(use_lockfile=True),
        {"terraform": {"backend": {"s3": {"encrypt": True}}}},
    ),
    Case(
        "token",
        "aws_lambda_function.f: has an unresolved token; pass the attribute itself, not a string made from it",
        {"lambda_function": {"f": {"description": "for ${TfToken[TOKEN.7]}"}}},
        setting("lambda_function.f.description", "for all"),
    ),
    Case(
        "token",
        "aws_lambda_function.f: contains ${x}, which Terraform would evaluate; write $${x} for the text",
        {"lambda_function": {"f": {"environment": {"variables": {"PATTERN": "a ${x}"}}}}},
        setting("lambda_function.f.environment.variables.PATTERN", "a $${x}"),
    ),
    Case(
        "reference-missing",
        "aws_lambda_function.f: depends on aws_iam_role_policy.gone, which does not exist; remove the dependency",
        {"lambda_function": {"f": {"depends_on": ["aws_iam_role_policy.gone"]}}},
        setting("lambda_function.f.depends_on", []),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_says_what_is_wrong_until_it_is_mended(case: Case) -> None:
    written = case.written()
    assert f"{case.rule}: {case.says}" in [str(finding) for finding in audit(written, [case.rule])]
    case.mend(written)
    assert audit(written, [case.rule]) == ()


def test_findings_are_sorted_and_named_after_the_construct() -> None:
    metadata = {"metadata": {"path": "shop/api/Default/orders/GET/Resource"}}
    bodies = {"m": {**method(), "//": metadata}, "b": method("orders")}
    found = audit(
        {
            "resource": {
                "aws_api_gateway_rest_api": API,
                "aws_api_gateway_resource": {"orders": of_api(path_part="orders")},
                "aws_api_gateway_method": bodies,
            }
        },
        ["integration-missing"],
    )
    assert [finding.where for finding in found] == ["aws_api_gateway_method.b", "shop/api/orders/GET"]
    assert found[0] == Finding(
        "integration-missing",
        "aws_api_gateway_method.b",
        "has no integration, and AWS refuses to deploy it",
        "add one, or remove it",
    )


@pytest.mark.parametrize(
    ("waits", "action", "found"),
    [
        (True, "sqs:ReceiveMessage", False),
        (False, "sqs:ReceiveMessage", True),
        (True, "sqs:SendMessage", True),
    ],
)
def test_what_lambda_needs_to_take_messages_is_awaited_by_the_mapping(
    waits: bool, action: str, found: bool
) -> None:
    resource = queue_consumer(**({"depends_on": ["aws_iam_role_policy.p"]} if waits else {}))
    resource["lambda_function"]["f"]["role"] = "${aws_iam_role.r.arn}"
    document = json.dumps({"Statement": [{"Effect": "Allow", "Action": [action], "Resource": "*"}]})
    resource["iam_role_policy"] = {"p": {"role": "${aws_iam_role.r.id}", "policy": document}}
    written = {"resource": {f"aws_{kind}": bodies for kind, bodies in resource.items()}}
    rules = {finding.rule for finding in audit(written)}
    assert ("role-policies" in rules) is found


def test_nothing_is_found_in_nothing_but_the_missing_backend_and_provider() -> None:
    assert {finding.rule for finding in audit({"resource": {}})} == {"backend", "provider-source"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${aws_lambda_alias.chat_live.invoke_arn}", ("aws_lambda_alias.chat_live", "invoke_arn")),
        ("${data.aws_partition.p.partition}", ("data.aws_partition.p", "partition")),
        ("${aws_lambda_alias.chat_live.arn}/*", ("", "")),
        ("prod", ("", "")),
        (7, ("", "")),
        (None, ("", "")),
    ],
)
def test_references(value: object, expected: tuple[str, str]) -> None:
    assert reference(value) == expected


def run(tmp_path: Path, content: str, *rules: str) -> int:
    file = tmp_path / "cdk.tf.json"
    file.write_text(content, encoding="utf-8")
    return main([str(file), *rules])


def test_the_command_prints_what_it_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.dumps({"resource": {"aws_lambda_function": {"f": {"memory_size": 512}}}})
    assert run(tmp_path, content, "explicit-size", "tracing") == 1
    assert capsys.readouterr().out.splitlines() == [
        "explicit-size: aws_lambda_function.f: leaves timeout at the provider's default; say it",
        "1 findings of 2 rules in 1 resources",
    ]
    assert run(tmp_path, content, "tracing") == 0
    assert capsys.readouterr().out == "0 findings of 1 rules in 1 resources\n"


def test_what_is_accepted_at_one_place_has_to_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.dumps({"resource": {"aws_lambda_function": {"f": {"memory_size": 512}}}})
    accept = "--accept=explicit-size@aws_lambda_function."
    assert run(tmp_path, content, "explicit-size", f"{accept}f") == 0
    assert capsys.readouterr().out == "0 findings of 1 rules in 1 resources\n"
    assert run(tmp_path, content, "explicit-size", f"{accept}f", f"{accept}gone") == 1
    assert capsys.readouterr().out.splitlines() == [
        (
            "explicit-size@aws_lambda_function.gone is accepted and is not found; remove "
            "--accept=explicit-size@aws_lambda_function.gone"
        ),
        "0 findings of 1 rules in 1 resources",
    ]


def test_the_command_says_how_it_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "python -m tools.audit FILE" in capsys.readouterr().err
    assert run(tmp_path, "{}", "no-such-rule") == 2
    assert f"Rules: {', '.join(RULES)}" in capsys.readouterr().err
    assert main([str(tmp_path / "gone.json")]) == 2
    assert capsys.readouterr().err.endswith("gone.json cannot be read: No such file or directory\n")
    assert run(tmp_path, "no JSON") == 2
    assert "holds no JSON" in capsys.readouterr().err
    assert run(tmp_path, "{}") == 2
    assert capsys.readouterr().err.endswith("has no resources. Pass the cdk.tf.json of a stack.\n")
