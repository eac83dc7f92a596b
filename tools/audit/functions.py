"""Lambda functions: their code, versions and aliases, logs, concurrency and cold starts."""

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
"""What Lambda needs to take messages for a function, which itself has no use for it."""


def _functions(configuration: Configuration) -> tuple[Resource, ...]:
    return configuration.all("lambda_function")


def log_group(configuration: Configuration) -> Found:
    """Lambda makes a log group that is missing, which keeps everything for ever and which Terraform then trips over."""
    for function in _functions(configuration):
        group = configuration.target(function.block("logging_config").get("log_group"))
        if group is None or group.address not in function.awaited:
            yield (
                function.where,
                "does not wait for a log group of its own, which Lambda then makes without an end",
                "make an aws_cloudwatch_log_group, name it in logging_config, and add it to depends_on",
            )


def log_retention(configuration: Configuration) -> Found:
    """CloudWatch Logs keeps everything for ever unless it is told otherwise."""
    for group in configuration.all("cloudwatch_log_group"):
        if not int(group.body.get("retention_in_days") or 0):
            yield group.where, "keeps everything for ever", "set retention_in_days"


def role_policies(configuration: Configuration) -> Found:
    """Lambda does not see a new policy at once; a function made before it cannot be used, or cannot be made."""
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
                    f"does not wait for {policy.address}",
                    "add it to depends_on: a policy takes a while to be seen",
                )


def _taken(configuration: Configuration, policy: Resource, functions: set[str]) -> bool:
    """Return whether a policy lets Lambda take messages from a queue, and nothing else, and the mapping waits for it."""
    actions: set[str] = set()
    for statement in policy.document("policy"):
        named = statement.get("Action") or ()
        actions.update([named] if isinstance(named, str) else named)
    return actions <= _TAKING and any(
        reference(mapping.body.get("function_name"))[0] in functions and policy.address in mapping.awaited
        for mapping in configuration.all("lambda_event_source_mapping")
    )


def _leads_to(configuration: Configuration, start: Resource, targets: set[str]) -> bool:
    """Return whether waiting for `start` would mean waiting for one of `targets`."""
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
    """Without versions, an alias stays where it is, and provisioned concurrency is refused."""
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
    """Given the function's ARN, the provider cannot find the alias again."""
    for one in configuration.all(
        "lambda_alias", "lambda_provisioned_concurrency_config", "lambda_permission"
    ):
        address, attribute = reference(one.body.get("function_name"))
        if address and attribute != "function_name":
            yield one.where, f"names its function by {attribute}", "use function_name"


def alias_weights(configuration: Configuration) -> Found:
    """Lambda refuses provisioned concurrency on an alias that divides its calls."""
    divided = {alias.address for alias in configuration.all("lambda_alias") if alias.blocks("routing_config")}
    for one in configuration.all("lambda_provisioned_concurrency_config"):
        if reference(one.body.get("qualifier"))[0] in divided:
            yield (
                one.where,
                "is for an alias that divides its calls between versions, which Lambda refuses",
                "remove the one or the other",
            )


def provisioned_concurrency(configuration: Configuration) -> Found:
    """It has to be for an alias, and fit into what is reserved."""
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
    """What Lambda does not allow together with SnapStart."""
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
    """Any other hash differs from what Lambda answers, so that every plan uploads the code again."""
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
    """The network interfaces of a function outlive it, and hold its security groups for up to 45 minutes."""
    for function in _functions(configuration):
        for one in function.blocks("vpc_config"):
            if function.body.get("replace_security_groups_on_destroy") is not True:
                yield (
                    function.where,
                    "is in a VPC and holds its security groups when it is destroyed",
                    "set replace_security_groups_on_destroy",
                )
            if len(one.get("subnet_ids") or ()) == 1:
                yield function.where, "is in one subnet, and gone with its zone", "name subnets of two zones"
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
