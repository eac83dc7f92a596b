"""What is to be run, read from moto's Lambda backend at each invocation.

Terraform's calls end up in that backend, so it is the one source of truth: a function, version, alias or setting
that was not applied does not exist here. A look-up happens on every warm invocation and therefore reads a few
attributes only; the full `FunctionDefinition` is made when something has changed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.awslambda import models as lambda_models
from moto.awslambda.exceptions import LambdaClientError

from local_cloud.functions.errors import FunctionNotFound

LATEST = "$LATEST"

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
        account_id: Twelve digits.
        region: Such as `us-east-1`.
        name: The function's name.
        version: `$LATEST` or a number.
        handler: Such as `package.module.function`.
        runtime: Such as `python3.13`; None for a container image.
        architecture: `x86_64` or `arm64`.
        package_type: `Zip` or `Image`.
        memory_mb: The memory limit in MB.
        timeout_seconds: How long the handler may run.
        environment: The function's own variables.
        code_digest: The SHA-256 of the archive, in hexadecimal.
        layers: The ARNs of its layer versions, in the order in which they are laid over each other.
        log_group: The CloudWatch log group of its log.
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
    code_digest: str
    layers: tuple[str, ...]
    log_group: str
    log_format: str
    log_level: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """One resolved invocation target.

    Attributes:
        function: moto's object of the version that runs.
        account_id: Twelve digits.
        region: Such as `us-east-1`.
        name: The function's name.
        version: The version that runs: `$LATEST` or a number.
        invoked_arn: What was called, with the qualifier that was given.
        reserved_concurrency: The function's own share of the concurrency; None if it has none.
        fingerprint: Compares unequal when a worker that is already up may no longer be used.
    """

    function: Any
    account_id: str
    region: str
    name: str
    version: str
    invoked_arn: str
    reserved_concurrency: int | None
    fingerprint: tuple[object, ...]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells one version of one function from every other."""
        return (self.account_id, self.region, self.name, self.version)


class FunctionDirectory:
    """Finds functions in moto's Lambda backend.

    Args:
        region: The region of a name that carries none.
        account_id: The account of a name that carries none.
    """

    def __init__(self, *, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id

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
        region = region or self._region
        account_id = account_id or self._account_id
        backend = self._backend(account_id, region)
        arn = f"arn:aws:lambda:{region}:{account_id}:function:{name}"
        invoked_arn = f"{arn}:{qualifier}" if qualifier else arn
        if backend is None:
            raise FunctionNotFound(f"Function not found: {invoked_arn}")
        try:
            latest = backend.get_function(name)
            found = latest if qualifier is None else self._qualified(backend, name, qualifier)
        except LambdaClientError:
            latest = found = None
        if found is None:
            raise FunctionNotFound(f"Function not found: {invoked_arn}")
        return Target(
            function=found,
            account_id=account_id,
            region=region,
            name=name,
            version=str(found.version),
            invoked_arn=invoked_arn,
            reserved_concurrency=getattr(latest, "reserved_concurrency", None),
            fingerprint=_fingerprint(found),
        )

    def reserved_total(self, account_id: str, region: str) -> int:
        """The sum of the reserved concurrency of every function of an account in a region."""
        backend = self._backend(account_id, region)
        if backend is None:
            return 0
        return sum(int(function.reserved_concurrency or 0) for function in backend.list_functions())

    def code_digests(self, account_id: str, region: str, name: str) -> set[str]:
        """The digests of the archives of every version of a function that exists now."""
        backend = self._backend(account_id, region)
        if backend is None:
            return set()
        versions = backend.list_versions_by_function(name)
        return {digest for version in versions if (digest := getattr(version, "code_digest", None))}

    def layer_archive(self, target: Target, layer_arn: str) -> tuple[str, bytes] | None:
        """The digest and the bytes of a layer version; None if it was deleted."""
        backend = self._backend(target.account_id, target.region)
        layer = None if backend is None else backend.layers_versions_by_arn(layer_arn)
        return None if layer is None else (layer.code_digest, layer.code_bytes)

    def _backend(self, account_id: str, region: str) -> Any:
        # Plain dict.get: moto's own look-up takes a lock and creates what is not there.
        account = lambda_models.lambda_backends.get(account_id)
        return None if account is None else account.get(region)

    def _qualified(self, backend: Any, name: str, qualifier: str) -> Any:
        if qualifier == LATEST or qualifier.isdigit():
            return backend.get_function(name, qualifier)
        alias = backend.get_alias(qualifier, name)
        return backend.get_function(name, _alias_version(alias))


def definition_of(target: Target) -> FunctionDefinition:
    """Read all that a worker of this target needs to know."""
    function = target.function
    logging_config = getattr(function, "logging_config", None) or {}
    return FunctionDefinition(
        account_id=target.account_id,
        region=target.region,
        name=target.name,
        version=target.version,
        handler=function.handler or "",
        runtime=function.run_time,
        architecture=function.architectures[0],
        package_type=function.package_type,
        memory_mb=int(function.memory_size),
        timeout_seconds=int(function.timeout),
        environment=dict(function.environment_vars or {}),
        code_digest=getattr(function, "code_digest", ""),
        layers=tuple(layer["Arn"] for layer in function.layers),
        log_group=logging_config.get("LogGroup") or function.logs_group_name,
        log_format=logging_config.get("LogFormat") or "Text",
        log_level=logging_config.get("ApplicationLogLevel"),
    )


def _fingerprint(function: Any) -> tuple[object, ...]:
    return (
        getattr(function, "code_digest", ""),
        function.environment_vars,
        function.memory_size,
        function.timeout,
        function.handler,
        function.run_time,
        function.architectures,
        function.layers,
        getattr(function, "logging_config", None),
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
def _parse(function: str) -> tuple[str | None, str | None, str, str | None] | None:
    match = _NAME.match(function)
    if match is None:
        return None
    return match["region"], match["account"], match["name"], match["qualifier"]
