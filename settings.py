"""What differs between the environments, and how the environment's variables say it.

ENVIRONMENT          local, dev or prod; local where nothing is said
AI_BACKEND           local: the models run inside the functions; aws: Rekognition, Comprehend and Bedrock are called
AWS_REGION           the region; us-east-1 where nothing is said
AWS_ENDPOINT_URL     local only: where the local cloud is
ALARM_EMAILS         who is told of alarms, with commas in between
ARCHIVE_BUCKET       prod only: the bucket for Lambda archives; it is there before
PAYLOAD_BUCKET       prod only: the bucket for what jobs work on, whose objects expire; it is there before
THREAT_PROTECTION    on: Cognito blocks sign-ins with leaked passwords and unusual ones, for a price per user; off.
                     Default: off
STATE_BUCKET         prod only: the bucket for Terraform's state; it is there before
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from constructs_lib import S3State, Target

if TYPE_CHECKING:
    from constructs_lib.authorization.user_pool import Mfa

PROJECT = "ai-orchestrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one environment.

    Attributes:
        environment: The name, part of the names of all resources but the REST API.
        target: The Python and the architecture that the archives are built for.
        ai_backend: `local` runs the models inside the functions; `aws` calls Rekognition, Comprehend and Bedrock.
        log_retention_days: How long the log groups keep what is logged.
        sets_api_gateway_account: Whether this stack lets API Gateway write logs in the account and region. There is one
            such setting in each, so where another stack has made it, say False here.
        hardened: Whether a key of its own encrypts the stack, a firewall stands in front of the API, and alarms and a
            dashboard watch it. False on the local cloud, where nobody would see them and each apply would wait for
            them.
        keeps_data: Whether what holds data refuses to be destroyed.
        alarm_emails: Who is told of alarms.
        default_concurrency: Reserved concurrent executions of each function. Default: none; the functions share the
            account's. An account in which nothing was raised has 10 to 1000 in all, and AWS keeps 100 of them
            unreserved.
        concurrency: Reserved concurrent executions of the functions for which `default_concurrency` is not right, by
            name.
        archive_bucket: The bucket that the Lambda archives go to; None for one of the stack's own.
        payload_bucket: The bucket for what jobs work on; None for one of the stack's own.
        state: Where Terraform keeps its state; None for a file beside `main.py`.
        password_sign_in: Whether users may send their password to Cognito (`USER_PASSWORD_AUTH`), as tests do. Default:
            no; users prove that they have it (SRP).
        mfa: Whether users need a second factor, a code of an authenticator app.
        threat_protection: Whether Cognito blocks sign-ins with leaked passwords and unusual sign-ins. Default: no.
        allowed_origins: The web pages that may call the API from a browser.
        calls_back: Whether clients of jobs may have an address called. Not from the local cloud: nothing there may
            reach another machine.
        endpoint_url: The local cloud, where the API is deployed to one.
        region: The AWS region.
    """

    environment: Literal["local", "dev", "prod"]
    target: Target
    ai_backend: Literal["local", "aws"] = "local"
    log_retention_days: Literal[30, 365] = 30
    sets_api_gateway_account: bool = True
    hardened: bool = True
    keeps_data: bool = False
    alarm_emails: tuple[str, ...] = ()
    default_concurrency: int | None = None
    concurrency: Mapping[str, int] = field(default_factory=dict)
    archive_bucket: str | None = None
    payload_bucket: str | None = None
    state: S3State | None = None
    password_sign_in: bool = False
    mfa: Mfa = "OPTIONAL"
    threat_protection: bool = False
    allowed_origins: tuple[str, ...] = ()
    calls_back: bool = True
    endpoint_url: str | None = None
    region: str = "us-east-1"

    @property
    def name(self) -> str:
        """What the names of the resources begin with."""
        return f"{PROJECT}-{self.environment}"


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Returns the settings of the environment that the variables name.

    Raises:
        SystemExit: ENVIRONMENT is none of local, dev and prod, AI_BACKEND is neither local nor aws, or a switch is
            neither on nor off.
    """
    backends: dict[str, Literal["local", "aws"]] = {"": "local", "local": "local", "aws": "aws"}
    backend = backends.get(variables.get("AI_BACKEND", ""))
    if backend is None:
        raise SystemExit(
            f"AI_BACKEND is {variables['AI_BACKEND']!r}: set it to local or aws, or leave it out for local"
        )
    common = Settings(
        environment="dev",
        target=Target(python_version="3.13", architecture="arm64"),
        ai_backend=backend,
        region=variables.get("AWS_REGION") or "us-east-1",
        alarm_emails=_listed(variables.get("ALARM_EMAILS", "")),
        threat_protection=_is_on(variables, "THREAT_PROTECTION"),
        allowed_origins=_listed(variables.get("ALLOWED_ORIGINS", "")),
    )
    match variables.get("ENVIRONMENT") or "local":
        case "local":
            return replace(
                common,
                environment="local",
                target=Target.this_machine(),
                hardened=False,
                password_sign_in=True,
                allowed_origins=common.allowed_origins or ("http://localhost:3000",),
                calls_back=False,
                endpoint_url=variables.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566",
            )
        case "dev":
            return common
        case "prod":
            return _prod(common, variables)
        case other:
            raise SystemExit(
                f"ENVIRONMENT is {other!r}: set it to local, dev or prod, or leave it out for local"
            )


def _prod(common: Settings, variables: Mapping[str, str]) -> Settings:
    def bucket(variable: str, what: str) -> str:
        return variables.get(variable) or f"{PROJECT}-{what}-{{account}}-{common.region}"

    state_bucket = variables.get("STATE_BUCKET")
    return replace(
        common,
        environment="prod",
        log_retention_days=365,
        keeps_data=True,
        mfa="ON",
        default_concurrency=20,
        concurrency={"orchestrator": 50, "jobs-finish": 10},
        archive_bucket=bucket("ARCHIVE_BUCKET", "archives"),
        payload_bucket=bucket("PAYLOAD_BUCKET", "payloads"),
        state=None
        if state_bucket is None
        else S3State(bucket=state_bucket, key=f"{PROJECT}-prod.tfstate", region=common.region),
    )


def _is_on(variables: Mapping[str, str], name: str) -> bool:
    value = variables.get(name) or "off"
    if value not in ("on", "off"):
        raise SystemExit(f"{name} is {value!r}: set it to on or off, or leave it out for off")
    return value == "on"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.replace(" ", "").split(",")))
