"""A path of a REST API: a tree with one construct for each part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
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
"""The root's id, which cdktf leaves out of Terraform's addresses."""

_CONTENT_TYPES: Final = ("$default", "application/json")
"""What a model is for: `$default` is every content type that has no model, which else would not be validated."""

_WITHOUT_BODY: Final = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS")

_TAKEN_IDS: Final = frozenset({ROOT_ID, "Resource", *get_args(HttpMethod)})


class Resource(AwsConstruct):
    """A path (`aws_api_gateway_resource`), made by `add_resource` and `resource_for`; the root exists with the API.

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
        """Which web pages of other origins may call it; None where none may."""
        return self._cors

    @property
    def methods(self) -> tuple[Method, ...]:
        """Its methods, in the order they were added."""
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
        """Add the path that is one part longer.

        Args:
            path_part: A fixed part (`orders`), a variable (`{id}`), or a variable that takes the whole rest of
                the path (`{proxy+}`).
            default_authorization: Who may call the methods of this path and of all below it that do not say
                it themselves. Default: as for this resource.
            cors: Which web pages of other origins may call this path and all below it, or `"OFF"` for none.
                Default: as for this resource.

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
        """Return the resource of a path below this one, and add what is missing of it.

        Args:
            path: The path from here, such as `/orders/{id}`; `/` is this resource.

        Raises:
            ConstructError: if API Gateway would refuse the path.
        """
        resource = self
        for part in split_path(self._where, path):
            resource = resource._children.get(part) or resource.add_resource(part)
        return resource

    def add_method(
        self,
        http_method: HttpMethod,
        integration: Integration,
        *,
        authorization: Authorization | None = None,
        request_parameters: Mapping[str, bool] | None = None,
        request_model: type[BaseModel] | None = None,
        validate_body: bool = True,
        api_key_required: bool = False,
        other_media_types: Sequence[str] = (),
        response_model: type[BaseModel] | None = None,
        documentation: RouteDocumentation | None = None,
    ) -> Method:
        """Add a method.

        Beside a method for `ANY` there may be others, which then answer in its place. With the first method of a
        path that has `cors` comes one for OPTIONS, unless the path has one already.

        Args:
            http_method: The HTTP method, or `ANY`.
            integration: What answers it.
            authorization: Who may call it. Default: as the resource's or the API's `default_authorization`
                says; one of them is needed. A method for OPTIONS is open: preflights carry no credentials.
            request_parameters: The parameters that the method declares, such as `{"querystring.page": True}`,
                and whether each is required: `querystring.NAME`, `header.NAME` or `path.NAME`, with or
                without API Gateway's `method.request.` before. API Gateway refuses requests without those
                that are. Default: none.
            request_model: The pydantic model of the body. API Gateway refuses what does not fit its schema,
                whatever the request's content type says: the body is JSON. Default: bodies are passed on
                unchecked.
            validate_body: Whether API Gateway checks bodies against `request_model`. False: the model is for the OpenAPI
                document alone, and what answers has to check. Default: True.
            api_key_required: Whether the caller needs the key of a `UsagePlan` as well, which limits it; with
                `Public()` it is refused. Default: False.
            other_media_types: The content types of bodies that are no JSON, such as `image/png` beside a JSON
                form of the same. API Gateway then checks JSON only, and what answers has to look at the
                content type. Default: every body is JSON.
            response_model: The pydantic model of a successful answer, for the API's OpenAPI document; nothing
                checks answers by it. Default: the document says nothing of them.
            documentation: Summary, tag, example and limits, for the API's OpenAPI document. Default: none.

        Raises:
            ConstructError: if API Gateway would refuse the method, or nobody said who may call it.
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
        _check_key(where, http_method, allowed, api_key_required)
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
        documented = _documented(where, documentation, request_model, response_model, other_media_types)
        content_types = ("application/json",) if other_media_types else _CONTENT_TYPES
        called = integration.definition(where, self, self._api.caller(self._path, http_method))
        parameters = _with_sources(parameters, called.request_parameters)
        definition = RouteDefinition(
            path=self._path,
            http_method=http_method,
            authorization=allowed.definition(),
            integration=called,
            request_parameters=parameters,
            api_key_required=api_key_required,
            request_models=() if model is None else tuple((kind, model.name) for kind in content_types),
            # Where there is nothing to check it costs nothing, and nobody forgets it where there is.
            validated=True,
        )
        self._api.check_integration(where, self, definition.integration)
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
            self.add_method("OPTIONS", MockIntegration(self._cors.preflight))
            self._answers_preflights = True
        return method

    def _model(self, where: str, http_method: HttpMethod, model: type[BaseModel]) -> ModelDefinition:
        # Loads pydantic, which an API without models needs not.
        from constructs_lib.validation.model_schema import model_schema

        if http_method in _WITHOUT_BODY:
            raise ConflictError(
                where,
                f"requests of {http_method} come without a body, and a request_model would refuse them",
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
                    "browsers send preflights without credentials, so that each would be refused",
                    "leave authorization out: a method for OPTIONS is open",
                )
            return Public()
        allowed = authorization or self._default_authorization
        if allowed is None:
            raise InvalidArgumentError(
                where,
                "nothing says who may call it",
                "pass authorization=IamAuthorization(), or authorization=Public() if anybody may",
            )
        return allowed


