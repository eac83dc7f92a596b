"""All-on stack: every construct with every feature, in which no check of the scan may fail.

    python -m tools.scan_all_on DIRECTORY

For the scan, the audit and their tests; it is never deployed. If a check does not fit main.py
(docs/security.md), this stack shows that the constructs can satisfy it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cdktf import App, TerraformOutput
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
    Cache,
    Canary,
    CircuitBreaker,
    CognitoAuthorizer,
    Cors,
    Dashboard,
    DeadLetterQueue,
    Deployment,
    DomainName,
    EncryptionKey,
    EventRule,
    Function,
    GatewayResponses,
    Gradual,
    HmacKey,
    IamAuthorization,
    Input,
    JobRunner,
    LambdaAuthorizer,
    LambdaIntegration,
    LambdaTask,
    LogGroup,
    PaidCalls,
    PayloadBucket,
    Queue,
    Quota,
    Replica,
    RestApi,
    S3State,
    SigningKey,
    StackDefaults,
    Stage,
    Step,
    StepFunctionsIntegration,
    Succeed,
    Table,
    Throttle,
    UsagePlan,
    UserPool,
    Variable,
    VpcAccess,
    WebAcl,
    Workflow,
)
from handlers.common.contract import Contract

STACK: Final = "all-on"
_ACCOUNT: Final = "123456789012"
_LARGE_BYTES: Final = 60_000_000
_OLD_VERSIONS_DAYS: Final = 90


class Order(BaseModel):
    """Body of POST /orders."""

    sku: str


class Picture(BaseModel):
    """Body of POST /scans and /images."""

    image: str


JOBS: Final = Contract("jobs", summary="Jobs.")
JOBS.get("/jobs/{job}", None, name="jobs.read", summary="Read a job.")
JOBS.post("/jobs/{job}", Picture, None, name="jobs.start", summary="Start a job.")


@dataclass(frozen=True, slots=True)
class _Target:
    runtime: str = "python3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archive:
    """A zip with one line of code. `zip_bytes` may claim that it is large."""

    name: str
    zip_path: Path
    zip_bytes: int = 200
    unpacked_bytes: int = 200
    handler: str | None = "app.handler"
    target: _Target = _Target()

    @property
    def digest(self) -> str:
        """The SHA-256 of the zip, in hexadecimal."""
        return hashlib.sha256(self.zip_path.read_bytes()).hexdigest()

    @property
    def source_code_hash(self) -> str:
        """The same in base64."""
        return base64.b64encode(bytes.fromhex(self.digest)).decode()


class AllOn(AwsStack):
    """An API with every kind of authorization, key, log, alarm and protection, and workflows behind it.

    Args:
        scope: The app.
        directory: Folder for the zip that the functions run.
        definition: How the API is written; see `RestApi`.
        jobs: Whether the stack has a job. Checkov wants a VPC and signed code for each function, which `JobRunner` does
            not offer.
    """

    def __init__(
        self,
        scope: Construct,
        directory: Path,
        *,
        definition: Literal["resources", "openapi"] = "resources",
        jobs: bool = False,
    ) -> None:
        super().__init__(
            scope,
            STACK,
            region="us-east-1",
            state=S3State(bucket="company-states", key=f"{STACK}.tfstate", region="us-east-1"),
            defaults=StackDefaults(tags={"Project": STACK}),
        )
        self.encrypt_with(EncryptionKey(self, "key"))
        self._zip_path = _write_code(directory)
        self._bucket = ArchiveBucket(
            self,
            "archives",
            versioning=True,
            old_versions_days=_OLD_VERSIONS_DAYS,
            access_log_bucket="company-access-logs",
            events=True,
            replica=_copies("company-archives-copy"),
        )
        payloads = PayloadBucket(
            self,
            "payloads",
            expire_days=2,
            versioning=True,
            old_versions_days=1,
            access_log_bucket="company-access-logs",
            events=True,
            replica=_copies("company-payloads-copy"),
        )
        self._failed = DeadLetterQueue(self, "failed")
        self._dead_letters = DeadLetterQueue(self, "dead-letters")
        LogGroup(self, "audit", name="/all-on/audit")
        self.vision = self._function("vision", large=True, provisioned_concurrency=2)
        self.chat = self._function(
            "chat",
            environment={"VISION": json.dumps({"arn": self.vision.arn_by_name})},
            gradual=Gradual(stable_version="7", percent=10),
        )
        self.vision.grant_invoke(self.chat)
        self._guard = self._function("guard", snap_start=True)
        Table(self, "table", partition_key="customer", sort_key="order").grant(
            self.chat.role, "GetItem", "PutItem"
        )
        PayloadBucket(self, "old-payloads", existing="company-payloads", expire_days=None).grant(
            self.chat.role, "orders/", read=True
        )
        SigningKey(self, "callbacks").grant_sign(self.chat.role)
        self._claims_function = self._function("claims", timeout_seconds=5)
        HmacKey(self, "callers").grant_generate(self._claims_function.role)
        self.topic = AlarmTopic(self, "alarm-topic", emails=["ops@shop.example"])
        self.scan = Workflow(
            self,
            "scan",
            definition=reads(self.vision, CircuitBreaker(self, "vision-circuit")),
            timeout_seconds=20,
            include_execution_data=True,
            publish=True,
        )
        self._later = Workflow(
            self, "later", kind="STANDARD", definition=reads(self.vision), include_execution_data=True
        )
        EventRule(
            self,
            "ends",
            pattern={"source": ["aws.states"], "detail": {"stateMachineArn": [self._later.arn]}},
            function=self.chat,
            dead_letters=self._failed,
        )
        self._jobs = self._job_runner(payloads) if jobs else None
        self._deploy(self._rest_api(definition))
        self._watch()
        TerraformOutput(self, "invoke_url", value=self.stage.invoke_url)

    def _job_runner(self, payloads: PayloadBucket) -> JobRunner:
        runner = JobRunner(
            self,
            JOBS,
            payloads=payloads,
            archive=_Archive(name="jobs", zip_path=self._zip_path),
            finish_timeout_seconds=20,
        )
        runner.queue.alarm(self.topic)
        runner.add_workflow("scan", reads(self.vision))
        return runner

    def _rest_api(self, definition: Literal["resources", "openapi"]) -> RestApi:
        self._users = UserPool(
            self, "users", mfa="ON", threat_protection=True, pre_token_generation=self._claims_function
        )
        self._users.add_client("web", access_minutes=15)
        partners = LambdaAuthorizer(name="partners", function=self._guard)
        api = self.api = RestApi(
            self,
            "api",
            name="all-on",
            binary_media_types=["image/png"],
            default_authorization=CognitoAuthorizer(name="staff", user_pools=[self._users]),
            cors=Cors(origins=["https://shop.example"]),
            gateway_responses=GatewayResponses(),
            definition=definition,
        )
        orders = api.resource_for("/orders")
        self._order = orders.add_method(
            "POST", LambdaIntegration(self.chat), request_model=Order, api_key_required=True
        )
        orders.add_method("GET", LambdaIntegration(self.chat), authorization=partners)
        api.resource_for("/orders/{id}").add_method(
            "GET", LambdaIntegration(self.vision), request_parameters={"path.id": True}
        )
        api.resource_for("/images").add_method(
            "POST", LambdaIntegration(self.vision), authorization=partners, request_model=Picture
        )
        api.resource_for("/health").add_method(
            "GET", LambdaIntegration(self.vision), authorization=IamAuthorization()
        )
        api.resource_for("/scans").add_method(
            "POST", StepFunctionsIntegration(self.scan), request_model=Picture
        )
        if self._jobs:
            api.add_services(self._jobs)
        return api

    def _deploy(self, api: RestApi) -> None:
        self.stage = Stage(
            self,
            "stage",
            deployment=Deployment(self, "deployment", api=api, pinned_digest="9f86d081" * 8),
            canary=Canary(percent=10, deployment=Deployment(self, "tried", api=api)),
            stage_name="prod",
            account=ApiGatewayAccount(self, "account"),
            throttle=Throttle(rate_limit=20, burst_limit=40),
            cache=Cache(),
            client_certificate=True,
        )
        DomainName(
            self,
            "domain",
            domain_name="api.shop.example",
            stage=self.stage,
            base_path="v1",
            hosted_zone_id="Z0123456789ABCDEFGHIJ",
        )
        plan = UsagePlan(
            self,
            "plan",
            name="basic",
            stages=[self.stage],
            quota=Quota(limit=1000),
            method_throttles={self._order: Throttle(rate_limit=1, burst_limit=2)},
        )
        plan.add_tenant("acme")

    def _watch(self) -> None:
        functions, workflows = [self.chat, self.vision, self._guard], [self.scan, self._later]
        if self._jobs:
            functions += [self._jobs.function, self._jobs.finish_function]
            workflows += self._jobs.workflows
        WebAcl(
            self,
            "firewall",
            stages=[self.stage],
            user_pools=[self._users],
            large_body_paths=["/images", "/scans"],
        )
        Alarms(
            self,
            "alarms",
            topic=self.topic,
            stages=[self.stage],
            functions=functions,
            workflows=workflows,
            paid_calls={f"{STACK}-text": PaidCalls.of_rekognition("DetectText")},
        )
        Budget(self, "budget", topic=self.topic, monthly_usd=100)
        for queue in (self._failed, self._dead_letters):
            queue.alarm(self.topic)
        self.chat.consume(Queue(self, "changes", topic=self.topic), max_concurrency=5)
        Dashboard(self, "dashboard", stages=[self.stage], functions=functions, workflows=workflows)

    def _function(
        self,
        name: str,
        *,
        large: bool = False,
        timeout_seconds: int = 10,
        environment: Mapping[str, str] | None = None,
        gradual: Gradual | None = None,
        provisioned_concurrency: int | None = None,
        snap_start: bool = False,
    ) -> Function:
        return Function(
            self,
            name,
            archive=_Archive(name=name, zip_path=self._zip_path, zip_bytes=_LARGE_BYTES if large else 200),
            code_bucket=self._bucket,
            environment=environment or {"TABLE": "orders"},
            timeout_seconds=timeout_seconds,
            reserved_concurrency=10,
            provisioned_concurrency=provisioned_concurrency,
            gradual=gradual,
            snap_start=snap_start,
            asynchronous_calls=AsynchronousCalls(on_failure=self._failed, dead_letters=self._dead_letters),
            vpc=VpcAccess(
                subnet_ids=["subnet-0a1b2c3d", "subnet-4e5f6a7b"], security_group_ids=["sg-0c1d2e3f"]
            ),
            code_signing_config_arn=f"arn:aws:lambda:us-east-1:{_ACCOUNT}:code-signing-config:csc-0123456789abcdef0",
        )


def reads(vision: Function, breaker: CircuitBreaker | None = None) -> Step:
    """Return the steps of a workflow with one task."""
    text = LambdaTask("text", vision, input={"look": Input("body")}, timeout_seconds=15, result="text")
    guarded = text if breaker is None else breaker.around(text)
    return guarded >> Succeed("the text", output=Variable("text"))


def _copies(bucket: str) -> Replica:
    return Replica(
        bucket_arn=f"arn:aws:s3:::{bucket}",
        key_arn=f"arn:aws:kms:eu-west-1:{_ACCOUNT}:key/0f8a2b1c-1111-4222-8333-123456789abc",
    )


def _write_code(directory: Path) -> Path:
    """Write the zip that the functions run; return its path."""
    code = directory / "code.zip"
    with zipfile.ZipFile(code, "w") as archive:
        for module in ("app.py", "handlers/jobs/finish.py"):
            archive.writestr(zipfile.ZipInfo(module), "def handler(event, context): return event\n")
    return code


def synthesize(outdir: Path) -> Path:
    """Write the stack below `outdir`; return the directory of its `cdk.tf.json`."""
    outdir.mkdir(parents=True, exist_ok=True)
    app = App(outdir=str(outdir))
    AllOn(app, outdir)
    app.synth()
    return outdir / "stacks" / STACK


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(synthesize(Path(sys.argv[1])))
