"""Resource: a path of a REST API, with a construct for each part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from constructs import Construct

from constructs_lib.api.api_context import ApiContext
from constructs_lib.api.cors import Cors
from constructs_lib.api.integration import Integration
from constructs_lib.api.method import Method
from constructs_lib.api.mock_integration import MockIntegration
from constructs_lib.api.openapi_document import DocumentedRoute, RouteDocumentation
from constructs_lib.api.route_table import check_path_part, split_path
from constructs_lib.authorization.authorizer import AuthorizerSettings
from constructs_lib.authorization.kinds import Authorization, Public, check_authorization
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_choice, check_mapping, check_pattern, check_type, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError, UnsafeSettingError
from constructs_lib.routes.definitions import HttpMethod, ModelDefinition, RouteDefinition

if TYPE_CHECKING:
    from cdktf_cdktf_provider_aws.api_gateway_resource import ApiGatewayResource
    from pydantic import BaseModel

ROOT_ID: Final = "Default"
"""Id of the root, which cdktf omits from Terraform's addresses."""

_CONTENT_TYPES: Final = ("$default", "application/json")
"""Content types of a model: `$default` covers all types without a model, which API Gateway would not validate."""

_WITHOUT_BODY: Final = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS")

_TAKEN_IDS: Final = frozenset({ROOT_ID, "Resource", *get_args(HttpMethod)})


