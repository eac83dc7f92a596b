"""Base of `RestApi`: its resource, its routes as data, and its documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import jsii
from cdktf_cdktf_provider_aws.api_gateway_rest_api import (
    ApiGatewayRestApi,
    ApiGatewayRestApiEndpointConfiguration,
)
from constructs import Construct, IValidation

from constructs_lib.api.api_context import ApiContext
from constructs_lib.api.cors import Cors
from constructs_lib.api.gateway_responses import GatewayResponses
from constructs_lib.api.openapi_document import openapi_document
from constructs_lib.api.rendering import ResourceRenderer
from constructs_lib.api.resource import ROOT_ID, Resource
from constructs_lib.api.routes_document import routes_document
from constructs_lib.authorization.authorizer import Authorizer
from constructs_lib.authorization.kinds import Authorization, check_authorization
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import (
    check_choice,
    check_list,
    check_pattern,
    check_range,
    check_text,
    path_below,
    path_of,
)
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.references import token
from constructs_lib.routes.definitions import ApiDefinition
from constructs_lib.templates import has_reference, plain

if TYPE_CHECKING:
    from constructs_lib.api.body_rendering import BodyRenderer
    from constructs_lib.service_contract import ServiceContract

DefinitionForm = Literal["resources", "openapi"]
"""Form of an API for Terraform: one resource for each part, or all in one OpenAPI document."""

ApiKeySource = Literal["HEADER", "AUTHORIZER"]
"""Who names the API key of a request: the caller, in the header `x-api-key`, or a Lambda authorizer."""

EndpointType = Literal["REGIONAL", "EDGE"]
"""Endpoint of the API's AWS host name: the region, or the nearest CloudFront location."""

_OFF: Final = -1
"""Minimum size with which the provider disables compression."""

_MEDIA_TYPE: Final = r"(\*|[A-Za-z0-9!#$&^_.+-]+)/(\*|[A-Za-z0-9!#$&^_.+-]+)"


