"""Lambda function that another stack, or another program, created."""

from __future__ import annotations

import re
from typing import Final

from cdktf import Fn
from cdktf_cdktf_provider_aws.data_aws_lambda_function import DataAwsLambdaFunction
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_known, check_pattern, check_range, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.alias import gateway_uri
from constructs_lib.partitions import partition_of
from constructs_lib.references import expression_of, make
from constructs_lib.templates import has_reference

_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:"
    r"(?P<name>[A-Za-z0-9_-]{1,64})(:(?P<qualifier>[A-Za-z0-9_-]{1,128}))?"
)
_NAME: Final = r"[A-Za-z0-9_-]{1,64}"
_QUALIFIER: Final = r"[A-Za-z0-9_-]{1,128}"


class ExistingFunction(AwsConstruct):
    """Lambda function that is not part of this app: it can answer routes and authorize callers.

    Pass either `function_name` or `arn`. A name is looked up in the stack's account when Terraform plans
    (`data.aws_lambda_function`), so that a function that does not exist fails the plan. An ARN is not looked up.

    Each route and authorizer adds a permission to the function (`aws_lambda_permission`). Permissions count towards the
    20 KB of the function's resource policy, which this app cannot see.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        function_name: Name of the function. Default: that of `arn`.
        arn: ARN of the function, with its alias or version if it has one. It must be in the stack's region. It may be a
            reference, such as `other.arn` of an `aws_lambda_function`, to the ARN without an alias or version.
        qualifier: Alias or version, with `function_name` or a reference to the ARN. Default: the version that is not
            published (`$LATEST`).
        timeout_seconds: Timeout of the function, 1-900, which must be below API Gateway's. Default: not checked.
        add_permissions: Whether to let API Gateway invoke the function. Pass False for a function of another account, whose
            owner must do it. Default: True.
        response_streaming: Whether the function streams its response; see `LambdaIntegration`. Default: False.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> legacy = ExistingFunction(stack, "legacy", function_name="legacy-orders", qualifier="live")
        >>> method = api.resource_for("/orders").add_method("GET", LambdaIntegration(legacy), authorization=Public())
        >>> legacy.function_name
        'legacy-orders'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function_name: str | None = None,
        arn: str | None = None,
        qualifier: str | None = None,
        timeout_seconds: int | None = None,
        add_permissions: bool = True,
        response_streaming: bool = False,
    ) -> None:
        where = path_below(scope, construct_id)
        if (function_name is None) == (arn is None):
            raise InvalidArgumentError(
                where, "needs either function_name or arn", "pass either function_name or arn"
            )
        if timeout_seconds is not None:
            check_range(where, "timeout_seconds", timeout_seconds, 1, 900)
        stack = AwsStack.of(scope)
        if arn is not None:
            name, qualifier = _parts(where, arn, qualifier, stack)
        else:
            assert function_name is not None  # noqa: S101 - one of the two is given
            name = function_name
            check_pattern(where, "function_name", name, _NAME, "use the name without its ARN")
            _check_qualifier(where, qualifier)
        super().__init__(scope, construct_id)
        self._name, self._qualifier = name, qualifier
        self._references = () if arn is None or not has_reference(arn) else (arn,)
        self._timeout_seconds, self._add_permissions = timeout_seconds, add_permissions
        self._response_streaming = response_streaming
        if arn is None:
            found = DataAwsLambdaFunction(self, "function", function_name=name, qualifier=qualifier)
            self._arn = (
                f"arn:{partition_of(stack.region)}:lambda:{stack.region}:{stack.account_id}:function:{name}"
            )
            self._permission_target = found.function_name
        else:
            self._arn = arn if qualifier is None else arn.removesuffix(f":{qualifier}")
            self._permission_target = self._arn

    @property
    def function_name(self) -> str:
        """Name in AWS; a reference if the ARN is one."""
        return self._name

    @property
    def timeout_seconds(self) -> int | None:
        """Timeout in seconds. None if it is not known."""
        return self._timeout_seconds

    @property
    def response_streaming(self) -> bool:
        """True if it streams its response."""
        return self._response_streaming

    @property
    def qualified_arn(self) -> str:
        """ARN with the alias or version, if there is one."""
        return self._arn if self._qualifier is None else f"{self._arn}:{self._qualifier}"

    @property
    def _target(self) -> str:
        if self._references:
            return f"lambda:{expression_of(self._arn, self)}:{self._qualifier or ''}"
        return f"lambda:{self._name}" if self._qualifier is None else f"lambda:{self._name}:{self._qualifier}"

    @property
    def _gateway_uri(self) -> str:
        return gateway_uri(AwsStack.of(self), self.qualified_arn, stream=self._response_streaming)

    def add_permission(
        self, scope: Construct, construct_id: str, *, principal: str, source_arn: str
    ) -> LambdaPermission | None:
        """Let one resource of an AWS service invoke the function (`aws_lambda_permission`).

        Args:
            scope: Parent construct.
            construct_id: Id in the parent construct.
            principal: The service, such as `apigateway.amazonaws.com`.
            source_arn: ARN of the resource that invokes the function.

        Returns:
            The permission. None with `add_permissions=False`.
        """
        if not self._add_permissions:
            return None
        words = re.sub(r"[^A-Za-z0-9]+", "-", path_of(scope)).strip("-")
        return make(
            LambdaPermission,
            scope,
            construct_id,
            statement_id_prefix=f"{words[-40:].lstrip('-')}-",
            action="lambda:InvokeFunction",
            function_name=self._permission_target,
            qualifier=self._qualifier,
            principal=principal,
            source_arn=source_arn,
        )

    def _check_permission(self, where: str, *, principal: str, source_arn: str) -> None:
        """Check nothing: the resource policy of the function is not known here. See `Function._check_permission`."""


def _check_qualifier(where: str, qualifier: str | None) -> None:
    if qualifier is not None:
        check_pattern(
            where, "qualifier", qualifier, _QUALIFIER, "use the name of an alias, or a version's number"
        )


def _parts(where: str, arn: str, qualifier: str | None, stack: AwsStack) -> tuple[str, str | None]:
    """Return the name and the qualifier in an ARN."""
    if isinstance(arn, str) and has_reference(arn):
        _check_qualifier(where, qualifier)
        return Fn.element(Fn.split(":", arn), 6), qualifier
    check_known(where, "arn", arn)
    found = _ARN.fullmatch(arn)
    if found is None:
        raise InvalidArgumentError(
            where,
            f"arn {arn!r} is not the ARN of a Lambda function",
            "pass one such as 'arn:aws:lambda:eu-central-1:123456789012:function:orders:live'",
        )
    if qualifier is not None:
        raise ConflictError(
            where, "arn and qualifier are both set", "append the qualifier to the ARN and leave qualifier out"
        )
    if found["region"] != stack.region:
        raise ConflictError(
            where,
            f"the function is in {found['region']} and the stack in {stack.region}",
            "API Gateway invokes functions of its own region; use a function of the stack's region",
        )
    return found["name"], found["qualifier"]
