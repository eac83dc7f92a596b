"""A REST API of API Gateway: a tree of paths below a root, deployed as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from cdktf_cdktf_provider_aws.api_gateway_rest_api import (
    ApiGatewayRestApi,
    ApiGatewayRestApiEndpointConfiguration,
)
from constructs import Construct

from constructs_lib.api.api_context import ApiContext
from constructs_lib.api.cors import Cors
from constructs_lib.api.gateway_responses import GatewayResponses
from constructs_lib.api.rendering import ResourceRenderer
from constructs_lib.api.resource import ROOT_ID, Resource
from constructs_lib.api.routes import ApiDefinition
from constructs_lib.authorization.authorizer import Authorizer
from constructs_lib.authorization.kinds import Authorization, check_authorization
from constructs_lib.checks import check_choice, check_pattern, check_range, path_below
from constructs_lib.errors import ConflictError, InvalidArgumentError

EndpointType = Literal["REGIONAL", "EDGE"]
"""Where the API's own host name leads: to the region, or to the nearest CloudFront location first."""

_OFF: Final = -1
"""The minimum size by which the provider turns compression off."""

_MEDIA_TYPE: Final = r"(\*|[A-Za-z0-9!#$&^_.+-]+)/(\*|[A-Za-z0-9!#$&^_.+-]+)"


class RestApi(Construct):
    """A REST API (`aws_api_gateway_rest_api`).

    Routes are kept as data first (`definition`), and rendered as one Terraform resource each.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its name in that construct.
        name: Its name in AWS.
        description: What it is for. Left out, none.
        endpoint_type: `REGIONAL` or `EDGE`. Left out, `REGIONAL`.
        binary_media_types: The content types whose bodies reach the integration as bytes, such as `image/png`.
            Left out, every body is text.
        minimum_compression_bytes: The size from which responses are compressed for clients that ask for it,
            0 to 10485760. Left out, none are.
        default_authorization: Who may call the methods that do not say it themselves, unless a resource above them
            does. Left out, each must. Methods for OPTIONS are open: preflights carry no credentials.
        cors: Which web pages of other origins may call it from the browser. Left out, none.
        gateway_responses: What API Gateway answers where it refuses a request itself. Left out, `GatewayResponses()`
            where there is `cors`, and else API Gateway's own texts, in another form than the handlers'.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> api = RestApi(stack, "api", name="shop", binary_media_types=["image/png"])
        >>> method = api.resource_for("/orders/{id}").add_method(
        ...     "GET", LambdaIntegration(function), authorization=Public()
        ... )
        >>> [route.key for route in api.definition.routes]
        [('/orders/{id}', 'GET')]
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        description: str = "",
        endpoint_type: EndpointType = "REGIONAL",
        binary_media_types: Sequence[str] = (),
        minimum_compression_bytes: int | None = None,
        default_authorization: Authorization | None = None,
        cors: Cors | None = None,
        gateway_responses: GatewayResponses | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_pattern(
            where, "name", name, r"[A-Za-z0-9 ._-]{1,128}", "use 1 to 128 letters, digits, spaces and '._-'"
        )
        check_choice(where, "endpoint_type", endpoint_type, EndpointType)
        _check_media_types(where, binary_media_types)
        if minimum_compression_bytes is not None:
            check_range(where, "minimum_compression_bytes", minimum_compression_bytes, 0, 10_485_760)
        if default_authorization is not None:
            check_authorization(where, "default_authorization", default_authorization)
        for argument, value, kind in (
            ("cors", cors, Cors),
            ("gateway_responses", gateway_responses, GatewayResponses),
        ):
            if value is not None and not isinstance(value, kind):
                raise InvalidArgumentError(
                    where, f"{argument} is of type {type(value).__name__}", f"pass {kind.__name__}(...)"
                )
        super().__init__(scope, construct_id)
        self._name = name
        self._binary_media_types = tuple(binary_media_types)
        self._minimum_compression_bytes = minimum_compression_bytes
        # Each is said, even if it is nothing: what is left out, the provider keeps as it was.
        self._resource = ApiGatewayRestApi(
            self,
            "Resource",
            name=name,
            description=description,
            endpoint_configuration=ApiGatewayRestApiEndpointConfiguration(types=[endpoint_type]),
            binary_media_types=list(binary_media_types),
            minimum_compression_size=str(
                _OFF if minimum_compression_bytes is None else minimum_compression_bytes
            ),
        )
        self._context = ApiContext(
            self, execution_arn=self._resource.execution_arn, renderer=ResourceRenderer(self._resource)
        )
        self._root = Resource(
            self,
            ROOT_ID,
            api=self._context,
            parent=None,
            path_part="",
            default_authorization=default_authorization,
            cors=cors,
        )
        if gateway_responses is not None or cors is not None:
            responses = gateway_responses or GatewayResponses()
            self._context.add_gateway_responses(responses.definitions(cors))

    @property
    def name(self) -> str:
        """Its name in AWS."""
        return self._name

    @property
    def rest_api_id(self) -> str:
        """Its id; a reference."""
        return self._resource.id

    @property
    def root(self) -> Resource:
        """The path `/`."""
        return self._root

    @property
    def definition(self) -> ApiDefinition:
        """The API as data, as far as it is put together."""
        return ApiDefinition(
            routes=self._context.table.routes,
            binary_media_types=self._binary_media_types,
            minimum_compression_bytes=self._minimum_compression_bytes,
            authorizers=tuple(one.definition for one in self._context.authorizers.values()),
            models=self._context.models,
            gateway_responses=self._context.gateway_responses,
        )

    @property
    def authorizers(self) -> Mapping[str, Authorizer]:
        """What decides who a caller is, by name; each is made with the first method that needs it."""
        return self._context.authorizers

    @property
    def context(self) -> ApiContext:
        """What its parts share; for `Deployment`."""
        return self._context

    @property
    def resource(self) -> ApiGatewayRestApi:
        """The `aws_api_gateway_rest_api`."""
        return self._resource

    def resource_for(self, path: str) -> Resource:
        """Returns the resource of a path, and adds what is missing of it.

        Args:
            path: The path from the root, such as `/orders/{id}`.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        return self._root.resource_for(path)


def _check_media_types(where: str, media_types: Sequence[str]) -> None:
    if isinstance(media_types, str):
        raise InvalidArgumentError(
            where, f"binary_media_types {media_types!r} is no list of strings", f"pass [{media_types!r}]"
        )
    for media_type in media_types:
        check_pattern(
            where, "binary_media_types", media_type, _MEDIA_TYPE, "use content types, such as 'image/png'"
        )
    if len(set(media_types)) < len(media_types):
        raise ConflictError(where, "binary_media_types has a content type twice", "remove one of the two")
