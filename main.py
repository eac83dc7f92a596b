"""The AI orchestrator: what is deployed, on one page.

`python main.py`, or `cdktf synth`, writes the Terraform JSON to `cdktf.out`. Which environment it is for is said
by ENVIRONMENT (local, dev or prod; local where nothing is said).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cdktf import App, TerraformOutput
from constructs import Construct

from constructs_lib import (
    ArchiveBucket,
    AwsStack,
    Deployment,
    Function,
    LambdaArchive,
    LambdaIntegration,
    Public,
    RestApi,
    Stage,
    Target,
    Throttle,
)

IMAGES = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between environments.

    Attributes:
        environment: The name, part of the names of all resources but the REST API.
        target: The Python and the architecture that the archives are built for.
        ai_backend: `local` runs the models inside the functions; `aws` calls Rekognition, Comprehend and Bedrock.
        log_retention_days: How long the log groups keep what is logged.
        keep_archives: Whether the bucket with the Lambda archives refuses to be destroyed while it holds any.
        endpoint_url: The local cloud, where the API is deployed to one.
        region: The AWS region.
    """

    environment: Literal["local", "dev", "prod"]
    target: Target
    ai_backend: Literal["local", "aws"] = "local"
    log_retention_days: int = 30
    keep_archives: bool = False
    endpoint_url: str | None = None
    region: str = "us-east-1"


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Returns the settings of the environment that the variables name.

    Raises:
        SystemExit: ENVIRONMENT is none of local, dev and prod.
    """
    region = variables.get("AWS_REGION") or "us-east-1"
    lambda_target = Target(python_version="3.13", architecture="arm64")
    match variables.get("ENVIRONMENT", "local"):
        case "local":
            endpoint = variables.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566"
            return Settings(
                environment="local", target=Target.this_machine(), endpoint_url=endpoint, region=region
            )
        case "dev":
            return Settings(environment="dev", target=lambda_target, region=region)
        case "prod":
            return Settings(
                environment="prod",
                target=lambda_target,
                log_retention_days=365,
                keep_archives=True,
                region=region,
            )
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

        vision = self._function("vision", memory_mb=2048)
        language = self._function("language", memory_mb=1536)
        embeddings = self._function("embeddings", memory_mb=1024)
        services = {"vision": vision, "language": language, "embeddings": embeddings}
        orchestrator = self._function(
            "orchestrator",
            memory_mb=512,
            timeout_seconds=28,
            environment={"AI_SERVICES": json.dumps({name: f.qualified_arn for name, f in services.items()})},
        )
        for function in services.values():
            function.grant_invoke(orchestrator)

        api = RestApi(self, "api", name="aiOrchestratorApi", binary_media_types=IMAGES)
        for method, path, function in (
            ("ANY", "/ai-service", orchestrator),
            ("GET", "/health", orchestrator),
            ("POST", "/vision/text", vision),
            ("POST", "/vision/labels", vision),
            ("POST", "/language/analysis", language),
            ("POST", "/embeddings", embeddings),
            ("POST", "/embeddings/similarity", embeddings),
        ):
            api.resource_for(path).add_method(method, LambdaIntegration(function), authorization=Public())

        deployment = Deployment(self, "deployment", api=api)
        stage = Stage(
            self,
            "stage",
            deployment=deployment,
            stage_name="prod",
            throttle=Throttle(rate_limit=100, burst_limit=200),
            execute_api_endpoint=settings.endpoint_url,
        )

        TerraformOutput(self, "invoke_url", value=stage.invoke_url)
        TerraformOutput(self, "rest_api_id", value=api.rest_api_id)
        TerraformOutput(self, "stage_name", value=stage.stage_name)
        TerraformOutput(
            self,
            "function_names",
            value={n: f.function_name for n, f in {**services, "orchestrator": orchestrator}.items()},
        )

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
