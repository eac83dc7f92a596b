"""Definition of a function, read from moto's Lambda backend at each invocation.

Terraform's calls end up in that backend, so it is the one source of truth: a function, version, alias or setting
that was not applied does not exist here. A look-up happens on every warm invocation. Therefore it reads moto's storage (as
of moto 5.2.5) instead of going through moto's methods, which take ten times as long.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.awslambda import models as lambda_models
from moto.core import DEFAULT_ACCOUNT_ID

from local_cloud.functions.errors import FunctionNotFound

LATEST = "$LATEST"
_REGION = "us-east-1"

_NAME = re.compile(
    r"""
    ^(?:arn:[\w-]+:lambda:(?P<region>[\w-]+):)?  # a whole ARN begins so
    (?:(?P<account>\d{12}):)?                    # a partial ARN begins with the account
    (?:function:)?
    (?P<name>[\w-]+)
    (?::(?P<qualifier>\$LATEST|[\w-]+))?$
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """Everything that a worker of one version of a function depends on.

    Attributes:
        version: `$LATEST` or a number.
        runtime: Such as `python3.13`; None for a container image.
        architecture: `x86_64` or `arm64`.
        package_type: `Zip` or `Image`.
        code_digest: The SHA-256 of the archive, in hexadecimal.
        layers: The ARNs of its layer versions, in the order in which they are laid over each other.
        log_format: `Text` or `JSON`.
        log_level: The level below which the JSON format drops records; None for no such filter.
    """

    account_id: str
    region: str
    name: str
    version: str
    handler: str
    runtime: str | None
    architecture: str
    package_type: str
    memory_mb: int
    timeout_seconds: int
    environment: Mapping[str, str]
    role: str
    code_digest: str
    layers: tuple[str, ...]
    log_group: str
    log_format: str
    log_level: str | None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Key of a version of a function."""
        return (self.account_id, self.region, self.name, self.version)

    @property
    def arn(self) -> str:
        """The ARN of this version."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Target:
    """One resolved invocation target.

    Attributes:
        function: moto's object of the version that runs.
        definition: The version that runs. A worker with another definition may no longer be used.
        invoked_arn: What was called, with the qualifier that was given.
        reserved_concurrency: The function's own share of the concurrency; None if it has none.
    """

    function: Any
    definition: FunctionDefinition
    invoked_arn: str
    reserved_concurrency: int | None


class FunctionDirectory:
    """Finder of functions in moto's Lambda backend."""

    def resolve(self, function: str) -> Target:
        """Find what a name, a partial ARN or an ARN stands for, with a version or an alias or without.

        An alias with weights is resolved by chance, as often for each version as its weight says.

        Raises:
            FunctionNotFound: There is no such function, version or alias.
        """
        parsed = _parse(function)
        if parsed is None:
            raise FunctionNotFound(f"Function not found: {function}")
        region, account_id, name, qualifier = parsed
        storage = self._storage(account_id, region)
        arn = f"arn:{'aws' if storage is None else storage.partition}:lambda:{region}:{account_id}:function:{name}"
        invoked_arn = f"{arn}:{qualifier}" if qualifier else arn
        versions = None if storage is None else storage._functions.get(name)
        found = None if versions is None else _find(versions, storage._aliases.get(arn) or {}, qualifier)
        if versions is None or found is None:
            raise FunctionNotFound(f"Function not found: {arn}:{qualifier or LATEST}")
        definition = _definition_of(found, account_id, region, name)
        return Target(
            found, definition, invoked_arn, getattr(versions["latest"], "reserved_concurrency", None)
        )

    def reserved_total(self, account_id: str, region: str) -> int:
        """The sum of the reserved concurrency of every function of an account in a region."""
        storage = self._storage(account_id, region)
        every = [] if storage is None else list(storage._functions.values())
        return sum(int(getattr(versions["latest"], "reserved_concurrency", None) or 0) for versions in every)

    def code_digests(self, definition: FunctionDefinition) -> set[str]:
        """The digests of the archives of every version of a function that exists now."""
        every = self._versions(definition)
        return {digest for function in every if (digest := getattr(function, "code_digest", None))}

    def same_code(self, target: Target) -> list[Any]:
        """Return moto's objects of a function's versions, `$LATEST` first, that run the same code as a target."""
        every, digest = self._versions(target.definition), target.function.code_digest
        return [function for function in every if getattr(function, "code_digest", None) == digest]

    def layer_archive(self, definition: FunctionDefinition, layer_arn: str) -> tuple[str, bytes] | None:
        """The digest and the bytes of a layer version; None if it was deleted."""
        backend = self._backend(definition.account_id, definition.region)
        layer = None if backend is None else backend.layers_versions_by_arn(layer_arn)
        return None if layer is None else (layer.code_digest, layer.code_bytes)

    def _versions(self, definition: FunctionDefinition) -> list[Any]:
        storage = self._storage(definition.account_id, definition.region)
        versions = None if storage is None else storage._functions.get(definition.name)
        return [] if versions is None else [versions["latest"], *versions["versions"]]

    def _storage(self, account_id: str, region: str) -> Any:
        backend = self._backend(account_id, region)
        return None if backend is None else backend._lambdas

    def _backend(self, account_id: str, region: str) -> Any:
        # Plain dict.get: moto's own look-up takes a lock and creates what is not there.
        account = lambda_models.lambda_backends.get(account_id)
        return None if account is None else account.get(region)


