"""Integration of a method with an Express workflow; the caller waits for the result."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from constructs import Construct

from constructs_lib.api.integration import Backend, Caller
from constructs_lib.api.resource import Resource
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_mapping, check_pattern, check_range, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.partitions import partition_of
from constructs_lib.references import attribute
from constructs_lib.routes.definitions import MAX_TIMEOUT_MS, IntegrationDefinition, ResponseDefinition
from constructs_lib.stacks import check_same_stack
from constructs_lib.workflows.expressions import MAX_DATA_BYTES
from constructs_lib.workflows.http_errors import ERRORS, HttpError
from constructs_lib.workflows.http_templates import (
    outage_template,
    refusal_template,
    request_template,
    response_template,
)
from constructs_lib.workflows.workflow import Workflow


class StepFunctionsIntegration:
    """Run an Express workflow for each request, and answer with its output (`StartSyncExecution`).

    The workflow's input is `{"body": …, "path": {…}, "query": {…}, "caller": {"kind": …, "principal": …,
    "sourceIp": …, …}, "requestId": …}`. The kind is `user` with the user's sub as the principal, `tenant` with
    the tenant's id, `principal` with what another Lambda authorizer calls the principal, `iam` with an ARN, or
    empty. `caller` also has `tenant`, `key`, `pseudonym` and `limits` (see `handlers/common/caller.py`), which
    are empty without `Tenants`. The body is a JSON object of less than 256 KB, because it is the workflow's
    data. Other bodies get a 400, other content types a 415.

    If the workflow fails, the error's name selects the response, as in a service that raises the error: a
    status of 4xx or 5xx and `{"code", "message", "requestId"}`, never the cause. The integration's own role
    may start this workflow and nothing else.

    Args:
        workflow: Workflow that answers the requests.
        errors: More responses by names of errors, such as those of `Fail`. The errors of the services and of
            Step Functions are built in (`ERRORS`); all others give a 502. Default: none.
        service: Name of the service that a tenant must be allowed to use; other tenants get a 403. Default:
            none; all callers of the route may use it.
        timeout_ms: Timeout in milliseconds, 50-29000. The workflow's timeout must be shorter. Default: 29000.

    Raises:
        ConstructError: if the workflow's kind is not `EXPRESS`, or it may run longer than API Gateway waits.

    Example:
        >>> scan = Workflow(stack, "scan", definition=Pass("answer", output={"ok": True}), timeout_seconds=20)
        >>> method = api.resource_for("/scan").add_method(
        ...     "POST", StepFunctionsIntegration(scan), authorization=Public()
        ... )
        >>> method.definition.integration.target
        'states:shop-scan'
    """

    def __init__(
        self,
        workflow: Workflow,
        *,
        errors: Mapping[str, HttpError] | None = None,
        service: str | None = None,
        timeout_ms: int = MAX_TIMEOUT_MS,
    ) -> None:
        if not isinstance(workflow, Workflow):
            raise InvalidArgumentError(
                "StepFunctionsIntegration",
                f"workflow is of type {type(workflow).__name__}",
                "pass a Workflow",
            )
        where = f"{path_of(workflow)} (StepFunctionsIntegration)"
        check_range(where, "timeout_ms", timeout_ms, 50, MAX_TIMEOUT_MS)
        if workflow.kind != "EXPRESS":
            raise ConflictError(
                where,
                "a STANDARD workflow returns before it has a result",
                "use kind='EXPRESS', or start it as a job that the client polls",
            )
        if workflow.longest_seconds * 1000 >= timeout_ms:
            raise ConflictError(
                where,
                f"the workflow may run {workflow.longest_seconds:g} s by its own timeouts and retries, and API Gateway "
                f"waits {timeout_ms} ms, so callers get a 504 while it runs on",
                f"pass timeout_seconds below {timeout_ms / 1000:g} to the workflow, or start it as a job",
            )
        if service is not None:
            check_pattern(
                where, "service", service, "[a-z][a-z0-9-]*", "use lower case letters, digits and '-'"
            )
        check_mapping(where, "errors", errors)
        for name in errors or {}:
            if not name or any(character in name for character in '"\\$#\n'):
                raise InvalidArgumentError(
                    where, f"error {name!r} is not valid", "use letters, digits and '.'"
                )
        self._workflow = workflow
        self._errors = {**ERRORS, **(errors or {})}
        self._service = service
        self._timeout_ms = timeout_ms

    @property
    def workflow(self) -> Workflow:
        """Workflow that answers the requests."""
        return self._workflow

    @property
    def errors(self) -> Mapping[str, HttpError]:
        """Responses to failed executions, by the names of their errors."""
        return MappingProxyType(self._errors)

    @property
    def timeout_ms(self) -> int:
        """Timeout in milliseconds."""
        return self._timeout_ms

    @property
    def max_body_bytes(self) -> int | None:
        """See `Integration`."""
        return MAX_DATA_BYTES

    def definition(self, where: str, scope: Construct, caller: Caller) -> IntegrationDefinition:  # noqa: ARG002
        """Return it as data; see `Integration`."""
        check_same_stack(where, scope, self._workflow)
        region = AwsStack.of(scope).region
        arn = (
            f"arn:{partition_of(region)}:states:{region}:$context.accountId:stateMachine:"
            f"{self._workflow.workflow_name}"
        )
        cors = scope.cors if isinstance(scope, Resource) else None
        headers = tuple({} if cors is None else cors.response_headers.items())
        first = None if cors is None else cors.response_template
        return IntegrationDefinition(
            type="AWS",
            target=f"states:{self._workflow.workflow_name}",
            http_method="POST",
            timeout_ms=self._timeout_ms,
            request_template=request_template(arn, service=self._service),
            response=ResponseDefinition(
                status_code=200, headers=headers, template=response_template(self._errors, first=first)
            ),
            further_responses=(
                ResponseDefinition(
                    status_code=400,
                    headers=headers,
                    template=refusal_template(service=self._service, first=first),
                    selection_pattern=r"4\d{2}",
                ),
                ResponseDefinition(
                    status_code=503,
                    headers=headers,
                    template=outage_template(first=first),
                    selection_pattern=r"5\d{2}",
                ),
            ),
        )

    def bind(self, scope: Construct, caller: Caller) -> Backend:  # noqa: ARG002
        """Create the role that may start the workflow, unless it exists; see `Integration`."""
        region = AwsStack.of(scope).region
        role = self._workflow.api_role
        return Backend(
            uri=f"arn:{partition_of(region)}:apigateway:{region}:states:action/StartSyncExecution",
            awaited=(self._workflow.resource, *role.policies.values()),
            credentials=attribute(role.resource, "arn"),
            origins=(role.resource,),
        )