class RestApiBase(AwsConstruct):
    """Parts of a `RestApi` that deployments, stages and web ACLs use; see there."""

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
        cors: Cors | Literal["OFF"] | None = None,
        gateway_responses: GatewayResponses | None = None,
        api_key_source: ApiKeySource | None = None,
        definition: DefinitionForm = "resources",
    ) -> None:
        where = path_below(scope, construct_id)
        check_pattern(
            where, "name", name, r"[A-Za-z0-9 ._-]{1,128}", "use 1 to 128 letters, digits, spaces and '._-'"
        )
        check_text(where, "description", description)
        check_choice(where, "endpoint_type", endpoint_type, EndpointType)
        if api_key_source is None:
            named = getattr(default_authorization, "names_api_keys", False)
            api_key_source = "AUTHORIZER" if named else "HEADER"
        check_choice(where, "api_key_source", api_key_source, ApiKeySource)
        check_choice(where, "definition", definition, DefinitionForm)
        _check_media_types(where, binary_media_types)
        if minimum_compression_bytes is not None:
            check_range(where, "minimum_compression_bytes", minimum_compression_bytes, 0, 10_485_760)
        if default_authorization is not None:
            check_authorization(where, "default_authorization", default_authorization)
        cors = _cors(scope, cors)
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
        # Arguments without a value are set too; the provider would not change omitted ones.
        self._resource = self._create(
            ApiGatewayRestApi,
            "Resource",
            name=name,
            description=description,
            endpoint_configuration=ApiGatewayRestApiEndpointConfiguration(types=[endpoint_type]),
            binary_media_types=list(binary_media_types),
            api_key_source=api_key_source,
            minimum_compression_size=str(
                _OFF if minimum_compression_bytes is None else minimum_compression_bytes
            ),
            # The deployment has this setting, and Terraform extends it to what it depends on; this line only
            # shows it.
            lifecycle={"create_before_destroy": True},
        )
        self._context = ApiContext(
            self,
            execution_arn=self._resource.execution_arn,
            renderer=ResourceRenderer(self._resource)
            if definition == "resources"
            else self._body_renderer(description),
        )
        self._context.authorizers_name_keys = api_key_source == "AUTHORIZER"
        self._context.compresses = minimum_compression_bytes is not None
        self._root = Resource(
            self,
            ROOT_ID,
            api=self._context,
            parent=None,
            path_part="",
            default_authorization=default_authorization,
            cors=cors,
        )
        self._cors = cors
        self._chose_gateway_responses = gateway_responses is not None
        if gateway_responses is not None:
            self._add_gateway_responses(gateway_responses)
        elif cors is not None:
            self._context.before_routes = lambda: self._add_gateway_responses(GatewayResponses())
        self._description = description
        self.node.add_validation(_IsDocumented(self))

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def rest_api_id(self) -> str:
        """Id; a reference."""
        return token(self._resource, "id")

    @property
    def root(self) -> Resource:
        """Resource of the path `/`."""
        return self._root

    @property
    def definition(self) -> ApiDefinition:
        """API as data, with the routes added so far."""
        return ApiDefinition(
            routes=self._context.table.routes,
            binary_media_types=self._binary_media_types,
            minimum_compression_bytes=self._minimum_compression_bytes,
            authorizers=tuple(one.definition for one in self._context.authorizers.values()),
            models=self._context.models,
            gateway_responses=self._context.gateway_responses,
            endpoint_closed=self._context.endpoint_closed,
            authorizers_name_keys=self._context.authorizers_name_keys,
        )

    @property
    def authorizers(self) -> Mapping[str, Authorizer]:
        """Authorizers by name. Each is created with the first method that uses it."""
        return self._context.authorizers

    @property
    def resource(self) -> ApiGatewayRestApi:
        """The `aws_api_gateway_rest_api`."""
        return self._resource

    def close_execute_api_endpoint(self) -> None:
        """Disable the API's AWS host name, which would bypass its `DomainName`; called by `DomainName`."""
        if not self._context.endpoint_closed:
            self._context.endpoint_closed = True
            self._resource.disable_execute_api_endpoint = True
            self._context.changed()

    @property
    def openapi_document(self) -> dict[str, Any]:
        """OpenAPI 3.1 document for the API's callers, with the routes added so far.

        `app.synth()` writes it beside the stack's configuration, to `<id>.openapi.json`. It has no `servers`;
        callers use the stage's URL.
        """
        return openapi_document(
            self.definition,
            name=self._name,
            description="" if has_reference(self._description) else plain(self._description),
            documentation=self._context.documentation,
            tags=self._context.tags,
            error_schema=self._context.error_schema,
        )

    @property
    def routes_document(self) -> str:
        """Markdown table of the routes: callers, service, largest body, timeout and summary of each.

        `app.synth()` writes the tables of all APIs of a stack to `routes.md` beside the stack's configuration.
        """
        return routes_document(
            self.definition,
            name=self._name,
            documentation=self._context.documentation,
            stages=tuple(self._context.stages.values()),
        )

    def paths_with_bodies_above(self, size: int) -> tuple[str, ...]:
        """Return the paths whose contract or integration accepts bodies of more than `size` bytes, in order."""
        return tuple(
            sorted(
                {
                    path
                    for (path, _), documented in self._context.documentation.items()
                    if (documented.documentation.max_body_bytes or 0) > size
                }
            )
        )

    def resource_for(self, path: str) -> Resource:
        """Return the resource of a path; add its missing parts.

        Args:
            path: Path from the root, such as `/orders/{id}`.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        return self._root.resource_for(path)

    def _answer_as(self, contract: ServiceContract) -> None:
        """Give API Gateway's own errors the format of a service's, unless `gateway_responses` set another.

        Raises:
            ConflictError: They have another format, and no argument chose it.
        """
        form = contract.error_format
        if not form.of_whole_api:
            return
        self._context.before_routes = lambda: None
        if not self._context.gateway_responses:
            self._add_gateway_responses(GatewayResponses(error_format=form))
        elif not self._chose_gateway_responses and form.schema != self._context.error_schema:
            raise ConflictError(
                path_of(self),
                f"the errors of '{contract.name}' have another format than those of API Gateway",
                "pass gateway_responses=GatewayResponses(error_format=contract.error_format), or add the service to "
                "another API",
            )

    def _accept_binary(self, media_types: Iterable[str]) -> None:
        """Add content types to `binary_media_types`; known ones are ignored."""
        types = dict.fromkeys((*self._binary_media_types, *media_types))
        if len(types) > len(self._binary_media_types):
            self._binary_media_types = tuple(types)
            self._resource.binary_media_types = list(types)
            self._context.changed()

    def _add_gateway_responses(self, responses: GatewayResponses) -> None:
        self._context.add_gateway_responses(responses.definitions(self._cors), responses.error_schema)

    def _body_renderer(self, description: str) -> BodyRenderer:
        # An API of Terraform resources does not need this import.
        from constructs_lib.api.body_rendering import BodyRenderer

        return BodyRenderer(
            self._resource, name=self._name, description=description, definition=lambda: self.definition
        )


@jsii.implements(IValidation)
class _IsDocumented:
    """Validation at synth that writes the OpenAPI document and the table of routes."""

    def __init__(self, api: RestApiBase) -> None:
        self._api = api

    def validate(self) -> list[str]:
        stack = AwsStack.of(self._api)
        name = path_of(self._api).removeprefix(f"{path_of(stack)}/").replace("/", "-")
        text = json.dumps(self._api.openapi_document, indent=2, sort_keys=True)
        try:
            stack.place_document(f"{name}.openapi.json", f"{text}\n")
            stack.place_section("routes.md", name, self._api.routes_document)
        except OSError as error:
            return [f"cannot write the documents of the API: {error}"]
        return []


def _cors(scope: Construct, cors: Cors | Literal["OFF"] | None) -> Cors | None:
    if cors == "OFF":
        return None
    origins = AwsStack.of(scope).defaults.allowed_origins
    return Cors(origins=origins) if cors is None and origins else cors


def _check_media_types(where: str, media_types: Sequence[str]) -> None:
    check_list(where, "binary_media_types", [] if isinstance(media_types, str) else media_types)
    if isinstance(media_types, str):
        raise InvalidArgumentError(
            where, f"binary_media_types {media_types!r} is not a list of strings", f"pass [{media_types!r}]"
        )
    for media_type in media_types:
        check_pattern(
            where, "binary_media_types", media_type, _MEDIA_TYPE, "use content types, such as 'image/png'"
        )
    if len(set(media_types)) < len(media_types):
        raise ConflictError(where, "binary_media_types has a content type twice", "remove one of the two")
