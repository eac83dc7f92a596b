"""Jobs: workflows that run longer than a request, with the API that starts and reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from constructs import Construct

from constructs_lib.api.lambda_integration import LambdaIntegration
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, check_range, path_below, path_of
from constructs_lib.errors import (
    ConflictError,
    InvalidArgumentError,
    LimitExceededError,
    UnsafeSettingError,
)
from constructs_lib.functions.asynchronous_calls import AsynchronousCalls
from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
from constructs_lib.functions.event_rule import EventRule
from constructs_lib.functions.function import Function
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.kms.signing_key import SigningKey
from constructs_lib.patterns.ai_service import TIMEOUT_SECONDS
from constructs_lib.patterns.meter import meter_of
from constructs_lib.patterns.service_archive import service_archive
from constructs_lib.references import attribute
from constructs_lib.stacks import check_same_stack
from constructs_lib.storage.table import Table
from constructs_lib.workflows.approval import longest_approval
from constructs_lib.workflows.budget import EXECUTION_CHARGE
from constructs_lib.workflows.expressions import Expression, Input
from constructs_lib.workflows.job_endings import RETRY, JobEndings
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.tasks import LambdaTask
from constructs_lib.workflows.workflow import Workflow

if TYPE_CHECKING:
    from constructs_lib.archive import Archive
    from constructs_lib.notifications.alarm_topic import AlarmTopic
    from constructs_lib.service_contract import ServiceContract
    from constructs_lib.storage.payload_bucket import PayloadBucket
    from constructs_lib.workflows.step import Step

PREFIX: Final = "jobs/"
"""Prefix of the keys of the jobs' objects in the payload bucket."""

_DAY_SECONDS: Final = 86_400
_MAX_ITEMS: Final = 40
_MAX_WORKFLOWS: Final = 12
"""As many ARNs fit into a rule's pattern of 2,048 characters."""

_LINKS: Final = "jobs.links"


