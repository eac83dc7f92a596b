"""Model of a `cdk.tf.json` for the rules: resources by type, their references, and the routes of its REST APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_ADDRESS: Final = re.compile(r"(?:data\.)?aws_\w+\.[\w-]+")
_INVOKED: Final = re.compile(
    r":lambda:path/20(?:15-03-31|21-11-15)/functions/[^/]*:function:([\w-]+)(?::([\w-]+))?/"
    r"(?:invocations|response-streaming-invocations)"
)
_REFERENCE: Final = re.compile(r"\$\{((?:data\.)?aws_\w+\.[\w-]+)\.([\w.\[\]\"*-]+)\}")


@dataclass(frozen=True, slots=True)
class Resource:
    """Resource of a configuration.

    Attributes:
        kind: Its type in Terraform, without `aws_`.
        address: Its address, such as `aws_lambda_function.chat_22ADE1FF`.
        body: Its arguments.
    """

    kind: str
    address: str
    body: Mapping[str, Any]

    @property
    def where(self) -> str:
        """Path of its construct if the configuration has it, or else its address."""
        path = self.body.get("//", {}).get("metadata", {}).get("path")
        return self.address if path is None else str(path).removesuffix("/Resource").replace("/Default", "")

    @property
    def awaited(self) -> frozenset[str]:
        """Addresses in its `depends_on`."""
        return frozenset(self.body.get("depends_on") or ())

    @property
    def lifecycle(self) -> Mapping[str, Any]:
        """The `lifecycle` block, or an empty one."""
        return next(iter(self.blocks("lifecycle")), {})

    def text(self, name: str) -> str:
        """Return an argument as a string, empty if it is missing."""
        value = self.body.get(name)
        return "" if value is None else str(value)

    def blocks(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """Return the blocks of a name, which JSON writes as one object or as a list of them."""
        value = self.body.get(name)
        return () if value is None else tuple(value) if isinstance(value, list) else (value,)

    def block(self, name: str) -> Mapping[str, Any]:
        """Return the first block of a name, or an empty one."""
        return next(iter(self.blocks(name)), {})

    def document(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """Return the statements of the JSON policy in an argument; none if it is not JSON."""
        try:
            statements = json.loads(self.text(name))["Statement"]
        except (ValueError, LookupError, TypeError):
            return ()
        return tuple(statements) if isinstance(statements, list) else (statements,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Method of a REST API, from resources or from an OpenAPI body.

    Attributes:
        where: Construct or place in the configuration.
        api: The address of its `aws_api_gateway_rest_api`.
        path: Its path, such as `/orders/{id}`.
        http_method: HTTP method, or `ANY`.
        authorization: `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
        authorizer: Address or name of its authorizer, or empty.
        api_key_required: Whether it requires an API key.
        models: The content types that it has a model for.
        validates_body: Whether a validator checks the body.
        integration: Type of its integration, such as `AWS_PROXY`, or empty.
        uri: URI of the integration.
        timeout_ms: Timeout of the integration in milliseconds.
        requests: The templates of the integration's requests.
        responses: The templates of the integration's responses.
    """

    where: str
    api: str
    path: str
    http_method: str
    authorization: str
    authorizer: str = ""
    api_key_required: bool = False
    models: frozenset[str] = frozenset()
    validates_body: bool = False
    integration: str = ""
    uri: str = ""
    timeout_ms: int = 29_000
    requests: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """End of the source ARN of its calls, after the stage."""
        method = "*" if self.http_method == "ANY" else self.http_method
        return f"/*/{method}{re.sub(r'{[^}]*}', '*', self.path)}"


