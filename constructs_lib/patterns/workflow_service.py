"""Service whose operations are workflows that answer within the request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from constructs import Construct

from constructs_lib.api.step_functions_integration import StepFunctionsIntegration
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import path_below
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.patterns.meter import meter_of
from constructs_lib.workflows.workflow import Workflow

if TYPE_CHECKING:
    from constructs_lib.service_contract import ServiceContract, ServiceOperation
    from constructs_lib.workflows.step import Step

_TIMEOUT_SECONDS: Final = 27
"""Default timeout; API Gateway waits 29 s."""


class WorkflowService(AwsConstruct):
    """An Express workflow for each operation of a contract, which `RestApi.add_services` puts behind its routes.

    In a stack with a `Meter`, an execution reserves the upper bound of its tasks before the first one, and settles at its end.

    Args:
        scope: The construct that it belongs to.
        contract: The contract. Its name is the id in `scope`.
        definitions: The steps of each operation with a route.
        timeout_seconds: Timeout of an execution, 1-28. Default: 27.

    Raises:
        ConstructError: An operation has no definition or is not one of the contract, or Step Functions would reject a
            definition.

    Example:
        >>> greet = contract.operations[0]
        >>> service = WorkflowService(stack, contract, {greet: Pass("answer", output={"text": "Hello."})})
        >>> [workflow.workflow_name for workflow in service.workflows.values()]
        ['shop-greeting-greeting']
    """

    def __init__(
        self,
        scope: Construct,
        contract: ServiceContract,
        definitions: Mapping[ServiceOperation, Step],
        *,
        timeout_seconds: int = _TIMEOUT_SECONDS,
    ) -> None:
        where = path_below(scope, contract.name)
        operations = {operation.name for operation in contract.operations}
        defined = {operation.name for operation in definitions}
        if operations != defined:
            wrong = sorted(operations ^ defined)[0]
            raise InvalidArgumentError(
                where,
                f"definitions has no steps for '{wrong}'"
                if wrong in operations
                else f"definitions has '{wrong}', which is not an operation of '{contract.name}'",
                f"pass the steps of {', '.join(sorted(operations))}",
            )
        super().__init__(scope, contract.name)
        self._contract = contract
        meter = meter_of(scope, contract.name)
        if meter is not None:
            meter.check(where, contract)
        self._workflows = {
            operation.name: Workflow(
                self,
                _short_name(contract, operation.name),
                definition=steps
                if meter is None
                else meter.around(where, operation.name, steps, timeout_seconds=timeout_seconds),
                timeout_seconds=timeout_seconds,
                charge=None if meter is None else meter.charge,
            )
            for operation, steps in definitions.items()
        }

    @property
    def contract(self) -> ServiceContract:
        """The contract."""
        return self._contract

    @cached_property
    def integration(self) -> Mapping[str, StepFunctionsIntegration]:
        """The integrations of the routes, by the names of the operations."""
        service = self._contract.name
        return {
            name: StepFunctionsIntegration(workflow, service=service)
            for name, workflow in self._workflows.items()
        }

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        """The workflows by the names of their operations without the contract's, such as `document`."""
        contract = self._contract
        return {_short_name(contract, name): workflow for name, workflow in self._workflows.items()}


def _short_name(contract: ServiceContract, operation: str) -> str:
    return operation.removeprefix(f"{contract.name}.")
