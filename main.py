"""The AI orchestrator: everything that is deployed; see `settings.py` for local, dev and prod. Writes to `cdktf.out`."""

from __future__ import annotations

import os

from cdktf import App
from constructs import Construct

from constructs_lib import (
    AiService,
    AwsStack,
    ChatService,
    CircuitBreaker,
    Dispatcher,
    EncryptionKey,
    Function,
    IamAuthorization,
    JobRunner,
    McpServer,
    Meter,
    PayloadBucket,
    Protection,
    Quota,
    RestApi,
    TenantAccess,
    Tenants,
    Throttle,
    UserPool,
    WorkflowService,
)
from handlers.chat.contract import chat
from handlers.common.prices import Prices
from handlers.embeddings.contract import embeddings
from handlers.jobs.contract import decide_approval, jobs
from handlers.language.contract import language
from handlers.ledger.contract import ledger, read_all_usage
from handlers.mcp.contract import mcp
from handlers.orchestrator.contract import orchestrator
from handlers.vision.contract import vision
from settings import PROJECT, Settings, settings_from
from workflows.contract import APPROVE, summarize_reliably, understand_document, workflows
from workflows.document import document, document_pages
from workflows.receipt import LONGEST_SECONDS, receipt
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
        vectors = AiService(self, embeddings, memory_mb=1024)
        models = ChatService(self, chat, routes=settings.model_routes, embeddings=vectors)
        services = [
            AiService(self, vision, memory_mb=2048),
            AiService(self, language, memory_mb=1536, calls={"chat": models}),
            vectors,
            # Add yours here.
        ]
        dispatcher = Dispatcher(self, orchestrator, services=services)
        functions = {**dispatcher.services, "chat": models}

        # Workflows: several services in one answer.
        breaker = CircuitBreaker(self, "summary-model", failures=3, open_seconds=30)
        answers = WorkflowService(
            self,
            workflows,
            {understand_document: document(functions), summarize_reliably: summary(functions, breaker)},
        )

        # Jobs: workflows that run longer than a request.
        payloads = PayloadBucket(
            self, "payloads", existing=settings.payload_bucket, expire_days=settings.expire_days
        )
        runner = JobRunner(self, jobs, payloads=payloads, callbacks=settings.callbacks)
        runner.add_workflow("document", document_pages(functions, runner), each="pages")
        runner.add_workflow("receipt", receipt(functions, models, runner), timeout_seconds=LONGEST_SECONDS)

        # All of these as tools of agents (MCP), but not what people decide.
        tools = McpServer(
            self,
            mcp,
            services=[*services, answers, runner, models, meter],
            exclude=[decide_approval, read_all_usage],
        )

        # Callers: users sign in, tenants have keys, operators sign with IAM.
        pool = UserPool(self, "users", mfa=settings.mfa, threat_protection=settings.threat_protection)
        client_id = pool.add_client("cli", password_sign_in=settings.password_sign_in)
        access = TenantAccess(limits=settings.user_limits)
        groups = {"approvers": TenantAccess(limits=settings.user_limits, scopes=[APPROVE])}
        tenants = Tenants(self, "tenants", users=pool, user_access=access, user_groups=groups)

        # The APIs. Routes without an entry in `authorization` are for users and tenants. Models have an API that streams.
        api = RestApi(self, "api", name="aiOrchestratorApi", default_authorization=tenants)
        api.add_services(*services, runner, answers, tools)
        api.add_services(dispatcher, authorization={"/health": IamAuthorization()})
        api.add_docs("/docs", authorization=settings.docs)
        v1 = RestApi(self, "v1", name="aiOrchestratorV1", definition="openapi", default_authorization=tenants)
        v1.add_services(models, meter, authorization={"/v1/usage/all": IamAuthorization()})
        stage, v1_stage = api.deploy("prod"), v1.deploy("prod")
        tenants.meter(stages=[stage, v1_stage], throttle=Throttle(10, 20), quota=Quota(10_000, "DAY"))
        if settings.hardened:
            Protection(self, "protection", monthly_usd=settings.monthly_usd, emails=settings.emails)
        self.output(
            invoke_url=stage.invoke_url,
            openai_base_url=f"{v1_stage.invoke_url}/v1",
            rest_api_id=api.rest_api_id,
            stage_name=stage.stage_name,
            user_pool_id=pool.pool_id,
            user_pool_client_id=client_id,
            tenants_table=tenants.table.table_name,
            ledger_table=meter.ledger.table_name,
            usage_plan_id=tenants.plan.plan_id,
            caller_key=f"alias/{tenants.caller_key.alias}",
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
