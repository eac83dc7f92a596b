"""Audit rules for the whole configuration: provider, state, paths and names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.templates import accidental
from tools.audit.configuration import Configuration, strings

Found = Iterator[tuple[str, str, str]]

_MIN_RETRIES: Final = 25
_ABSOLUTE: Final = re.compile(
    r"(/(home|root|Users|tmp|var(?!/task/)|private|work|workspace|opt|mnt)/|~/|[A-Za-z]:\\)"
)

_NAMES: Final = {
    "cloudwatch_event_rule": "name",
    "cloudwatch_log_group": "name",
    "cognito_user_pool_domain": "domain",
    "dynamodb_table": "name",
    "iam_policy": "name",
    "iam_role": "name",
    "iam_role_policy": "name",
    "kms_alias": "name",
    "lambda_alias": "name",
    "lambda_function": "function_name",
    "lambda_permission": "action",
    "s3_bucket": "bucket",
    "s3_bucket_policy": "bucket",
    "s3_bucket_public_access_block": "bucket",
    "s3_bucket_server_side_encryption_configuration": "bucket",
    "sfn_state_machine": "name",
    "sns_topic": "name",
    "sqs_queue": "name",
    "wafv2_web_acl": "name",
}
"""Argument with the unique name of a resource, or of its parent."""


def _terraform(configuration: Configuration) -> Mapping[str, Any]:
    settings = configuration.json.get("terraform", {})
    first: Mapping[str, Any] = settings[0] if isinstance(settings, list) else settings
    return first


def provider_source(configuration: Configuration) -> Found:
    """The source must be complete, and exact versions belong in the lock file."""
    provider = _terraform(configuration).get("required_providers", {}).get("aws", {})
    if provider.get("source") != "hashicorp/aws":
        yield "terraform", f"takes provider '{provider.get('source')}'", "set its source to hashicorp/aws"
    if not re.search(r">=\s*\d", str(provider.get("version", ""))) or "<" not in str(provider.get("version")):
        yield (
            "terraform",
            f"pins version '{provider.get('version')}' of the provider",
            "set a range, such as '>= 5.100.0, < 7.0.0'",
        )


def provider_retries(configuration: Configuration) -> Found:
    """AWS throttles its control plane to a few calls a second for each account."""
    for provider in configuration.json.get("provider", {}).get("aws", ()):
        retries = provider.get("max_retries")
        if retries is not None and int(retries) < _MIN_RETRIES:
            yield (
                "provider",
                f"gives up after {retries} tries, and large applies are throttled for longer",
                f"set max_retries to {_MIN_RETRIES} or more, or leave it out",
            )


def backend(configuration: Configuration) -> Found:
    """A state in the default place is lost with the directory."""
    written = _terraform(configuration).get("backend", {})
    if not written:
        yield "terraform", "has no backend for its state", "pass state_path or state to the stack"
    s3 = written.get("s3")
    if s3 is not None and s3.get("encrypt") is not True:
        yield "terraform", "keeps its state unencrypted", "set encrypt"
    if s3 is not None and not (s3.get("use_lockfile") or s3.get("dynamodb_table")):
        yield "terraform", "does not lock its state, and concurrent applies corrupt it", "set use_lockfile"
    if s3 is not None and {"access_key", "secret_key", "token", "profile"} & s3.keys():
        yield "terraform", "has credentials for its state", "leave them to the environment"


def absolute_path(configuration: Configuration) -> Found:
    """A path of this machine works nowhere else, and can contain a user name."""
    for part in ("terraform", "provider", "resource", "output", "data", "locals"):
        for text in strings(configuration.json.get(part, {})):
            if _ABSOLUTE.match(text):
                yield part, f"has the path '{text}' of one machine", "write it relative to the project"


def token(configuration: Configuration) -> Found:
    """A token of cdktf that was used as a string, or a string that Terraform would evaluate."""
    for resource in configuration.resources:
        if any("TfToken[" in text for text in strings(resource.body)):
            yield (
                resource.where,
                "has an unresolved token",
                "pass the attribute itself, not a string made from it",
            )
        found = next(filter(None, map(accidental, strings(resource.body))), None)
        if found is not None:
            yield (
                resource.where,
                f"contains {found}, which Terraform would evaluate",
                f"write {found[0]}{found} for the text",
            )


def reference_missing(configuration: Configuration) -> Found:
    """Terraform rejects a dependency on a missing resource."""
    for resource in configuration.resources:
        triggers = resource.lifecycle.get("replace_triggered_by", ())
        for address in {*resource.awaited, *(".".join(one.split(".")[:2]) for one in triggers)}:
            if address.startswith("aws_") and configuration.get(address) is None:
                yield resource.where, f"depends on {address}, which does not exist", "remove the dependency"


def name_twice(configuration: Configuration) -> Found:
    """Dependencies of a resource with create_before_destroy are replaced in that order too, under the same name."""
    for first in configuration.resources:
        if first.lifecycle.get("create_before_destroy") is not True:
            continue
        for address in sorted(configuration.dependencies(first)):
            resource = configuration.get(address)
            if resource is not None and resource.kind in _NAMES and resource.text(_NAMES[resource.kind]):
                yield (
                    resource.where,
                    f"is created before it is destroyed, as {first.address} is, and AWS allows one of its name",
                    "compose its ARN of names where it is referred to, or let Terraform add a suffix to its name",
                )


RULES: Final = {
    "provider-source": provider_source,
    "provider-retries": provider_retries,
    "backend": backend,
    "absolute-path": absolute_path,
    "token": token,
    "reference-missing": reference_missing,
    "name-twice": name_twice,
}
