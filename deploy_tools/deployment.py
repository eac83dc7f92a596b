"""Outputs and clients of the deployment that ENVIRONMENT names: on the local cloud, or with dev and prod on AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from deploy_tools.app import CdktfApp
from deploy_tools.cloud import Cloud, chosen_environment, required_cloud
from deploy_tools.deploy import deployed_app
from deploy_tools.errors import DeploymentError
from deploy_tools.local_session import local_session
from deploy_tools.terraform import Terraform, environment_for, find_engine


class Deployment:
    """A deployment of an app.

    Args:
        app: The app.
        region: Region of its stacks.
        cloud: The local cloud; None for AWS.
        open_clients: Closes the clients.
    """

    def __init__(self, app: CdktfApp, region: str, cloud: Cloud | None, open_clients: ExitStack) -> None:
        self._app = app
        self._region = region
        self._cloud = cloud
        self._open_clients = open_clients

    def client(self, service: str) -> Any:
        """Return a boto3 client, which is closed with the deployment."""
        if self._cloud is None:
            import boto3

            client = boto3.Session(region_name=self._region).client(service)
        else:
            client = local_session(self._region).client(service, endpoint_url=self._cloud.url)
        return self._open_clients.enter_context(closing(client))

    def outputs(self, names: Sequence[str], *, purpose: str) -> Mapping[str, object]:
        """Return the outputs of the first stack that has all of the names.

        On AWS, Terraform reads them from the state of the stack; its backend follows from the synthesis.

        Args:
            names: Names of outputs.
            purpose: Command that needs them, for the error.

        Raises:
            DeploymentError: No stack has them.
            TerraformError: Terraform cannot read the outputs.
        """
        if self._cloud is not None:
            return deployed_app(self._app, self._cloud).with_outputs(*names, purpose=purpose).outputs
        variables = environment_for(self._app.cloud_directory, environment=os.environ)
        engine = find_engine()
        for stack in self._app.synthesize({}):
            terraform = Terraform(engine, stack.directory, variables)
            terraform.init()
            outputs = terraform.outputs()
            if all(name in outputs for name in names):
                return outputs
        raise DeploymentError(
            f"{purpose}: no stack has the outputs {' and '.join(names)}; declare them, and deploy again"
        )


@contextmanager
def aws_errors() -> Iterator[None]:
    """Raise what boto3 raises in the block as a `DeploymentError`: rejections, missing credentials, an unreachable AWS."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(str(error)) from None


@contextmanager
def open_deployment(app: CdktfApp) -> Iterator[Deployment]:
    """Open the deployment of an app in the environment that ENVIRONMENT names.

    Raises:
        DeploymentError: The local cloud does not run, or a call to AWS in the block fails.
    """
    environment = chosen_environment()
    cloud = required_cloud(app.cloud_directory) if environment.is_local else None
    with aws_errors(), ExitStack() as open_clients:
        yield Deployment(app, environment.region, cloud, open_clients)
