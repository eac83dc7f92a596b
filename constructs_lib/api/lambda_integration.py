"""Integration of a method with a Lambda function, and the permission to invoke it."""

from __future__ import annotations

from typing import Final

from constructs import Construct

from constructs_lib.api.integration import Backend, Caller
from constructs_lib.checks import check_range, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.existing_function import ExistingFunction
from constructs_lib.functions.function import Function
from constructs_lib.routes.definitions import MAX_STREAM_TIMEOUT_MS, MAX_TIMEOUT_MS, IntegrationDefinition
from constructs_lib.stacks import check_same_stack

_PRINCIPAL: Final = "apigateway.amazonaws.com"


class LambdaIntegration:
    """Pass requests unchanged to the alias of a function, or to a function of another stack (`AWS_PROXY`).

    Each method gets an `aws_lambda_permission` of its own, for exactly that method, path and API, on that
    alias. One LambdaIntegration can serve several methods.

    Args:
        function: Function that answers the requests.
        timeout_ms: Timeout in milliseconds: 50-29000, with `stream` 50-900000. Default: the maximum. The
            function's own timeout must be shorter. Otherwise API Gateway answers 504 or cuts off the stream,
            while the function runs on and is billed.
        stream: Whether API Gateway sends the response to the client while the function produces it
            (`responseTransferMode: STREAM`). The function must have `response_streaming`. It excludes `cache` of a stage
            and `minimum_compression_bytes` of the API, and needs `RestApi(..., definition="openapi")` or version 6.26 of
            the AWS provider. Default: False.

    Raises:
        ConstructError: if the timeout is out of range or not above the function's, or the function streams and this does
            not, or the other way round.

    Example:
        >>> orders = api.resource_for("/orders")
        >>> method = orders.add_method("POST", LambdaIntegration(function), authorization=Public())
    """

    def __init__(
        self, function: Function | ExistingFunction, *, timeout_ms: int | None = None, stream: bool = False
    ) -> None:
        if not isinstance(function, Function | ExistingFunction):
            raise InvalidArgumentError(
                "LambdaIntegration",
                f"function is of type {type(function).__name__}",
                "pass a Function, or ExistingFunction(scope, id, arn=...) for one that another stack created",
            )
        where = f"{path_of(function)} (LambdaIntegration)"
        _check_mode(where, function, stream)
        most = MAX_STREAM_TIMEOUT_MS if stream else MAX_TIMEOUT_MS
        limit = most if timeout_ms is None else timeout_ms
        check_range(where, "timeout_ms", limit, 50, most)
        if function.timeout_seconds is not None and function.timeout_seconds * 1000 >= limit:
            raise ConflictError(
                where,
                f"the function may run {function.timeout_seconds} s and API Gateway waits {limit} ms, so "
                f"callers get {'a response that is cut off' if stream else 'a 504'} while it runs on",
                f"lower the function's timeout_seconds below {limit / 1000:g}, or do the work in the background",
            )
        self._function = function
        self._timeout_ms = limit
        self._stream = stream

    @property
    def function(self) -> Function | ExistingFunction:
        """Function that answers the requests."""
        return self._function

    @property
    def timeout_ms(self) -> int:
        """Timeout in milliseconds."""
        return self._timeout_ms

    @property
    def max_body_bytes(self) -> int | None:
        """See `Integration`."""
        return None

    def definition(self, where: str, scope: Construct, caller: Caller) -> IntegrationDefinition:
        """Return it as data; see `Integration`."""
        check_same_stack(where, scope, self._function)
        self._function._check_permission(where, principal=_PRINCIPAL, source_arn=caller.source_arn)
        return IntegrationDefinition(
            type="AWS_PROXY",
            target=self._function._target,
            http_method="POST",
            timeout_ms=self._timeout_ms,
            streamed=self._stream,
        )

    def bind(self, scope: Construct, caller: Caller) -> Backend:
        """Create the permission; see `Integration`."""
        permission = self._function.add_permission(
            scope, "permission", principal=_PRINCIPAL, source_arn=caller.source_arn
        )
        return Backend(
            uri=self._function._gateway_uri,
            awaited=() if permission is None else (permission,),
            references=self._function._references,
        )


def _check_mode(where: str, function: Function | ExistingFunction, stream: bool) -> None:
    """Check that a function streams its response if and only if API Gateway does."""
    if stream and not function.response_streaming:
        raise ConflictError(
            where,
            "the function does not stream its response, and API Gateway would answer 502",
            f"pass response_streaming=True to the {type(function).__name__}, or leave stream out",
        )
    if function.response_streaming and not stream:
        raise ConflictError(
            where,
            "the function streams its response, which API Gateway does not understand without stream=True",
            "pass stream=True, or add another function of the same archive without response_streaming",
        )