def archive_digest(function: Any) -> str:
    """Return the digest of a version's archive, of which `replace_code` may have replaced files since."""
    replaced: tuple[str, str] | None = getattr(function, "replaced_code", None)
    digest = str(getattr(function, "code_digest", ""))
    return replaced[0] if replaced is not None and replaced[1] == digest else digest


def replace_code(function: Any, digest: str) -> None:
    """Have a version run code with another digest, which stands for its archive with files replaced.

    `CodeSha256` says so, until the next UpdateFunctionCode.
    """
    function.replaced_code = (archive_digest(function), digest)
    function.code_digest = digest
    function.code_sha_256 = base64.b64encode(bytes.fromhex(digest)).decode()
    function.code_or_config_updated = True


def event_invoke_config(target: Target) -> dict[str, Any]:
    """Return the settings of asynchronous invocations of exactly this qualifier, or an empty dictionary."""
    definition = target.definition
    backend = lambda_models.lambda_backends[definition.account_id][definition.region]
    function = backend.get_function(definition.name)
    unqualified = target.invoked_arn.removesuffix(f":{LATEST}")
    wanted = (
        {unqualified, f"{unqualified}:{LATEST}"} if unqualified == function.function_arn else {unqualified}
    )
    return next((dict(item.config) for item in function.event_invoke_config if item.arn in wanted), {})


def _find(versions: Any, aliases: Any, qualifier: str | None) -> Any:
    """Find a version among moto's versions of a function; None if it is not there."""
    if qualifier is not None and qualifier != LATEST and not qualifier.isdigit():
        alias = aliases.get(qualifier)
        if alias is None:
            return None
        qualifier = _alias_version(alias)
    if qualifier is None or qualifier == LATEST:
        return versions["latest"]
    for function in reversed(versions["versions"]):
        if str(function.version) == qualifier:
            return function
    return None


def _definition_of(function: Any, account_id: str, region: str, name: str) -> FunctionDefinition:
    logging_config = getattr(function, "logging_config", None) or {}
    return FunctionDefinition(
        account_id=account_id,
        region=region,
        name=name,
        version=str(function.version),
        handler=function.handler or "",
        runtime=function.run_time,
        architecture=function.architectures[0],
        package_type=function.package_type,
        memory_mb=int(function.memory_size),
        timeout_seconds=int(function.timeout),
        environment=dict(function.environment_vars or {}),
        role=function.role,
        code_digest=getattr(function, "code_digest", ""),
        layers=tuple(layer["Arn"] for layer in function.layers),
        log_group=logging_config.get("LogGroup") or function.logs_group_name,
        log_format=logging_config.get("LogFormat") or "Text",
        log_level=logging_config.get("ApplicationLogLevel"),
    )


def _alias_version(alias: Any) -> str:
    weights = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
    if weights:
        drawn = random.random()  # noqa: S311 - the share of traffic, no secret
        for version, weight in weights.items():
            drawn -= float(weight)
            if drawn < 0:
                return str(version)
    return str(alias.function_version)


@lru_cache(maxsize=1024)
def _parse(function: str) -> tuple[str, str, str, str | None] | None:
    match = _NAME.match(function)
    if match is None:
        return None
    region, account = match["region"] or _REGION, match["account"] or DEFAULT_ACCOUNT_ID
    return region, account, match["name"], match["qualifier"]
