"""Audit rules for roles and policies, and for secrets in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.functions.plaintext_secrets import find_secret
from constructs_lib.iam.policy import is_unscoped
from tools.audit.configuration import Configuration, Resource, reference, strings

Found = Iterator[tuple[str, str, str]]

_EVERYTHING: Final = re.compile(
    r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:(\*|(alias|function|key|log-group|secret|stateMachine|topic):\*"
    r"|(alias|key|role|table)/\*|[*]/[*])"
)
"""ARN patterns that match every resource of a service, with or without region and account."""


_SAYS_NO_ACCOUNT: Final = {"apigateway.amazonaws.com"}
"""Services that send no source account when they assume a role."""


def _list(value: object) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [str(one) for one in value]  # type: ignore[attr-defined]


def _account_roles(configuration: Configuration) -> set[str]:
    """Return the roles by which API Gateway writes logs, which need wide permissions and no source account."""
    return {
        reference(one.body.get("cloudwatch_role_arn"))[0] for one in configuration.all("api_gateway_account")
    }


def trust(configuration: Configuration) -> Found:
    """Without a condition, any account can make the service use the role."""
    for role in configuration.all("iam_role"):
        for statement in role.document("assume_role_policy"):
            principal = statement.get("Principal", {})
            if principal == "*" or (isinstance(principal, Mapping) and principal.get("AWS") == "*"):
                yield role.where, "may be assumed by any principal", "name a service"
            elif (
                isinstance(principal, Mapping)
                and set(_list(principal.get("Service"))) - _SAYS_NO_ACCOUNT
                and not _says_account(statement)
            ):
                yield (
                    role.where,
                    f"{', '.join(_list(principal['Service']))} may assume it for any account",
                    "add the condition aws:SourceAccount",
                )


def _says_account(statement: Mapping[str, Any]) -> bool:
    keys = {key.lower() for tests in statement.get("Condition", {}).values() for key in tests}
    return bool(keys & {"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"})


def role_name(configuration: Configuration) -> Found:
    """KMS does not know a new role with the name of a deleted one, so it cannot decrypt environments."""
    for role in configuration.all("iam_role"):
        if role.body.get("name"):
            yield (
                role.where,
                f"has the fixed name '{role.text('name')}'; KMS does not know it after a replacement",
                "use name_prefix",
            )


def _statements(configuration: Configuration) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for policy in configuration.all("iam_role_policy", "iam_policy"):
        for statement in policy.document("policy"):
            if statement.get("Effect") == "Allow":
                yield policy, statement


def wildcards(configuration: Configuration) -> Found:
    """Unused permissions are available to anyone who compromises the function."""
    exempt = _account_roles(configuration)
    for policy, statement in _statements(configuration):
        actions = _list(statement.get("Action"))
        for action in actions:
            if "*" in action:
                yield policy.where, f"allows {action}", "name each action that is needed"
        wide = [one for one in _list(statement.get("Resource")) if _EVERYTHING.fullmatch(one)]
        scoped = sorted({action for action in actions if not is_unscoped(action)})
        if wide and scoped and reference(policy.body.get("role"))[0] not in exempt:
            yield policy.where, f"allows {', '.join(scoped)} on '{wide[0]}'", "name the ARNs"
        if "NotAction" in statement or "NotResource" in statement:
            yield (
                policy.where,
                "allows all actions except those that it names",
                "name the actions that are needed",
            )


def bucket_account(configuration: Configuration) -> Found:
    """ARNs of S3 have no account: any account that owns the bucket's name gets the role's data."""
    for policy, statement in _statements(configuration):
        keys = {key.lower() for block in statement.get("Condition", {}).values() for key in block}
        names_s3 = any(action.startswith("s3:") for action in _list(statement.get("Action")))
        if names_s3 and "aws:resourceaccount" not in keys:
            yield (
                policy.where,
                "allows the use of buckets of any account",
                "add the condition aws:ResourceAccount",
            )


def log_group_by_function(configuration: Configuration) -> Found:
    """A function that runs after the deletion of its log group creates it again, without a retention."""
    for policy, statement in _statements(configuration):
        role = configuration.target(policy.body.get("role"))
        trusts_lambda = role is not None and "lambda.amazonaws.com" in role.text("assume_role_policy")
        if trusts_lambda and "logs:CreateLogGroup" in _list(statement.get("Action")):
            yield policy.where, "allows a function to create log groups", "take logs:CreateLogGroup out"


def managed_policies(configuration: Configuration) -> Found:
    """AWS's managed policies cover all resources, and AWS changes them."""
    for one in configuration.all("iam_role_policy_attachment", "iam_policy_attachment"):
        if "aws:policy/" in one.text("policy_arn"):
            yield (
                one.where,
                f"attaches {one.text('policy_arn')}",
                "write an inline policy with the permissions that it needs",
            )
    for role in configuration.all("iam_role"):
        if role.body.get("managed_policy_arns"):
            yield (
                role.where,
                "has managed policies",
                "write an inline policy with the permissions that it needs",
            )


def function_open(configuration: Configuration) -> Found:
    """Any caller that knows the name can invoke the function, directly or through an AWS service."""
    for permission in configuration.all("lambda_permission"):
        principal = permission.text("principal")
        if "*" in principal:
            yield permission.where, "allows any principal to invoke the function", "name a service"
        elif "." in principal and not (permission.text("source_arn") or permission.text("source_account")):
            yield permission.where, f"allows {principal} to invoke it for any account", "set source_arn"


def secret(configuration: Configuration) -> Found:
    """Values in the configuration are in the plan and in the state, in plain text."""
    for resource in configuration.resources:
        for text in strings(resource.body):
            if (kind := find_secret(text)) is not None:
                yield (
                    resource.where,
                    f"holds {kind} in plain text",
                    "store it in Secrets Manager, and pass its name",
                )
    for part in ("output", "variable", "locals", "provider"):
        for text in strings(configuration.json.get(part, {})):
            if (kind := find_secret(text)) is not None:
                yield part, f"holds {kind} in plain text", "store it in Secrets Manager, and pass its name"


def private_key(configuration: Configuration) -> Found:
    """All readers of the state can read a private key in it."""
    for certificate in configuration.all("acm_certificate"):
        if certificate.body.get("private_key"):
            yield certificate.where, "has its private key in the state", "let ACM create it"
    for domain in configuration.all("api_gateway_domain_name"):
        if domain.body.get("certificate_private_key"):
            yield domain.where, "has its private key in the state", "use a certificate of ACM"
    for kind in configuration.json.get("resource", {}):
        if kind == "tls_private_key":
            yield kind, "puts a private key into the state", "let ACM create it"


RULES: Final = {
    "trust": trust,
    "role-name": role_name,
    "wildcards": wildcards,
    "bucket-account": bucket_account,
    "log-group-by-function": log_group_by_function,
    "managed-policies": managed_policies,
    "function-open": function_open,
    "secret": secret,
    "private-key": private_key,
}
