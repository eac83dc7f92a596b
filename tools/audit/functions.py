"""Audit rules for functions: code, versions, aliases, logs, concurrency and cold starts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from tools.audit.configuration import Configuration, Resource, addresses_in, reference

Found = Iterator[tuple[str, str, str]]

_MAX_TMP_WITH_SNAP_START: Final = 512
_SNAP_START_RUNTIME: Final = re.compile(r"python3\.(1[2-9]|[2-9]\d)")

_TAKING: Final = frozenset({"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"})
"""Permissions of Lambda to poll a queue, which the function itself does not use."""


def _functions(configuration: Configuration) -> tuple[Resource, ...]:
    return configuration.all("lambda_function")


def log_group(configuration: Configuration) -> Found:
    """Lambda creates a missing log group without a retention, and Terraform then fails to create it."""
    for function in _functions(configuration):
        group = configuration.target(function.block("logging_config").get("log_group"))
        if group is None or group.address not in function.awaited:
            yield (
                function.where,
                "does not depend on a log group, so Lambda creates one without a retention",
                "create an aws_cloudwatch_log_group, name it in logging_config, and add it to depends_on",
            )


def log_retention(configuration: Configuration) -> Found:
    """Without a retention, log events never expire."""
    for group in configuration.all("cloudwatch_log_group"):
        if not int(group.body.get("retention_in_days") or 0):
            yield group.where, "has no retention, so log events never expire", "set retention_in_days"


def role_policies(configuration: Configuration) -> Found:
    """Lambda sees a new policy with a delay; a function that is created before it fails."""
    for function in _functions(configuration):
        role = reference(function.body.get("role"))[0]
        own = {function.address} | {
            alias.address
            for alias in configuration.all("lambda_alias")
            if configuration.target(alias.body.get("function_name")) is function
        }
        for policy in configuration.all("iam_role_policy"):
            needed = reference(policy.body.get("role"))[0] == role and policy.address not in function.awaited
            if (
                needed
                and not _leads_to(configuration, policy, own)
                and not _taken(configuration, policy, own)
            ):
                yield (
                    function.where,
                    f"does not depend on {policy.address}",
                    "add it to depends_on, because Lambda sees a policy with a delay",
                )


def _taken(configuration: Configuration, policy: Resource, functions: set[str]) -> bool:
    """Return whether a policy only allows polling a queue, and the mapping depends on it."""
    actions: set[str] = set()
    for statement in policy.document("policy"):
        named = statement.get("Action") or ()
        actions.update([named] if isinstance(named, str) else named)
    return actions <= _TAKING and any(
        reference(mapping.body.get("function_name"))[0] in functions and policy.address in mapping.awaited
        for mapping in configuration.all("lambda_event_source_mapping")
    )


def _leads_to(configuration: Configuration, start: Resource, targets: set[str]) -> bool:
    """Return whether `start` depends on one of `targets`."""
    seen, found = {start.address}, [start]
    while found:
        for address in addresses_in(
            {name: value for name, value in found.pop().body.items() if name != "//"}
        ):
            if address in targets:
                return True
            resource = configuration.get(address)
            if resource is not None and address not in seen:
                seen.add(address)
                found.append(resource)
    return False


def publish(configuration: Configuration) -> Found:
    """Without versions, an alias does not move, and Lambda rejects provisioned concurrency."""
    for alias in configuration.all("lambda_alias"):
        function = configuration.target(alias.body.get("function_name"))
        if function is not None and function.body.get("publish") is not True:
            yield function.where, f"publishes no versions for {alias.address}", "set publish"
        if alias.text("function_version") == "$LATEST":
            yield (
                alias.where,
                "points to $LATEST, which changes under its callers",
                "use the function's version",
            )


def alias_function(configuration: Configuration) -> Found:
    """With the function's ARN, the provider cannot read the alias."""
    for one in configuration.all(
        "lambda_alias", "lambda_provisioned_concurrency_config", "lambda_permission"
    ):
        address, attribute = reference(one.body.get("function_name"))
        if address and attribute != "function_name":
            yield one.where, f"names its function by {attribute}", "use function_name"


