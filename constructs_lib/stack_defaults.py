"""Defaults of a stack for its constructs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from constructs_lib.checks import check_choice, check_range
from constructs_lib.log_retention import DEFAULT_RETENTION_DAYS, RetentionDays, check_retention

if TYPE_CHECKING:
    from lambda_archives import Target

AiBackend = Literal["local", "aws"]

CloudWatchRole = Literal["create", "existing", "none"]
"""Role by which API Gateway writes logs in the account and region: created with the stack, created elsewhere, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDefaults:
    """Defaults for the constructs of an `AwsStack`.

    Attributes:
        tags: Tags of every resource. Default: none.
        log_retention_days: Retention of log groups in days. Default: 365.
        deletion_protection: Whether AWS refuses to delete tables and user pools. Default: True.
        archive_target: Python version and architecture of the archives that services build. Default: this machine's
            for the local cloud, else Python 3.13 on arm64.
        archive_bucket: Name of an existing S3 bucket for archives; `{account}` stands for the account's ID. Default: the
            stack creates one when the first archive needs it.
        direct_upload: Whether an archive of up to 50 MB is uploaded in the request that creates its function. Terraform's
            provider creates such functions one by one, each in 5 s at least; through the bucket, all at the same time.
            Default: True, so that a stack with one function needs no bucket.
        ai_backend: AI backend of services: `local` runs the models inside the functions, `aws` lets them call the AI
            services of AWS that their contracts name. Default: `local`.
        allowed_origins: Origins of the web pages that may call the APIs and their services from a browser (CORS), such
            as `https://shop.example`. Default: none.
        reserved_concurrency: Reserved concurrent executions of each function. Default: none, functions share the
            account's concurrency. A new account has as few as 10.
        reserved_concurrency_of: Reserved concurrent executions of single functions, by their name without the stack's
            prefix, such as `{"orchestrator": 50}`. Default: none.
        cloudwatch_role: `create` creates the role by which API Gateway writes the logs of all REST APIs of the account
            and region, and replaces a setting that exists; `existing` uses the role that was set before, by another stack
            for instance; `none` turns the logs of stages off. Default: `create`.

    Raises:
        ConstructError: An attribute is not valid.

    Example:
        >>> StackDefaults(log_retention_days=30).deletion_protection
        True
    """

    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    log_retention_days: RetentionDays = DEFAULT_RETENTION_DAYS
    deletion_protection: bool = True
    archive_target: Target | None = None
    archive_bucket: str | None = None
    direct_upload: bool = True
    ai_backend: AiBackend = "local"
    allowed_origins: Sequence[str] = ()
    reserved_concurrency: int | None = None
    reserved_concurrency_of: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    cloudwatch_role: CloudWatchRole = "create"

    def __post_init__(self) -> None:
        check_choice("StackDefaults", "ai_backend", self.ai_backend, AiBackend)
        check_choice("StackDefaults", "cloudwatch_role", self.cloudwatch_role, CloudWatchRole)
        check_retention("StackDefaults", "log_retention_days", self.log_retention_days)
        if self.reserved_concurrency is not None:
            check_range("StackDefaults", "reserved_concurrency", self.reserved_concurrency, 0, 100_000)
        for name, executions in self.reserved_concurrency_of.items():
            check_range("StackDefaults", f"reserved_concurrency_of[{name!r}]", executions, 0, 100_000)