class Resource(AwsConstruct):
    """Path of a REST API (`aws_api_gateway_resource`), created by `add_resource` and `resource_for`.

    Example:
        >>> order = api.root.add_resource("orders").add_resource("{id}")
        >>> order.path
        '/orders/{id}'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: ApiContext,
        parent: Resource | None,
        path_part: str,
        default_authorization: Authorization | None,
        cors: Cors | None,
    ) -> None:
        where: str = path_of(scope) if parent is None else f"{parent._where}/{path_part}"
        path = "/" if parent is None else api.table.add_path(where, parent.path, path_part)
        super().__init__(scope, construct_id)
        self._where: str = where
        self._api = api
        self._path = path
        self._default_authorization = default_authorization
        self._cors = cors
        self._page_headers: tuple[str, ...] = () if cors is None else tuple(cors.headers)
        self._answers_preflights = False
        self._children: dict[str, Resource] = {}
        self._methods: dict[str, Method] = {}
        self._resource = (
            None
            if parent is None
            else api.renderer.render_path(self, parent=parent.path, path_part=path_part, path=path)
        )

    @property
    def path(self) -> str:
        """The path from the root, such as `/orders/{id}`."""
        return self._path

    @property
    def cors(self) -> Cors | None:
        """CORS settings; None if pages of other origins may not call the path."""
        return self._cors

    @property
    def methods(self) -> tuple[Method, ...]:
        """Methods of the path, in the order they were added."""
        return tuple(self._methods.values())

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The paths that are one part longer, in the order they were added."""
        return tuple(self._children.values())

    @property
    def resource(self) -> ApiGatewayResource | None:
        """The `aws_api_gateway_resource`; None for the root, or where the API is not rendered as resources."""
        return self._resource

    def add_resource(
        self,
        path_part: str,
        *,
        default_authorization: Authorization | None = None,
        cors: Cors | Literal["OFF"] | None = None,
    ) -> Resource:
        """Add a path that is one part longer.

        Args:
            path_part: Fixed part (`orders`), variable (`{id}`), or variable for the rest of the path
                (`{proxy+}`).
            default_authorization: Authorization for methods of this path, and of paths below, that pass none.
                Default: that of this resource.
            cors: CORS settings of this path and of paths below, or `"OFF"`. Default: those of this resource.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        where = f"{self._where}/{path_part}"
        check_path_part(where, path_part)
        if default_authorization is not None:
            check_authorization(where, "default_authorization", default_authorization)
        if cors is not None and not isinstance(cors, Cors):
            check_choice(where, "cors", cors, Literal["OFF"])
        child = Resource(
            self,
            _id_of(path_part),
            api=self._api,
            parent=self,
            path_part=path_part,
            default_authorization=default_authorization or self._default_authorization,
            cors=self._cors if cors is None else cors if isinstance(cors, Cors) else None,
        )
        self._children[path_part] = child
        return child

    def resource_for(self, path: str) -> Resource:
        """Return the resource of a path below this one; add its missing parts.

        Args:
            path: The path from here, such as `/orders/{id}`; `/` is this resource.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        resource = self
        for part in split_path(self._where, path):
            resource = resource._children.get(part) or resource.add_resource(part)
        return resource

    def allow_headers(self, names: Iterable[str]) -> None:
        """Allow web pages to send further request headers to this path, besides those of its `cors`.

        Call it before the first method of the path, which adds the one that answers preflights. Without `cors`, it changes
        nothing.

        Args:
            names: Names of the headers.

        Raises:
            ConflictError: The path answers preflights already.
        """
        allowed = {name.lower() for name in self._page_headers}
        more = tuple(name for name in names if name.lower() not in allowed)
        if more and self._answers_preflights:
            raise ConflictError(
                self._where,
                f"its preflights do not allow the header {more[0]}, as its first method was added before",
                "add the method whose contract names the header first, or pass cors=Cors(headers=...) to the API",
            )
        self._page_headers += more

    def add_method(
        self,
        http_method: HttpMethod,
        integration: Integration,
        *,
        authorization: Authorization | None = None,
        request_parameters: Mapping[str, bool] | None = None,
        request_model: type[BaseModel] | None = None,
        validate_body: bool = True,
        api_key_required: bool | None = None,
        other_media_types: Sequence[str] = (),
        response_model: type[BaseModel] | None = None,
        event_model: type[BaseModel] | None = None,
        documentation: RouteDocumentation | None = None,
    ) -> Method:
        """Add a method.

        Methods beside `ANY` take precedence over it. The first method of a path with `cors` adds one for
        OPTIONS, unless the path has one.

        Args:
            http_method: HTTP method, or `ANY`.
            integration: Integration that answers the requests.
            authorization: Callers that may use the method. Default: `default_authorization` of the resource
                or the API; one of them is required. OPTIONS methods are open, because preflights have no
                credentials.
            request_parameters: Parameters of the method and whether each is required, such as
                `{"querystring.page": True}`. Names are `querystring.NAME`, `header.NAME` or `path.NAME`, with
                or without API Gateway's prefix `method.request.`. API Gateway rejects requests without the
                required ones. Default: none.
            request_model: Pydantic model of the JSON body. API Gateway rejects other bodies, for every
                content type. Default: none; bodies pass unchecked.
            validate_body: Whether API Gateway checks bodies against `request_model`. False: the model is for
                the OpenAPI document only, and the integration must validate. Default: True.
            api_key_required: Whether requests need the key of a `UsagePlan` too, which limits them. Not with
                `Public()`. Default: False; with `api_key_source="AUTHORIZER"` True for methods with a Lambda
                authorizer, which names the key.
            other_media_types: Content types of bodies that are not JSON, such as `image/png` beside a JSON
                form. API Gateway validates JSON only; the integration must check the content type. Default:
                none.
            response_model: Pydantic model of a successful response, for the OpenAPI document only. Default:
                none.
            event_model: Pydantic model of the events of a streamed response, for the OpenAPI document only.
                Default: none.
            documentation: Summary, tag, example and limits, for the API's OpenAPI document. Default: none.

        Raises:
            ConstructError: if API Gateway would reject the method, or no authorization is set.
        """
        where = f"{self._where}/{http_method}"
        check_choice(where, "http_method", http_method, HttpMethod)
        if http_method == "OPTIONS" and self._answers_preflights:
            raise ConflictError(
                where,
                f"'{self._path}' answers preflights by its cors already",
                "add this method before the others of the path, or make the path with cors='OFF'",
            )
        allowed = self._authorization(where, http_method, authorization)
        named = self._api.authorizers_name_keys and allowed.definition().type == "CUSTOM"
        needs_key = named if api_key_required is None else api_key_required
        _check_key(where, http_method, allowed, needs_key)
        if needs_key and self._api.authorizers_name_keys and not named:
            raise ConflictError(
                where,
                "API keys are named by Lambda authorizers (api_key_source), and it has none",
                "leave api_key_required out, or pass a Lambda authorizer",
            )
        if isinstance(integration, type) or not hasattr(integration, "bind"):
            raise InvalidArgumentError(
                where,
                f"integration is of type {type(integration).__name__}",
                "pass LambdaIntegration(function)",
            )
        authorizer = (
            self._api.check_authorizer(where, allowed) if isinstance(allowed, AuthorizerSettings) else None
        )
        check_mapping(where, "request_parameters", request_parameters)
        check_type(where, "documentation", documentation, RouteDocumentation)
        parameters = _parameters(where, request_parameters or {})
        model = self._model(where, http_method, request_model) if validate_body and request_model else None
        _check_other_media_types(where, request_model, other_media_types)
        documentation = documentation or RouteDocumentation()
        limit = integration.max_body_bytes
        if documentation.max_body_bytes is None and limit is not None:
            documentation = replace(documentation, max_body_bytes=limit)
        documented = _documented(
            where, documentation, request_model, response_model, event_model, other_media_types
        )
        content_types = ("application/json",) if other_media_types else _CONTENT_TYPES
        called = integration.definition(where, self, self._api.caller(self._path, http_method))
        parameters = _with_sources(parameters, called.request_parameters)
        definition = RouteDefinition(
            path=self._path,
            http_method=http_method,
            authorization=allowed.definition(),
            integration=called,
            request_parameters=parameters,
            api_key_required=needs_key,
            request_models=() if model is None else tuple((kind, model.name) for kind in content_types),
            # A validator without rules costs nothing.
            validated=True,
        )
        self._api.check_integration(where, self, definition.integration)
        self._api.begin()
        self._api.table.add_route(where, definition)
        self._api.documentation[definition.key] = documented
        if authorizer is not None and isinstance(allowed, AuthorizerSettings):
            self._api.add_authorizer(authorizer, allowed)
        if model is not None:
            self._api.add_model(model)
        if definition.validated:
            self._api.add_validator()
        method = Method(self, http_method, api=self._api, route=definition, integration=integration)
        self._methods[http_method] = method
        if self._cors is not None and "OPTIONS" not in self._methods:
            preflight = replace(self._cors, headers=self._page_headers).preflight
            self.add_method("OPTIONS", MockIntegration(preflight))
            self._answers_preflights = True
        return method

    def _model(self, where: str, http_method: HttpMethod, model: type[BaseModel]) -> ModelDefinition:
        # Imports pydantic, which an API without models does not need.
        from constructs_lib.validation.model_schema import model_schema

        if http_method in _WITHOUT_BODY:
            raise ConflictError(
                where,
                f"{http_method} requests have no body, so a request_model would reject all of them",
                "leave request_model out, or add the method as POST, PUT or PATCH",
            )
        schema = json.dumps(model_schema(model, where=where), sort_keys=True, separators=(",", ":"))
        definition = ModelDefinition(name=_model_name(model), schema=schema)
        self._api.check_model(where, definition)
        return definition

    def _authorization(
        self, where: str, http_method: HttpMethod, authorization: Authorization | None
    ) -> Authorization:
        if authorization is not None:
            check_authorization(where, "authorization", authorization)
        if http_method == "OPTIONS":
            if authorization is not None and authorization.definition().type != "NONE":
                raise ConflictError(
                    where,
                    "browsers send preflights without credentials, so all would be rejected",
                    "leave authorization out: a method for OPTIONS is open",
                )
            return Public()
        allowed = authorization or self._default_authorization
        if allowed is None:
            raise InvalidArgumentError(
                where,
                "no authorization is set",
                "pass authorization=IamAuthorization(), or authorization=Public() for an open method",
            )
        return allowed


