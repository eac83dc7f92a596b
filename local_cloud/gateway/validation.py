"""Validation of a request against the declarations of its method, before anything is called.

What AWS documents: a parameter that is required must be there and not be blank; the model is the one for the
request's content type, a request without one counts as JSON, and a content type that no model is for is not checked
unless there is a model for `$default`, which is for every content type. AWS does not say what that means for binary
media types: here a model that applies is applied to them too, so that none of them slips past it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from local_cloud.gateway.body_models import BrokenModelError
from local_cloud.gateway.errors import BAD_REQUEST_BODY, CONFIGURATION, GatewayError, missing_parameters
from local_cloud.gateway.event import multi_value_query
from local_cloud.gateway.exchange import Exchange

_PREFIX = "method.request."
_DEFAULT_CONTENT_TYPE = "application/json"
_EVERY_CONTENT_TYPE = "$default"


def validate_parameters(exchange: Exchange) -> None:
    """Refuse a request that lacks parameters that its method requires."""
    missing = [
        name
        for parameter, is_required in sorted(exchange.routed.request_parameters.items())
        if is_required and (name := _missing_name(exchange, parameter)) is not None
    ]
    if missing:
        raise GatewayError(
            missing_parameters(missing), f"required parameters are missing: {', '.join(missing)}"
        )


def validate_body(exchange: Exchange) -> None:
    """Refuse a body that does not fit the model for its content type."""
    name = model_for(exchange.routed.request_models, exchange.request.header("content-type"))
    if name is None:
        return
    models = exchange.stage.api.body_models
    try:
        faults = models.faults(name, exchange.request.body)
    except BrokenModelError as error:
        raise GatewayError(CONFIGURATION, str(error)) from error
    if faults:
        exchange.validation_error = f"[{', '.join(fault.words for fault in faults)}]"
        rules = ", ".join(fault.rule for fault in faults)
        raise GatewayError(BAD_REQUEST_BODY, f"the body does not fit model {name}: {rules}"[:500])


def model_for(models: Mapping[str, str], content_type: str | None) -> str | None:
    """Return the name of the model that a body of a content type must fit; None for a body that is not checked."""
    if not models:
        return None
    essence = (content_type or "").partition(";")[0].strip().lower() or _DEFAULT_CONTENT_TYPE
    for declared, name in models.items():
        if declared.lower() == essence:
            return name
    return models.get(_EVERY_CONTENT_TYPE)


def _missing_name(exchange: Exchange, parameter: str) -> str | None:
    """Return the name of a parameter that a request lacks, or None."""
    place, _, name = parameter.removeprefix(_PREFIX).partition(".")
    values = _PLACES.get(place)
    if values is None or any(value.strip() for value in values(exchange, name)):
        return None
    return name


def _header(exchange: Exchange, name: str) -> list[str]:
    wanted = name.lower()
    return [value for key, value in exchange.request.headers if key.lower() == wanted]


def _query(exchange: Exchange, name: str) -> list[str]:
    return multi_value_query(exchange.request.query).get(name, [])


def _path(exchange: Exchange, name: str) -> list[str]:
    value = exchange.path_parameters.get(name)
    return [] if value is None else [value]


_PLACES: dict[str, Callable[[Exchange, str], list[str]]] = {
    "header": _header,
    "multivalueheader": _header,
    "querystring": _query,
    "multivaluequerystring": _query,
    "path": _path,
}
