"""What a method passes its requests to, as the methods and renderers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.api.route_table import wildcard_path
from constructs_lib.routes.definitions import HttpMethod, IntegrationDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The method that calls an integration.

    Attributes:
        api_execution_arn: The execution ARN of its REST API; a reference.
        path: The path of its resource, such as `/orders/{id}`.
        http_method: Its HTTP method.
    """

    api_execution_arn: str
    path: str
    http_method: HttpMethod

    @property
    def source_arn(self) -> str:
        """The ARN by which API Gateway names the method when it calls, for every stage."""
        method = "*" if self.http_method == "ANY" else self.http_method
        return f"{self.api_execution_arn}/*/{method}{wildcard_path(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """How API Gateway reaches an integration; references that Terraform resolves.

    Attributes:
        uri: The integration's URI; None where nothing is called.
        awaited: Resources that must exist before a stage serves the route. A deployment does not depend on them: it is
            created before it is destroyed, and so would they be (docs/decisions/0010).
        credentials: The ARN of the role with which API Gateway calls; None where a permission of what is called lets
            it in, or nothing is called.
        origins: What the references are taken from and the API's definition does not tell: with another one of these,
            the API is deployed anew.
        references: References whose values the API's definition does not tell: with another value of one of these, the API
            is deployed anew.
    """

    uri: str | None
    awaited: tuple[TerraformResource, ...] = ()
    credentials: str | None = None
    origins: tuple[TerraformResource, ...] = ()
    references: tuple[str, ...] = ()


class Integration(Protocol):
    """What a method passes its requests to."""

    @property
    def max_body_bytes(self) -> int | None:
        """The largest body in bytes that it accepts; None where what it calls decides."""

    def definition(self, where: str, scope: Construct, caller: Caller) -> IntegrationDefinition:
        """Return it as data.

        Args:
            where: The path that the method will have.
            scope: The resource that gets the method.
            caller: The method.

        Raises:
            ConstructError: if it cannot serve a method there.
        """

    def bind(self, scope: Construct, caller: Caller) -> Backend:
        """Create what the method needs to call it, as children of the method `scope`."""
