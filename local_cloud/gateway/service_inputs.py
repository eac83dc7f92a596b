"""Requests to AWS's JSON APIs that a service would refuse before it looks at anything: no JSON, or members missing."""

from __future__ import annotations

import json

from botocore.validate import ParamValidator

from local_cloud.gateway.service_calls import ServiceRequest
from local_cloud.messages import Response
from local_cloud.service_models import service_model

_SERIALIZATION = "com.amazon.coral.service#SerializationException"
_VALIDATION = "com.amazon.coral.validate#ValidationException"
_UNKNOWN = "com.amazon.coral.service#UnknownOperationException"
_validator = ParamValidator()


def input_fault(service: str, request: ServiceRequest) -> Response | None:
    """Return a service's answer to a request that it cannot read; None for one that it can."""
    try:
        content = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        return _refused(_SERIALIZATION, "Could not parse request body into json")
    if not isinstance(content, dict):
        return _refused(_SERIALIZATION, "Start of structure or map found where not expected")
    model = service_model(service)
    action = (request.header("x-amz-target") or "").rpartition(".")[2]
    if action not in model.operation_names:
        return _refused(_UNKNOWN, "")
    shape = model.operation_model(action).input_shape
    if shape is None:
        return None
    problems = [problem for problem, _, _ in _validator.validate(content, shape)._errors]
    if any(problem.startswith("invalid type") for problem in problems):
        return _refused(_SERIALIZATION, "A value has another type than the operation takes")
    missing = [name for name in shape.required_members if content.get(name) is None]
    if missing:
        members = "; ".join(
            f"Value null at '{name[0].lower() + name[1:]}' failed to satisfy constraint: Member must not be null"
            for name in missing
        )
        count = f"{len(missing)} validation error{'s' if len(missing) > 1 else ''} detected"
        return _refused(_VALIDATION, f"{count}: {members}")
    return None


def _refused(error_type: str, message: str) -> Response:
    content = {"__type": error_type, "message": message}
    return Response(400, (("Content-Type", "application/x-amz-json-1.0"),), json.dumps(content).encode())
