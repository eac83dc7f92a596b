"""A stack with everything that the constructs offer, for the tests that ask what must hold for all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from cdktf import TerraformOutput
from constructs import Construct
from pydantic import BaseModel

from constructs_lib import (
    Alarms,
    AlarmTopic,
    ApiGatewayAccount,
    ArchiveBucket,
    AsynchronousCalls,
    AwsStack,
    Budget,
    CircuitBreaker,
    CognitoAuthorizer,
    Cors,
    Dashboard,
    DeadLetterQueue,
    Deployment,
    DomainName,
    EncryptionKey,
    Function,
    GatewayResponses,
    HmacKey,
    IamAuthorization,
    Input,
    JobRunner,
    LambdaAuthorizer,
    LambdaIntegration,
    LambdaTask,
    PayloadBucket,
    Public,
    Quota,
    RestApi,
    StackDefaults,
    Stage,
    Step,
    StepFunctionsIntegration,
    Succeed,
    Throttle,
    UsagePlan,
    UserPool,
    Variable,
    WebAcl,
    Workflow,
)
from handlers.common.contract import Contract
from handlers.vision.contract import read_text
from tests.support.synthesis import FakeArchive

POOL = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_Staff"


class Order(BaseModel):
    sku: str


class Picture(BaseModel):
    image: str


jobs = Contract("jobs", summary="Jobs.")
jobs.get("/jobs/{job}", None, name="jobs.read", summary="Read a job.")
jobs.post("/jobs/{job}", Picture, None, name="jobs.start", summary="Start a job.")


class AllFeatures(AwsStack):
    """An API with every kind of authorization, key, model, log, alarm and guard, and workflows behind it."""

    def __init__(
        self, scope: Construct, archives: Path, definition: Literal["resources", "openapi"] = "resources"
    ) -> None:
        super().__init__(
            scope, "shop", region="eu-central-1", defaults=StackDefaults(tags={"project": "shop"})
        )
        key = EncryptionKey(self, "key")
        self.encrypt_with(key)
        self.bucket = ArchiveBucket(self, "archives")
        self.dead_letters = DeadLetterQueue(self, "dead-letters")
        self.vision = Function(
            self,
            "vision",
            archive=FakeArchive.make(archives, name="vision", zip_bytes=60_000_000),
            code_bucket=self.bucket,
            snap_start=True,
            asynchronous_calls=AsynchronousCalls(on_failure=self.dead_letters),
        )
        self.chat = Function(
            self,
            "chat",
            archive=FakeArchive.make(archives, name="chat"),
            environment={"VISION": json.dumps({"arn": self.vision.qualified_arn})},
            reserved_concurrency=10,
            provisioned_concurrency=2,
        )
        self.vision.grant_invoke(self.chat)
        topic = AlarmTopic(self, "alarm-topic", emails=["ops@shop.example"])
        breaker = CircuitBreaker(self, "vision-circuit")
        self.scan = Workflow(self, "scan", definition=reads(self.vision, breaker), timeout_seconds=20)
        runner = self._jobs(archives, topic)
        partners = LambdaAuthorizer(name="partners", function=self.chat)
        self.api = RestApi(
            self,
            "api",
            name="shop",
            binary_media_types=["image/png"],
            default_authorization=CognitoAuthorizer(name="staff", user_pools=[POOL]),
            cors=Cors(origins=["https://shop.example"]),
            gateway_responses=GatewayResponses(),
            definition=definition,
        )
        orders = self.api.resource_for("/orders")
        self.order = orders.add_method(
            "POST", LambdaIntegration(self.chat), request_model=Order, api_key_required=True
        )
        orders.add_method("GET", LambdaIntegration(self.chat), authorization=partners)
        self.api.resource_for("/orders/{id}").add_method(
            "GET", LambdaIntegration(self.vision), authorization=IamAuthorization()
        )
        self.api.resource_for("/health").add_method(
            "GET", LambdaIntegration(self.vision), authorization=Public()
        )
        self.api.resource_for("/scans").add_method(
            "POST", StepFunctionsIntegration(self.scan), request_model=Picture
        )
        self.api.add_services(runner)
        self.deployment = Deployment(self, "deployment", api=self.api)
        self.stage = Stage(
            self,
            "stage",
            deployment=self.deployment,
            stage_name="prod",
            account=ApiGatewayAccount(self, "account"),
        )
        plan = UsagePlan(
            self,
            "plan",
            name="basic",
            stages=[self.stage],
            quota=Quota(limit=1000),
            method_throttles={self.order: Throttle(rate_limit=1, burst_limit=2)},
        )
        plan.add_tenant("acme")
        DomainName(
            self,
            "domain",
            domain_name="api.shop.example",
            stage=self.stage,
            base_path="v1",
            hosted_zone_id="Z0123456789ABCDEFGHIJ",
        )
        claims = Function(
            self, "claims", archive=FakeArchive.make(archives, name="claims"), timeout_seconds=5
        )
        HmacKey(self, "callers").grant_generate(claims.role)
        users = UserPool(self, "users", pre_token_generation=claims)
        users.add_client("web")
        WebAcl(self, "firewall", stages=[self.stage], user_pools=[users])
        Budget(self, "budget", topic=topic, monthly_usd=100)
        functions, workflows = (
            [self.chat, self.vision, runner.function, runner.finish_function],
            [self.scan, *runner.workflows],
        )
        Alarms(self, "alarms", topic=topic, stage=self.stage, functions=functions, workflows=workflows)
        self.dead_letters.alarm(topic)
        Dashboard(self, "dashboard", stage=self.stage, functions=functions, workflows=workflows)
        TerraformOutput(self, "invoke_url", value=self.stage.invoke_url)

    def _jobs(self, archives: Path, topic: AlarmTopic) -> JobRunner:
        payloads = PayloadBucket(self, "payloads", expire_days=2)
        runner = JobRunner(
            self,
            jobs,
            payloads=payloads,
            archive=FakeArchive.make(archives, name="jobs"),
            finish_timeout_seconds=20,
        )
        runner.queue.alarm(topic)
        runner.add_workflow("scan", reads(self.vision))
        return runner


def reads(vision: Function, breaker: CircuitBreaker | None = None) -> Step:
    """The steps of a workflow: one task."""
    text = LambdaTask(
        "text", vision, operation=read_text, input=Input("body"), timeout_seconds=15, result="text"
    )
    guarded = text if breaker is None else breaker.around(text)
    return guarded >> Succeed("the text", output=Variable("text"))
