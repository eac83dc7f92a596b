"""A key that says which customer calls; who may call is for an authorization to say."""

from __future__ import annotations

import json
from collections.abc import Sequence

import jsii
from cdktf import (
    DefaultTokenResolver,
    StringConcat,
    TerraformOutput,
    TerraformResource,
    TerraformStack,
    Tokenization,
)
from cdktf_cdktf_provider_aws.api_gateway_api_key import ApiGatewayApiKey
from constructs import Construct, IValidation

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_pattern, check_text, path_below
from constructs_lib.references import address, token
from constructs_lib.stacks import stack_of


class ApiKey(AwsConstruct):
    """An API key (`aws_api_gateway_api_key`), which AWS generates; see `UsagePlan.add_key`.

    Its value is in Terraform's state, so that the state has to be kept as a secret, and in no output: read it with
    `aws apigateway get-api-key --include-value`. A key ends up in logs, in scripts and with many people: it is for
    counting and limiting calls, never the only thing that decides who may call.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS.
        description: Whose it is. Default: Terraform says that it made it.
        enabled: Whether it works. Default: True.

    Raises:
        ConstructError: if the name is not valid.

    Example:
        >>> key = ApiKey(stack, "acme", name="acme")
        >>> key.name
        'acme'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        description: str | None = None,
        enabled: bool = True,
    ) -> None:
        where = path_below(scope, construct_id)
        check_name(where, name)
        check_text(where, "description", description)
        super().__init__(scope, construct_id)
        self._name = name
        self._resource = self._create(
            ApiGatewayApiKey, "Resource", name=name, description=description, enabled=enabled
        )
        self.shown_by: list[TerraformResource] = [self._resource]
        """The resources that have its value as an attribute."""
        self.node.add_validation(_StaysSecret(self))

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def key_id(self) -> str:
        """Id, which is not a secret; a reference."""
        return token(self._resource, "id")

    @property
    def resource(self) -> ApiGatewayApiKey:
        """The `aws_api_gateway_api_key`."""
        return self._resource


def check_name(where: str, name: object) -> None:
    """Check the name of a key or a plan.

    Raises:
        InvalidArgumentError: if it is not valid.
    """
    check_pattern(
        where, "name", name, r"[A-Za-z0-9 ._-]{1,128}", "use 1 to 128 letters, digits, spaces and '._-'"
    )


@jsii.implements(IValidation)
class _StaysSecret:
    """Run by `app.synth()`: outputs may be added until then."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def validate(self) -> list[str]:
        secrets = [f"{address(one)}.value" for one in self._key.shown_by]
        stack = stack_of(self._key)
        outputs = [one for one in stack.node.find_all() if isinstance(one, TerraformOutput)]
        return [
            f"output '{one.node.path}' shows the value of API key '{self._key.name}'; pass its key_id, and read the "
            "value with `aws apigateway get-api-key --include-value`"
            for one, value in zip(outputs, _resolved(stack, outputs), strict=True)
            if any(secret in value for secret in secrets)
        ]


def _resolved(stack: TerraformStack, outputs: Sequence[TerraformOutput]) -> list[str]:
    """Return the values of outputs as JSON, with Terraform's names of what they refer to."""
    # An object for each: cdktf leaves out what is null in a list.
    values = [{"value": one.value} for one in outputs]
    resolver = DefaultTokenResolver(StringConcat())
    resolved = Tokenization.resolve(values, preparing=False, scope=stack, resolver=resolver)
    return [json.dumps(one) for one in resolved]
