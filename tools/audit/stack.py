"""The configuration as a whole: provider, state, and nothing of one machine in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.templates import accidental
from tools.audit.configuration import Configuration, strings

Found = Iterator[tuple[str, str, str]]

_MIN_RETRIES: Final = 25
_ABSOLUTE: Final = re.compile(r"(/(home|root|Users|tmp|var|private|work|workspace|opt|mnt)/|~/|[A-Za-z]:\\)")

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
"""The argument that names a resource, or what it is a part of, of which AWS has one of each name."""


def _terraform(configuration: Configuration) -> Mapping[str, Any]:
    settings = configuration.json.get("terraform", {})
    first: Mapping[str, Any] = settings[0] if isinstance(settings, list) else settings
    return first


def provider_source(configuration: Configuration) -> Found:
    """`aws` alone is another provider elsewhere, and an exact version is for the lock file."""
    provider = _terraform(configuration).get("required_providers", {}).get("aws", {})
    if provider.get("source") != "hashicorp/aws":
        yield "terraform", f"takes provider '{provider.get('source')}'", "set its source to hashicorp/aws"
    if not re.search(r">=\s*\d", str(provider.get("version", ""))) or "<" not in str(provider.get("version")):
        yield (
            "terraform",
            f"takes version '{provider.get('version')}' of the provider",
            "say from which and up to which release, such as '>= 5.100.0, < 7.0.0'",
        )


def provider_retries(configuration: Configuration) -> Found:
    """AWS throttles its control plane to a few calls a second for a whole account."""
    for provider in configuration.json.get("provider", {}).get("aws", ()):
        retries = provider.get("max_retries")
        if retries is not None and int(retries) < _MIN_RETRIES:
            yield (
                "provider",
                f"gives up after {retries} tries, and large applies are throttled for longer",
                f"set max_retries to {_MIN_RETRIES} or more, or leave it out",
            )


def backend(configuration: Configuration) -> Found:
    """A state that nobody chose a place for is lost with the directory."""
    written = _terraform(configuration).get("backend", {})
    if not written:
        yield "terraform", "does not say where its state is", "pass state_path or state to the stack"
    s3 = written.get("s3")
    if s3 is not None and s3.get("encrypt") is not True:
        yield "terraform", "keeps its state unencrypted", "set encrypt"
    if s3 is not None and not (s3.get("use_lockfile") or s3.get("dynamodb_table")):
        yield "terraform", "does not lock its state, and two applies at once ruin it", "set use_lockfile"
    if s3 is not None and {"access_key", "secret_key", "token", "profile"} & s3.keys():
        yield "terraform", "has credentials for its state", "leave them to the environment"


def absolute_path(configuration: Configuration) -> Found:
    """The configuration is for this machine only, and names its user."""
    for part in ("terraform", "provider", "resource", "output", "data", "locals"):
        for text in strings(configuration.json.get(part, {})):
            if _ABSOLUTE.match(text):
                yield part, f"has the path '{text}' of one machine", "write it relative to the project"


def token(configuration: Configuration) -> Found:
    """A token of cdktf that was taken for text, or text that Terraform would take for an expression."""
    for resource in configuration.resources:
        if any("TfToken[" in text for text in strings(resource.body)):
            yield (
                resource.where,
                "has an unresolved token",
                "pass the attribute itself, not text made from it",
            )
        found = next(filter(None, map(accidental, strings(resource.body))), None)
        if found is not None:
            yield (
                resource.where,
                f"holds {found}, which Terraform would fill in",
                f"write {found[0]}{found} for the text",
            )


def reference_missing(configuration: Configuration) -> Found:
    """Terraform refuses a dependency on what is not there."""
    for resource in configuration.resources:
        triggers = resource.lifecycle.get("replace_triggered_by", ())
        for address in {*resource.awaited, *(".".join(one.split(".")[:2]) for one in triggers)}:
            if address.startswith("aws_") and configuration.get(address) is None:
                yield resource.where, f"depends on {address}, which is not there", "remove the dependency"


def name_twice(configuration: Configuration) -> Found:
    """What a resource with create_before_destroy depends on is created before it is destroyed too, under the same name."""
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