def _check_key(where: str, http_method: HttpMethod, allowed: Authorization, required: bool) -> None:
    alone = isinstance(allowed, Public) and allowed.with_api_key_only
    if required and http_method == "OPTIONS":
        raise ConflictError(
            where,
            "browsers send preflights without an API key, so that each would be refused",
            "leave api_key_required out",
        )
    if required and allowed.definition().type == "NONE" and not alone:
        raise UnsafeSettingError(
            where,
            "an API key would be all that callers need, and keys are no secrets",
            "pass another authorization, or Public(with_api_key_only=True) if that is enough",
        )
    if alone and not required:
        raise UnsafeSettingError(
            where,
            "Public(with_api_key_only=True) is open to all without api_key_required",
            "pass api_key_required=True, or Public() if anybody may call it",
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
            "other_media_types changes nothing: without a request_model every body is passed on",
            "leave it out",
        )


def _documented(
    where: str,
    documentation: RouteDocumentation,
    request: type[BaseModel] | None,
    response: type[BaseModel] | None,
    other_media_types: Sequence[str],
) -> DocumentedRoute:
    if request is None and response is None:
        return DocumentedRoute(documentation=documentation)
    from constructs_lib.validation.model_schema import openapi_schemas

    return DocumentedRoute(
        documentation=documentation,
        request={} if request is None else openapi_schemas(request, where=where),
        response={} if response is None else openapi_schemas(response, mode="serialization", where=where),
        other_media_types=tuple(other_media_types),
    )


def _model_name(model: type[BaseModel]) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", model.__name__)


def _parameters(where: str, parameters: Mapping[str, bool]) -> tuple[tuple[str, bool], ...]:
    full: dict[str, bool] = {}
    for name, required in parameters.items():
        known = f"method.request.{name}" if re.match(r"(querystring|header|path)\.", name) else name
        if known in full:
            raise ConflictError(where, f"request parameter '{known}' is there twice", "remove one of the two")
        full[known] = required
    return tuple(full.items())


def _with_sources(
    parameters: tuple[tuple[str, bool], ...], mapped: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, bool], ...]:
    """Return the parameters and those that an integration takes values from: API Gateway maps declared ones only."""
    sources = {source: _in_path(source) for _, source in mapped if source.startswith("method.request.")}
    return tuple({**sources, **dict(parameters)}.items())


def _in_path(name: str) -> bool:
    return name.startswith("method.request.path.")


def _id_of(path_part: str) -> str:
    if path_part.startswith("{"):
        # API Gateway allows one variable here. With one address for all names, Terraform renames it in place;
        # else it would make the new one beside the old one, which is refused.
        return "{variable}"
    return f"path={path_part}" if path_part in _TAKEN_IDS else path_part
