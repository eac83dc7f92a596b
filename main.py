"""The AI orchestrator: what is deployed, on one page.

`python main.py`, or `cdktf synth`, writes the Terraform JSON to `cdktf.out`, for the environment that ENVIRONMENT
names (local, dev or prod; see `settings.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cdktf import App, TerraformOutput
from constructs import Construct

from constructs_lib import (
    AccessLog,
    AlarmTopic,
    ApiGatewayAccount,
    ArchiveBucket,
    AwsStack,
    CallerLimit,
    CircuitBreaker,
    CognitoAuthorizer,
    Cors,
    Deployment,
    EncryptionKey,
    ExistingApiGatewayAccount,
    Function,
    GatewayResponses,
    HmacKey,
    IamAuthorization,
    Jobs,
    LambdaArchive,
    LambdaAuthorizer,
    LambdaIntegration,
    PaidCalls,
    PayloadBucket,
    PolicyStatement,
    Quota,
    RestApi,
    RouteDocumentation,
    Stage,
    Step,
    StepFunctionsIntegration,
    Table,
    Throttle,
    UsagePlan,
    UserPool,
    Workflow,
)
from handlers.common.contract import Contract
from handlers.common.summary import SummaryRequest, SummaryResponse
from handlers.embeddings.contract import embeddings
from handlers.jobs.contract import jobs
from handlers.language.contract import language
from handlers.orchestrator.contract import orchestrator
from handlers.vision.contract import vision
from settings import Settings, settings_from
from workflows.document import document, document_pages
from workflows.models import DocumentRequest, DocumentResponse
from workflows.summary import summary


class AiOrchestrator(AwsStack):
    """One REST API, `aiOrchestratorApi`, in front of the functions and workflows that run the AI."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        state_path = f"terraform.ai-orchestrator.{settings.environment}.tfstate"
        super().__init__(
            scope,
            "ai-orchestrator",
            region=settings.region,
            allowed_account_ids=settings.allowed_account_ids,
            state=settings.state,
            state_path=None if settings.state else state_path,
            default_tags={"Project": "ai-orchestrator", "Environment": settings.environment},
        )
        self._settings = settings
        self._functions: dict[str, Function] = {}
        self._workflows: list[Workflow] = []
        self._topic: AlarmTopic | None = None
        self._paid_calls: dict[str, PaidCalls] = {}
        if settings.hardened:
            self.encrypt_with(EncryptionKey(self, "key", alias=settings.name))
            self._topic = AlarmTopic(
                self, "alarm-topic", name=f"{settings.name}-alarms", emails=settings.alarm_emails
            )
        self._archives = self._archive_bucket()
        self._payloads = self._payload_bucket()

        self._limit = CallerLimit(
            self,
            "callers",
            table_name=f"{settings.name}-callers",
            requests_per_minute=settings.requests_per_minute,
            deletion_protection=settings.keeps_data,
        )

        # The services: one Lambda function each. Routes, models and limits are in handlers/<name>/contract.py.
        memory_mb = {
            vision: 2048,
            language: 1536,
            embeddings: 1024,
            # Add yours here.
        }
        services = {contract.name: self._service(contract, size) for contract, size in memory_mb.items()}
        dispatcher = self._dispatcher(memory_mb, services)

        # What takes several services, each a file of workflows/: within the request, and as jobs.
        reads_document = self._workflow("document", document(services))
        breaker = self._breaker("summary-model")
        summarizes = self._workflow(
            "summary",
            summary(services, breaker),
        )
        jobs_api = self._jobs({"document": (lambda jobs: document_pages(services, jobs), "pages")})

        # Who called is in the logs as a hash, by which a use can be found and a person not.
        self._caller_key = HmacKey(self, "caller-key", alias=f"{settings.name}-callers")
        # Who may call: users sign in, partners have a token and a metered key, operators sign with IAM.
        user, user_outputs = self._users()
        partner, partner_outputs = self._partners()
        operator = IamAuthorization()

        api = RestApi(
            self,
            "api",
            name="aiOrchestratorApi",
            default_authorization=user,
            cors=Cors(origins=settings.allowed_origins) if settings.allowed_origins else None,
            gateway_responses=GatewayResponses(),
        )
        for contract in memory_mb:
            api.add_service(contract, LambdaIntegration(services[contract.name]))
        api.add_service(jobs, LambdaIntegration(jobs_api))
        api.add_service(
            orchestrator,
            LambdaIntegration(dispatcher),
            authorization={"/partners/ai-service": partner, "/health": operator},
            api_key_required=["/partners/ai-service"],
        )
        api.resource_for("/ai-service").add_method(
            "ANY",
            LambdaIntegration(dispatcher),
            documentation=RouteDocumentation(
                hidden=True, tag=orchestrator.name, summary="Answer other methods with 405."
            ),
        )
        api.resource_for("/workflows/document").add_method(
            "POST",
            StepFunctionsIntegration(reads_document),
            request_model=DocumentRequest,
            response_model=DocumentResponse,
            documentation=RouteDocumentation(
                operation_id="workflows_document",
                summary="Read the text of an image, then analyse, embed and summarize it.",
                tag="workflows",
            ),
        )
        api.resource_for("/workflows/summary").add_method(
            "POST",
            StepFunctionsIntegration(summarizes),
            request_model=SummaryRequest,
            response_model=SummaryResponse,
            documentation=RouteDocumentation(
                operation_id="workflows_summary",
                summary="Summarize a text, with a second service if the first one fails.",
                tag="workflows",
            ),
        )

        stage = self._stage(api)
        plan = UsagePlan(
            self,
            "partner-plan",
            name=f"{settings.name}-partners",
            stages=[stage],
            throttle=Throttle(rate_limit=10, burst_limit=20),
            quota=Quota(limit=10_000, period="DAY"),
        )
        if self._topic is not None:
            self._watch_and_protect(stage, self._topic)
        outputs: dict[str, Any] = {
            "invoke_url": stage.invoke_url,
            "rest_api_id": api.rest_api_id,
            "stage_name": stage.stage_name,
            "function_names": {name: function.function_name for name, function in self._functions.items()},
            "workflow_arns": {"document": reads_document.arn, "summary": summarizes.arn},
            "summary_circuit": breaker.name,
            "caller_key": f"alias/{self._caller_key.alias}",
            "partner_key_id": plan.add_tenant("acme").key_id,
            **user_outputs,
            **partner_outputs,
        }
        for name, value in outputs.items():
            TerraformOutput(self, name, value=value)

    def _service(self, contract: Contract, memory_mb: int) -> Function:
        """Add the function of a service; with AI_BACKEND=aws it may call the AI services that its contract names."""
        function = self._function(contract.name, memory_mb=memory_mb, limited=True)
        if self._settings.ai_backend == "aws":
            self._allow_aws_backend(function, contract)
        return function

    def _dispatcher(self, contracts: Iterable[Contract], services: Mapping[str, Function]) -> Function:
        """The function that lists the services and calls them by name."""
        arns = {name: service.qualified_arn for name, service in services.items()}
        catalogue = [operation.describe() for contract in contracts for operation in contract]
        dispatcher = self._function(
            "orchestrator",
            memory_mb=512,
            timeout_seconds=28,
            environment={"AI_SERVICES": json.dumps(arns)},
            generated={
                "handlers/orchestrator/catalogue.json": json.dumps(catalogue, ensure_ascii=False).encode()
            },
            limited=True,
        )
        for service in services.values():
            service.grant_invoke(dispatcher)
        return dispatcher

    def _workflow(self, name: str, steps: Step) -> Workflow:
        """A workflow that answers within the request."""
        made = Workflow(
            self,
            f"{name}-workflow",
            workflow_name=f"{self._settings.name}-{name}",
            definition=self._limit.before(steps),
            timeout_seconds=27,
            log_retention_days=self._settings.log_retention_days,
        )
        self._workflows.append(made)
        return made

    def _breaker(self, name: str) -> CircuitBreaker:
        """What has a service left alone for half a minute after it has failed three times in a row."""
        return CircuitBreaker(
            self,
            name,
            name=f"{self._settings.name}-{name}",
            failures=3,
            open_seconds=30,
            deletion_protection=self._settings.keeps_data,
        )

    def _jobs(self, workflows: Mapping[str, tuple[Callable[[Jobs], Step], str | None]]) -> Function:
        """The workflows that take longer than a request; returns the function that starts them and says how they are."""
        jobs = Jobs(
            self,
            "background",
            name=f"{self._settings.name}-jobs",
            payloads=self._payloads,
            max_running_per_caller=self._settings.running_jobs_per_caller,
            callbacks=self._settings.calls_back,
            deletion_protection=self._settings.keeps_data,
            log_retention_days=self._settings.log_retention_days,
            topic=self._topic,
        )
        finish = self._function(
            "jobs-finish",
            folder="jobs",
            handler="handlers.jobs.finish.handler",
            memory_mb=512,
            environment=jobs.finish_environment,
        )
        jobs.use_finish(finish)
        for name, (steps, each) in workflows.items():
            self._workflows.append(jobs.add_workflow(name, steps(jobs), each=each))
        api = self._function("jobs", memory_mb=512, environment=jobs.api_environment, limited=True)
        jobs.serve(api)
        return api

    def _users(self) -> tuple[CognitoAuthorizer, dict[str, str]]:
        """Users who sign in; the outputs say where."""
        self._pool = pool = UserPool(
            self,
            "users",
            name=self._settings.name,
            deletion_protection=self._settings.keeps_data,
            mfa=self._settings.mfa,
            threat_protection=self._settings.threat_protection,
            pre_token_generation=self._hashes_callers("users-claims", folder="users"),
        )
        client_id = pool.add_client("cli", password_sign_in=self._settings.password_sign_in)
        outputs = {"user_pool_id": pool.pool_id, "user_pool_client_id": client_id}
        return CognitoAuthorizer(name="users", user_pools=[pool]), outputs

    def _partners(self) -> tuple[LambdaAuthorizer, dict[str, str]]:
        """Partners with a token of their own, which belongs to one API key; the outputs name the table of the tokens."""
        tokens = Table(
            self,
            "partner-tokens",
            table_name=f"{self._settings.name}-partner-tokens",
            partition_key="token_sha256",
            ttl_attribute="expires_at",
            deletion_protection=self._settings.keeps_data,
        )
        authorizer = self._hashes_callers("partners", environment={"PARTNERS_TABLE": tokens.table_name})
        tokens.grant(authorizer.role, "GetItem")
        outputs = {"partners_table": tokens.table_name}
        partner = LambdaAuthorizer(
            name="partners",
            function=authorizer,
            kind="REQUEST",
            identity_sources=["method.request.header.Authorization", "method.request.header.x-api-key"],
        )
        return partner, outputs

    def _hashes_callers(
        self, name: str, *, folder: str | None = None, environment: Mapping[str, str] | None = None
    ) -> Function:
        """A function that callers wait for before they are served, and that hashes who they are for the logs."""
        function = self._function(
            name,
            folder=folder,
            memory_mb=512,
            timeout_seconds=5,
            environment={"CALLER_KEY_ID": self._caller_key.arn, **(environment or {})},
        )
        self._caller_key.grant_generate(function.role)
        return function

    def _stage(self, api: RestApi) -> Stage:
        sets_account = self._settings.sets_api_gateway_account
        return Stage(
            self,
            "stage",
            deployment=Deployment(self, "deployment", api=api),
            stage_name="prod",
            throttle=Throttle(rate_limit=100, burst_limit=200),
            account=ApiGatewayAccount(self, "account") if sets_account else ExistingApiGatewayAccount(),
            access_log=AccessLog(callers=True, retention_days=self._settings.log_retention_days),
            execute_api_endpoint=self._settings.endpoint_url,
        )

    def _archive_bucket(self) -> ArchiveBucket:
        existing = self._settings.archive_bucket
        if existing is None:
            return ArchiveBucket(self, "archives", force_destroy=True)
        return ArchiveBucket.from_bucket_name(self, "archives", self._named(existing))

    def _payload_bucket(self) -> PayloadBucket:
        existing = self._settings.payload_bucket
        return PayloadBucket(
            self,
            "payloads",
            existing=None if existing is None else self._named(existing),
            # The local cloud forgets everything when it stops.
            expire_days=None if self._settings.environment == "local" else 2,
            force_destroy=True,
        )

    def _named(self, bucket: str) -> str:
        return bucket.replace("{account}", self.account_id) if "{account}" in bucket else bucket

    def _watch_and_protect(self, stage: Stage, topic: AlarmTopic) -> None:
        # Not at the top: the bindings of a firewall take longer to load than all else.
        from constructs_lib import Alarms, Budget, Dashboard, WebAcl

        name, functions, workflows = self._settings.name, tuple(self._functions.values()), self._workflows
        WebAcl(
            self,
            "firewall",
            name=name,
            stages=[stage],
            user_pools=[self._pool],
            log_retention_days=self._settings.log_retention_days,
        )
        Alarms(
            self,
            "alarms",
            topic=topic,
            stage=stage,
            functions=functions,
            workflows=workflows,
            paid_calls=self._paid_calls,
        )
        Budget(
            self,
            "budget",
            topic=topic,
            monthly_usd=self._settings.monthly_budget_usd,
            name=f"{name}-monthly",
        )
        Dashboard(self, "dashboard", name=name, stage=stage, functions=functions, workflows=workflows)

    def _allow_aws_backend(self, function: Function, contract: Contract) -> None:
        """Let a function call the AI services of AWS that its contract names."""
        statements = []
        self._paid_calls.update(_paid_calls(self._settings.name, function, contract))
        if contract.aws_actions:
            # Rekognition and Comprehend have no resources to scope this to.
            statements.append(PolicyStatement(actions=contract.aws_actions, resources=["*"]))
        if contract.bedrock_models:
            models = f"arn:aws:bedrock:{self._settings.region}::foundation-model"
            resources = [f"{models}/{model}" for model in contract.bedrock_models]
            statements.append(PolicyStatement(actions=["bedrock:InvokeModel"], resources=resources))
        if statements:
            function.role.add_policy("ai", *statements)

    def _function(
        self,
        name: str,
        *,
        memory_mb: int,
        timeout_seconds: int = 25,
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
        handler: str | None = None,
        generated: Mapping[str, bytes] | None = None,
        limited: bool = False,
    ) -> Function:
        """The function of a folder of handlers/; one that is `limited` counts the requests of users."""
        settings, source = self._settings, folder or name
        made = Function(
            self,
            name,
            function_name=f"{settings.name}-{name}",
            archive=LambdaArchive.from_package(
                f"handlers/{source}/package.toml", target=settings.target, generated=generated
            ),
            handler=handler or f"handlers.{source}.app.handler",
            code_bucket=self._archives,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            environment={
                "AI_BACKEND": settings.ai_backend,
                "CORS_ALLOWED_ORIGINS": ",".join(settings.allowed_origins),
                **(environment or {}),
                **(self._limit.environment if limited else {}),
            },
            log_retention_days=settings.log_retention_days,
            reserved_concurrency=settings.concurrency.get(name, settings.default_concurrency),
        )
        if limited:
            self._limit.grant_count(made)
        self._functions[name] = made
        return made


def _paid_calls(name: str, function: Function, contract: Contract) -> dict[str, PaidCalls]:
    """The calls of AWS's AI services that a service makes, by the names of their alarms."""
    calls = {}
    for action in contract.aws_actions:
        service, _, operation = action.partition(":")
        if service == "rekognition":
            calls[f"{name}-rekognition-{operation}"] = PaidCalls.of_rekognition(operation)
        else:
            calls[f"{name}-{service}"] = PaidCalls.of_function(function, service)
    for model in contract.bedrock_models:
        calls[f"{name}-bedrock-{model}"] = PaidCalls.of_bedrock(model)
    return calls


def main() -> None:
    """Synthesizes the stack of the environment that ENVIRONMENT names."""
    app = App()
    AiOrchestrator(app, settings_from(os.environ))
    app.synth()


if __name__ == "__main__":
    main()
