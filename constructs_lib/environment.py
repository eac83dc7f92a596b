"""Deployment environment: the AWS account and region of a stack, or the local cloud.

`main.py` and the tools read these variables only here, so that all of them use the same environment. An empty
variable counts as unset.

ENVIRONMENT          local, dev or prod. Default: local.
AWS_REGION           AWS region. Default: us-east-1.
AWS_ACCOUNT_ID       dev, prod: the only AWS account that Terraform may deploy to. Default: any account.
LOCAL_CLOUD_PORT     local: port of the local cloud, 0-65535; 0 takes a free one. Default: 4566.
AWS_ENDPOINT_URL     local: URL of the local cloud. Default: http://127.0.0.1 with LOCAL_CLOUD_PORT.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

from constructs_lib.checks import REGION
from constructs_lib.errors import InvalidArgumentError

VARIABLES: Final = ("ENVIRONMENT", "AWS_REGION", "AWS_ACCOUNT_ID", "LOCAL_CLOUD_PORT", "AWS_ENDPOINT_URL")

EnvironmentName = Literal["local", "dev", "prod"]

LOCAL_ACCOUNT_ID: Final = "123456789012"
"""Account ID of every local cloud. AWS reserves it for its documentation."""

DEFAULT_REGION: Final = "us-east-1"
DEFAULT_PORT: Final = 4566

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Deployment environment of a stack.

    Attributes:
        name: `local`, `dev` or `prod`.
        region: AWS region.
        account_id: AWS account ID, 12 digits. None allows any account.
        endpoint_url: URL of the local cloud. None for AWS.
        local_cloud_port: Port to start the local cloud on. 0 takes a free one.

    Example:
        >>> Environment.from_variables({"AWS_REGION": "eu-central-1", "ENVIRONMENT": ""})
        Environment(name='local', region='eu-central-1', account_id='123456789012', endpoint_url='http://127.0.0.1:4566', local_cloud_port=4566)
    """

    name: EnvironmentName
    region: str = DEFAULT_REGION
    account_id: str | None = None
    endpoint_url: str | None = None
    local_cloud_port: int = DEFAULT_PORT

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Environment:
        """Read the environment from environment variables, such as `os.environ`.

        Raises:
            InvalidArgumentError: A variable has a value that is not valid.
        """
        given = without_empty(variables)
        name = choice(given, "ENVIRONMENT", get_args(EnvironmentName))
        region = given.get("AWS_REGION", DEFAULT_REGION)
        if not re.fullmatch(REGION, region):
            raise InvalidArgumentError(
                "AWS_REGION", f"{region!r} is not a region code", "set one such as eu-central-1"
            )
        port = given.get("LOCAL_CLOUD_PORT", str(DEFAULT_PORT))
        if not (port.isascii() and port.isdecimal() and int(port) <= 65_535):
            raise InvalidArgumentError(
                "LOCAL_CLOUD_PORT", f"{port!r} is not a port", f"set 0-65535. Default: {DEFAULT_PORT}"
            )
        account_id = given.get("AWS_ACCOUNT_ID")
        if account_id is not None and not re.fullmatch(r"\d{12}", account_id, re.ASCII):
            raise InvalidArgumentError(
                "AWS_ACCOUNT_ID", f"{account_id!r} is not an account ID", "set its 12 digits"
            )
        if name != "local":
            return cls(name=name, region=region, account_id=account_id)
        return cls(
            name=name,
            region=region,
            account_id=LOCAL_ACCOUNT_ID,
            endpoint_url=given.get("AWS_ENDPOINT_URL", f"http://127.0.0.1:{int(port) or DEFAULT_PORT}"),
            local_cloud_port=int(port),
        )

    @property
    def is_local(self) -> bool:
        """True if the stack is deployed to the local cloud."""
        return self.name == "local"

    @property
    def allowed_account_ids(self) -> list[str]:
        """The accounts that Terraform may deploy to; empty for any."""
        return [] if self.account_id is None else [self.account_id]


def without_empty(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have a value: an empty variable counts as unset."""
    return {name: value for name, value in variables.items() if value}


def choice(given: Mapping[str, str], variable: str, choices: tuple[Name, ...]) -> Name:
    """Return the value of a variable that names one of several choices. Defaults to the first one.

    Raises:
        InvalidArgumentError: The value is not one of the choices.
    """
    value = given.get(variable, choices[0])
    for one in choices:
        if one == value:
            return one
    expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
    raise InvalidArgumentError(variable, f"{value!r} is unknown", f"set {expected}. Default: {choices[0]}")
