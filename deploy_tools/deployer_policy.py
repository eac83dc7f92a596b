"""IAM policies with the rights that a deployer of a stack needs, made from the types and names of its resources.

The names of the stack's resources start with its prefix, such as `shop-prod-`, and so do the ARNs that the policies allow.
Another function of the stack needs no other policy. APIs, user pools, keys and web ACLs have ids that AWS chooses. Rights
on them are for all of the region; deploy to an account of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.partitions import partition_of
from deploy_tools.app import SynthesizedStack
from deploy_tools.deployer_rights import DATA_RIGHTS, NAMES, RIGHTS, S3_STATE, Conditions, Right
from deploy_tools.errors import DeploymentError

MOST_CHARACTERS: Final = 6_144
"""Most characters of a managed policy. AWS does not count white space."""

_REFERENCE = re.compile(r"\$\{(data\.)?(\w+)\.([\w-]+)\.(\w+)\}")
_EXPRESSION = re.compile(r"\$\{[^}]*\}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

Statement = dict[str, Any]


def policies(stack: SynthesizedStack, environment: str) -> list[dict[str, Any]]:
    """Return the policy documents for the deployer of a stack: one, or as many as AWS's limit of 6,144 characters takes.

    Args:
        stack: The stack.
        environment: Name of the environment that it was synthesized for.

    Raises:
        DeploymentError: The rights for the type of a resource are unknown.
    """
    return _documents(_statements(_Names(stack.name, environment, stack.region, stack.configuration)))


def write(stack: SynthesizedStack, environment: str) -> list[Path]:
    """Write the policies of a stack beside its `cdk.tf.json`, and return the files.

    Raises:
        DeploymentError: As `policies`.
    """
    found = policies(stack, environment)
    for older in stack.directory.glob("deployer-policy*.json"):
        older.unlink()
    files = []
    for number, document in enumerate(found, 1):
        suffix = f"-{number}" if len(found) > 1 else ""
        files.append(stack.directory / f"deployer-policy{suffix}.json")
        files[-1].write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return files


@dataclass(frozen=True, slots=True)
class _Names:
    """Names and ARNs of a stack's resources."""

    stack: str
    environment: str
    region: str
    configuration: Mapping[str, Any]

    @property
    def account(self) -> str:
        """Account that the provider may deploy to. `*` if it is any account."""
        for provider in self.configuration.get("provider", {}).get("aws", []):
            if ids := provider.get("allowed_account_ids"):
                return str(ids[0])
        return "*"

    def arn(self, right: Right, arguments: Mapping[str, Any]) -> str:
        """Return the ARN of a right for a resource with some arguments."""
        of_stack = {
            "partition": partition_of(self.region),
            "region": self.region,
            "account": self.account,
        }
        arn = _PLACEHOLDER.sub(
            lambda match: of_stack.get(match[1]) or self._argument(arguments, match[1]), right.resource
        )
        return re.sub(r"\*+", "*", arn[max(arn.rfind("arn:"), 0) :])  # the argument may be an ARN itself

    def _argument(self, arguments: Mapping[str, Any], name: str) -> str:
        """Return the value of an argument. `*` stands for what AWS chooses, and for what follows the stack's prefix."""
        if isinstance(value := arguments.get(name), str):
            plain = _EXPRESSION.sub("*", _REFERENCE.sub(self._referenced, value))
            return self._short(plain, f"{self.stack}-{self.environment}-")
        if isinstance(prefix := arguments.get(f"{name}_prefix"), str):
            return self._short(f"{prefix}*", f"{self.stack}-")
        return "*"

    def _short(self, name: str, prefix: str) -> str:
        start, found, _ = name.partition(prefix)
        return f"{start}{prefix}*" if found else name

    def _referenced(self, token: re.Match[str]) -> str:
        data, kind, identifier, attribute = token.groups()
        if data:
            return self.account if (kind, attribute) == ("aws_caller_identity", "account_id") else "*"
        resource = self.configuration["resource"].get(kind, {}).get(identifier, {})
        return self._argument(resource, attribute if attribute in resource else NAMES.get(kind, attribute))


def _statements(names: _Names) -> list[Statement]:
    """Return a statement for each set of actions."""
    actions: dict[tuple[str, Conditions], set[str]] = {}
    for right, arguments in _rights(names.configuration):
        allowed = actions.setdefault((names.arn(right, arguments), right.conditions), set())
        allowed.update(f"{right.service}:{name}" for name in right.actions.split())
    arns: dict[tuple[tuple[str, ...], Conditions], list[str]] = {}
    for (arn, conditions), allowed in sorted(actions.items()):
        arns.setdefault((tuple(sorted(allowed)), conditions), []).append(arn)
    return [
        {"Effect": "Allow", "Action": list(allowed), "Resource": _outer(resources)}
        | (
            {"Condition": {"StringEquals": {key: list(values) for key, values in conditions}}}
            if conditions
            else {}
        )
        for (allowed, conditions), resources in sorted(arns.items())
    ]


def _outer(arns: Sequence[str]) -> list[str]:
    """Return ARNs without those that another one with `*` at its end covers."""
    starts = tuple(arn[:-1] for arn in arns if arn.endswith("*"))
    return [arn for arn in arns if not any(arn.startswith(start) and arn != f"{start}*" for start in starts)]


def _rights(configuration: Mapping[str, Any]) -> Iterator[tuple[Right, Mapping[str, Any]]]:
    """Yield the rights of a `cdk.tf.json`, each with the arguments of its resource."""
    backend = configuration.get("terraform", {}).get("backend", {})
    if "s3" in backend:
        yield from ((right, backend["s3"]) for right in S3_STATE)
    for section, table in (("resource", RIGHTS), ("data", DATA_RIGHTS)):
        for kind, resources in configuration.get(section, {}).items():
            if not kind.startswith("aws_"):
                continue
            if kind not in table:
                raise DeploymentError(
                    f"{kind}: the rights that Terraform needs for this {section} are unknown; add them to "
                    "deploy_tools/deployer_rights.py"
                )
            for arguments in resources.values():
                yield from ((right, arguments) for right in table[kind])


def _documents(statements: Sequence[Statement]) -> list[dict[str, Any]]:
    """Return policy documents with the statements, none larger than AWS takes."""
    documents: list[dict[str, Any]] = []
    for statement in statements:
        if documents:
            longer = {**documents[-1], "Statement": [*documents[-1]["Statement"], statement]}
            if size(longer) <= MOST_CHARACTERS:
                documents[-1] = longer
                continue
        documents.append({"Version": "2012-10-17", "Statement": [statement]})
    return documents


def size(document: Mapping[str, Any]) -> int:
    """Return the characters of a document that AWS counts."""
    return len(re.sub(r"\s", "", json.dumps(document)))
