"""Settings that differ between the environments, and the environment variables that set them.

ENVIRONMENT, AWS_REGION, AWS_ACCOUNT_ID, LOCAL_CLOUD_PORT and AWS_ENDPOINT_URL are those of every deployment: see
`constructs_lib/environment.py`. An empty variable counts as unset.

AI_BACKEND           local: the models run inside the functions; aws: they call Rekognition, Comprehend and Bedrock.
                     Default: local.
ALLOWED_ORIGINS      Web pages that may call the API from a browser (CORS), separated by commas, such as
                     https://shop.example. Default: http://localhost:3000 in local, none in dev and prod.
ALARM_EMAILS         dev, prod: addresses to notify of alarms, separated by commas. Default: none.
MONTHLY_BUDGET_USD   dev, prod: costs of the AWS account in a month, in US dollars, 1-1000000. ALARM_EMAILS are notified at
                     80 %, at 100 %, and when AWS forecasts more. Default: 100.
THREAT_PROTECTION    on: Cognito blocks sign-ins with leaked passwords and unusual ones, for a price per user; off.
                     Default: off.
STATE_BUCKET         prod: S3 bucket for Terraform's state. Must exist. Required.
ARCHIVE_BUCKET       prod: S3 bucket for Lambda archives. Must exist.
                     Default: ai-orchestrator-archives-ACCOUNT-REGION.
PAYLOAD_BUCKET       prod: S3 bucket for the input and output of jobs, whose objects expire. Must exist.
                     Default: ai-orchestrator-payloads-ACCOUNT-REGION.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from constructs_lib import Environment, InvalidArgumentError, S3State, Target
from constructs_lib.environment import choice, without_empty

if TYPE_CHECKING:
    from constructs_lib.authorization.user_pool import Mfa

PROJECT = "ai-orchestrator"
DEFAULT_BUDGET_USD: Final = 100
VARIABLES: Final = (
    "AI_BACKEND",
    "ALLOWED_ORIGINS",
    "ALARM_EMAILS",
    "MONTHLY_BUDGET_USD",
    "THREAT_PROTECTION",
    "STATE_BUCKET",
    "ARCHIVE_BUCKET",
    "PAYLOAD_BUCKET",
)

AiBackend = Literal["local", "aws"]


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
        monthly_budget_usd: Costs of the AWS account in a month, in US dollars, above which `alarm_emails` are notified.
        password_sign_in: Whether users may send their password to Cognito (`USER_PASSWORD_AUTH`), as tests do. Default:
            no; users prove that they have it (SRP).
        mfa: Whether users need a second factor, a code of an authenticator app.
        threat_protection: Whether Cognito blocks sign-ins with leaked passwords and unusual sign-ins. Default: no.
        allowed_origins: The web pages that may call the API from a browser.
        running_jobs_per_caller: How many jobs of one caller may run at once.
        calls_back: Whether clients of jobs may have an address called. Not from the local cloud: nothing there may
            reach another machine.
        endpoint_url: The local cloud, where the API is deployed to one.
        requests_per_minute: The requests that a user may make in a minute. On the local cloud as many as the stage takes
            of all callers, for tests and demos that call as one user.
        region: The AWS region.
        allowed_account_ids: The AWS accounts that Terraform may deploy to. Default: any.
    """

    environment: Literal["local", "dev", "prod"]
    target: Target
    ai_backend: AiBackend = "local"
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
    monthly_budget_usd: int = DEFAULT_BUDGET_USD
    password_sign_in: bool = False
    mfa: Mfa = "OPTIONAL"
    threat_protection: bool = False
    allowed_origins: tuple[str, ...] = ()
    running_jobs_per_caller: int = 5
    calls_back: bool = True
    endpoint_url: str | None = None
    requests_per_minute: int = 300
    region: str = "us-east-1"
    allowed_account_ids: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What the names of the resources begin with."""
        return f"{PROJECT}-{self.environment}"


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Return the settings for environment variables, such as `os.environ`.

    Raises:
        SystemExit: A variable has a value that is not valid, or a required one is not set.
    """
    try:
        return _settings(Environment.from_variables(variables), without_empty(variables))
    except InvalidArgumentError as error:
        raise SystemExit(str(error)) from None


def _settings(environment: Environment, given: Mapping[str, str]) -> Settings:
    common = Settings(
        environment=environment.name,
        target=Target(python_version="3.13", architecture="arm64"),
        ai_backend=choice(given, "AI_BACKEND", get_args(AiBackend)),
        region=environment.region,
        allowed_account_ids=environment.allowed_account_ids,
        endpoint_url=environment.endpoint_url,
        alarm_emails=_listed(given.get("ALARM_EMAILS", "")),
        monthly_budget_usd=_dollars(given, "MONTHLY_BUDGET_USD", default=DEFAULT_BUDGET_USD),
        threat_protection=choice(given, "THREAT_PROTECTION", ("off", "on")) == "on",
        allowed_origins=_listed(given.get("ALLOWED_ORIGINS", "")),
    )
    match environment.name:
        case "local":
            return replace(
                common,
                target=Target.this_machine(),
                hardened=False,
                password_sign_in=True,
                allowed_origins=common.allowed_origins or ("http://localhost:3000",),
                calls_back=False,
                requests_per_minute=10_000,
            )
        case "dev":
            return common
        case "prod":
            return _prod(common, given)


def _prod(common: Settings, given: Mapping[str, str]) -> Settings:
    def bucket(variable: str, what: str) -> str:
        return given.get(variable, f"{PROJECT}-{what}-{{account}}-{common.region}")

    if "STATE_BUCKET" not in given:
        raise InvalidArgumentError(
            "STATE_BUCKET",
            "is not set, and prod keeps Terraform's state in S3",
            "create a private bucket with versioning and set STATE_BUCKET to its name",
        )
    return replace(
        common,
        log_retention_days=365,
        keeps_data=True,
        mfa="ON",
        default_concurrency=20,
        concurrency={"orchestrator": 50, "jobs-finish": 10},
        archive_bucket=bucket("ARCHIVE_BUCKET", "archives"),
        payload_bucket=bucket("PAYLOAD_BUCKET", "payloads"),
        state=S3State(bucket=given["STATE_BUCKET"], key=f"{PROJECT}-prod.tfstate", region=common.region),
    )


def _dollars(given: Mapping[str, str], variable: str, *, default: int) -> int:
    value = given.get(variable, str(default))
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 1_000_000):
        raise InvalidArgumentError(
            variable, f"{value!r} is not a number of dollars", f"set 1-1000000. Default: {default}"
        )
    return int(value)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.replace(" ", "").split(",")))
