"""Settings that differ between the environments, and the environment variables that set them.

ENVIRONMENT, AWS_REGION, AWS_ACCOUNT_ID, LOCAL_CLOUD_PORT and AWS_ENDPOINT_URL are those of every deployment: see
`constructs_lib/environment.py`. An empty variable counts as unset.

AI_BACKEND           local: the models run inside the functions; aws: they call Rekognition, Comprehend and Bedrock.
                     Default: local.
MODEL_BASE_URL       local: address of a server with OpenAI's protocol, such as http://127.0.0.1:8080/v1, which answers the
                     model `server` while it is up; the model inside the function answers otherwise, and the model `fast`.
                     Default: http://127.0.0.1:11434/v1, where Ollama listens.
MODEL_NAME           local: name of the model at that address. Default: qwen3.
ALLOWED_ORIGINS      Web pages that may call the API from a browser (CORS), separated by commas, such as
                     https://shop.example. Default: http://localhost:3000 in local, none in dev and prod.
ALARM_EMAILS         dev, prod: addresses to notify of alarms, separated by commas. Default: none.
MONTHLY_BUDGET_USD   dev, prod: costs of the AWS account in a month, in US dollars, 1-1000000. ALARM_EMAILS are notified at
                     80 %, at 100 %, and when AWS forecasts more. Default: 100.
THREAT_PROTECTION    on: Cognito blocks sign-ins with leaked passwords and unusual ones, for a price per user; off.
                     Default: off.
STATE_BUCKET         prod: S3 bucket for Terraform's state. Must exist.
                     Default: ai-orchestrator-state-ACCOUNT-REGION with AWS_ACCOUNT_ID; otherwise required.
ARCHIVE_BUCKET       prod: S3 bucket for Lambda archives. Must exist.
                     Default: ai-orchestrator-archives-ACCOUNT-REGION.
PAYLOAD_BUCKET       prod: S3 bucket for the input and output of jobs, whose objects expire. Must exist.
                     Default: ai-orchestrator-payloads-ACCOUNT-REGION.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypedDict, get_args

from constructs_lib import (
    Authorization,
    BedrockModel,
    Environment,
    Guardrail,
    InvalidArgumentError,
    ModelRoute,
    OfflineModel,
    OpenAiModel,
    Public,
    S3State,
    StackDefaults,
    UsageLimit,
)
from constructs_lib.checks import check_email
from constructs_lib.environment import choice, without_empty
from constructs_lib.stack_defaults import AiBackend

if TYPE_CHECKING:
    from constructs_lib.authorization.user_pool import Mfa
    from constructs_lib.patterns.guardrail import GuardrailAction

PROJECT: Final = "ai-orchestrator"
DEFAULT_BUDGET_USD: Final = 100
PAYLOAD_DAYS: Final = 2
"""Days after which the input and output of jobs expire."""
PERSONAL_DATA: Final[Mapping[str, GuardrailAction]] = {
    "PHONE": "MASK",
    "EMAIL": "MASK",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "MASK",
    "CREDIT_DEBIT_CARD_NUMBER": "BLOCK",
}
"""Personal data that the models of the route `guarded` neither read nor write."""
VARIABLES: Final = (
    "AI_BACKEND",
    "MODEL_BASE_URL",
    "MODEL_NAME",
    "ALLOWED_ORIGINS",
    "ALARM_EMAILS",
    "MONTHLY_BUDGET_USD",
    "THREAT_PROTECTION",
    "STATE_BUCKET",
    "ARCHIVE_BUCKET",
    "PAYLOAD_BUCKET",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one environment.

    Attributes:
        environment: Name, region and account; for the local cloud its URL.
        defaults: Defaults for all constructs of the stack.
        state: S3 state of Terraform. Default: a file beside `main.py`.
        model_routes: Models behind `/v1/chat/completions`, by the names that requests use.
        hardened: Whether the stack has a key of its own, a web ACL, alarms and a dashboard. The local cloud has none of
            them. Default: True.
        emails: Addresses to notify of alarms. Default: none.
        monthly_usd: Costs of the AWS account in a month, in US dollars, above which `emails` are notified.
            Default: 100.
        payload_bucket: Name of an existing bucket for the input and output of jobs. Default: one of the stack's own.
        expire_days: Days after which objects of that bucket expire. Default: 2. None: the local cloud forgets
            everything when it stops.
        password_sign_in: Whether users may send their password to Cognito (`USER_PASSWORD_AUTH`), as tests do. Default:
            False; users prove that they have it (SRP).
        mfa: Whether users need a second factor, a code of an authenticator app. Default: `OPTIONAL`.
        threat_protection: Whether Cognito blocks sign-ins with leaked passwords and unusual sign-ins. Default: False.
        requests_per_minute: Requests of a user in a minute. On the local cloud as many as the stage takes of all
            callers, for tests and demos that call as one user. Default: 300.
        user_usd_per_day: What each user may use of all services in a day, in US dollars. Default: 5.
        callbacks: Whether clients of jobs may have an address called. Not from the local cloud, which must not reach
            another machine. Default: True.
        docs: Authorization of the documentation page at `/docs`. Default: none; there is no page. Everybody may open that
            of the local cloud and of dev.
    """

    environment: Environment
    defaults: StackDefaults
    model_routes: tuple[ModelRoute, ...]
    state: S3State | None = None
    hardened: bool = True
    emails: tuple[str, ...] = ()
    monthly_usd: int = DEFAULT_BUDGET_USD
    payload_bucket: str | None = None
    expire_days: int | None = PAYLOAD_DAYS
    password_sign_in: bool = False
    mfa: Mfa = "OPTIONAL"
    threat_protection: bool = False
    requests_per_minute: int = 300
    user_usd_per_day: int = 5
    callbacks: bool = True
    docs: Authorization | None = None

    @property
    def user_limits(self) -> tuple[UsageLimit, ...]:
        """Limits of each user of the pool."""
        return (
            UsageLimit("key", "minute", "requests", self.requests_per_minute),
            UsageLimit("key", "day", "usd", self.user_usd_per_day),
        )


