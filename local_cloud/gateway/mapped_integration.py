"""Integrations that are not proxies: mappings and templates make their request, and the method's response."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from local_cloud.gateway import payloads
from local_cloud.gateway.definition import Integration, IntegrationResponse
from local_cloud.gateway.errors import CONFIGURATION, UNSUPPORTED_MEDIA_TYPE, GatewayError, fits
from local_cloud.gateway.exchange import TRACE_HEADER, Exchange
from local_cloud.gateway.mapping_templates import MappingTemplates
from local_cloud.gateway.parameter_mappings import Answer, mapped
from local_cloud.gateway.velocity import to_text
from local_cloud.messages import Headers, Response, first_header

_REQUEST = "integration.request."
_HEADER = "method.response.header."
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9._$-]+)\+?\}")


def filled(uri: str, path_values: Mapping[str, str]) -> str:
    """Return a URI with the values of its path parameters; those without a value stay as they are."""
    return _PLACEHOLDER.sub(lambda match: path_values.get(match[1], match[0]), uri)


def default_headers(exchange: Exchange) -> dict[str, str]:
    """Return the headers that API Gateway sends with every request, unless a mapping sets them."""
    return {
        "Accept": "application/json",
        "Content-Type": payloads.essence(exchange.request.header("content-type")),
        "User-Agent": f"AmazonAPIGateway_{exchange.stage.api.api_id}",
        TRACE_HEADER: exchange.full_trace(),
    }


class MappedIntegration:
    """Integration of one request."""

    def __init__(self, exchange: Exchange, integration: Integration) -> None:
        self.exchange = exchange
        self.integration = integration
        self._templates = MappingTemplates(exchange)

    @property
    def method(self) -> str:
        """HTTP method that the target is called with."""
        method = self.integration.http_method or "POST"
        return self.exchange.request.method if method == "ANY" else method

    def body(self) -> bytes:
        """Return the body that the target is sent."""
        request = self.exchange.request
        content_type = request.header("content-type")
        content = payloads.request_content(self.exchange, self.integration.content_handling)
        template = self._template(payloads.essence(content_type))
        if template is None:
            return content if isinstance(content, bytes) else content.encode()
        if isinstance(content, bytes):
            raise GatewayError(
                CONFIGURATION,
                f"a mapping template cannot read a binary body; use {payloads.TO_TEXT} for {content_type}",
            )
        return self._templates.render(template, content, where="integration request").encode()

    def _template(self, content_type: str) -> str | None:
        """Return the template for a content type, or None for a body that passes as it is."""
        templates = {
            payloads.essence(name): text for name, text in self.integration.request_templates.items()
        }
        if content_type in templates:
            return templates[content_type]
        passthrough = self.integration.passthrough
        if passthrough == "NEVER" or (passthrough == "WHEN_NO_TEMPLATES" and templates):
            raise GatewayError(
                UNSUPPORTED_MEDIA_TYPE,
                f"no request template is for {content_type}, and {passthrough} lets no other body pass",
            )
        return None

    def parameters(self) -> tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]:
        """Return the values for the path, the headers and the query parameters of the target's request."""
        path: dict[str, str] = {}
        headers: dict[str, str] = {}
        query: dict[str, list[str]] = {}
        for name, mapping in self.integration.request_parameters.items():
            place, _, key = name.removeprefix(_REQUEST).partition(".")
            values = mapped(mapping, self.exchange, self._templates)
            if not values:
                continue
            if place == "path":
                path[key] = values[-1]
            elif place == "header":
                headers[key] = ",".join(values)
            elif place == "querystring":
                query[key] = values
        overrides = self._templates.overrides.request
        path |= {key: to_text(value) for key, value in overrides.get("path", {}).items()}
        headers |= {key: to_text(value) for key, value in overrides.get("header", {}).items()}
        query |= {key: _texts(value) for key, value in overrides.get("querystring", {}).items()}
        return path, headers, [(key, value) for key, values in query.items() for value in values]

    def response(self, selector: str | None, headers: Headers = (), body: bytes = b"") -> Response:
        """Return the method's response to an answer of the target.

        Args:
            selector: Text that the selection patterns are compared with: a status code, or the error of a function.
                None chooses the response for everything else.
            headers: Headers of the answer.
            body: Body of the answer.
        """
        chosen = _select(self.integration.responses, selector)
        if chosen is None:
            raise GatewayError(CONFIGURATION, f"no integration response is for {selector or 'success'}")
        if chosen.status not in self.exchange.routed.response_statuses:
            raise GatewayError(CONFIGURATION, f"the method declares no response {chosen.status}")
        content_type, content = self._content(chosen, first_header(headers, "content-type"), body)
        as_text = Answer(headers, body.decode("utf-8", "replace"))
        mapped_headers = {
            name.removeprefix(_HEADER): mapped(mapping, self.exchange, self._templates, answer=as_text)
            for name, mapping in chosen.parameters.items()
            if name.startswith(_HEADER)
        }
        overrides = self._templates.overrides
        for name, value in overrides.headers.items():
            for present in [key for key in mapped_headers if key.lower() == name.lower()]:
                del mapped_headers[present]
            mapped_headers[name] = _texts(value)
        if not any(name.lower() == "content-type" for name in mapped_headers):
            mapped_headers["Content-Type"] = [content_type]
        sent = tuple((name, value) for name, values in mapped_headers.items() for value in values if value)
        return Response(overrides.status or int(chosen.status), sent, content)

    def _content(
        self, chosen: IntegrationResponse, content_type: str | None, body: bytes
    ) -> tuple[str, bytes]:
        """Return the content type and the body of the response."""
        exchange, handling = self.exchange, chosen.content_handling
        accept = exchange.request.header("accept")
        name, template = payloads.choose_template(chosen.templates, accept) or ("application/json", "")
        if not template:
            return name, payloads.response_body(exchange, body, content_type, handling)
        text = payloads.response_text(exchange, body, content_type, handling)
        rendered = self._templates.render(template, text, where="integration response").encode()
        return name, payloads.response_body(exchange, rendered, None, handling)


def _select(responses: Iterable[IntegrationResponse], selector: str | None) -> IntegrationResponse | None:
    """Return the response whose pattern fits, else the one without a pattern."""
    default = None
    for response in responses:
        if not response.selection_pattern:
            default = default or response
        elif selector is not None and fits(response.selection_pattern, selector, CONFIGURATION):
            return response
    return default


def _texts(value: Any) -> list[str]:
    return [to_text(entry) for entry in value] if isinstance(value, list) else [to_text(value)]
