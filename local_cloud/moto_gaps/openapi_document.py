"""OpenAPI document with API Gateway's extensions, read into moto's objects; for `api_import.py`.

What a document may say is in the tables below; anything else of API Gateway's own is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.apigateway.models import Authorizer, GatewayResponse, Integration, Method, Model, RequestValidator
from moto.apigateway.utils import create_id

from local_cloud.gateway.body_models import BUILT_IN
from local_cloud.moto_gaps.openapi_forms import VERBS, DocumentError, in_one_form, with_parameters_of
from local_cloud.service_models import values_of

MODELS = "https://apigateway.amazonaws.com/restapis/{api}/models"
"""Where a model of the document is, but for the id of the API."""

_VARIABLE = re.compile(r"\{([^}+]+)\+?\}")
PREFIX = "x-amazon-apigateway-"
_OF_THE_DOCUMENT = {
    "api-key-source", "binary-media-types", "cors", "documentation", "endpoint-configuration", "gateway-responses", "importexport-version", "minimum-compression-size", "policy", "request-validator", "request-validators",
}  # fmt: skip
_OF_AN_OPERATION = {"auth", "documentation", "integration", "request-validator"}
# Members of an integration, and the arguments of moto's `Integration` that take them as they are.
_ARGUMENTS = {
    "cacheKeyParameters": "cache_key_parameters",
    "cacheNamespace": "cache_namespace",
    "connectionType": "connection_type",
    "contentHandling": "content_handling",
    "credentials": "credentials",
    "httpMethod": "http_method",
    "requestTemplates": "request_templates",
    "tlsConfig": "tls_config",
    "uri": "uri",
}
_OF_AN_INTEGRATION = {
    *_ARGUMENTS, "connectionId", "requestParameters", "passthroughBehavior", "payloadFormatVersion", "responseTransferMode", "responses", "timeoutInMillis", "type",
}  # fmt: skip
_LONGEST_STREAM_MS = 900_000
_PLACES = {"path": "path", "query": "querystring", "header": "header"}
_DROPPED = {
    "deprecated", "discriminator", "example", "exclusiveMaximum", "exclusiveMinimum", "externalDocs", "nullable", "patternProperties", "readOnly", "writeOnly", "xml", "dependencies", "additionalItems",
}  # fmt: skip
"""What API Gateway leaves out of a schema that it imports, by its documentation or because OpenAPI 3.0 has no such."""


@dataclass(slots=True)
class ImportedApi:
    """All that a document says of an API.

    Attributes:
        settings: Attributes of moto's `RestAPI`.
        methods: By path and HTTP method; each has the names of its authorizer and its validator in place of their ids.
        warnings: What was left out.
    """

    settings: dict[str, Any]
    documentation: Mapping[str, Any]
    validators: dict[str, Any]
    authorizers: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    gateway_responses: dict[str, Any] = field(default_factory=dict)
    methods: dict[tuple[str, str], Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def gateway_responses() -> frozenset[str]:
    """Return the types of errors that an API can customize."""
    return values_of("apigateway", "GatewayResponseType")


def read_document(sent: Any, base_path: str = "ignore") -> ImportedApi:
    """Read a document."""
    document = in_one_form(sent, base_path)
    _check_extensions(document, _OF_THE_DOCUMENT, "document")
    info = document.get("info") or {}
    endpoint = _extension(document, "endpoint-configuration") or {}
    policy, compression = _extension(document, "policy"), _extension(document, "minimum-compression-size")
    imported = ImportedApi(
        settings={
            "name": info.get("title") or "",
            "description": info.get("description") or "",
            "version": str(info.get("version") or ""),
            "binaryMediaTypes": list(_extension(document, "binary-media-types") or ()),
            "minimum_compression_size": None if compression is None else int(compression),
            "api_key_source": str(_extension(document, "api-key-source") or "").upper(),
            "policy": None if policy is None else json.dumps(policy),
            "disableExecuteApiEndpoint": bool(endpoint.get("disableExecuteApiEndpoint")),
        },
        documentation=_extension(document, "documentation") or {},
        validators={
            name: RequestValidator(
                create_id(),
                name,
                bool(checks.get("validateRequestBody")),
                bool(checks.get("validateRequestParameters")),
            )
            for name, checks in (_extension(document, "request-validators") or {}).items()
        },
    )
    for kind, definition in (_extension(document, "gateway-responses") or {}).items():
        if kind not in gateway_responses():
            raise DocumentError(f"Unsupported response type '{kind}'")
        status = definition.get("statusCode")
        imported.gateway_responses[kind] = GatewayResponse(
            kind,
            None if status is None else str(status),
            dict(definition.get("responseParameters") or {}),
            dict(definition.get("responseTemplates") or {}),
        )
    components = document.get("components") or {}
    for name, schema in (components.get("schemas") or {}).items():
        _add_model(imported, name, schema)
    schemes = components.get("securitySchemes") or {}
    for name, scheme in schemes.items():
        if f"{PREFIX}authorizer" in scheme:
            imported.authorizers[name] = _authorizer(name, scheme)
    for path, http_method, operation in _operations(document):
        imported.methods[path, http_method] = _method(
            f"{http_method} {path}", operation, document, schemes, imported
        )
    return imported


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in (document.get("paths") or {}).items():
        for name, operation in item.items():
            if name in VERBS:
                yield path, VERBS[name], with_parameters_of(item, operation)
            elif name not in ("parameters", "summary", "description"):
                raise DocumentError(f"Path '{path}' has '{name}', which is not supported")


def _method(
    where: str,
    operation: Mapping[str, Any],
    document: Mapping[str, Any],
    schemes: Mapping[str, Mapping[str, Any]],
    imported: ImportedApi,
) -> Any:
    _check_extensions(operation, _OF_AN_OPERATION, where)
    validator = _extension(operation, "request-validator") or _extension(document, "request-validator")
    if validator is not None and validator not in imported.validators:
        raise DocumentError(f"{where}: there is no request validator '{validator}'")
    demanded = operation.get("security", document.get("security")) or []
    authorization, authorizer, scopes, with_key = _security(where, demanded, schemes, imported)
    if authorization == "NONE" and (_extension(operation, "auth") or {}).get("type") == "AWS_IAM":
        authorization = "AWS_IAM"
    method = Method(
        where.partition(" ")[0],
        authorization,
        api_key_required=with_key,
        request_parameters=dict(_parameters(where, operation)) or None,
        request_models=dict(_models(where, operation.get("requestBody"), imported)) or None,
        operation_name=operation.get("operationId"),
        authorizer_id=authorizer,
        authorization_scopes=scopes or None,
        request_validator_id=validator,
    )
    for status, response in (operation.get("responses") or {}).items():
        headers = dict.fromkeys(
            (f"method.response.header.{name}" for name in response.get("headers") or ()), False
        )
        method.create_response(str(status), dict(_models(where, response, imported)), headers)
    if (definition := _extension(operation, "integration")) is not None:
        method.method_integration = _integration(where, definition, imported)
    return method


def _parameters(where: str, operation: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for name in _VARIABLE.findall(where):
        yield f"method.request.path.{name}", True
    for parameter in operation["parameters"]:
        place = _PLACES.get(parameter.get("in"))
        if place is None:
            raise DocumentError(f"{where}: a parameter in '{parameter.get('in')}' is not supported")
        yield f"method.request.{place}.{parameter['name']}", bool(parameter.get("required"))


def _models(where: str, part: Mapping[str, Any] | None, imported: ImportedApi) -> Iterator[tuple[str, str]]:
    """Read the content types of a body and the names of their models; a schema without a name becomes a model."""
    for content_type, media in ((part or {}).get("content") or {}).items():
        schema = media.get("schema")
        if schema is None:
            continue
        name = str(schema.get("$ref", "")).removeprefix("#/components/schemas/")
        if not name:
            name = f"MODEL{len(imported.models)}"
            _add_model(imported, name, schema)
        if name not in imported.models and name not in BUILT_IN:
            raise DocumentError(f"{where}: there is no model '{name}'")
        yield content_type, name


def _security(
    where: str,
    demanded: list[Mapping[str, list[str]]],
    schemes: Mapping[str, Mapping[str, Any]],
    imported: ImportedApi,
) -> tuple[str, str | None, list[str], bool]:
    """Read what a caller must show; API Gateway demands each scheme that it has an authorization for, and ignores others."""
    authorization, authorizer, with_key = "NONE", None, False
    scopes: list[str] = []
    for name, needed in ((name, needed) for one in demanded for name, needed in one.items()):
        scheme = schemes.get(name)
        if scheme is None:
            if name == "NONE":  # as SAM writes a method without authorization
                continue
            raise DocumentError(f"{where}: there is no security scheme '{name}'")
        if name in imported.authorizers:
            kind = imported.authorizers[name].type
            authorization = "COGNITO_USER_POOLS" if kind == "COGNITO_USER_POOLS" else "CUSTOM"
            authorizer, scopes = name, list(needed)
        elif _extension(scheme, "authtype") == "awsSigv4":
            authorization = "AWS_IAM"
        elif scheme.get("type") == "apiKey" and str(scheme.get("name")).lower() == "x-api-key":
            with_key = True
        elif _extension(scheme, "authtype"):
            raise DocumentError(
                f"{where}: Unable to create authorizer from security definition: '{name}'. Extension "
                "x-amazon-apigateway-authorizer is required."
            )
        else:
            imported.warnings.append(f"{where}: security scheme '{name}' has no authorizer and is ignored")
    return authorization, authorizer, scopes, with_key


def _authorizer(name: str, scheme: Mapping[str, Any]) -> Any:
    definition = scheme[f"{PREFIX}authorizer"]
    kind = str(definition.get("type", "")).upper()
    if kind not in ("TOKEN", "REQUEST", "COGNITO_USER_POOLS"):
        raise DocumentError(
            f"Authorizer '{name}' is of type '{definition.get('type')}', which is not supported"
        )
    header = None if kind == "REQUEST" else f"method.request.header.{scheme.get('name')}"
    ttl = None if kind == "COGNITO_USER_POOLS" else int(definition.get("authorizerResultTtlInSeconds", 300))
    return Authorizer(
        create_id(),
        name,
        kind,
        auth_type=_extension(scheme, "authtype") or "custom",
        authorizer_uri=definition.get("authorizerUri"),
        authorizer_credentials=definition.get("authorizerCredentials"),
        provider_arns=list(definition.get("providerARNs") or ()) or None,
        identity_source=definition.get("identitySource") or header,
        identity_validation_expression=definition.get("identityValidationExpression"),
        authorizer_result_ttl=ttl,
    )


def _integration(where: str, definition: Mapping[str, Any], imported: ImportedApi) -> Any:
    unknown = definition.keys() - _OF_AN_INTEGRATION
    if unknown:
        raise DocumentError(f"{where}: the integration has '{min(unknown)}', which is not supported")
    kind = str(definition.get("type", "")).upper()
    if kind not in ("AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"):
        raise DocumentError(f"{where}: an integration of type '{definition.get('type')}' is not supported")
    if kind != "MOCK" and not (definition.get("uri") and definition.get("httpMethod")):
        raise DocumentError(f"{where}: an integration of type '{kind}' needs a uri and an httpMethod")
    mode = definition.get("responseTransferMode")
    timeout = int(definition.get("timeoutInMillis", 29_000))
    if problem := transfer_mode_problem(
        mode or "BUFFERED", kind=kind, uri=definition.get("uri") or "", timeout_ms=timeout
    ):
        raise DocumentError(f"{where}: {problem}")
    parameters = definition.get("requestParameters") or {}
    http_method, _, path = where.partition(" ")
    imported.warnings += [
        "Invalid format for 'requestParameters'. Expected type string for property "
        f"'{name}' of resource '{path}' and method '{http_method}' but got '{json.dumps(value)}'"
        for name, value in parameters.items()
        if not isinstance(value, str)
    ]
    integration: Any = Integration(
        kind,
        passthrough_behavior=str(definition.get("passthroughBehavior", "when_no_match")).upper(),
        request_parameters={name: value for name, value in parameters.items() if isinstance(value, str)},
        timeout_in_millis=timeout,
        **{argument: definition.get(name) for name, argument in _ARGUMENTS.items()},
    )
    integration.response_transfer_mode = mode
    integration.connection_id = definition.get("connectionId")
    for pattern, answer in (definition.get("responses") or {}).items():
        integration.create_integration_response(
            status_code=str(answer.get("statusCode", "200")),
            selection_pattern=None if pattern == "default" else pattern,
            response_templates=dict(answer.get("responseTemplates") or {}),
            response_parameters=dict(answer.get("responseParameters") or {}),
            content_handling=answer.get("contentHandling"),
        )
    return integration


def transfer_mode_problem(mode: str, *, kind: str, uri: str, timeout_ms: int) -> str | None:
    """Return why API Gateway rejects the response transfer mode of an integration; None where it does not."""
    if mode not in ("BUFFERED", "STREAM"):
        return f"responseTransferMode is '{mode}'; use BUFFERED or STREAM"
    streams = mode == "STREAM"
    if streams and kind not in ("AWS_PROXY", "HTTP_PROXY"):
        return f"responseTransferMode STREAM needs a proxy integration, and the type is '{kind}'"
    if kind == "AWS_PROXY" and uri.endswith("/response-streaming-invocations") != streams:
        return f"responseTransferMode {mode} does not fit the URI of the function: {uri}"
    if streams and not 50 <= timeout_ms <= _LONGEST_STREAM_MS:
        return f"timeoutInMillis is {timeout_ms}; use 50 to {_LONGEST_STREAM_MS} with STREAM"
    return None


def _add_model(imported: ImportedApi, name: str, schema: Mapping[str, Any]) -> None:
    if not name.isalnum():
        raise DocumentError(f"Model name must be alphanumeric: {name}")
    imported.models[name] = Model(
        create_id(),
        name,
        description=schema.get("description"),
        schema=json.dumps(_as_imported(schema)),
        content_type="application/json",
    )


def _as_imported(value: Any) -> Any:
    """Leave out of a schema what API Gateway leaves out."""
    if isinstance(value, list):
        return [_as_imported(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    imported: dict[str, Any] = {}
    for keyword, inner in value.items():
        if keyword == "properties":
            imported[keyword] = {name: _as_imported(one) for name, one in inner.items()}
        elif keyword == "$ref":
            imported[keyword] = inner.replace("#/components/schemas/", f"{MODELS}/")
        elif keyword in ("enum", "default"):
            imported[keyword] = inner
        elif keyword not in _DROPPED and not (keyword == "type" and not isinstance(inner, str)):
            imported[keyword] = _as_imported(inner)
    return imported


def _check_extensions(part: Mapping[str, Any], names: set[str], where: str) -> None:
    for name in part:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in names:
            raise DocumentError(f"{where}: '{name}' is not supported")


def _extension(part: Mapping[str, Any], name: str) -> Any:
    return part.get(f"{PREFIX}{name}")