def bucket_name(purpose: str, region: str) -> str:
    """Return the default name of a bucket that `bootstrap/` creates; `{account}` stands for the account's ID."""
    return f"{PROJECT}-{purpose}-{{account}}-{region}"


class _OfAll(TypedDict):
    emails: tuple[str, ...]
    monthly_usd: int
    threat_protection: bool


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Return the settings for environment variables, such as `os.environ`.

    Raises:
        SystemExit: A variable has a value that is not valid, or a required one is not set.
    """
    try:
        environment, given = Environment.from_variables(variables), without_empty(variables)
        return {"local": _local, "dev": _dev, "prod": _prod}[environment.name](environment, given)
    except InvalidArgumentError as error:
        raise SystemExit(str(error)) from None


def _defaults(environment: Environment, given: Mapping[str, str]) -> StackDefaults:
    """Return the defaults that all environments have in common."""
    return StackDefaults(
        tags=_tags(environment),
        direct_upload=False,
        ai_backend=choice(given, "AI_BACKEND", get_args(AiBackend)),
    )


def _local(environment: Environment, given: Mapping[str, str]) -> Settings:
    origins = _listed(given, "ALLOWED_ORIGINS") or ("http://localhost:3000",)
    defaults = replace(
        _defaults(environment, given),
        log_retention_days=30,
        deletion_protection=False,
        allowed_origins=origins,
    )
    return Settings(
        environment=environment,
        defaults=defaults,
        model_routes=_bedrock_routes(environment) if defaults.ai_backend == "aws" else _local_routes(given),
        hardened=False,
        expire_days=None,
        password_sign_in=True,
        requests_per_minute=10_000,
        user_usd_per_day=1_000,
        callbacks=False,
        docs=Public(),
        **_of_all(given),
    )


def _dev(environment: Environment, given: Mapping[str, str]) -> Settings:
    return Settings(
        environment=environment,
        defaults=replace(
            _defaults(environment, given),
            log_retention_days=30,
            deletion_protection=False,
            allowed_origins=_listed(given, "ALLOWED_ORIGINS"),
        ),
        model_routes=_bedrock_routes(environment),
        docs=Public(),
        **_of_all(given),
    )


def _prod(environment: Environment, given: Mapping[str, str]) -> Settings:
    def bucket(variable: str, purpose: str) -> str:
        return given.get(variable, bucket_name(purpose, environment.region))

    state_bucket = bucket("STATE_BUCKET", "state")
    if "{account}" in state_bucket:
        if environment.account_id is None:
            raise InvalidArgumentError(
                "STATE_BUCKET",
                "is not set, and prod stores Terraform's state in S3",
                "run `make bootstrap ENVIRONMENT=prod`, and set AWS_ACCOUNT_ID or STATE_BUCKET",
            )
        state_bucket = state_bucket.replace("{account}", environment.account_id)
    return Settings(
        environment=environment,
        defaults=replace(
            _defaults(environment, given),
            log_retention_days=365,
            archive_bucket=bucket("ARCHIVE_BUCKET", "archives"),
            allowed_origins=_listed(given, "ALLOWED_ORIGINS"),
            reserved_concurrency=20,
            # The authorizer runs before every request.
            reserved_concurrency_of={
                "orchestrator": 50,
                "chat-stream": 50,
                "jobs-finish": 10,
                "tenants-authorizer": 100,
            },
        ),
        model_routes=_bedrock_routes(environment),
        state=S3State(bucket=state_bucket, key=f"{PROJECT}-prod.tfstate", region=environment.region),
        payload_bucket=bucket("PAYLOAD_BUCKET", "payloads"),
        mfa="ON",
        **_of_all(given),
    )


def _bedrock_routes(environment: Environment) -> tuple[ModelRoute, ...]:
    # Attacks on a model cannot be judged without Bedrock.
    guardrail = Guardrail(personal_data=PERSONAL_DATA, prompt_attacks=not environment.is_local)
    nova = [BedrockModel("amazon.nova-lite-v1:0"), BedrockModel("amazon.nova-micro-v1:0")]
    return (ModelRoute("fast", nova, aliases=["agent"]), ModelRoute("guarded", nova, guardrail=guardrail))


def _local_routes(given: Mapping[str, str]) -> tuple[ModelRoute, ...]:
    base_url = given.get("MODEL_BASE_URL", "http://127.0.0.1:11434/v1")
    server = OpenAiModel(model=given.get("MODEL_NAME", "qwen3"), base_url=base_url)
    return (
        ModelRoute("fast", [OfflineModel()]),
        ModelRoute("server", [server, OfflineModel()]),
        ModelRoute("guarded", [OfflineModel()], guardrail=Guardrail(personal_data=PERSONAL_DATA)),
        # Without the small model, which makes up the arguments of tools.
        ModelRoute("agent", [server]),
    )


def _of_all(given: Mapping[str, str]) -> _OfAll:
    """Return the settings that all environments read."""
    emails = _listed(given, "ALARM_EMAILS")
    for address in emails:
        check_email("ALARM_EMAILS", address)
    return {
        "emails": emails,
        "monthly_usd": _dollars(given, "MONTHLY_BUDGET_USD", default=DEFAULT_BUDGET_USD),
        "threat_protection": choice(given, "THREAT_PROTECTION", ("off", "on")) == "on",
    }


def _tags(environment: Environment) -> dict[str, str]:
    return {"Project": PROJECT, "Environment": environment.name}


def _dollars(given: Mapping[str, str], variable: str, *, default: int) -> int:
    value = given.get(variable, str(default))
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 1_000_000):
        raise InvalidArgumentError(
            variable, f"{value!r} is not a number of dollars", f"set 1-1000000. Default: {default}"
        )
    return int(value)


def _listed(given: Mapping[str, str], variable: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in given.get(variable, "").split(","))))
