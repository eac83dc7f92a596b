"""The AI orchestrator: what is deployed, on one page.

`python main.py`, or `cdktf synth`, writes the Terraform JSON to `cdktf.out`. Which environment it is for is said
by ENVIRONMENT (local, dev or prod; local where nothing is said).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cdktf import App, TerraformOutput
from constructs import Construct

from constructs_lib import (
    ApiGatewayAccount,
    ArchiveBucket,
    AwsStack,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    LambdaArchive,
    LambdaIntegration,
    PolicyStatement,
    Public,
    RestApi,
    Stage,
    Target,
    Throttle,
)

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between environments.

    Attributes:
        environment: The name, part of the names of all resources but the REST API.
        target: The Python and the architecture that the archives are built for.
        ai_backend: `local` runs the models inside the functions; `aws` calls Rekognition, Comprehend and Bedrock. It is
            what AI_BACKEND says, and `local` where it says nothing.
        log_retention_days: How long the log groups keep what is logged.
        sets_api_gateway_account: Whether this stack lets API Gateway write logs in the account and region. There is one
            such setting in each, so where another stack has made it, say False here.
        keep_archives: Whether the bucket with the Lambda archives refuses to be destroyed while it holds any.
        endpoint_url: The local cloud, where the API is deployed to one.
        region: The AWS region.
    """

    environment: Literal["local", "dev", "prod"]
    target: Target
    ai_backend: Literal["local", "aws"] = "local"
    log_retention_days: Literal[30, 365] = 30
    sets_api_gateway_account: bool = True
    keep_archives: bool = False
    endpoint_url: str | None = None
    region: str = "us-east-1"


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Returns the settings of the environment that the variables name.

    Raises:
        SystemExit: ENVIRONMENT is none of local, dev and prod, or AI_BACKEND is neither local nor aws.
    """
    environment = variables.get("ENVIRONMENT") or "local"
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
    )
    match environment:
        case "local":
            endpoint = variables.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566"
            return replace(common, environment="local", target=Target.this_machine(), endpoint_url=endpoint)
        case "dev":
            return common
        case "prod":
            return replace(common, environment="prod", log_retention_days=365, keep_archives=True)
        case other:
            raise SystemExit(
                f"ENVIRONMENT is {other!r}: set it to local, dev or prod, or leave it out for local"
            )


class AiOrchestrator(AwsStack):
    """One REST API, `aiOrchestratorApi`, in front of the functions that run the AI."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(
            scope,
            "ai-orchestrator",
            region=settings.region,
            state_path=f"terraform.ai-orchestrator.{settings.environment}.tfstate",
            default_tags={"Project": "ai-orchestrator", "Environment": settings.environment},
        )
        self._settings = settings
        self._archives = ArchiveBucket(self, "archives", force_destroy=not settings.keep_archives)

        services = {
            "vision": self._function("vision", memory_mb=2048),
            "language": self._function("language", memory_mb=1536),
            "embeddings": self._function("embeddings", memory_mb=1024),
        }
        if settings.ai_backend == "aws":
            self._allow_ai_services(services)
        functions = {name: function.qualified_arn for name, function in services.items()}
        orchestrator = self._function(
            "orchestrator",
            memory_mb=512,
            timeout_seconds=28,
            environment={"AI_SERVICES": json.dumps(functions)},
        )
        for function in services.values():
            function.grant_invoke(orchestrator)

        api = RestApi(self, "api", name="aiOrchestratorApi", binary_media_types=IMAGES)
        routes: list[tuple[Literal["ANY", "GET", "POST"], str, Function]] = [
            ("ANY", "/ai-service", orchestrator),
            ("GET", "/health", orchestrator),
            ("POST", "/vision/text", services["vision"]),
            ("POST", "/vision/labels", services["vision"]),
            ("POST", "/language/analysis", services["language"]),
            ("POST", "/embeddings", services["embeddings"]),
            ("POST", "/embeddings/similarity", services["embeddings"]),
        ]
        for method, path, function in routes:
            api.resource_for(path).add_method(method, LambdaIntegration(function), authorization=Public())

        sets_account = settings.sets_api_gateway_account
        account = ApiGatewayAccount(self, "account") if sets_account else ExistingApiGatewayAccount()
        deployment = Deployment(self, "deployment", api=api)
        stage = Stage(
            self,
            "stage",
            deployment=deployment,
            stage_name="prod",
            throttle=Throttle(rate_limit=100, burst_limit=200),
            account=account,
            execute_api_endpoint=settings.endpoint_url,
        )

        TerraformOutput(self, "invoke_url", value=stage.invoke_url)
        TerraformOutput(self, "rest_api_id", value=api.rest_api_id)
        TerraformOutput(self, "stage_name", value=stage.stage_name)
        named = {**services, "orchestrator": orchestrator}
        TerraformOutput(self, "function_names", value={name: f.function_name for name, f in named.items()})

    def _allow_ai_services(self, services: Mapping[str, Function]) -> None:
        """Lets the functions call AWS's AI services; Rekognition and Comprehend know no resources to scope this to."""
        titan = f"arn:aws:bedrock:{self._settings.region}::foundation-model/amazon.titan-embed-text-v2:0"
        detect = ("DetectDominantLanguage", "DetectEntities", "DetectKeyPhrases", "DetectSentiment")
        allowed = {
            "vision": PolicyStatement(
                actions=["rekognition:DetectLabels", "rekognition:DetectText"], resources=["*"]
            ),
            "language": PolicyStatement(
                actions=[f"comprehend:{action}" for action in detect], resources=["*"]
            ),
            "embeddings": PolicyStatement(actions=["bedrock:InvokeModel"], resources=[titan]),
        }
        for name, statement in allowed.items():
            services[name].role.add_policy("ai", statement)

    def _function(
        self,
        name: str,
        *,
        memory_mb: int,
        timeout_seconds: int = 25,
        environment: Mapping[str, str] | None = None,
    ) -> Function:
        return Function(
            self,
            name,
            function_name=f"ai-orchestrator-{self._settings.environment}-{name}",
            archive=LambdaArchive.from_package(f"handlers/{name}/package.toml", target=self._settings.target),
            handler=f"handlers.{name}.app.handler",
            code_bucket=self._archives,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            environment={"AI_BACKEND": self._settings.ai_backend, **(environment or {})},
            log_retention_days=self._settings.log_retention_days,
        )


def main() -> None:
    """Synthesizes the stack of the environment that ENVIRONMENT names."""
    app = App()
    AiOrchestrator(app, settings_from(os.environ))
    app.synth()


if __name__ == "__main__":
    main()
