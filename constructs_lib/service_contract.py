"""Protocol of a service contract, which a handler implements and constructs deploy.

`handlers/<name>/contract.py` has one. Any object of this shape works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from constructs_lib.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pydantic import BaseModel


class ErrorFormat(Protocol):
    """Body and headers of a service's errors."""

    @property
    def of_whole_api(self) -> bool:
        """True if clients need API Gateway's own errors in this format too."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of the body."""

    def render(
        self,
        *,
        status: int,
        code: str,
        message: str,
        request_id: str,
        param: str | None = None,
        retry_helps: bool = False,
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        """Return the body, and the headers that belong to it."""


class Measure(Protocol):
    """Measure of an operation for metering."""

    @property
    def kind(self) -> str:
        """`units` if its units have a price; what the others are is in `handlers/common/metering.py`."""

    def largest(self) -> Mapping[str, int]:
        """Return the most that any call can use, by unit."""


class Prompt(Protocol):
    """Prompt that an operation sends to a language model."""

    @property
    def model(self) -> str:
        """Name of the model route."""

    @property
    def budget_nano_usd(self) -> int | None:
        """The most money, in billionths of a US dollar; None if the tokens are the only bound."""

    def largest(self) -> Mapping[str, int]:
        """Return the most tokens that one model uses for it, by unit."""


class ServiceOperation(Protocol):
    """Operation of a service."""

    @property
    def name(self) -> str:
        """Name in direct invocations, such as `vision.text`."""

    @property
    def service(self) -> str:
        """Name of its service."""

    @property
    def method(self) -> Literal["GET", "POST"]:
        """HTTP method."""

    @property
    def path(self) -> str | None:
        """Path of the route. None for an operation that is only invoked directly."""

    @property
    def summary(self) -> str:
        """One sentence on the operation."""

    @property
    def request_model(self) -> type[BaseModel] | None:
        """Pydantic model of the request, or None."""

    @property
    def response_model(self) -> type[BaseModel] | None:
        """Pydantic model of the response. None for an object of any shape."""

    @property
    def event_model(self) -> type[BaseModel] | None:
        """The model of the events of a streamed answer; None if the answer is never streamed."""

    @property
    def status(self) -> int:
        """HTTP status of a successful response."""

    @property
    def raw_bodies(self) -> Mapping[str, str]:
        """Media types besides JSON, each with the request field that takes the raw body."""

    @property
    def max_body_bytes(self) -> int:
        """Largest body in bytes."""

    @property
    def request_headers(self) -> Mapping[str, bool]:
        """Headers that it reads, and whether each is required."""

    @property
    def request_example(self) -> Mapping[str, Any] | None:
        """Example of a request for the documentation, or None."""

    @property
    def gateway_validates(self) -> bool:
        """True if API Gateway rejects bodies that do not fit the request model."""

    @property
    def error_schema(self) -> Mapping[str, Any]:
        """JSON schema of its errors."""

    @property
    def metered_by(self) -> Measure | None:
        """Measure of its calls. None if the contract has none."""

    @property
    def prompt(self) -> Callable[[Mapping[str, Any], str], Prompt | None] | None:
        """Prompt of a call, by its request and the AI backend. None if no call sends one."""

    @property
    def read_only(self) -> bool:
        """True if calls change nothing but the caller's budget."""

    @property
    def idempotent(self) -> bool:
        """True if a repeated call has no further effect."""

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the query string, each with its description; all are optional."""

    @property
    def answers_other_methods(self) -> bool:
        """True if the integration answers the other methods of the path too."""

    def describe(self) -> dict[str, Any]:
        """Return the operation as plain data, for a catalogue."""


class ServiceContract(Protocol):
    """Contract of a service: its operations and their permissions."""

    @property
    def name(self) -> str:
        """Name of the service."""

    @property
    def summary(self) -> str:
        """One sentence on the service; empty if there is none."""

    @property
    def operations(self) -> Sequence[ServiceOperation]:
        """Operations."""

    @property
    def for_all_callers(self) -> bool:
        """True if every authorized caller may use it, independent of the rights of its tenant."""

    @property
    def aws_actions(self) -> Sequence[str]:
        """IAM actions that its AWS backend needs, on all resources."""

    @property
    def error_format(self) -> ErrorFormat:
        """The format of its errors over HTTP."""

    @property
    def bedrock_models(self) -> Sequence[str]:
        """Ids of the foundation models that its AWS backend invokes."""


def check_contract(where: str, contract: object) -> None:
    """Check that an argument is the contract of a service.

    Raises:
        InvalidArgumentError: It is not.
    """
    if isinstance(contract, type) or not hasattr(contract, "operations"):
        raise InvalidArgumentError(
            where, f"contract is of type {type(contract).__name__}", "pass the contract of a service"
        )