def _check_key(where: str, http_method: HttpMethod, allowed: Authorization, required: bool) -> None:
    alone = isinstance(allowed, Public) and allowed.with_api_key_only
    if required and http_method == "OPTIONS":
        raise ConflictError(
            where,
            "browsers send preflights without an API key, so all would be rejected",
            "leave api_key_required out",
        )
    if required and allowed.definition().type == "NONE" and not alone:
        raise UnsafeSettingError(
            where,
            "an API key would be the only credential, and API keys are not secrets",
            "pass another authorization, or Public(with_api_key_only=True) if a key is enough",
        )
    if alone and not required:
        raise UnsafeSettingError(
            where,
            "Public(with_api_key_only=True) is open to all without api_key_required",
            "pass api_key_required=True, or Public() for an open method",
        )


def _check_other_media_types(
    where: str, request_model: type[BaseModel] | None, media_types: Sequence[str]
) -> None:
    if isinstance(media_types, str):
        raise InvalidArgumentError(
            where, f"other_media_types {media_types!r} is not a list of strings", f"pass [{media_types!r}]"
        )
    for media_type in media_types:
        check_pattern(
            where,
            "other_media_types",
            media_type,
            r"(?!application/json$)[a-z0-9.+-]+/[a-z0-9.+-]+",
            "use content types that are not JSON, such as 'image/png'",
        )
    if media_types and request_model is None:
        raise ConflictError(
            where,
            "other_media_types has no effect: without a request_model all bodies pass",
            "leave it out",
        )


