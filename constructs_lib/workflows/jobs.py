"""Workflows that take longer than a request may: what keeps them, ends them, and tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from constructs import Construct

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
from constructs_lib.kms.signing_key import SigningKey
from constructs_lib.logs.log_retention import DEFAULT_RETENTION_DAYS, RetentionDays, check_retention
from constructs_lib.stacks import check_same_stack, note_place
from constructs_lib.storage.payload_bucket import PayloadBucket
from constructs_lib.storage.table import Table
from constructs_lib.workflows.branches import Parallel
from constructs_lib.workflows.expressions import Expression, Input, Jsonata, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.service_tasks import SqsSendMessage
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Fail, Succeed
from constructs_lib.workflows.tasks import LambdaTask
from constructs_lib.workflows.workflow import Workflow

if TYPE_CHECKING:
    from constructs_lib.notifications.alarm_topic import AlarmTopic

PREFIX: Final = "jobs/"
"""What the keys of the jobs' objects in the payload bucket begin with."""

_DAY_SECONDS: Final = 86_400
_MAX_ITEMS: Final = 40
_MAX_WORKFLOWS: Final = 12
"""How many ARNs fit into a rule's pattern of 2,048 characters."""

_LINKS: Final = "jobs.links"
_SEND_SECONDS: Final = 5
_AFTERWARDS: Final = Retry(max_attempts=4, interval_seconds=1, max_delay_seconds=20)
_OWNER: Final = {"owner": Input("owner"), "job_id": Input("job_id")}


