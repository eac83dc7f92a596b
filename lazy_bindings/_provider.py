"""The one provider package and the one jsii this was written for, and which of its parts are kept at hand.

Any other version is loaded whole. To move to another, change the constants here, run the slow tests, and see
that jsii's cache format is still the one that `_package` writes.
"""

import os
from pathlib import Path

MODULE = "cdktf_cdktf_provider_aws"
ASSEMBLY = "@cdktf/provider-aws"
VERSION = "21.22.1"
ARCHIVE = f"provider-aws@{VERSION}.jsii.tgz"
ARCHIVE_SIZE = 37_074_902  # bytes
ARCHIVE_SHA256 = "d1446ab6ac6526c6fab4b28a5ebefdd90c0ce56203949925d35a4d286c05cbbf"
JSII_VERSION = "1.142.0"

LOCATOR = "lazy-bindings-location"
"""A script that a repacked package has: where jsii says it is, the package is."""

COMMON_SERVICES = (
    "acm",
    "api_gateway",
    "appautoscaling",
    "bedrock_guardrail",
    "budgets",
    "caller_identity",
    "cloudwatch",
    "cognito",
    "dynamodb",
    "iam",
    "kms",
    "lambda",
    "partition",
    "provider",
    "region",
    "route53",
    "s3",
    "secretsmanager",
    "sfn",
    "sns",
    "sqs",
    "wafv2",
)
"""What the small archive holds. It decides only how fast an import is: other services work as well."""


class UnavailableError(Exception):
    """A repacked archive cannot be had; the message says why, for the user's eyes."""


def is_common(namespace: str) -> bool:
    """Return whether a namespace, named by its Python module, belongs to a common service."""
    name = namespace.removeprefix("data_aws_")
    return name.startswith(tuple(f"{service}_" for service in COMMON_SERVICES)) or name in COMMON_SERVICES


def namespaces(folder: Path) -> list[str]:
    """Return the namespaces of the provider package in `folder`, by the names of their Python modules."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name[0] != "_" and "." not in entry.name)


def type_prefix(namespace: str) -> str:
    """Return what a namespace's types begin with: `@cdktf/provider-aws.sqsQueue` for `sqs_queue`."""
    first, *others = namespace.split("_")
    return f"{ASSEMBLY}.{first}{''.join(map(str.capitalize, others))}"
