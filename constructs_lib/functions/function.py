"""Lambda function with its log group, role, alias and permissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from cdktf import TerraformResource
from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionDeadLetterConfig,
    LambdaFunctionEnvironment,
    LambdaFunctionEphemeralStorage,
    LambdaFunctionLoggingConfig,
    LambdaFunctionSnapStart,
    LambdaFunctionTracingConfig,
    LambdaFunctionVpcConfig,
)
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from constructs_lib.archive import Archive
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_text, check_type, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.alias import ALIAS, alias_arn, gateway_uri, keep_started, make_alias
from constructs_lib.functions.archive_bucket import ArchiveBucket
from constructs_lib.functions.asynchronous_calls import AsynchronousCalls, send_failures
from constructs_lib.functions.caller_permissions import CallerPermissions
from constructs_lib.functions.cold_start import Gradual, check_cold_start
from constructs_lib.functions.execution_role import make_execution_role
from constructs_lib.functions.function_arguments import LogFormat, LogLevel, check_arguments
from constructs_lib.functions.function_code import check_code, check_handler, place_code
from constructs_lib.functions.function_environment import check_environment
from constructs_lib.functions.queue import Consumer, Queue
from constructs_lib.functions.response_streaming import streaming_environment
from constructs_lib.functions.vpc_access import VpcAccess
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.iam.role import Role
from constructs_lib.log_retention import RetentionDays
from constructs_lib.logs.log_group import LOG_GROUP_NAME, LogGroup
from constructs_lib.references import attribute, token, wait_for
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.lambda_event_source_mapping import LambdaEventSourceMapping

    from constructs_lib.kms.encryption_key import EncryptionKey


class Callee(Protocol):
    """Function or workflow that a function calls."""

    def _calls(self, function: Function) -> bool:
        """Return whether it calls a function, directly or not."""


class Function(AwsConstruct):
    """Lambda function (`aws_lambda_function`) with its log group, role and alias `live`.

    The log group is created first, and the role may write to no other. Every change publishes a version, and
    the alias moves to it. Callers use the alias, so they never see a partial update. The function waits for
    the policies of its role, because Lambda sees them with a delay. Its alias waits for the functions and workflows
    that it may call.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        archive: Archive with the code. Its target determines runtime and architecture.
        handler: Handler as `package.module.function`. Default: that of the archive's package file.
        function_name: Name in AWS. Default: the stack's prefix and the path below the stack, such as
            `shop-chat`.
        description: Description in AWS. Default: none.
        memory_mb: Memory in MB, 128-10240. CPU scales with it. Default: 512.
        timeout_seconds: Timeout in seconds, 1-900; less than 29 behind an API. Default: 10.
        environment: Environment variables; at most 4 KB and no secrets. Default: none.
        code_bucket: Bucket for an archive of more than 50 MB; smaller ones are uploaded directly, unless the stack's
            `direct_upload` is False. Default: the stack's (`ArchiveBucket.of`).
        tracing: Whether X-Ray traces its calls. Default: True.
        log_format: Format of its log. Default: `JSON`.
        log_level: Lowest level of log lines that Lambda keeps, with the format `JSON`. Default: `INFO`.
        log_retention_days: Retention of its log in days. Default: the stack's, 365.
        ephemeral_storage_mb: Size of `/tmp` in MB, 512-10240. Default: 512.
        reserved_concurrency: Reserved concurrent executions, 0-100000. Default: the stack's, or none.
        encryption_key: Key for its environment variables and its log. Default: the stack's, or else AWS's
            own.
        asynchronous_calls: Settings of asynchronous invocations. Default: two retries, then AWS drops the
            event.
        vpc: VPC that the function joins. Default: none.
        code_signing_config_arn: ARN of an `aws_lambda_code_signing_config` with the accepted signers.
            Default: none.
        snap_start: Whether new instances start from a snapshot with loaded modules (SnapStart, Python 3.12 or
            newer). Create random numbers and connections in the handler then. AWS bills snapshots. Default:
            False.
        provisioned_concurrency: Number of instances that AWS keeps ready and bills. Not with `snap_start` or
            `gradual`; counts towards `reserved_concurrency`. Default: none.
        gradual: Shares of the last two versions. Default: the newest receives all calls.
        response_streaming: Whether the function streams its response, by the runtime client
            `handlers/common/streaming_runtime.py` in its archive; its handler returns a `StreamedResponse`, or yields
            bytes. Only `LambdaIntegration(function, stream=True)` passes requests to such a function. It excludes
            `snap_start`. Default: False.

    Raises:
        ConstructError: if AWS would reject an argument, or an environment variable looks like a secret.

    Example:
        >>> chat = Function(stack, "chat", archive=archive, handler="chat.handler", memory_mb=1024)
        >>> chat.function_name
        'shop-chat'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        archive: Archive,
        handler: str | None = None,
        function_name: str | None = None,
        description: str | None = None,
        memory_mb: int = 512,
        timeout_seconds: int = 10,
        environment: Mapping[str, str] | None = None,
        code_bucket: ArchiveBucket | None = None,
        tracing: bool = True,
        log_format: LogFormat = "JSON",
        log_level: LogLevel | None = None,
        log_retention_days: RetentionDays | None = None,
        ephemeral_storage_mb: int = 512,
        reserved_concurrency: int | None = None,
        encryption_key: EncryptionKey | None = None,
        asynchronous_calls: AsynchronousCalls | None = None,
        vpc: VpcAccess | None = None,
        code_signing_config_arn: str | None = None,
        snap_start: bool = False,
        provisioned_concurrency: int | None = None,
        gradual: Gradual | None = None,
        response_streaming: bool = False,
    ) -> None:
        where = path_below(scope, construct_id)
        name = AwsStack.of(scope).physical_name(where) if function_name is None else function_name
        if not hasattr(archive, "zip_path"):
            raise InvalidArgumentError(
                where,
                f"archive is of type {type(archive).__name__}",
                "pass LambdaArchive.from_package(...), or another object with the attributes of Archive",
            )
        entry = archive.handler if handler is None else handler
        stack = AwsStack.of(scope)
        variables = {} if environment is None else environment
        check_type(where, "function_name", name, str, remedy="pass a string")
        default = stack.reserved_concurrency(name)
        reserved = default if reserved_concurrency is None else reserved_concurrency
        check_type(where, "vpc", vpc, VpcAccess)
        check_type(where, "asynchronous_calls", asynchronous_calls, AsynchronousCalls)
        check_type(where, "environment", environment, Mapping, remedy="pass a dictionary {...}")
        check_arguments(
            where,
            function_name=name,
            archive=archive,
            handler=entry,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            ephemeral_storage_mb=ephemeral_storage_mb,
            reserved_concurrency=reserved,
            log_format=log_format,
            log_level=log_level,
            log_retention_days=log_retention_days,
            environment=variables,
        )
        check_text(where, "description", description)
        check_code(where, scope, archive, code_bucket)
        check_handler(where, archive, str(entry))
        if response_streaming:
            variables = streaming_environment(where, archive, variables, snap_start=snap_start)
        check_cold_start(
            where,
            runtime=archive.target.runtime,
            region=stack.region,
            snap_start=snap_start,
            provisioned_concurrency=provisioned_concurrency,
            reserved_concurrency=reserved,
            ephemeral_storage_mb=ephemeral_storage_mb,
            gradual=gradual,
        )
        key = stack.key_for(where, scope, encryption_key)
        stack.claim(where, "function_name", name)
        stack.claim(f"{where}/log-group", LOG_GROUP_NAME, f"/aws/lambda/{name}")

        super().__init__(scope, construct_id)
        self._name = name
        self._environment = variables
        self._has_key = key is not None
        self._timeout_seconds = timeout_seconds
        self._response_streaming = response_streaming
        self._reserved_concurrency = reserved
        self._callees: list[Callee] = []
        self._log_group = LogGroup(
            self,
            "log-group",
            name=f"/aws/lambda/{name}",
            retention_days=log_retention_days,
            encryption_key=key,
        )
        # Without variables, AWS drops the key, and each plan would set it again.
        variables_key = key if variables else None
        self._role = make_execution_role(
            self,
            stack,
            log_group=self._log_group,
            tracing=tracing,
            variables_key=variables_key,
            vpc=vpc,
            asynchronous_calls=asynchronous_calls,
        )
        dead_letters = None if asynchronous_calls is None else asynchronous_calls.dead_letters
        code = place_code(self, archive, code_bucket, folder=name)
        self._resource = self._create(
            LambdaFunction,
            "Resource",
            function_name=name,
            description=description,
            role=attribute(self._role.resource, "arn"),
            handler=entry,
            runtime=archive.target.runtime,
            architectures=[archive.target.architecture],
            memory_size=memory_mb,
            timeout=timeout_seconds,
            filename=code.filename,
            s3_bucket=code.s3_bucket,
            s3_key=code.s3_key,
            source_code_hash=archive.source_code_hash,
            environment=LambdaFunctionEnvironment(variables=variables) if variables else None,
            kms_key_arn=None if variables_key is None else attribute(variables_key.resource, "arn"),
            dead_letter_config=None
            if dead_letters is None
            else LambdaFunctionDeadLetterConfig(target_arn=dead_letters.arn),
            # Otherwise Lambda's network interfaces use the groups for up to 45 minutes.
            replace_security_groups_on_destroy=None if vpc is None else True,
            vpc_config=None
            if vpc is None
            else LambdaFunctionVpcConfig(
                subnet_ids=list(vpc.subnet_ids), security_group_ids=list(vpc.security_group_ids)
            ),
            code_signing_config_arn=code_signing_config_arn,
            ephemeral_storage=LambdaFunctionEphemeralStorage(size=ephemeral_storage_mb),
            logging_config=LambdaFunctionLoggingConfig(
                log_group=attribute(self._log_group.resource, "name"),
                log_format=log_format,
                # These are AWS's defaults, but without them the provider publishes a version with each apply.
                application_log_level=(log_level or "INFO") if log_format == "JSON" else None,
                system_log_level="INFO" if log_format == "JSON" else None,
            ),
            tracing_config=LambdaFunctionTracingConfig(mode="Active" if tracing else "PassThrough"),
            reserved_concurrent_executions=reserved,
            snap_start=LambdaFunctionSnapStart(apply_on="PublishedVersions") if snap_start else None,
            publish=True,
        )
        self._role.used_by(self._resource, self._log_group.resource, first=True)
        self._alias = make_alias(self, self._resource, gradual)
        self._callers = CallerPermissions(
            function_name=name, region=stack.region, function=self._resource, alias=self._alias
        )
        self._asynchronous_calls = asynchronous_calls
        if asynchronous_calls is not None:
            send_failures(self, self._resource, self._alias, self._role, asynchronous_calls)
        if provisioned_concurrency is not None:
            keep_started(self, self._resource, self._alias, provisioned_concurrency)

    @property
    def function_name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def short_name(self) -> str:
        """Name in AWS without the stack's prefix."""
        return AwsStack.of(self).short_name(self._name)

    @property
    def timeout_seconds(self) -> int:
        """Timeout in seconds."""
        return self._timeout_seconds

    @property
    def response_streaming(self) -> bool:
        """True if the function streams its response."""
        return self._response_streaming

    @property
    def reserved_concurrency(self) -> int | None:
        """Reserved concurrent executions. None if it shares the account's."""
        return self._reserved_concurrency

    @property
    def asynchronous_calls(self) -> AsynchronousCalls | None:
        """Settings of asynchronous invocations. None: AWS's defaults."""
        return self._asynchronous_calls

    @property
    def invoke_arn(self) -> str:
        """ARN by which API Gateway invokes the alias."""
        return token(self._alias, "invoke_arn")

    @property
    def qualified_arn(self) -> str:
        """ARN of the alias, for callers with the AWS API."""
        return token(self._alias, "arn")

    @property
    def arn_by_name(self) -> str:
        """ARN of the alias, composed of names: what refers to it may be created before the function."""
        return alias_arn(AwsStack.of(self), self._name)

    @property
    def alias(self) -> LambdaAlias:
        """The `aws_lambda_alias` that callers use."""
        return self._alias

    @property
    def _target(self) -> str:
        return f"lambda:{self._name}:{ALIAS}"

    @property
    def _references(self) -> tuple[str, ...]:
        return ()  # its ARN is composed of names

    @property
    def _gateway_uri(self) -> str:
        stack = AwsStack.of(self)
        return gateway_uri(stack, self.arn_by_name, stream=self._response_streaming)

    @property
    def log_group(self) -> LogGroup:
        """Log group of the function."""
        return self._log_group

    @property
    def role(self) -> Role:
        """Execution role."""
        return self._role

    @property
    def resource(self) -> LambdaFunction:
        """The `aws_lambda_function`."""
        return self._resource

    def add_environment(self, **variables: str) -> None:
        """Add environment variables, or replace their values.

        Args:
            variables: Values by the names of the variables.

        Raises:
            ConstructError: A variable is not valid or looks like a secret, all of them have more than 4 KB, or a key
                encrypts the function, which was created without variables.
        """
        where = path_of(self)
        environment = {**self._environment, **variables}
        check_environment(where, environment)
        if not self._environment and self._has_key:
            raise ConflictError(
                where,
                "was created without environment variables, and so without the key that encrypts them",
                "pass environment={...} with at least one variable to Function",
            )
        self._environment = environment
        self._resource.put_environment(variables=environment)

    def grant_invoke(self, grantee: Function | Role) -> None:
        """Allow another function or a role to invoke this function's alias, and nothing else.

        Idempotent. The permission refers to this function by name, so that the two are created at the same time. The
        alias of the other function is created, and updated, after this one's, unless the two invoke each other.

        Args:
            grantee: Function or role that may invoke it.

        Raises:
            ConstructError: if the two are in different stacks.
        """
        check_same_stack(path_of(self), self, grantee)
        role = grantee.role if isinstance(grantee, Function) else grantee
        name = f"invoke-{self._name}"
        if name in role.policies:
            return
        role.add_policy(
            name, PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.arn_by_name])
        )
        if isinstance(grantee, Function):
            grantee._open_after(self, self._alias)

    def consume(
        self,
        queue: Queue,
        *,
        batch_size: int = 10,
        max_batching_window_seconds: int = 0,
        max_concurrency: int | None = None,
    ) -> LambdaEventSourceMapping:
        """Consume the messages of a queue with this function's alias (`aws_lambda_event_source_mapping`).

        The function returns the messages that it could not process (`batchItemFailures`), and only those are
        delivered again. It may receive and delete messages, and nothing else. The queue's default visibility
        timeout becomes six times the function's timeout plus the batching window.

        Args:
            queue: Queue to consume. A queue has one consumer.
            batch_size: Messages per invocation, 1-10000. More than 10 need a batching window. Default: 10.
            max_batching_window_seconds: Seconds for which Lambda collects a batch, 1-300. Default: none.
            max_concurrency: Concurrent batches, 2-1000, at most the function's reserved concurrency. Default:
                the account's limit.

        Raises:
            ConstructError: if an argument is not valid, the queue has a consumer or is in another stack, or
                its visibility timeout is too short.
        """
        check_type(path_of(self), "queue", queue, Queue)
        return queue._feed(
            Consumer(
                function=self,
                alias=self._alias,
                role=self._role,
                timeout_seconds=self._timeout_seconds,
                reserved_concurrency=self._reserved_concurrency,
            ),
            batch_size=batch_size,
            max_batching_window_seconds=max_batching_window_seconds,
            max_concurrency=max_concurrency,
        )

    def add_permission(
        self, scope: Construct, construct_id: str, *, principal: str, source_arn: str
    ) -> LambdaPermission:
        """Allow one resource of an AWS service to invoke this function's alias (`aws_lambda_permission`).

        Args:
            scope: Parent construct.
            construct_id: Id in the parent construct.
            principal: The service, such as `apigateway.amazonaws.com`.
            source_arn: The ARN of the resource that calls.

        Raises:
            LimitExceededError: if the permissions of the function would take more than Lambda's 20 KB.
        """
        return self._callers.add(scope, construct_id, principal=principal, source_arn=source_arn)

    def _check_permission(self, where: str, *, principal: str, source_arn: str) -> None:
        """Check the size of the policy with one more permission; see `add_permission`.

        Args:
            where: Path of the construct that adds the permission.
            principal: The service.
            source_arn: The ARN of the resource that calls.

        Raises:
            LimitExceededError: if the permissions of the function would take more than Lambda's 20 KB.
        """
        self._callers.check(where, principal=principal, source_arn=source_arn)

    def _calls(self, function: Function) -> bool:
        return self is function or any(callee._calls(function) for callee in self._callees)

    def _open_after(self, callee: Callee, resource: TerraformResource) -> None:
        """Make the alias depend on what the function calls, so that its callers find all of it, but not in a circle."""
        if not callee._calls(self):
            self._callees.append(callee)
            wait_for(self._alias, resource)
