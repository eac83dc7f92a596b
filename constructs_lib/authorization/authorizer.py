"""Base of authorizers: an authorizer is created once in an API, for all methods that use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_pattern
from constructs_lib.references import attribute
from constructs_lib.routes.definitions import AuthorizationDefinition, AuthorizerDefinition

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.api_gateway_authorizer import ApiGatewayAuthorizer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerBackend:
    """Backend of an authorizer, as references that Terraform resolves.

    Attributes:
        uri: The URI of a Lambda function; None where there is none.
        provider_arns: The ARNs of user pools.
        origins: Resources of the ARNs. A deployment uses those of its creation, so replacing one redeploys
            the API.
        references: What else the ARNs refer to: with another value of one of these, the deployment is made anew.
    """

    uri: str | None = None
    provider_arns: tuple[str, ...] = ()
    origins: tuple[TerraformResource, ...] = ()
    references: tuple[str, ...] = ()


@runtime_checkable
class AuthorizerSettings(Protocol):
    """An `Authorization` that needs an authorizer in the API."""

    def definition(self) -> AuthorizationDefinition:
        """Return who may call a method, as data."""

    def authorizer(self, where: str, scope: Construct) -> AuthorizerDefinition:
        """Return the authorizer as data.

        Args:
            where: The path that the method will have.
            scope: The API.

        Raises:
            ConstructError: if it cannot serve that API.
        """

    def backend(self) -> AuthorizerBackend:
        """Return what it asks."""

    def permit(self, scope: Construct, source_arn: str) -> tuple[TerraformResource, ...]:
        """Create what API Gateway needs to ask, as children of `scope`, and return it.

        Args:
            scope: The authorizer.
            source_arn: The ARN by which API Gateway names the authorizer when it asks.
        """


class Authorizer(AwsConstruct):
    """An authorizer of one API (`aws_api_gateway_authorizer`); made with the first method that needs it.

    Example:
        >>> staff = CognitoAuthorizer(
        ...     name="staff",
        ...     user_pools=["arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Staff"],
        ... )
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=staff)
        >>> api.authorizers["staff"].definition.type
        'COGNITO_USER_POOLS'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        definition: AuthorizerDefinition,
        execution_arn: str,
        settings: AuthorizerSettings,
        renderer: AuthorizerRenderer,
    ) -> None:
        super().__init__(scope, construct_id)
        self._definition = definition
        backend = settings.backend()
        self._origins = backend.origins
        self._references = backend.references
        self._resource = renderer.render_authorizer(self, definition, backend)
        known_id = "*" if self._resource is None else attribute(self._resource, "id")
        self._permissions = settings.permit(self, f"{execution_arn}/authorizers/{known_id}")

    @property
    def definition(self) -> AuthorizerDefinition:
        """The authorizer as data."""
        return self._definition

    @property
    def permissions(self) -> tuple[TerraformResource, ...]:
        """Permissions that allow API Gateway to invoke the backend."""
        return self._permissions

    @property
    def origins(self) -> tuple[TerraformResource, ...]:
        """The resources that it invokes, and itself: the deployment is replaced with each of them."""
        return self._origins if self._resource is None else (self._resource, *self._origins)

    @property
    def references(self) -> tuple[str, ...]:
        """References whose values decide what it asks: the deployment is replaced with each of them."""
        return self._references

    @property
    def resource(self) -> ApiGatewayAuthorizer | None:
        """The `aws_api_gateway_authorizer`; None where the API is not rendered as resources."""
        return self._resource


class AuthorizerRenderer(Protocol):
    """The part of a renderer that makes authorizers."""

    def render_authorizer(
        self, scope: Construct, definition: AuthorizerDefinition, backend: AuthorizerBackend
    ) -> ApiGatewayAuthorizer | None:
        """Create what an authorizer needs, as children of `scope`."""


def check_authorizer_name(where: str, name: object) -> None:
    """Check the name of an authorizer.

    Raises:
        InvalidArgumentError: if it is not valid.
    """
    check_pattern(
        where,
        "name",
        name,
        r"[A-Za-z0-9_-]{1,128}",
        "use 1 to 128 letters, digits, '-' and '_', as in 'staff'",
    )
