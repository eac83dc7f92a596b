"""What the constructs need to know of a service: the contract that its handler implements.

`handlers/<name>/contract.py` has one; any object of this shape will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from constructs_lib.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pydantic import BaseModel


class ServiceOperation(Protocol):
    """One operation of a service."""

    @property
    def name(self) -> str:
        """The name in direct invocations, such as `vision.text`."""

    @property
    def service(self) -> str:
        """The name of its service."""

    @property
    def method(self) -> Literal["GET", "POST"]:
        """The HTTP method."""

    @property
    def path(self) -> str | None:
        """The route; None for an operation that is only invoked directly."""

    @property
    def summary(self) -> str:
        """One sentence on what it does."""

    @property
    def request_model(self) -> type[BaseModel] | None:
        """The pydantic model of the request; None if it takes none."""

    @property
    def response_model(self) -> type[BaseModel] | None:
        """The pydantic model of the response; None if it is an object of no fixed shape."""

    @property
    def status(self) -> int:
        """The HTTP status of a successful answer."""

    @property
    def raw_bodies(self) -> Mapping[str, str]:
        """Media types besides JSON, each with the request field that takes the raw body."""

    @property
    def max_body_bytes(self) -> int:
        """The largest body in bytes."""

    @property
    def request_headers(self) -> Mapping[str, bool]:
        """The headers that it reads, each with whether it is required."""

    @property
    def request_example(self) -> Mapping[str, Any] | None:
        """A request for the documentation; None if there is none."""

    @property
    def gateway_validates(self) -> bool:
        """Whether API Gateway rejects bodies that do not fit the request model."""

    @property
    def error_schema(self) -> Mapping[str, Any] | None:
        """JSON schema of its errors; None for the format of API Gateway's own errors."""

    def describe(self) -> dict[str, Any]:
        """Return the operation as plain data, for a catalogue."""


class ServiceContract(Protocol):
    """A service's operations, and what they need."""

    @property
    def name(self) -> str:
        """The service's name."""

    @property
    def summary(self) -> str:
        """One sentence on the service; empty if there is none."""

    @property
    def operations(self) -> Sequence[ServiceOperation]:
        """The operations."""

    @property
    def aws_actions(self) -> Sequence[str]:
        """The IAM actions that its AWS backend needs, on all resources."""

    @property
    def bedrock_models(self) -> Sequence[str]:
        """The ids of the foundation models that its AWS backend invokes."""


def check_contract(where: str, contract: object) -> None:
    """Check that an argument is the contract of a service.

    Raises:
        InvalidArgumentError: It is not.
    """
    if isinstance(contract, type) or not hasattr(contract, "operations"):
        raise InvalidArgumentError(
            where, f"contract is of type {type(contract).__name__}", "pass the contract of a service"
        )
