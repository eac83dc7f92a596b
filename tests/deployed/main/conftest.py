"""Calling the deployed functions themselves, past the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.browser import browser, context, page
from tests.support.deployment import Deployed
from tests.support.web_server import web_server

__all__ = ["browser", "context", "invoke_archive", "page", "web_server"]


@pytest.fixture(scope="session")
def invoke_archive(deployed: Deployed) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    """Invoke the deployed function of a service, by its alias, and return what its handler returned or raised."""
    client = boto3.client(
        "lambda",
        endpoint_url=deployed.workspace.cloud.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(read_timeout=60, retries={"total_max_attempts": 1}),
    )
    names: dict[str, str] = deployed.outputs["function_names"]  # type: ignore[assignment]

    def invoke(service: str, event: dict[str, Any]) -> dict[str, Any]:
        answer = client.invoke(
            FunctionName=names[service], Qualifier="live", Payload=json.dumps(event).encode()
        )
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        return payload

    return invoke