def alias_weights(configuration: Configuration) -> Found:
    """Lambda rejects provisioned concurrency on a weighted alias."""
    divided = {alias.address for alias in configuration.all("lambda_alias") if alias.blocks("routing_config")}
    for one in configuration.all("lambda_provisioned_concurrency_config"):
        if reference(one.body.get("qualifier"))[0] in divided:
            yield (
                one.where,
                "is for a weighted alias, which Lambda rejects",
                "remove the one or the other",
            )


def provisioned_concurrency(configuration: Configuration) -> Found:
    """Provisioned concurrency must be for an alias, and at most the reserved concurrency."""
    for one in configuration.all("lambda_provisioned_concurrency_config"):
        alias = configuration.target(one.body.get("qualifier"))
        if alias is None or alias.kind != "lambda_alias":
            yield (
                one.where,
                "is not for an alias, so that a new version has none",
                "set qualifier to an alias's name",
            )
        function = configuration.target(one.body.get("function_name"))
        reserved = None if function is None else function.body.get("reserved_concurrent_executions")
        wanted = int(one.body.get("provisioned_concurrent_executions") or 0)
        if reserved is not None and int(reserved) >= 0 and wanted > int(reserved):
            yield (
                one.where,
                f"wants {wanted} and the function reserves {reserved}",
                "raise the one or lower the other",
            )


def snap_start(configuration: Configuration) -> Found:
    """SnapStart excludes these settings."""
    provisioned = {
        reference(one.body.get("function_name"))[0]
        for one in configuration.all("lambda_provisioned_concurrency_config")
    }
    for function in _functions(configuration):
        if not function.blocks("snap_start"):
            continue
        reasons = {
            "provisioned concurrency": function.address in provisioned,
            "a file system": bool(function.blocks("file_system_config")),
            "more than 512 MB of /tmp": int(function.block("ephemeral_storage").get("size", 512))
            > _MAX_TMP_WITH_SNAP_START,
            f"runtime {function.text('runtime')}": _SNAP_START_RUNTIME.fullmatch(function.text("runtime"))
            is None,
            "no versions": function.body.get("publish") is not True,
        }
        for reason, holds in reasons.items():
            if holds:
                yield (
                    function.where,
                    f"has snap_start and {reason}, which Lambda refuses",
                    "remove one of the two",
                )


def code_hash(configuration: Configuration) -> Found:
    """Any other hash differs from Lambda's, so every plan uploads the code again."""
    for function in _functions(configuration):
        written = function.text("source_code_hash")
        try:
            size = len(base64.b64decode(written, validate=True))
        except binascii.Error:
            size = 0
        if function.body.get("package_type") != "Image" and size != 32:
            yield (
                function.where,
                f"source_code_hash '{written}' is not a SHA-256 in base64, so that every plan differs or none does",
                "use LambdaArchive",
            )


def network(configuration: Configuration) -> Found:
    """A function's network interfaces use its security groups for up to 45 minutes after its deletion."""
    for function in _functions(configuration):
        for one in function.blocks("vpc_config"):
            if function.body.get("replace_security_groups_on_destroy") is not True:
                yield (
                    function.where,
                    "is in a VPC and holds its security groups when it is destroyed",
                    "set replace_security_groups_on_destroy",
                )
            if len(one.get("subnet_ids") or ()) == 1:
                yield (
                    function.where,
                    "is in one subnet, so it fails with its zone",
                    "name subnets of two zones",
                )
            groups = [configuration.target(group) for group in one.get("security_group_ids") or ()]
            for group in groups:
                if group is not None and group.lifecycle.get("create_before_destroy") is not True:
                    yield (
                        group.where,
                        "cannot be replaced while a function uses it",
                        "set create_before_destroy",
                    )


def explicit_size(configuration: Configuration) -> Found:
    """The provider's defaults are 3 s and 128 MB."""
    for function in _functions(configuration):
        for name in ("timeout", "memory_size"):
            if function.body.get(name) is None:
                yield function.where, f"leaves {name} at the provider's default", "say it"


RULES: Final = {
    "log-group": log_group,
    "log-retention": log_retention,
    "role-policies": role_policies,
    "publish": publish,
    "alias-function": alias_function,
    "alias-weights": alias_weights,
    "provisioned-concurrency": provisioned_concurrency,
    "snap-start": snap_start,
    "code-hash": code_hash,
    "network": network,
    "explicit-size": explicit_size,
}
