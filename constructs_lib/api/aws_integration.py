"""Integration of a method with an operation of an AWS service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from constructs import Construct

from constructs_lib.api.integration import Backend, Caller
from constructs_lib.api.mapped_responses import DEFAULT_STATUSES, check_statuses, mapped_responses
from constructs_lib.api.request_parameters import check_headers, request_parameters
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_choice, check_list, check_pattern, check_range, check_type
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.iam.role import Role
from constructs_lib.partitions import partition_of
from constructs_lib.references import attribute
from constructs_lib.routes.definitions import MAX_TIMEOUT_MS, HttpMethod, IntegrationDefinition
from constructs_lib.templates import has_reference

_WHERE: Final = "AwsIntegration"
_ERROR: Final = '{"code":"%s","message":"%s","requestId":"$context.requestId"}'
_ERRORS: Final[Mapping[int, str]] = {
    400: _ERROR % ("invalid_request", "The request is not valid."),
    502: _ERROR % ("backend_error", "The service failed."),
}
"""Answers that do not show the errors of AWS, which name accounts and resources."""


class AwsIntegration:
    r"""Call one operation of an AWS service for each request (`AWS`), such as `dynamodb:GetItem`, by a role of its own.

    The operation has a name (`action`), or a path, as objects of S3 have. The request template makes the operation's input.
    Values of the caller must be escaped in it: `$util.escapeJavaScript($input.params('id'))`. Errors of AWS are answered
    with 400 and 502, without AWS's text.

    Args:
        service: The service in API Gateway's URIs, such as `dynamodb`, `sqs` or `events`.
        action: The operation, such as `GetItem`. Required without `path`.
        path: Path of the operation, such as `shop-exports/{key}`. Variables are filled with those of the route's path.
        http_method: HTTP method of a `path`. Default: that of the route.
        headers: With `path`, values of headers by their names: text in single quotes, or where the value comes from, such
            as `method.request.header.Content-Type`. Not for secrets. Default: none.
        permissions: What the role may do: the operation, on exactly what it needs.
        request_template: Mapping template of the operation's input in JSON. Names of tables and queues are known at synth
            (`table.table_name`); it cannot hold references. With `path`, the default is the request's body as it is.
        response_template: Mapping template of the answer with status 200. Default: the operation's output as it is.
        statuses: Pattern of AWS's statuses by the status of the answer; None for all others. Default: 400 for 4xx, 502 for
            5xx, 200 for all others.
        timeout_ms: Timeout in milliseconds, 50-29000. Default: 29000.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> orders = Table(stack, "orders", partition_key="id")
        >>> read = PolicyStatement(actions=["dynamodb:GetItem"], resources=[orders.arn])
        >>> get = AwsIntegration(
        ...     "dynamodb",
        ...     "GetItem",
        ...     permissions=[read],
        ...     request_template='{"TableName": "shop-orders", "Key": {"id": {"S": '
        ...     '"$util.escapeJavaScript($input.params(\'id\'))"}}}',
        ... )
        >>> method = api.resource_for("/orders/{id}").add_method("GET", get, authorization=Public())
        >>> method.definition.integration.target
        'dynamodb:GetItem'
    """

    def __init__(
        self,
        service: str,
        action: str | None = None,
        *,
        path: str | None = None,
        http_method: HttpMethod | None = None,
        headers: Mapping[str, str] | None = None,
        permissions: Sequence[PolicyStatement],
        request_template: str | None = None,
        response_template: str | None = None,
        statuses: Mapping[int, str | None] | None = None,
        timeout_ms: int = MAX_TIMEOUT_MS,
    ) -> None:
        check_pattern(
            _WHERE, "service", service, r"[a-z0-9.-]+", "use the service's name, such as 'dynamodb'"
        )
        if (action is None) == (path is None):
            raise InvalidArgumentError(
                _WHERE,
                f"{'neither' if action is None else 'both'} of action and path {'is' if action is None else 'are'} set",
                "pass action='GetItem', or path='shop-exports/{key}'",
            )
        if action is not None:
            check_pattern(
                _WHERE, "action", action, r"[A-Z][A-Za-z0-9]*", "use the operation's name, such as 'GetItem'"
            )
            if request_template is None or http_method is not None or headers is not None:
                raise InvalidArgumentError(
                    _WHERE,
                    f"{service}:{action} has its input from request_template alone",
                    "pass request_template=…, and neither http_method nor headers",
                )
        else:
            check_pattern(
                _WHERE,
                "path",
                path,
                r"[^/?#\s][^?#\s]*",
                "write it without a slash in front and without a query",
            )
            check_headers(_WHERE, headers)
            if http_method is not None:
                check_choice(_WHERE, "http_method", http_method, HttpMethod)
        check_list(_WHERE, "permissions", permissions)
        for one in permissions:
            check_type(_WHERE, "one of permissions", one, PolicyStatement)
        if not permissions:
            raise InvalidArgumentError(
                _WHERE,
                f"no permission allows {service}:{action or path}",
                "pass permissions=[PolicyStatement(...)] with what it needs",
            )
        for name, template in (
            ("request_template", request_template),
            ("response_template", response_template),
        ):
            check_type(_WHERE, name, template, str, remedy="pass a mapping template")
            if template is not None and has_reference(template):
                raise InvalidArgumentError(
                    _WHERE,
                    f"{name} is a reference, which only Terraform can resolve",
                    "use names that are known at synth, such as table.table_name",
                )
        check_range(_WHERE, "timeout_ms", timeout_ms, 50, MAX_TIMEOUT_MS)
        self._statuses = DEFAULT_STATUSES if statuses is None else dict(statuses)
        check_statuses(_WHERE, self._statuses)
        self._service, self._action, self._path = service, action, path
        self._http_method, self._headers = http_method, dict(headers or {})
        self._permissions = tuple(permissions)
        self._request_template, self._response_template = request_template, response_template
        self._timeout_ms = timeout_ms

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
        templates = {} if self._response_template is None else {200: self._response_template}
        first, further = mapped_responses(scope, self._statuses, {**_ERRORS, **templates})
        return IntegrationDefinition(
            type="AWS",
            target=f"{self._service}:{self._action or self._path}",
            http_method="POST" if self._path is None else self._http_method or caller.http_method,
            timeout_ms=self._timeout_ms,
            request_template=self._request_template,
            request_parameters=request_parameters(
                where, "path", self._path or "", caller.path, self._headers
            ),
            response=first,
            further_responses=further,
        )

    def bind(self, scope: Construct, caller: Caller) -> Backend:  # noqa: ARG002
        """Create the role that may call the operation; see `Integration`."""
        region = AwsStack.of(scope).region
        operation = f"action/{self._action}" if self._path is None else f"path/{self._path}"
        # API Gateway sends no source account.
        role = Role(scope, "role", service="apigateway.amazonaws.com", same_account_only=False)
        policy = role.add_policy("call", *self._permissions)
        return Backend(
            uri=f"arn:{partition_of(region)}:apigateway:{region}:{self._service}:{operation}",
            awaited=(policy,),
            credentials=attribute(role.resource, "arn"),
            origins=(role.resource,),
        )