class Jobs(Construct):
    """What long-running workflows need besides the API in front of them.

    A table with a record of each job (found by owner and id, gone when it expires), a queue for those whose end could
    not be noted or told, with an alarm, and a key that signs callbacks. `add_workflow` makes the state machine of a
    kind of job. What is kept of the input and the result is in the payload bucket, and only keys are in a state.

    Two functions belong to it, which the stack makes with `api_environment` and `finish_environment`: one that answers
    `POST /workflows/{workflow}/jobs` and `GET /jobs/{job}`, one that the state machines call at the end. EventBridge calls it for
    executions that could not: those that took too long, were stopped, or failed in a way that no state can catch.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its name in that construct.
        payloads: The bucket for inputs and results.
        name: What the names of its resources in AWS begin with. Left out, the path of the construct with `-`.
        lifetime_seconds: How long a job and its result can be read, 60 to 2592000 (30 days); the payload bucket must
            keep its objects as long. DynamoDB deletes the record within days after that, and an operator can restore it
            for one day more. Default: a day.
        max_running_per_caller: How many jobs of one caller may run at once, 1 to 1000; more are answered with 429.
            Default: 5.
        callbacks: Whether clients may have an address called when a job has ended.
        deletion_protection: Whether AWS refuses to delete the table. Left out, it does.
        log_retention_days: How long the logs of its workflows are kept. Left out, 365 days.
        topic: Who is told when a message is in the queue. Left out, nobody: then look at the queue.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> payloads = PayloadBucket(stack, "payloads", expire_days=2)
        >>> jobs = Jobs(stack, "jobs", payloads=payloads)
        >>> finish = Function(
        ...     stack, "finish", archive=archive, handler="chat.finish", environment=jobs.finish_environment
        ... )
        >>> jobs.use_finish(finish)
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
        >>> workflow = jobs.add_workflow("summary", steps)
        >>> front = Function(
        ...     stack, "front", archive=archive, handler="chat.handler", environment=jobs.api_environment
        ... )
        >>> jobs.serve(front)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        payloads: PayloadBucket,
        name: str | None = None,
        lifetime_seconds: int = _DAY_SECONDS,
        max_running_per_caller: int = 5,
        callbacks: bool = True,
        deletion_protection: bool = True,
        log_retention_days: RetentionDays = DEFAULT_RETENTION_DAYS,
        topic: AlarmTopic | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        title = where.replace("/", "-") if name is None else name
        check_pattern(
            where, "name", title, r"[A-Za-z0-9_-]{1,40}", "use 1 to 40 letters, digits, '-' and '_'"
        )
        check_range(where, "lifetime_seconds", lifetime_seconds, 60, 30 * _DAY_SECONDS)
        check_range(where, "max_running_per_caller", max_running_per_caller, 1, 1_000)
        check_retention(where, "log_retention_days", log_retention_days)
        check_same_stack(where, scope, payloads)
        super().__init__(scope, construct_id)
        note_place(self, scope, construct_id)
        self._title = title
        self._payloads = payloads
        self._lifetime_seconds = lifetime_seconds
        self._max_running = max_running_per_caller
        self._log_retention_days: RetentionDays = log_retention_days
        self._workflows: dict[str, tuple[Workflow, dict[str, Any]]] = {}
        self._finish: Function | None = None
        self._ends: EventRule | None = None
        self._table = Table(
            self,
            "table",
            table_name=title,
            partition_key="owner",
            sort_key="job_id",
            ttl_attribute="expires_at",
            recovery_days=1,
            deletion_protection=deletion_protection,
        )
        self._queue = DeadLetterQueue(self, "failed", name=f"{title}-failed")
        self._signing_key = (
            SigningKey(self, "callback-key", alias=f"{title}-callbacks") if callbacks else None
        )
        if topic is not None:
            self._queue.alarm(
                topic,
                description="The end of a job could not be noted or told; the queue has what happened",
            )

    @property
    def table(self) -> Table:
        """The records of the jobs."""
        return self._table

    @property
    def queue(self) -> DeadLetterQueue:
        """Where it is said that the end of a job could not be noted or told."""
        return self._queue

    @property
    def workflows(self) -> tuple[Workflow, ...]:
        """The state machines, in the order they were added."""
        return tuple(workflow for workflow, _ in self._workflows.values())

    @property
    def finish_environment(self) -> dict[str, str]:
        """The environment of the function that ends jobs."""
        key = self._signing_key
        callbacks = {} if key is None else {"CALLBACK_KEY_ID": key.arn}
        return {"JOBS_TABLE": self._table.table_name, "PAYLOAD_BUCKET": self._payloads.name, **callbacks}

    @property
    def api_environment(self) -> dict[str, str]:
        """The environment of the function behind the API, once all workflows are added."""
        known = {
            name: {"state_machine": workflow.arn, **limits}
            for name, (workflow, limits) in self._workflows.items()
        }
        return {
            "JOBS_TABLE": self._table.table_name,
            "PAYLOAD_BUCKET": self._payloads.name,
            "JOB_WORKFLOWS": json.dumps(known),
            "JOB_LIFETIME_SECONDS": str(self._lifetime_seconds),
            "JOB_MAX_RUNNING": str(self._max_running),
            "JOB_CALLBACKS": "off" if self._signing_key is None else "on",
        }

    def use_finish(self, function: Function) -> None:
        """Names the function that ends jobs, and lets it: it may note how a job ended, store its result and sign.

        Calls of EventBridge that fail for good go to the jobs' queue, unless the function's `asynchronous_calls` say
        otherwise.

        Args:
            function: The function, made with `finish_environment`.

        Raises:
            ConstructError: if one is named already, or it is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, function)
        if self._finish is not None:
            raise ConflictError(where, f"is ended by {path_of(self._finish)} already", "call use_finish once")
        self._finish = function
        self._table.grant(function.role, "GetItem", "UpdateItem")
        self._payloads.grant(function.role, PREFIX, read=True, write=True)
        if self._signing_key is not None:
            self._signing_key.grant_sign(function.role)
        if function.asynchronous_calls is None:
            function.keep_failed_calls(AsynchronousCalls(on_failure=self._queue))

    def serve(self, function: Function) -> None:
        """Lets the function behind the API start jobs and look at them.

        Args:
            function: The function, made with `api_environment`.

        Raises:
            ConstructError: if there is no workflow, or it is in another stack.
        """
        where = path_of(self)
        check_same_stack(where, self, function)
        if not self._workflows:
            raise InvalidArgumentError(
                where, "has no workflows, so that no job can be started", "call add_workflow"
            )
        self._table.grant(function.role, "GetItem", "PutItem", "UpdateItem")
        self._payloads.grant(function.role, PREFIX, read=True, write=True)
        for workflow in self.workflows:
            workflow.grant_start(function)
            workflow.grant_read(function)

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
            ConstructError: if an argument is not valid, or `use_finish` was not called.
        """
        where = f"{path_of(self)}/{name}"
        if self._finish is None:
            raise InvalidArgumentError(where, "no function makes URLs", "call use_finish first")
        if not read and not write:
            raise InvalidArgumentError(where, "links has no keys", "pass read={...} or write={...}")
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
            retry=[_AFTERWARDS],
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
        """Adds a kind of job (`aws_sfn_state_machine` of the type STANDARD); there may be twelve.

        The steps get `input_key` and `output_key`, and with `each` also `items`, each with `number`, `input_key` and
        `output_prefix`. Their answer is the result; anywhere in it, `{"from": KEY}` stands for that object and
        `{"Error": NAME, "Cause": TEXT}`, an error as states have it, for its code and message.

        Args:
            name: What clients call it: `{workflow}` in `POST /workflows/{workflow}/jobs`.
            steps: What is done.
            each: The field of the input whose items are stored and worked on one by one. Left out, there is none.
            max_items: The most items, 1 to 40. Left out, 40.
            timeout_seconds: When it fails for taking too long. Left out, after an hour.
            workflow_name: The state machine's name in AWS. Left out, the jobs' name and `name`.
            include_execution_data: Whether its log has what goes into the steps and comes out; not where the steps have
                `links`, which are secrets. Default: False.

        Raises:
            ConstructError: if an argument is not valid, the name is taken, there are twelve, or `use_finish` was not
                called.
        """
        where = f"{path_of(self)}/{name}"
        check_pattern(where, "name", name, r"[a-z][a-z0-9-]{0,31}", "use lower case letters, digits and '-'")
        check_range(where, "max_items", max_items, 1, _MAX_ITEMS)
        if name in self._workflows:
            raise ConflictError(where, "exists already", "give the workflow another name")
        if self._finish is None:
            raise InvalidArgumentError(where, "nobody would note its end", "call use_finish first")
        if len(self._workflows) == _MAX_WORKFLOWS:
            raise LimitExceededError(
                where,
                f"{path_of(self)} has {_MAX_WORKFLOWS} workflows, and one rule of EventBridge is for all",
                "make other Jobs for it",
            )
        definition = self._with_an_end(self._finish, steps)
        if include_execution_data and _LINKS in json.dumps(render(where, definition).asl):
            raise UnsafeSettingError(
                where,
                "include_execution_data would log the presigned URLs of links",
                "remove include_execution_data",
            )
        workflow = Workflow(
            self,
            name,
            kind="STANDARD",
            workflow_name=workflow_name or f"{self._title}-{name}",
            timeout_seconds=timeout_seconds,
            log_retention_days=self._log_retention_days,
            include_execution_data=include_execution_data,
            definition=definition,
        )
        limits = {"max_items": max_items, "timeout_seconds": timeout_seconds}
        self._workflows[name] = (workflow, limits | ({} if each is None else {"each": each}))
        workflow.grant_describe(self._finish)
        self._watch_ends(self._finish)
        return workflow

    def _watch_ends(self, finish: Function) -> None:
        """Has the function told of every execution that ended without a result."""
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
            function=finish,
            dead_letters=self._queue,
            name=f"{self._title}-ends",
            description="Executions of jobs that could not note their end",
        )

    def _with_an_end(self, finish: Function, steps: Step) -> Step:
        """The steps, what notes how they ended, what tells it, and where it is written if that fails."""
        lost = self._lost("the end is lost", "JobNotNoted", Variable("problem"))
        failed = (
            self._finish_task(
                "note the failure",
                finish,
                {"error": Variable("problem")},
                catch=Catch(to=lost, result="trouble"),
            )
            >> self._call_back("tell of the failure", finish)
            >> Fail("failed", error=Variable("problem.Error"))
        )
        work = Parallel(
            "work",
            {"work": steps},
            result="done",
            catch=[Catch(to=failed, result="problem")],
        )
        unnoted = self._lost("the result is lost", "JobNotNoted", Variable("trouble"))
        note = self._finish_task(
            "note the result",
            finish,
            {"result": Variable("done.work")},
            catch=Catch(to=unnoted, result="trouble"),
        )
        return work >> note >> self._call_back("tell of the result", finish) >> Succeed("done", output=_OWNER)

    def _finish_task(
        self, name: str, finish: Function, ending: Mapping[str, Any], *, catch: Catch
    ) -> LambdaTask:
        return LambdaTask(
            name,
            finish,
            input={
                "operation": "jobs.finish",
                "input": {**_OWNER, "output_key": Input("output_key"), **ending},
            },
            retry=[_AFTERWARDS],
            catch=[catch],
            result="noted",
        )

    def _call_back(self, name: str, finish: Function) -> Step:
        """Tells the client; that it could not be told does not change how the job ended."""
        untold = self._keep(f"{name}, in vain", problem="the callback was not taken")
        call = LambdaTask(
            name,
            finish,
            input={"operation": "jobs.callback", "input": _OWNER},
            retry=[
                Retry(errors=["CallbackRefused"], max_attempts=0),
                Retry(max_attempts=5, interval_seconds=2, max_delay_seconds=60),
            ],
            result="told",
        )
        return call.or_else(untold)

    def _lost(self, name: str, error: str, problem: Variable) -> Step:
        said = Jsonata(f"{problem.code}.Error")
        keep = self._keep(f"{name}: keep", problem="the end could not be noted", error=said)
        return keep >> Fail(name, error=error)

    def _keep(self, name: str, **what: object) -> SqsSendMessage:
        """Writes to the queue what became of the job."""
        return SqsSendMessage(
            name,
            self._queue,
            body={**_OWNER, **what},
            kms_key_arn=self._key_arn,
            timeout_seconds=_SEND_SECONDS,
            result="kept",
        )

    @property
    def _key_arn(self) -> str | None:
        key = AwsStack.of(self).encryption_key
        return None if key is None else key.arn