@dataclass(frozen=True)
class Configuration:
    """A configuration for Terraform.

    Attributes:
        json: Content.
    """

    json: Mapping[str, Any]
    _by_address: dict[str, Resource] = field(init=False, default_factory=dict)
    _routes: dict[str, tuple[Route, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for kind, named in self.json.get("resource", {}).items():
            for name, body in named.items():
                address = f"{kind}.{name}"
                self._by_address[address] = Resource(kind.removeprefix("aws_"), address, body)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All resources."""
        return tuple(self._by_address.values())

    def all(self, *kinds: str) -> tuple[Resource, ...]:
        """Return the resources of these types."""
        return tuple(one for one in self._by_address.values() if one.kind in kinds)

    def get(self, address: str) -> Resource | None:
        """Return the resource of an address."""
        return self._by_address.get(address)

    def target(self, value: object) -> Resource | None:
        """Return the resource whose attribute `value` is, or None."""
        return self._by_address.get(reference(value)[0])

    def invoked(self, uri: str) -> Resource | None:
        """Return the function, or the alias of one, that the URI of an integration or authorizer invokes; None for others.

        The URI is an attribute of the function or alias, or composed of its names.
        """
        named = _INVOKED.search(uri)
        if named is None:
            return self.target(uri)
        function_name, alias_name = named[1], named[2]
        for function in self.all("lambda_function"):
            if function.text("function_name") == function_name:
                return function if alias_name is None else self._alias(function, alias_name)
        return None

    def dependencies(self, resource: Resource) -> frozenset[str]:
        """Return the addresses of all resources that a resource depends on, directly or indirectly."""
        found: set[str] = set()
        unread = [resource]
        while unread:
            new = addresses_in(unread.pop().body) - found - {resource.address}
            found |= new
            unread += filter(None, map(self.get, new))
        return frozenset(found & self._by_address.keys())

    def _alias(self, function: Resource, name: str) -> Resource | None:
        return next(
            (
                alias
                for alias in self.all("lambda_alias")
                if alias.text("name") == name and self.target(alias.body.get("function_name")) is function
            ),
            None,
        )

    def of_api(self, kind: str, api: str) -> tuple[Resource, ...]:
        """Return the resources of a type that belong to the REST API of an address."""
        return tuple(one for one in self.all(kind) if reference(one.body.get("rest_api_id"))[0] == api)

    def routes(self, api: Resource) -> tuple[Route, ...]:
        """Return the routes of a REST API in either form."""
        if api.address not in self._routes:
            self._routes[api.address] = (*self._discrete_routes(api), *_body_routes(api))
        return self._routes[api.address]

    def path(self, resource_id: object) -> str:
        """Return the path of an `aws_api_gateway_resource` from a reference to its id; `/` for the root."""
        found = self.target(resource_id)
        if found is not None and "resource_id" in found.body:  # the id through a method or an integration
            return self.path(found.body["resource_id"])
        if found is None or found.kind != "api_gateway_resource":
            return "/"
        return f"{self.path(found.body.get('parent_id')).rstrip('/')}/{found.text('path_part')}"

    def _discrete_routes(self, api: Resource) -> Iterator[Route]:
        integrations = {self._key(one): one for one in self.of_api("api_gateway_integration", api.address)}
        for method in self.of_api("api_gateway_method", api.address):
            integration = integrations.get(self._key(method))
            validator = self.target(method.body.get("request_validator_id"))
            yield Route(
                where=method.where,
                api=api.address,
                path=self.path(method.body.get("resource_id")),
                http_method=method.text("http_method"),
                authorization=method.text("authorization"),
                authorizer=reference(method.body.get("authorizer_id"))[0],
                api_key_required=method.body.get("api_key_required") is True,
                models=frozenset(method.body.get("request_models") or ()),
                validates_body=validator is not None and validator.body.get("validate_request_body") is True,
                integration="" if integration is None else integration.text("type"),
                uri="" if integration is None else integration.text("uri"),
                timeout_ms=29_000
                if integration is None
                else int(integration.body.get("timeout_milliseconds") or 29_000),
                requests=tuple(
                    map(str, ((integration and integration.body.get("request_templates")) or {}).values())
                ),
                responses=tuple(
                    str(template)
                    for one in self.of_api("api_gateway_integration_response", api.address)
                    if self._key(one) == self._key(method)
                    for template in (one.body.get("response_templates") or {}).values()
                ),
            )

    def _key(self, one: Resource) -> tuple[str, str]:
        """Return the key of a method: its path, and its HTTP method as a value or a reference."""
        http_method: object = one.body.get("http_method")
        while (named := self.target(http_method)) is not None:
            http_method = named.body.get("http_method")
        return self.path(one.body.get("resource_id")), str(http_method)


def _body_routes(api: Resource) -> Iterator[Route]:
    try:
        document = json.loads(api.text("body"))
    except ValueError:
        return
    schemes = document.get("components", {}).get("securitySchemes", {})
    validators = document.get("x-amazon-apigateway-request-validators", {})
    for path, methods in document.get("paths", {}).items():
        for name, operation in methods.items():
            integration = operation.get("x-amazon-apigateway-integration")
            if integration is None:
                continue
            security = [key for one in operation.get("security", ()) for key in one]
            keys = [key for key in security if schemes.get(key, {}).get("name") == "x-api-key"]
            others = [key for key in security if key not in keys]
            kind = schemes.get(others[0], {}).get("x-amazon-apigateway-authtype", "") if others else ""
            validator = validators.get(operation.get("x-amazon-apigateway-request-validator"), {})
            yield Route(
                where=f"{api.where} {path} {name}",
                api=api.address,
                path=path,
                http_method="ANY" if name == "x-amazon-apigateway-any-method" else name.upper(),
                authorization=_AUTHORIZATIONS.get(kind, "CUSTOM") if others else "NONE",
                authorizer=others[0] if others else "",
                api_key_required=bool(keys),
                models=frozenset(operation.get("requestBody", {}).get("content", {})),
                validates_body=validator.get("validateRequestBody") is True,
                integration=str(integration.get("type", "")).upper(),
                uri=str(integration.get("uri", "")),
                timeout_ms=int(integration.get("timeoutInMillis") or 29_000),
                requests=tuple(map(str, integration.get("requestTemplates", {}).values())),
                responses=tuple(
                    str(template)
                    for one in integration.get("responses", {}).values()
                    for template in one.get("responseTemplates", {}).values()
                ),
            )


_AUTHORIZATIONS: Final = {"awsSigv4": "AWS_IAM", "cognito_user_pools": "COGNITO_USER_POOLS"}


def reference(value: object) -> tuple[str, str]:
    """Return the address and the attribute of `${address.attribute}`, or two empty strings.

    Example:
        >>> reference("${aws_lambda_alias.chat_live.invoke_arn}")
        ('aws_lambda_alias.chat_live', 'invoke_arn')
    """
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return ("", "") if found is None else (found[1], found[2])


def addresses_in(value: object) -> frozenset[str]:
    """Return the addresses in a value."""
    return frozenset(found for text in strings(value) for found in _ADDRESS.findall(text))


def strings(value: object) -> Iterator[str]:
    """Yield each string in a value, without keys and cdktf's own metadata."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "//":
                yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
