"""Tasks that call one AWS API, with exactly the permission that the call needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from constructs_lib.bedrock import invocation_statements
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.templates import has_reference
from constructs_lib.workflows.expressions import Expression
from constructs_lib.workflows.tasks import Place, ServiceCall, TaskState, check_exactly, check_model_id


class CalledQueue(Protocol):
    """Queue of a task, such as an `aws_sqs_queue`."""

    @property
    def arn(self) -> str:
        """ARN; a reference."""

    @property
    def url(self) -> str:
        """URL; a reference."""


class CalledTable(Protocol):
    """Table of a task, such as an `aws_dynamodb_table`."""

    @property
    def arn(self) -> str:
        """ARN; a reference."""

    @property
    def name(self) -> str:
        """Name in AWS."""


class CalledWorkflow(Protocol):
    """Workflow that a task starts, such as a `Workflow`."""

    @property
    def arn(self) -> str:
        """ARN; a reference."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _OnKey(TaskState):
    kms_key_arn: str | None = None

    def _permissions(self, action: str, resource: str, *key_actions: str) -> tuple[PolicyStatement, ...]:
        check_exactly(self.where, "kms_key_arn", self.kms_key_arn or "none")
        needed = PolicyStatement(actions=[action], resources=[resource])
        if self.kms_key_arn is None:
            return (needed,)
        return needed, PolicyStatement(actions=key_actions, resources=[self.kms_key_arn])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BedrockInvokeModel(TaskState):
    """Invoke a model of Amazon Bedrock. The result is the model's response, as an object.

    Attributes:
        model_id: Id of the model, such as `amazon.titan-embed-text-v2:0`, or of a cross-region inference profile, such as
            `eu.amazon.nova-lite-v1:0`; or the ARN of another profile, whose models `permissions` must allow.
        body: Request in the form of the model.
        permissions: Permissions of the workflow's role for the call. Default: to invoke that model.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> vector = BedrockInvokeModel(
        ...     "vector", model_id="amazon.titan-embed-text-v2:0", body={"inputText": Input("body.text")}
        ... )
    """

    model_id: str
    body: Mapping[str, Any] | Expression
    permissions: tuple[PolicyStatement, ...] = ()

    def __post_init__(self) -> None:
        TaskState.__post_init__(self)
        check_model_id(self.where, self.model_id)

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`."""
        invoking = (
            [PolicyStatement(actions=["bedrock:InvokeModel"], resources=[self.model_id])]
            if self.model_id.startswith("arn:")
            else invocation_statements(place.partition, place.region, [self.model_id])
        )
        return ServiceCall(
            action="bedrock:invokeModel",
            arguments={
                "ModelId": self.model_id,
                "ContentType": "application/json",
                "Accept": "application/json",
                "Body": self.body,
            },
            answer="$states.result.Body",
            permissions=(*invoking, *self.permissions),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SqsSendMessage(_OnKey):
    """Send a message to a queue.

    Attributes:
        queue: Queue.
        body: Message. Objects are sent as JSON.
        group_id: Message group id, required for a FIFO queue. Default: none.
        deduplication_id: Message deduplication id of a FIFO queue. Default: none.
        kms_key_arn: ARN of the customer-managed key of the queue. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> tell = SqsSendMessage("tell", queue, body={"id": Input("id")})
    """

    queue: CalledQueue = field(kw_only=False)
    body: Any
    group_id: str | Expression | None = None
    deduplication_id: str | Expression | None = None

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        arguments: dict[str, Any] = {"QueueUrl": self.queue.url, "MessageBody": self.body}
        if self.group_id is not None:
            arguments["MessageGroupId"] = self.group_id
        if self.deduplication_id is not None:
            arguments["MessageDeduplicationId"] = self.deduplication_id
        return ServiceCall(
            action="sqs:sendMessage",
            arguments=arguments,
            permissions=self._permissions(
                "sqs:SendMessage", self.queue.arn, "kms:Decrypt", "kms:GenerateDataKey"
            ),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _OnTable(_OnKey):
    table: CalledTable = field(kw_only=False)

    leading_keys: Sequence[str] = ()

    def _call(self, action: str, arguments: Mapping[str, Any]) -> ServiceCall:
        permission = f"dynamodb:{action[0].upper()}{action[1:]}"
        needed, *more = self._permissions(permission, self.table.arn, "kms:Decrypt")
        if self.leading_keys:
            items = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": tuple(self.leading_keys)}}
            needed = replace(needed, conditions=items)
        return ServiceCall(
            action=f"dynamodb:{action}",
            arguments={"TableName": self.table.name, **arguments},
            permissions=(needed, *more),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DynamoDbGetItem(_OnTable):
    """Read an item. The result has it as `Item` in DynamoDB's form, or is empty.

    Attributes:
        table: The table.
        key: The item's key, in DynamoDB's form, such as `{"id": {"S": Input("id")}}`.
        consistent: Whether the read is strongly consistent. Default: True.
        leading_keys: Partition keys that the workflow's role may use. Default: all.
        kms_key_arn: ARN of the customer-managed key of the table. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> job = DynamoDbGetItem("job", table, key={"id": {"S": Input("id")}}, result="job")
    """

    key: Mapping[str, Any]
    consistent: bool = True

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        return self._call("getItem", {"Key": self.key, "ConsistentRead": self.consistent})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DynamoDbPutItem(_OnTable):
    """Write an item; overwrite one with the same key.

    Attributes:
        table: The table.
        item: The item, in DynamoDB's form, such as `{"id": {"S": Input("id")}}`.
        condition: Condition expression. Default: none; an existing item is overwritten.
        leading_keys: Partition keys that the workflow's role may use. Default: all.
        kms_key_arn: ARN of the customer-managed key of the table. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> keep = DynamoDbPutItem("keep", table, item={"id": {"S": Input("id")}}, condition="attribute_not_exists(id)")
    """

    item: Mapping[str, Any]
    condition: str | None = None

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        condition = {} if self.condition is None else {"ConditionExpression": self.condition}
        return self._call("putItem", {"Item": self.item, **condition})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DynamoDbUpdateItem(_OnTable):
    """Update attributes of an item.

    Attributes:
        table: The table.
        key: Key of the item, in DynamoDB's form.
        update: Update expression, such as `SET #s = :status`.
        names: Expression attribute names (`#`). Default: none.
        values: Expression attribute values (`:`), in DynamoDB's form. Default: none.
        condition: Condition expression. Default: none.
        leading_keys: Partition keys that the workflow's role may use. Default: all.
        kms_key_arn: ARN of the customer-managed key of the table. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> done = DynamoDbUpdateItem(
        ...     "done", table, key={"id": {"S": Input("id")}}, update="SET ready = :yes", values={":yes": {"BOOL": True}}
        ... )
    """

    key: Mapping[str, Any]
    update: str
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    condition: str | None = None

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        arguments: dict[str, Any] = {"Key": self.key, "UpdateExpression": self.update}
        if self.names:
            arguments["ExpressionAttributeNames"] = self.names
        if self.values:
            arguments["ExpressionAttributeValues"] = self.values
        if self.condition is not None:
            arguments["ConditionExpression"] = self.condition
        return self._call("updateItem", arguments)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DynamoDbDeleteItem(_OnTable):
    """Delete an item. A missing item is not an error.

    Attributes:
        table: The table.
        key: Key of the item, in DynamoDB's form.
        condition: Condition expression. Default: none.
        values: Expression attribute values (`:`), in DynamoDB's form. Default: none.
        leading_keys: Partition keys that the workflow's role may use. Default: all.
        kms_key_arn: ARN of the customer-managed key of the table. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> forget = DynamoDbDeleteItem("forget", table, key={"id": {"S": Input("id")}})
    """

    key: Mapping[str, Any]
    condition: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        arguments: dict[str, Any] = {"Key": self.key}
        if self.condition is not None:
            arguments["ConditionExpression"] = self.condition
        if self.values:
            arguments["ExpressionAttributeValues"] = self.values
        return self._call("deleteItem", arguments)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _OnObject(_OnKey):
    bucket_name: str
    key: str | Expression
    prefix: str = ""

    def __post_init__(self) -> None:
        TaskState.__post_init__(self)
        check_exactly(self.where, "bucket_name", self.bucket_name)
        if "*" in self.prefix or "?" in self.prefix or has_reference(self.prefix):
            raise InvalidArgumentError(
                self.where,
                f"prefix {self.prefix!r} is not valid",
                "use the beginning of the key, without '*'",
            )
        if isinstance(self.key, str) and not self.key.startswith(self.prefix):
            raise InvalidArgumentError(
                self.where, f"key {self.key!r} does not begin with prefix {self.prefix!r}", "correct one"
            )

    def _objects(self, place: Place) -> str:
        key = self.key if isinstance(self.key, str) else f"{self.prefix}*"
        return f"arn:{place.partition}:s3:::{self.bucket_name}/{key}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class S3GetObject(_OnObject):
    """Read a text object. The result is the text. If it is too large for a state, pass the key instead.

    Attributes:
        bucket_name: Name of the bucket.
        key: Key of the object.
        prefix: Prefix of a key that is an expression. The workflow's role may read only objects with it. Default: the
            whole bucket.
        kms_key_arn: ARN of the customer-managed key of the bucket. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> page = S3GetObject("page", bucket_name="pages", key=Input("key"), prefix="jobs/", result="page")
    """

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`."""
        return ServiceCall(
            action="aws-sdk:s3:getObject",
            arguments={"Bucket": self.bucket_name, "Key": self.key},
            answer="$states.result.Body",
            permissions=self._permissions("s3:GetObject", self._objects(place), "kms:Decrypt"),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class S3PutObject(_OnObject):
    """Write an object.

    Attributes:
        bucket_name: Name of the bucket.
        key: Key of the object.
        body: Content. Objects are written as JSON.
        content_type: Content type. Default: `application/json`.
        prefix: Prefix of a key that is an expression. The workflow's role may write only objects with it. Default: the
            whole bucket.
        kms_key_arn: ARN of the customer-managed key of the bucket. Default: none.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> keep = S3PutObject("keep", bucket_name="answers", key=Input("key"), prefix="jobs/", body=Variable("answer"))
    """

    body: Any
    content_type: str = "application/json"

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`."""
        return ServiceCall(
            action="aws-sdk:s3:putObject",
            arguments={
                "Bucket": self.bucket_name,
                "Key": self.key,
                "Body": self.body,
                "ContentType": self.content_type,
            },
            permissions=self._permissions(
                "s3:PutObject", self._objects(place), "kms:Decrypt", "kms:GenerateDataKey"
            ),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StartExecution(TaskState):
    """Start another workflow without waiting for it. The result has the `ExecutionArn`.

    Attributes:
        workflow: Workflow to start.
        input: Input of the execution. Default: an empty object.
        execution_name: Name of the execution. Starting it again with the same name and input returns the first
            execution. Default: AWS's.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: 60.

    Example:
        >>> later = StartExecution("later", workflow, input={"id": Input("id")})
    """

    workflow: CalledWorkflow = field(kw_only=False)
    input: Mapping[str, Any] | Expression = field(default_factory=dict)
    execution_name: str | Expression | None = None

    def call(self, place: Place) -> ServiceCall:  # noqa: ARG002
        """See `TaskState`."""
        arguments: dict[str, Any] = {"StateMachineArn": self.workflow.arn, "Input": self.input}
        if self.execution_name is not None:
            arguments["Name"] = self.execution_name
        return ServiceCall(
            action="states:startExecution",
            arguments=arguments,
            permissions=(PolicyStatement(actions=["states:StartExecution"], resources=[self.workflow.arn]),),
        )
