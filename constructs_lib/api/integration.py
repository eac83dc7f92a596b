"""Protocol of integrations, for methods and renderers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.api.route_table import wildcard_path
from constructs_lib.routes.definitions import HttpMethod, IntegrationDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Method that calls an integration.

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
        """Source ARN of API Gateway's calls for the method, for every stage."""
        method = "*" if self.http_method == "ANY" else self.http_method
        return f"{self.api_execution_arn}/*/{method}{wildcard_path(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Address and credentials of an integration, as references that Terraform resolves.

    Attributes:
        uri: URI of the integration. None if it calls nothing.
        awaited: Resources that must exist before a stage serves the route. A deployment does not depend on
            them: it is created before it is destroyed, and they would be too (docs/decisions/0010).
        credentials: ARN of the role with which API Gateway calls. None if a resource policy of the target
            allows the call, or it calls nothing.
        origins: Resources of the references that the API's definition does not contain. Replacing one
            redeploys the API.
        references: References whose values the API's definition does not contain. A new value redeploys the
            API.
    """

    uri: str | None
    awaited: tuple[TerraformResource, ...] = ()
    credentials: str | None = None
    origins: tuple[TerraformResource, ...] = ()
    references: tuple[str, ...] = ()


class Integration(Protocol):
    """Target of a method's requests."""

    @property
    def max_body_bytes(self) -> int | None:
        """Largest accepted body in bytes. None if the target decides."""

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
        """Create the resources that the method needs to call it, as children of the method `scope`."""
