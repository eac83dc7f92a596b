"""The AI orchestrator: everything that is deployed; see `settings.py` for local, dev and prod. Writes to `cdktf.out`."""

from __future__ import annotations

import os

from cdktf import App
from constructs import Construct

from constructs_lib import (
    AiService,
    AwsStack,
    CallerKey,
    ChatService,
    CircuitBreaker,
    CognitoAuthorizer,
    Dispatcher,
    EncryptionKey,
    Function,
    IamAuthorization,
    JobRunner,
    Meter,
    PayloadBucket,
    Protection,
    Quota,
    RestApi,
    RouteDocumentation,
    Throttle,
    TokenAuthorizer,
    UsagePlan,
    UserPool,
    WorkflowService,
)
from handlers.chat.contract import chat
from handlers.common.prices import Prices
from handlers.embeddings.contract import embeddings
from handlers.jobs.contract import jobs
from handlers.language.contract import language
from handlers.ledger.contract import ledger
from handlers.orchestrator.contract import orchestrator
from handlers.vision.contract import vision
from settings import PROJECT, Settings, settings_from
from workflows.contract import summarize_reliably, understand_document, workflows
from workflows.document import document, document_pages
from workflows.summary import summary


class AiOrchestrator(AwsStack):
    """AI services, workflows and jobs behind one REST API."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(
            scope, PROJECT, environment=settings.environment, state=settings.state, defaults=settings.defaults
        )
        if settings.hardened:
            self.encrypt_with(EncryptionKey(self, "key"))
        meter = self.meter_with(Meter(self, "meter", ledger, prices=Prices.from_file()))

        # Services: a Lambda function each. Routes, models and limits are in handlers/<name>/contract.py.
        services = [
            AiService(self, vision, memory_mb=2048),
            AiService(self, language, memory_mb=1536),
            AiService(self, embeddings, memory_mb=1024),
            # Add yours here.
        ]
        dispatcher = Dispatcher(self, orchestrator, services=services)
        vectors = dispatcher.services["embeddings"]
        models = ChatService(self, chat, routes=settings.model_routes, embeddings=vectors)

        # Workflows: several services in one answer.
        breaker = CircuitBreaker(self, "summary-model", failures=3, open_seconds=30)
        answers = WorkflowService(
            self,
            workflows,
            {
                understand_document: document(dispatcher.services),
                summarize_reliably: summary(dispatcher.services, breaker),
            },
        )

        # Jobs: workflows that run longer than a request.
        payloads = PayloadBucket(
            self, "payloads", existing=settings.payload_bucket, expire_days=settings.expire_days
        )
        runner = JobRunner(self, jobs, payloads=payloads, callbacks=settings.callbacks)
        runner.add_workflow("document", document_pages(dispatcher.services, runner), each="pages")

        # Callers: users sign in, partners have a token and a metered key, operators sign with IAM.
        caller_key = CallerKey(self, "caller-key")
        pool = UserPool(
            self,
            "users",
            mfa=settings.mfa,
            threat_protection=settings.threat_protection,
            pre_token_generation=caller_key.add_function(self, "claims"),
        )
        partners = TokenAuthorizer(self, "partners", caller_key=caller_key)

        # The APIs. Routes without an entry in `authorization` are for users. Models have an API of their own, which streams.
        users = CognitoAuthorizer(name="users", user_pools=[pool])
        api = RestApi(self, "api", name="aiOrchestratorApi", default_authorization=users)
        api.add_services(*services, runner, answers)
        api.add_services(
            dispatcher,
            authorization={"/partners/ai-service": partners, "/health": IamAuthorization()},
            api_key_required=["/partners/ai-service"],
        )
        api.resource_for("/ai-service").add_method(
            "ANY", dispatcher.integration, documentation=RouteDocumentation(hidden=True)
        )
        v1 = RestApi(self, "v1", name="aiOrchestratorV1", definition="openapi", default_authorization=users)
        v1.add_services(models, meter, authorization={"/v1/usage/all": IamAuthorization()})
        stage, v1_stage = api.deploy("prod"), v1.deploy("prod")
        plan = UsagePlan(self, "plan", stages=[stage], throttle=Throttle(10, 20), quota=Quota(10_000, "DAY"))
        if settings.hardened:
            Protection(self, "protection", monthly_usd=settings.monthly_usd, emails=settings.emails)
        self.output(
            invoke_url=stage.invoke_url,
            openai_base_url=f"{v1_stage.invoke_url}/v1",
            rest_api_id=api.rest_api_id,
            stage_name=stage.stage_name,
            user_pool_id=pool.pool_id,
            user_pool_client_id=pool.add_client("cli", password_sign_in=settings.password_sign_in),
            partners_table=partners.table.table_name,
            partner_key_id=plan.add_tenant("acme").key_id,
            caller_key=f"alias/{caller_key.alias}",
            summary_circuit=breaker.name,
            workflow_arns={name: workflow.arn for name, workflow in answers.workflows.items()},
            function_names={one.short_name: one.function_name for one in self.find_all(Function)},
        )


def main() -> None:
    """Synthesize the stack for the environment that ENVIRONMENT names."""
    app = App()
    AiOrchestrator(app, settings_from(os.environ))
    app.synth()


if __name__ == "__main__":
    main()
