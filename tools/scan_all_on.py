"""The stack with every construct and everything turned on, in which no check of the scan may fail.

    python -m tools.scan_all_on DIRECTORY

It is for the scan: nobody deploys it. Where a check is wrong for the project's own use (docs/security.md), this shows
that the constructs can do what it asks for.
"""

from __future__ import annotations

import base64
import hashlib
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

STACK: Final = "all-on"
_ACCOUNT: Final = "123456789012"
_LARGE_BYTES: Final = 60_000_000


_KEPT: Final = 90
"""How many days the buckets keep what was overwritten or deleted."""


class Order(BaseModel):
    """What is posted."""

    sku: str


class Picture(BaseModel):
    """What is posted where no picture is."""

    image: str


@dataclass(frozen=True, slots=True)
class _Target:
    runtime: str = "python3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archive:
    """A zip with one line of code, which may claim to be a large one."""

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
    """Everything, and everything on."""

    def __init__(self, scope: Construct, zip_path: Path) -> None:
        super().__init__(
            scope,
            STACK,
            region="us-east-1",
            state=S3State(bucket="company-states", key=f"{STACK}.tfstate", region="us-east-1"),
            defaults=StackDefaults(tags={"Project": STACK}),
        )
        key = EncryptionKey(self, "key")
        self.encrypt_with(key)
        self._zip_path = zip_path
        self._bucket = ArchiveBucket(
            self,
            "archives",
            versioning=True,
            old_versions_days=_KEPT,
            access_log_bucket="company-access-logs",
            events=True,
            replica=_copies("company-archives-copy"),
        )
        self._payloads = PayloadBucket(
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
        orders = self._function("orders", gradual=Gradual(stable_version="7", percent=10))
        images = self._function("images", large=True, provisioned_concurrency=2)
        guard = self._function("guard", snap_start=True)
        images.grant_invoke(orders)
        Table(self, "table", partition_key="customer", sort_key="order").grant(
            orders.role, "GetItem", "PutItem"
        )
        PayloadBucket(self, "old-payloads", existing="company-payloads", expire_days=None).grant(
            orders.role, "orders/", read=True
        )
        SigningKey(self, "callbacks").grant_sign(orders.role)
        HmacKey(self, "callers").grant_generate(guard.role)
        topic = AlarmTopic(self, "alarm-topic", emails=["ops@shop.example"])
        looks_at = Workflow(
            self,
            "look",
            definition=_looks_at(images, CircuitBreaker(self, "images-circuit")),
            timeout_seconds=20,
            include_execution_data=True,
            publish=True,
        )
        later = Workflow(
            self, "later", kind="STANDARD", definition=_looks_at(images), include_execution_data=True
        )
        EventRule(
            self,
            "ends",
            pattern={"source": ["aws.states"], "detail": {"stateMachineArn": [later.arn]}},
            function=orders,
            dead_letters=self._failed,
        )
        functions, workflows = [orders, images, guard], [looks_at, later]
        stage = self._stage(orders, images, guard, looks_at)
        WebAcl(
            self, "firewall", stages=[stage], user_pools=[self._users], large_body_paths=["/images", "/looks"]
        )
        Alarms(
            self,
            "alarms",
            topic=topic,
            stage=stage,
            functions=functions,
            workflows=workflows,
            paid_calls={f"{STACK}-text": PaidCalls.of_rekognition("DetectText")},
        )
        Budget(self, "budget", topic=topic, monthly_usd=100)
        for queue in (self._failed, self._dead_letters):
            queue.alarm(topic)
        orders.consume(Queue(self, "changes", topic=topic), max_concurrency=5)
        Dashboard(self, "dashboard", stage=stage, functions=functions, workflows=workflows)
        TerraformOutput(self, "invoke_url", value=stage.invoke_url)

    def _stage(self, orders: Function, images: Function, guard: Function, looks_at: Workflow) -> Stage:
        users = self._users = UserPool(
            self,
            "users",
            mfa="ON",
            threat_protection=True,
            pre_token_generation=self._function("claims", timeout_seconds=5),
        )
        users.add_client("shop", access_minutes=15)
        staff = CognitoAuthorizer(name="staff", user_pools=[users])
        partners = LambdaAuthorizer(name="partners", function=guard)
        api = RestApi(
            self,
            "api",
            name="all-on",
            binary_media_types=["image/png"],
            default_authorization=staff,
            cors=Cors(origins=["https://shop.example"]),
            gateway_responses=GatewayResponses(),
        )
        api.resource_for("/health").add_method(
            "GET", LambdaIntegration(orders), authorization=IamAuthorization()
        )
        place = api.resource_for("/orders").add_method(
            "POST", LambdaIntegration(orders), request_model=Order, api_key_required=True
        )
        api.resource_for("/orders/{id}").add_method(
            "GET", LambdaIntegration(orders), request_parameters={"path.id": True}
        )
        api.resource_for("/images").add_method(
            "POST", LambdaIntegration(images), authorization=partners, request_model=Picture
        )
        api.resource_for("/looks").add_method(
            "POST", StepFunctionsIntegration(looks_at), request_model=Picture
        )
        stage = Stage(
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
            stage=stage,
            hosted_zone_id="Z0123456789ABCDEFGHIJ",
        )
        plan = UsagePlan(
            self,
            "plan",
            name="basic",
            stages=[stage],
            quota=Quota(limit=1000),
            method_throttles={place: Throttle(rate_limit=1, burst_limit=2)},
        )
        plan.add_tenant("acme")
        return stage

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


def _looks_at(images: Function, breaker: CircuitBreaker | None = None) -> Step:
    look = LambdaTask("look", images, input={"look": Input("body")}, timeout_seconds=15, result="seen")
    guarded = look if breaker is None else breaker.around(look)
    return guarded >> Succeed("seen", output=Variable("seen"))


def _copies(bucket: str) -> Replica:
    return Replica(
        bucket_arn=f"arn:aws:s3:::{bucket}",
        key_arn=f"arn:aws:kms:eu-west-1:{_ACCOUNT}:key/0f8a2b1c-1111-4222-8333-123456789abc",
    )


def synthesize(outdir: Path) -> Path:
    """Write the stack below `outdir`; return the directory of its `cdk.tf.json`."""
    outdir.mkdir(parents=True, exist_ok=True)
    code = outdir / "code.zip"
    with zipfile.ZipFile(code, "w") as written:
        written.writestr(zipfile.ZipInfo("app.py"), "def handler(event, context): return event\n")
    app = App(outdir=str(outdir))
    AllOn(app, code)
    app.synth()
    return outdir / "stacks" / STACK


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(synthesize(Path(sys.argv[1])))
