"""The response transfer mode of an integration (`BUFFERED` or `STREAM`), which moto 5.2.5 does not know."""

from __future__ import annotations

import json
from typing import Any

from local_cloud.moto_gaps.openapi_document import transfer_mode_problem


def apply() -> None:
    """Let PutIntegration take the mode, and check it as API Gateway does; every answer shows it."""
    from moto.apigateway.exceptions import BadRequestException
    from moto.apigateway.models import Integration
    from moto.apigateway.responses import APIGatewayResponse

    put, as_json = APIGatewayResponse.put_integration, Integration.to_json

    def put_integration(self: Any) -> Any:
        mode = self._get_param("responseTransferMode") or "BUFFERED"
        problem = transfer_mode_problem(
            mode,
            kind=self._get_param("type") or "",
            uri=self._get_param("uri") or "",
            timeout_ms=int(self._get_param("timeoutInMillis") or 29_000),
        )
        if problem is not None:
            raise BadRequestException(problem)
        status, headers, _ = put(self)
        _, _, api_id, _, resource_id, _, http_method, *_ = self.path.split("/")
        integration = self.backend.get_integration(api_id, resource_id, http_method)
        integration.response_transfer_mode = mode
        return status, headers, json.dumps(integration.to_json())

    def to_json(self: Any) -> dict[str, Any]:
        return {**as_json(self), "responseTransferMode": self.response_transfer_mode}

    Integration.response_transfer_mode = "BUFFERED"
    Integration.to_json = to_json
    APIGatewayResponse.put_integration = put_integration