def _documented(
    where: str,
    documentation: RouteDocumentation,
    request: type[BaseModel] | None,
    response: type[BaseModel] | None,
    event: type[BaseModel] | None,
    other_media_types: Sequence[str],
) -> DocumentedRoute:
    if request is None and response is None:
        return DocumentedRoute(documentation=documentation)
    from constructs_lib.validation.model_schema import openapi_schemas

    return DocumentedRoute(
        documentation=documentation,
        request={} if request is None else openapi_schemas(request, where=where),
        response={} if response is None else openapi_schemas(response, mode="serialization", where=where),
        events={} if event is None else openapi_schemas(event, mode="serialization", where=where),
        other_media_types=tuple(other_media_types),
    )


def _model_name(model: type[BaseModel]) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", model.__name__)


def _parameters(where: str, parameters: Mapping[str, bool]) -> tuple[tuple[str, bool], ...]:
    full: dict[str, bool] = {}
    for name, required in parameters.items():
        source = f"method.request.{name}" if re.match(r"(querystring|header|path)\.", name) else name
        if source in full:
            raise ConflictError(
                where, f"request parameter '{source}' is there twice", "remove one of the two"
            )
        full[source] = required
    return tuple(full.items())


def _with_sources(
    parameters: tuple[tuple[str, bool], ...], mapped: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, bool], ...]:
    """Return the parameters and those that an integration reads. API Gateway maps declared parameters only."""
    sources = {source: _in_path(source) for _, source in mapped if source.startswith("method.request.")}
    return tuple({**sources, **dict(parameters)}.items())


def _in_path(name: str) -> bool:
    return name.startswith("method.request.path.")


def _id_of(path_part: str) -> str:
    if path_part.startswith("{"):
        # API Gateway allows one variable here. With one address for all names, Terraform renames it in place.
        # Otherwise it would create the new one beside the old one, which API Gateway rejects.
        return "{variable}"
    return f"path={path_part}" if path_part in _TAKEN_IDS else path_part
