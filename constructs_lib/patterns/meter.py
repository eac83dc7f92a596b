"""Meter: budgets of callers, and a ledger of what every call used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from constructs import Construct

from constructs_lib.api.lambda_integration import LambdaIntegration
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_range, path_below
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.functions.asynchronous_calls import AsynchronousCalls
from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
from constructs_lib.functions.event_rule import EventRule
from constructs_lib.functions.function import Function
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.patterns.model_route import ModelRoute, ModelTarget
from constructs_lib.patterns.service_archive import service_archive
from constructs_lib.service_contract import check_contract
from constructs_lib.storage.table import Table
from constructs_lib.workflows.budget import CHARGE, WorkflowBudget, called_operations
from constructs_lib.workflows.expressions import Jsonata
from constructs_lib.workflows.rendering import render

if TYPE_CHECKING:
    from constructs_lib.archive import Archive
    from constructs_lib.service_contract import ServiceContract, ServiceOperation
    from constructs_lib.workflows.step import Step

_TIMEOUT_SECONDS: Final = 28
_SWEEP_SECONDS: Final = 300


class Price(Protocol):
    """Price of an operation or a model."""

    def require(self, *units: str) -> None:
        """Check that units have a price; raise a `LookupError` if one has none."""

    def amounts(self, quantities: Mapping[str, int]) -> Mapping[Any, int]:
        """Return the `nano_usd` and `tokens` of quantities by unit."""


class Prices(Protocol):
    """Prices by operations and models; `handlers/common/prices.py` has them."""

    def of_measure(self, operation: str, measure: Any, backend: str) -> Price:
        """Return the price of an operation with an AI backend; raise a `LookupError` if it has none."""

    def of_operation(self, operation: str, backend: str) -> Price:
        """Return the price of an operation in the file; raise a `LookupError` if it has none."""

    def of_model(self, backend: str, model: str, base_url: str | None = None) -> Price:
        """Return the price of a language model; raise a `LookupError` if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Upper bound of what the tasks of a workflow may use.

    Attributes:
        nano_usd: Money in billionths of a US dollar.
        tokens: Tokens of language models.
    """

    nano_usd: int = 0
    tokens: int = 0


class Meter(AwsConstruct):
    """Meter of a stack: every call of its services, workflows and jobs reserves budget before and is in the ledger after.

    `stack.meter_with(meter)` makes it the meter of everything that is created after it. Two DynamoDB tables: `buckets` has
    what each limit has left in its window, `ledger` a row for each call. A function settles workflows, answers
    `GET /v1/usage`, and on a schedule settles the reservations of calls that died and warns of budgets used up to 80 %
    (an event `Budget nearly used up` of the source `ai-orchestrator.budgets` on the account's bus).

    Limits come with the caller (`Tenants`). An operation without a measure or a price is an error.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        contract: Contract of the ledger's function, `handlers/ledger/contract.py`.
        prices: The prices.
        sweep_minutes: How often reservations are swept, in minutes, 1-60. Default: 5.
        deletion_protection: Whether AWS refuses to delete the tables. Default: the stack's, True.
        archive: Code of the function. Default: the archive of `handlers/<name of the contract>`.

    Raises:
        ConstructError: An argument is not valid, or a name is taken.
        ArchiveError: The archive cannot be built.

    Example:
        >>> meter = stack.meter_with(Meter(stack, "meter", ledger, prices=prices, archive=archive))
        >>> stack.meter is meter
        True
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        contract: ServiceContract,
        *,
        prices: Prices,
        sweep_minutes: int = 5,
        deletion_protection: bool | None = None,
        archive: Archive | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_contract(where, contract)
        check_range(where, "sweep_minutes", sweep_minutes, 1, 60)
        stack = AwsStack.of(scope)
        archive = archive or service_archive(stack, contract.name)
        super().__init__(scope, construct_id)
        self._contract = contract
        self._prices = prices
        self._namespace = stack.name_prefix
        self._buckets = Table(
            self,
            "buckets",
            partition_key="id",
            ttl_attribute="expires_at",
            recovery_days=1,
            deletion_protection=deletion_protection,
        )
        self._ledger = Table(
            self,
            "ledger",
            partition_key="account",
            sort_key="row",
            indexes={"open": "open"},
            ttl_attribute="expires_at",
            deletion_protection=deletion_protection,
        )
        dead_letters = DeadLetterQueue(self, "failed")
        self._function = Function(
            self,
            "function",
            function_name=stack.physical_name(path_below(scope, contract.name)),
            archive=archive,
            description="Usage, and the settlement of workflows",
            timeout_seconds=_TIMEOUT_SECONDS,
            memory_mb=512,
            environment={
                **self.environment,
                "CORS_ALLOWED_ORIGINS": ",".join(stack.defaults.allowed_origins),
            },
            asynchronous_calls=AsynchronousCalls(on_failure=dead_letters),
        )
        self._buckets.grant(self._function.role, "GetItem", "Scan", "UpdateItem")
        self._ledger.grant(self._function.role, "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
        bus = f"arn:{stack.partition}:events:{stack.region}:{stack.account_id}:event-bus/default"
        self._function.role.add_policy(
            "warnings", PolicyStatement(actions=["events:PutEvents"], resources=[bus])
        )
        self._rule = EventRule(
            self,
            "sweep",
            schedule=f"rate({sweep_minutes} minute{'' if sweep_minutes == 1 else 's'})",
            function=self._function,
            dead_letters=dead_letters,
            description="Settle reservations of calls that died, and warn of budgets",
            retries=0,
            max_age_seconds=_SWEEP_SECONDS,
        )

    @property
    def contract(self) -> ServiceContract:
        """Contract of the ledger's function."""
        return self._contract

    @cached_property
    def integration(self) -> LambdaIntegration:
        """Integration of the ledger's routes."""
        return LambdaIntegration(self._function)

    @property
    def function(self) -> Function:
        """The ledger's function."""
        return self._function

    @property
    def buckets(self) -> Table:
        """Table of what each limit has left in its window."""
        return self._buckets

    @property
    def ledger(self) -> Table:
        """Table with a row for each call."""
        return self._ledger

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables of functions that are metered."""
        return MappingProxyType(
            {
                "METER_BUCKETS": self._buckets.table_name,
                "METER_LEDGER": self._ledger.table_name,
                "METER_NAMESPACE": self._namespace,
            }
        )

    @property
    def namespace(self) -> str:
        """Namespace of the metrics in CloudWatch: the stack's prefix."""
        return self._namespace

    def grant(self, function: Function, *, settles: bool = False) -> None:
        """Allow a function to reserve and to settle.

        Args:
            function: The function.
            settles: Whether it settles workflows, for which it reads their rows. Default: False.

        Raises:
            ConstructError: The function is in another stack, or has the grant.
        """
        self._buckets.grant(function.role, "UpdateItem")
        self._ledger.grant(function.role, "PutItem", "UpdateItem", *(("GetItem",) if settles else ()))

    def check(self, where: str, contract: ServiceContract) -> None:
        """Check that each operation of a contract says what it is metered by, and that this has a price.

        Args:
            where: Path of the service.
            contract: The contract.

        Raises:
            InvalidArgumentError: An operation has no measure or no price.
        """
        for operation in contract.operations:
            if operation.path is not None:
                self._check_operation(where, operation)

    def check_model(self, where: str, target: ModelTarget) -> None:
        """Check that a language model has a price.

        Raises:
            InvalidArgumentError: It has none.
        """
        self._price_of_model(where, target)

    def check_guardrail(self, where: str, units: Sequence[str]) -> None:
        """Check that the judgements of a guardrail on Bedrock have a price.

        Raises:
            InvalidArgumentError: They have none.
        """
        try:
            self._prices.of_operation("guardrail", "aws").require(*units)
        except LookupError as error:
            raise _no_price(where, error) from None

    def around(self, where: str, operation: str, steps: Step, *, timeout_seconds: int) -> Step:
        """Return the steps of a workflow behind a route, between its reservation and its settlement.

        Args:
            where: Path of the workflow.
            operation: Name of its operation.
            steps: The steps.
            timeout_seconds: Longest duration of an execution.

        Raises:
            InvalidArgumentError: An operation that a task invokes has no measure or no price.
        """
        once, each = self.bounds(where, steps)
        if each != Bound():
            raise InvalidArgumentError(
                where,
                "a Map invokes a metered operation, so that the upper bound of the workflow is not known",
                "run it as a job, which reserves by the number of its items",
            )
        budget = WorkflowBudget(
            ledger=self._function,
            operation=operation,
            nano_usd=once.nano_usd,
            tokens=once.tokens,
            timeout_seconds=timeout_seconds,
        )
        return budget.around(steps)

    @property
    def charge(self) -> Jsonata:
        """The reservation, in the states that `around` returns."""
        return CHARGE

    def bounds(self, where: str, steps: Step) -> tuple[Bound, Bound]:
        """Return the upper bounds of the tasks of a workflow: of those outside of a Map, and of those for each item.

        Args:
            where: Path of the workflow.
            steps: The steps.

        Raises:
            InvalidArgumentError: An operation that a task invokes has no measure or no price.
        """
        expected = {
            operation.name: (service, operation)
            for service in AwsStack.of(self).find_all(Function)
            if (contract := getattr(service, "contract", None)) is not None
            for operation in contract.operations
        }
        sums: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        for name, request, each in called_operations(render(where, steps).asl):
            if name in expected:
                sums[each].update(self._largest(where, *expected[name], request))
        once, many = (Bound(nano_usd=one["nano_usd"], tokens=one["tokens"]) for one in sums.values())
        return once, many

    def _largest(
        self, where: str, service: Function, operation: ServiceOperation, request: Mapping[str, Any]
    ) -> Mapping[str, int]:
        if getattr(service, "paid_guardrail", None) is not None:
            raise InvalidArgumentError(
                where,
                f"a task invokes {operation.name}, whose guardrail on Bedrock has no upper bound",
                "use the backend 'offline' for the guardrail of the service",
            )
        measure, backend = operation.metered_by, AwsStack.of(self).defaults.ai_backend
        prompt = None if operation.prompt is None else operation.prompt(request, backend)
        by_units = measure is not None and measure.kind == "units"
        if measure is None or not (by_units or prompt):
            raise InvalidArgumentError(
                where,
                f"a task invokes {operation.name}, whose upper bound is not known",
                f"add metered_by=per_call(…) or another measure of units to it in the contract of '{operation.service}'",
            )
        sums = Counter(self._price(where, operation).amounts(measure.largest()) if by_units else {})
        # A target that fails may have used all that it could, so that each one has its own upper bound.
        if prompt is not None and (route := self._route(where, prompt.model)) is not None:
            for target in route.targets:
                sums.update(self._price_of_model(where, target).amounts(prompt.largest()))
            if route.name in self._paid_guardrails() and route.guardrail is not None:
                price = self._prices.of_operation("guardrail", "aws")
                sums.update(price.amounts(route.guardrail.largest(prompt.largest())))
            if prompt.budget_nano_usd is not None:
                sums["nano_usd"] = prompt.budget_nano_usd
        return sums

    def _route(self, where: str, model: str) -> ModelRoute | None:
        """Return a model route; None in a stack without routes, where no prompt can be sent."""
        routes: dict[str, ModelRoute] = {
            name: route
            for service in AwsStack.of(self).find_all(Function)
            for route in getattr(service, "routes", ())
            for name in (route.name, *route.aliases)
        }
        if routes and model not in routes:
            raise InvalidArgumentError(
                where, f"a task sends a prompt to the model '{model}'", f"use {' or '.join(routes)}"
            )
        return routes.get(model)

    def _paid_guardrails(self) -> set[str]:
        """Return the names of the model routes whose guardrails are on Bedrock."""
        return {
            name
            for service in AwsStack.of(self).find_all(Function)
            for name in getattr(service, "paid_guardrails", ())
        }

    def _price_of_model(self, where: str, target: ModelTarget) -> Price:
        fields = target.as_dict()
        try:
            return self._prices.of_model(fields["backend"], fields["model"], fields.get("base_url"))
        except LookupError as error:
            raise _no_price(where, error) from None

    def _check_operation(self, where: str, operation: ServiceOperation) -> None:
        measure = operation.metered_by
        if measure is None:
            raise InvalidArgumentError(
                where,
                f"operation {operation.name} has no metered_by",
                f"pass it in the contract of '{operation.service}', such as per_call('image') or FREE",
            )
        if measure.kind == "units":
            try:
                self._price(where, operation).require(*measure.largest())
            except LookupError as error:
                raise _no_price(where, error) from None

    def _price(self, where: str, operation: ServiceOperation) -> Price:
        backend = AwsStack.of(self).defaults.ai_backend
        try:
            return self._prices.of_measure(operation.name, operation.metered_by, backend)
        except LookupError as error:
            raise _no_price(where, error) from None


def meter_of(scope: Construct, construct_id: str) -> Meter | None:
    """Return the meter for a construct that is about to be created; None if its stack has none.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its id in `scope`.

    Raises:
        InvalidArgumentError: The meter of the stack is not a `Meter`.
    """
    where, meter = path_below(scope, construct_id), AwsStack.of(scope).meter
    if meter is None:
        AwsStack.of(scope).note_unmetered(where)
    elif not isinstance(meter, Meter):
        raise InvalidArgumentError(
            where, f"the stack's meter is of type {type(meter).__name__}", "pass a Meter"
        )
    return meter


def _no_price(where: str, error: LookupError) -> InvalidArgumentError:
    problem, _, remedy = str(error.args[0]).rpartition("; ")
    return InvalidArgumentError(where, problem, remedy)