class JobRunner(AwsConstruct):
    """Workflows that run longer than a request: their table, queue, functions and state machines.

    One function implements the contract: it starts a job (`POST /workflows/{workflow}/jobs`), reads one
    (`GET /jobs/{job}`) and lists the workflows. The state machines invoke another one, `<name>-finish`, at their end: it
    records the result and notifies the client. EventBridge invokes it for executions that time out, are stopped, or fail
    with an error that no state can catch. Ends that cannot be recorded or reported go to a dead-letter queue.

    A job may wait for an `Approval`: `POST /jobs/{job}/approval` decides it.

    A DynamoDB table has a record of each job, which expires. Inputs and results are in the payload bucket; the states
    have their keys only.

    Args:
        scope: The construct that it belongs to.
        contract: The contract of the function behind the API. Its name is the id in `scope`.
        payloads: The bucket for inputs and results.
        lifetime_seconds: Time in which a job and its result can be read, 60-2592000 (30 days); the payload bucket must
            keep its objects as long. DynamoDB deletes the record within days after that, and an operator can restore it
            for one day more. Default: 86400 (a day).
        max_running_per_caller: Jobs of one caller that may run at once, 1-1000; more are answered with 429. Default: 5.
        callbacks: Whether clients may have an address called when a job has ended. Default: True.
        deletion_protection: Whether AWS refuses to delete the table. Default: the stack's, True.
        archive: Code of both functions. Default: the archive of `handlers/<name>`.
        finish_handler: Handler of the function that records ends. Default: `handlers.<name>.finish.handler`.
        finish_timeout_seconds: Timeout of that function, 1-900. Default: 25.

    Raises:
        ConstructError: An argument is not valid.
        ArchiveError: The archive cannot be built.

    Example:
        >>> payloads = PayloadBucket(stack, "payloads", expire_days=2)
        >>> jobs = JobRunner(stack, contract, payloads=payloads, archive=archive, finish_handler="chat.finish")
        >>> part = Jsonata('$states.context.Execution.Input.output_key & ".part"')
        >>> links = jobs.links("links", read={"text": Input("input_key")}, write={"part": part}, result="links")
        >>> summarize = LambdaTask(
        ...     "summarize",
        ...     function,
        ...     input={
        ...         "operation": "language.summary",
        ...         "inputFrom": Variable("links.read.text"),
        ...         "outputTo": Variable("links.write.part"),
        ...     },
        ... )
        >>> steps = links >> summarize >> Succeed("summary", output={"summary": {"from": part}})
        >>> jobs.add_workflow("summary", steps).workflow_name
        'shop-greeting-summary'
    """

    def __init__(
        self,
        scope: Construct,
        contract: ServiceContract,
        *,
        payloads: PayloadBucket,
        lifetime_seconds: int = _DAY_SECONDS,
        max_running_per_caller: int = 5,
        callbacks: bool = True,
        deletion_protection: bool | None = None,
        archive: Archive | None = None,
        finish_handler: str | None = None,
        finish_timeout_seconds: int = TIMEOUT_SECONDS,
    ) -> None:
        construct_id = contract.name
        where = path_below(scope, construct_id)
        stack = AwsStack.of(scope)
        name = stack.physical_name(where)
        check_pattern(where, "name", name, r"[A-Za-z0-9_-]{1,40}", "use 1 to 40 letters, digits, '-' and '_'")
        check_range(where, "lifetime_seconds", lifetime_seconds, 60, 30 * _DAY_SECONDS)
        check_range(where, "max_running_per_caller", max_running_per_caller, 1, 1_000)
        check_same_stack(where, scope, payloads)
        archive = archive or service_archive(stack, contract.name)
        super().__init__(scope, construct_id)
        self._contract = contract
        self._meter = meter_of(scope, contract.name)
        if self._meter is not None:
            self._meter.check(where, contract)
        self._meter_environment = {} if self._meter is None else self._meter.environment
        self._name = name
        self._payloads = payloads
        self._lifetime_seconds = lifetime_seconds
        self._workflows: dict[str, tuple[Workflow, dict[str, Any]]] = {}
        self._ends: EventRule | None = None
        self._topic: AlarmTopic | None = None
        self._table = Table(
            self,
            "table",
            table_name=name,
            partition_key="owner",
            sort_key="job_id",
            ttl_attribute="expires_at",
            recovery_days=1,
            deletion_protection=deletion_protection,
        )
        self._queue = DeadLetterQueue(self, "failed")
        signing_key = SigningKey(self, "callbacks") if callbacks else None
        self._finish = self._finish_function(
            archive,
            finish_handler or f"handlers.{contract.name}.finish.handler",
            finish_timeout_seconds,
            signing_key,
        )
        self._endings = JobEndings(
            finish=self._finish,
            queue=self._queue,
            kms_key_arn=None if stack.encryption_key is None else stack.encryption_key.arn,
        )
        self._function = self._api_function(
            archive,
            {
                "CORS_ALLOWED_ORIGINS": ",".join(stack.defaults.allowed_origins),
                "JOB_WORKFLOWS": "{}",
                "JOB_LIFETIME_SECONDS": str(lifetime_seconds),
                "JOB_MAX_RUNNING": str(max_running_per_caller),
                "JOB_CALLBACKS": "on" if callbacks else "off",
            },
        )

    @property
    def contract(self) -> ServiceContract:
        """The contract of the function behind the API."""
        return self._contract

    @property
    def function(self) -> Function:
        """The function behind the API."""
        return self._function

    @cached_property
    def integration(self) -> LambdaIntegration:
        """The integration of the routes."""
        return LambdaIntegration(self._function)

    @property
    def finish_function(self) -> Function:
        """The function that records how jobs end."""
        return self._finish

    @property
    def table(self) -> Table:
        """The table with the records of the jobs."""
        return self._table

    @property
    def queue(self) -> DeadLetterQueue:
        """The dead-letter queue for ends that could not be recorded or reported."""
        return self._queue

    @property
    def workflows(self) -> tuple[Workflow, ...]:
        """The state machines, in the order of `add_workflow`."""
        return tuple(workflow for workflow, _ in self._workflows.values())

    def links(
        self,
        name: str,
        *,
        read: Mapping[str, Expression] | None = None,
        write: Mapping[str, Expression] | None = None,
        result: str,
    ) -> LambdaTask:
        """Return a state that makes presigned URLs of a job's objects, for the tasks after it.

        A function that gets them reads and writes these objects only and needs no right on the bucket. Each is for one
        object and for reading or writing it, for 15 minutes; `{result}.read.NAME` and `{result}.write.NAME` are they.
        They are in the execution's data. A task that is late fails with `PayloadLinkExpired`.

        Args:
            name: The state's name.
            read: The keys of objects to read, by names of your choice. Default: none.
            write: The keys of objects to write, by names of your choice. Default: none.
            result: The variable that keeps the URLs.

        Raises:
            ConstructError: An argument is not valid.
        """
        if not read and not write:
            raise InvalidArgumentError(
                f"{path_of(self)}/{name}", "links has no keys", "pass read={...} or write={...}"
            )
        return LambdaTask(
            name,
            self._finish,
            input={
                "operation": _LINKS,
                "input": {
                    "output_key": Input("output_key"),
                    "read": dict(read or {}),
                    "write": dict(write or {}),
                },
            },
            retry=[RETRY],
            result=result,
        )

    def add_workflow(
        self,
        name: str,
        steps: Step,
        *,
        each: str | None = None,
        max_items: int = _MAX_ITEMS,
        timeout_seconds: int = 3_600,
        workflow_name: str | None = None,
        include_execution_data: bool = False,
    ) -> Workflow:
        """Add a workflow that can be started as a job (`aws_sfn_state_machine` of the type STANDARD); at most twelve.

        The steps get `input_key` and `output_key`, and with `each` also `items`, each with `number`, `input_key` and
        `output_prefix`. Their answer is the result; anywhere in it, `{"from": KEY}` stands for that object and
        `{"Error": NAME, "Cause": TEXT}`, an error as states have it, for its code and message.

        Args:
            name: `{workflow}` in `POST /workflows/{workflow}/jobs`.
            steps: The steps.
            each: The field of the input whose items are stored and worked on one by one. Default: none.
            max_items: The most items, 1-40. Default: 40.
            timeout_seconds: Timeout of an execution. Default: 3600.
            workflow_name: Name of the state machine in AWS. Default: the runner's name and `name`.
            include_execution_data: Whether the log has the input and output of the steps; not where the steps have
                `links`, which are secrets. Default: False.

        Raises:
            ConstructError: An argument is not valid, the name is taken, or there are twelve.
        """
        where = f"{path_of(self)}/{name}"
        check_pattern(where, "name", name, r"[a-z][a-z0-9-]{0,31}", "use lower case letters, digits and '-'")
        check_range(where, "max_items", max_items, 1, _MAX_ITEMS)
        if name in self._workflows:
            raise ConflictError(where, "exists already", "give the workflow another name")
        if len(self._workflows) == _MAX_WORKFLOWS:
            raise LimitExceededError(
                where,
                f"{path_of(self)} has {_MAX_WORKFLOWS} workflows, as many as one EventBridge rule can name",
                "create another JobRunner for it",
            )
        definition = self._endings.after(steps)
        asl = render(where, definition).asl
        approval_seconds = longest_approval(where, asl)
        if include_execution_data and (approval_seconds or _LINKS in json.dumps(asl)):
            secrets = "the tokens of approvals" if approval_seconds else "the presigned URLs of links"
            raise UnsafeSettingError(
                where, f"include_execution_data would log {secrets}", "remove include_execution_data"
            )
        if approval_seconds and not approval_seconds < timeout_seconds <= self._lifetime_seconds:
            raise LimitExceededError(
                where,
                f"an approval may take {approval_seconds} s, the job {timeout_seconds} s, and its record is kept for "
                f"{self._lifetime_seconds} s",
                "each should be longer than the one before: raise timeout_seconds, and lifetime_seconds of the JobRunner",
            )
        bounds: dict[str, Any] = {}
        if self._meter is not None:
            once, each_item = self._meter.bounds(where, steps)
            bounds = {
                "nano_usd": once.nano_usd,
                "tokens": once.tokens,
                "nano_usd_each": each_item.nano_usd,
                "tokens_each": each_item.tokens,
            }
        workflow = Workflow(
            self,
            name,
            kind="STANDARD",
            charge=None if self._meter is None else EXECUTION_CHARGE,
            workflow_name=workflow_name,
            timeout_seconds=timeout_seconds,
            include_execution_data=include_execution_data,
            definition=definition,
        )
        limits = {"max_items": max_items, "timeout_seconds": timeout_seconds, **bounds}
        if approval_seconds:
            limits["approvals"] = True
            self._allow_approvals(workflow)
        self._workflows[name] = (workflow, limits | ({} if each is None else {"each": each}))
        workflow.grant_describe(self._finish)
        workflow.grant_start(self._function)
        workflow.grant_read(self._function)
        self._watch_ends()
        self._function.add_environment(
            JOB_WORKFLOWS=json.dumps(
                {
                    name: {"state_machine": workflow.arn_by_name, **limits}
                    for name, (workflow, limits) in self._workflows.items()
                }
            )
        )
        return workflow

    def _finish_function(
        self, archive: Archive, handler: str, timeout_seconds: int, signing_key: SigningKey | None
    ) -> Function:
        finish = Function(
            self,
            "finish",
            archive=archive,
            handler=handler,
            timeout_seconds=timeout_seconds,
            environment={
                "JOBS_TABLE": self._table.table_name,
                "PAYLOAD_BUCKET": self._payloads.name,
                **({} if signing_key is None else {"CALLBACK_KEY_ID": signing_key.arn}),
                **self._meter_environment,
            },
            asynchronous_calls=AsynchronousCalls(on_failure=self._queue),
        )
        if self._meter is not None:
            self._meter.grant(finish, settles=True)
        self._table.grant(finish.role, "GetItem", "UpdateItem")
        self._payloads.grant(finish.role, PREFIX, read=True, write=True)
        if signing_key is not None:
            signing_key.grant_sign(finish.role)
        return finish

    def _api_function(self, archive: Archive, environment: Mapping[str, str]) -> Function:
        function = Function(
            self,
            "api",
            function_name=self._name,
            archive=archive,
            timeout_seconds=TIMEOUT_SECONDS,
            environment={
                "JOBS_TABLE": self._table.table_name,
                "PAYLOAD_BUCKET": self._payloads.name,
                **self._meter_environment,
                **environment,
            },
        )
        if self._meter is not None:
            self._meter.grant(function)
        self._table.grant(function.role, "DeleteItem", "GetItem", "PutItem", "UpdateItem")
        self._payloads.grant(function.role, PREFIX, read=True, write=True)
        return function

    def notify(self, topic: AlarmTopic) -> None:
        """Have a topic notified of open approvals. The messages have no data of callers.

        Raises:
            ConstructError: The topic is in another stack, or another one is notified.
        """
        if self._topic is not None:
            raise ConflictError(path_of(self), "notifies a topic already", "call notify once")
        self._topic = topic
        topic.grant_publish(self._finish.role)
        self._finish.add_environment(APPROVALS_TOPIC=topic.arn)

    @property
    def has_approvals(self) -> bool:
        """True if one of its workflows asks for approvals."""
        return any("approvals" in limits for _, limits in self._workflows.values())

    def _allow_approvals(self, workflow: Workflow) -> None:
        for function, actions in (
            (self._finish, ["dynamodb:Query"]),
            (self._function, ["dynamodb:ConditionCheckItem", "dynamodb:Query"]),
        ):
            workflow.grant_task_response(function)
            if "approvals" not in function.role.policies:
                table = attribute(self._table.resource, "arn")
                function.role.add_policy("approvals", PolicyStatement(actions=actions, resources=[table]))

    def _watch_ends(self) -> None:
        """Have EventBridge invoke the function for executions that end without a result."""
        pattern = {
            "source": ["aws.states"],
            "detail-type": ["Step Functions Execution Status Change"],
            "detail": {
                "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                "stateMachineArn": [workflow.arn for workflow in self.workflows],
            },
        }
        if self._ends is not None:
            self._ends.match(pattern)
            return
        self._ends = EventRule(
            self,
            "ends",
            pattern=pattern,
            function=self._finish,
            dead_letters=self._queue,
            description="Executions of jobs that did not record their end",
        )
