"""Workflow: a Step Functions state machine with its role, log and diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

from cdktf_cdktf_provider_aws.sfn_state_machine import (
    SfnStateMachine,
    SfnStateMachineEncryptionConfiguration,
    SfnStateMachineLoggingConfiguration,
    SfnStateMachineTracingConfiguration,
)
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_choice, check_pattern, check_range, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.function import Function
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.iam.role import Role
from constructs_lib.kms.encryption_key import EncryptionKey
from constructs_lib.log_retention import RetentionDays, check_retention
from constructs_lib.logs.log_group import LOG_GROUP_NAME, LogGroup
from constructs_lib.partitions import partition_of
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack
from constructs_lib.workflows.data_flow import check_data_flow
from constructs_lib.workflows.definition_text import as_literal, distinct, write_artefacts
from constructs_lib.workflows.duration import longest_seconds
from constructs_lib.workflows.expressions import Expression
from constructs_lib.workflows.hand_written import HandWritten
from constructs_lib.workflows.mermaid import mermaid
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.structure import EXPRESS_SECONDS, WorkflowKind, check_structure
from constructs_lib.workflows.tasks import Place

WorkflowLogLevel = Literal["ALL", "ERROR"]
"""Log level of a workflow: every step, or failures."""

_LONGEST_RUN_SECONDS: Final = 31_536_000
_LOG_DELIVERY: Final = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)


class Workflow(AwsConstruct):
    """Step Functions state machine (`aws_sfn_state_machine`) with its role and log group.

    The role has exactly the permissions that the states need. The log has each state with its time, duration
    and outcome, but not its data. Synth writes the definition and a diagram beside the stack's configuration,
    as `workflows/<name>.asl.json` and `workflows/<name>.mmd`.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        definition: Steps, or Amazon States Language by `Workflow.from_definition`.
        kind: `EXPRESS` runs up to five minutes and may run a step twice; `STANDARD` runs up to a year, with a history of
            each step. Default: `EXPRESS`.
        workflow_name: Name in AWS. Default: the stack's prefix and the path below the stack, such as
            `shop-scan`.
        timeout_seconds: Timeout in seconds. Default: 300 (`EXPRESS`), or none.
        log_level: Log level. Default: `ALL`, every step.
        include_execution_data: Whether the log has the input and output of steps, which is data of callers. Default:
            False.
        log_retention_days: Retention of its log in days. Default: 365.
        tracing: Whether X-Ray traces its executions. Default: True.
        encryption_key: Key for its definition, its executions and its log. Default: the stack's, or else
            AWS's own.
        publish: Whether every change publishes a version. Default: False.
        charge: The reservation from which its tasks take what they use; their events have it as `charge`. Default: none.

    Raises:
        ConstructError: if Step Functions would reject the definition or an argument, or a part of the
            definition can never run or end.

    Example:
        >>> text = LambdaTask(
        ...     "text", function, operation=read_text, input={"image": Input("body.image")}, result="text"
        ... )
        >>> scan = Workflow(
        ...     stack, "scan", definition=text >> Succeed("done", output=Variable("text")), timeout_seconds=20
        ... )
        >>> scan.workflow_name, scan.longest_seconds
        ('shop-scan', 20)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        definition: Step | HandWritten,
        kind: WorkflowKind = "EXPRESS",
        workflow_name: str | None = None,
        timeout_seconds: int | None = None,
        log_level: WorkflowLogLevel = "ALL",
        include_execution_data: bool = False,
        log_retention_days: RetentionDays | None = None,
        tracing: bool = True,
        encryption_key: EncryptionKey | None = None,
        publish: bool = False,
        charge: Expression | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        name = AwsStack.of(scope).physical_name(where) if workflow_name is None else workflow_name
        stack = AwsStack.of(scope)
        check_choice(where, "kind", kind, WorkflowKind)
        check_pattern(
            where,
            "workflow_name",
            name,
            r"[A-Za-z0-9_-]{1,80}",
            "pass workflow_name with 1 to 80 letters, digits, '-' and '_'",
        )
        if timeout_seconds is not None:
            longest = EXPRESS_SECONDS if kind == "EXPRESS" else _LONGEST_RUN_SECONDS
            check_range(where, "timeout_seconds", timeout_seconds, 1, longest)
        check_choice(where, "log_level", log_level, WorkflowLogLevel)
        check_retention(where, "log_retention_days", log_retention_days)
        place = Place(partition=partition_of(stack.region), region=stack.region, charge=charge)
        rendered = (
            definition.rendered(where, timeout_seconds=timeout_seconds)
            if isinstance(definition, HandWritten)
            else render(where, definition, place=place, timeout_seconds=timeout_seconds)
        )
        check_structure(where, rendered.asl, kind)
        if isinstance(definition, HandWritten):
            definition.check_permissions(where)
        if _is_jsonata(rendered.asl):
            check_data_flow(where, rendered.asl, rendered.item_readers)
        for function in rendered.functions:
            if not isinstance(function, Function):
                raise InvalidArgumentError(
                    where, f"calls a function of type {type(function).__name__}", "pass a Function"
                )
            check_same_stack(where, scope, function)
        key = stack.key_for(where, scope, encryption_key)
        stack.claim(where, "workflow_name", name)
        stack.claim(f"{where}/log-group", LOG_GROUP_NAME, f"/aws/vendedlogs/states/{name}")

        super().__init__(scope, construct_id)
        self._name = name
        self._kind = kind
        self._asl = rendered.asl
        self._key = key
        self._api_role: Role | None = None
        # AWS writes the log groups under this path into one shared policy; other names would exceed its
        # quota.
        self._log_group = LogGroup(
            self,
            "log-group",
            name=f"/aws/vendedlogs/states/{name}",
            retention_days=log_retention_days,
            encryption_key=key,
        )
        self._role = Role(self, "role", service="states.amazonaws.com")
        self._role.add_policy("log-delivery", PolicyStatement(actions=_LOG_DELIVERY, resources=["*"]))
        if tracing:
            self._role.add_policy(
                "xray",
                PolicyStatement(
                    actions=[
                        "xray:GetSamplingRules",
                        "xray:GetSamplingTargets",
                        "xray:PutTelemetryRecords",
                        "xray:PutTraceSegments",
                    ],
                    resources=["*"],
                ),
            )
        self._starts: dict[Role, list[str]] = {}
        self._functions = [one for one in rendered.functions if isinstance(one, Function)]
        for function in self._functions:
            function.grant_invoke(self._role)
        if rendered.permissions:
            self._role.add_policy("tasks", *distinct(stack, rendered.permissions))
        if key is not None:
            self._encrypt_with(stack, key)
        self._resource = self._create(
            SfnStateMachine,
            "Resource",
            name=name,
            type=kind,
            role_arn=attribute(self._role.resource, "arn"),
            definition=as_literal(self._asl),
            logging_configuration=SfnStateMachineLoggingConfiguration(
                level=log_level,
                include_execution_data=include_execution_data,
                log_destination=f"{attribute(self._log_group.resource, 'arn')}:*",
            ),
            tracing_configuration=SfnStateMachineTracingConfiguration(enabled=tracing),
            encryption_configuration=None
            if key is None
            else SfnStateMachineEncryptionConfiguration(
                type="CUSTOMER_MANAGED_KMS_KEY",
                kms_key_id=attribute(key.resource, "arn"),
                kms_data_key_reuse_period_seconds=300,
            ),
            publish=True if publish else None,
        )
        self._role.used_by(self._resource, self._log_group.resource, first=True)
        write_artefacts(self, self._name, self._asl)

    @staticmethod
    def from_definition(
        definition: Mapping[str, Any] | str,
        *,
        references: Mapping[str, Function | str] | None = None,
        permissions: Sequence[PolicyStatement] = (),
    ) -> HandWritten:
        """Return hand-written Amazon States Language as the `definition` of a Workflow, which checks it.

        Args:
            definition: Definition, as data or as JSON. In data, a Function stands for its ARN.
            references: Values of `${NAME}` in strings, by name: a Function for its ARN, or a string. Default: none.
            permissions: Further permissions of the role, besides invoking these functions. Default: none.

        Raises:
            InvalidArgumentError: if it is not a JSON object.

        Example:
            >>> asl = {
            ...     "StartAt": "text",
            ...     "States": {"text": {"Type": "Task", "Resource": "${Text}", "TimeoutSeconds": 9, "End": True}},
            ... }
            >>> scan = Workflow(
            ...     stack, "scan", definition=Workflow.from_definition(asl, references={"Text": function})
            ... )
            >>> scan.longest_seconds
            9
        """
        return HandWritten.read(definition, references=references or {}, permissions=permissions)

    @property
    def workflow_name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def kind(self) -> WorkflowKind:
        """Kind of the workflow."""
        return self._kind

    @property
    def longest_seconds(self) -> float:
        """Longest duration in seconds, by its own timeouts and retries. Infinite if no timeout ends it."""
        return longest_seconds(self._asl, self._kind)

    @property
    def asl(self) -> Mapping[str, Any]:
        """Definition in Amazon States Language. Its ARNs are references."""
        return MappingProxyType(self._asl)

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def arn_by_name(self) -> str:
        """ARN composed of names: what refers to it may be created before the workflow."""
        stack = AwsStack.of(self)
        return f"arn:{stack.partition}:states:{stack.region}:{stack.account_id}:stateMachine:{self._name}"

    @property
    def version_arn(self) -> str:
        """ARN of the latest version, with `publish`; a reference."""
        return token(self._resource, "state_machine_version_arn")

    @property
    def execution_arns(self) -> str:
        """ARN pattern of its executions, for permissions."""
        stack = AwsStack.of(self)
        kind = "express" if self._kind == "EXPRESS" else "execution"
        return f"arn:{stack.partition}:states:{stack.region}:{stack.account_id}:{kind}:{self._name}:*"

    @property
    def role(self) -> Role:
        """Execution role."""
        return self._role

    @property
    def log_group(self) -> LogGroup:
        """Log group."""
        return self._log_group

    @property
    def encryption_key(self) -> EncryptionKey | None:
        """Key for encryption. None if AWS's own key encrypts it."""
        return self._key

    @property
    def api_role(self) -> Role:
        """Role by which API Gateway starts it and waits, and nothing else; created on first use."""
        if self._api_role is None:
            # API Gateway sends no source account.
            self._api_role = Role(
                self, "api-role", service="apigateway.amazonaws.com", same_account_only=False
            )
            self._let_start(self._api_role, "states:StartSyncExecution")
        return self._api_role

    @property
    def resource(self) -> SfnStateMachine:
        """The `aws_sfn_state_machine`."""
        return self._resource

    def grant_start(self, grantee: Function | Role) -> None:
        """Allow a function or a role to start this workflow, and no other. Idempotent.

        The permission refers to the workflow by name. The alias of a function is created, and updated, after the workflow,
        unless the workflow invokes the function. Callers of an `EXPRESS` workflow may wait for it or not.

        Raises:
            ConstructError: if the two are in different stacks.
        """
        check_same_stack(path_of(self), self, grantee)
        waiting = ["states:StartSyncExecution"] if self._kind == "EXPRESS" else []
        self._let_start(grantee, "states:StartExecution", *waiting)

    def grant_start_and_wait(self, grantee: Function | Role) -> None:
        """Allow a function or a role to start this Express workflow and wait for its end, and nothing else. Idempotent.

        Raises:
            ConstructError: if the two are in different stacks.
        """
        check_same_stack(path_of(self), self, grantee)
        self._let_start(grantee, "states:StartSyncExecution")

    def grant_read(self, grantee: Function | Role) -> None:
        """Allow a function or a role to read its executions and their history. Idempotent.

        Raises:
            ConstructError: if the two are in different stacks, or it is `EXPRESS`, which keeps no executions.
        """
        check_same_stack(path_of(self), self, grantee)
        if self._kind == "EXPRESS":
            raise ConflictError(
                path_of(self),
                "an Express workflow keeps no executions",
                "read its log, or use kind='STANDARD'",
            )
        role = _role_of(grantee)
        name = f"read-{self._name}"
        if name not in role.policies:
            role.add_policy(
                name,
                PolicyStatement(
                    actions=["states:DescribeExecution", "states:GetExecutionHistory"],
                    resources=[self.execution_arns],
                ),
            )

    def grant_describe(self, grantee: Function | Role) -> None:
        """Allow a function or a role to read the status and input of its executions. Idempotent.

        The permission refers to the workflow by name, so that the workflow may invoke the function.

        Raises:
            ConstructError: if the two are in different stacks.
        """
        check_same_stack(path_of(self), self, grantee)
        role = _role_of(grantee)
        name = f"describe-{self._name}"
        if name in role.policies:
            return
        needed = [PolicyStatement(actions=["states:DescribeExecution"], resources=[self.execution_arns])]
        if self._key is not None:
            needed.append(self._on_key(self._key, "kms:Decrypt"))
        role.add_policy(name, *needed)

    def grant_task_response(self, grantee: Function | Role) -> None:
        """Allow a function or a role to end the states that wait with a task token (`waitForTaskToken`). Idempotent.

        The permission refers to the workflow by name, so that the workflow may invoke the function.

        Raises:
            ConstructError: if the two are in different stacks.
        """
        check_same_stack(path_of(self), self, grantee)
        role = _role_of(grantee)
        name = f"respond-{self._name}"
        if name in role.policies:
            return
        needed = [PolicyStatement(actions=["states:SendTaskSuccess"], resources=[self.arn_by_name])]
        if self._key is not None:
            needed.append(self._on_key(self._key, "kms:Decrypt", "kms:GenerateDataKey"))
        role.add_policy(name, *needed)

    def mermaid(self) -> str:
        """Return its diagram, as a Mermaid flowchart."""
        return mermaid(self._asl)

    def _let_start(self, grantee: Function | Role, *actions: str) -> None:
        role = _role_of(grantee)
        granted = self._starts.setdefault(role, [])
        lacking = [action for action in actions if action not in granted]
        if not lacking:
            return
        name = f"start-without-waiting-{self._name}" if granted else f"start-{self._name}"
        granted += lacking
        if isinstance(grantee, Function):
            grantee._open_after(self, self._resource)
        needed = [PolicyStatement(actions=lacking, resources=[self.arn_by_name])]
        if self._key is not None:
            needed.append(self._on_key(self._key, "kms:Decrypt"))
        role.add_policy(name, *needed)

    def _encrypt_with(self, stack: AwsStack, key: EncryptionKey) -> None:
        # Step Functions encrypts log events, and the delivery to the log group decrypts them.
        logs = f"arn:{stack.partition}:logs:{stack.region}:{stack.account_id}:*"
        logging = {"StringEquals": {"kms:EncryptionContext:SourceArn": logs}}
        self._role.add_policy(
            "key",
            self._on_key(key, "kms:Decrypt", "kms:GenerateDataKey"),
            PolicyStatement(
                actions=["kms:GenerateDataKey"],
                resources=[attribute(key.resource, "arn")],
                conditions=logging,
            ),
        )
        key.allow_service(
            "WorkflowLogs",
            service="delivery.logs.amazonaws.com",
            actions=["kms:Decrypt"],
            conditions=logging,
        )

    def _calls(self, function: Function) -> bool:
        return any(called._calls(function) for called in self._functions)

    def _on_key(self, key: EncryptionKey, *actions: str) -> PolicyStatement:
        mine = {"StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": self.arn_by_name}}
        return PolicyStatement(actions=actions, resources=[attribute(key.resource, "arn")], conditions=mine)


def _role_of(grantee: Function | Role) -> Role:
    return grantee.role if isinstance(grantee, Function) else grantee


def _is_jsonata(asl: Mapping[str, Any]) -> bool:
    return asl.get("QueryLanguage") == "JSONata"
