"""The settings of asynchronous invocations, which a function has once for each version or alias.

moto 5.2.5 appends each change to the first settings and still returns those, and it has no qualifiers. Here
`function.event_invoke_config` holds one entry for each qualifier, told apart by their `arn`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownEventConfig
from moto.awslambda.models import EventInvokeConfig
from moto.awslambda.responses import LambdaResponse
from moto.core.responses import ActionResult

from local_cloud.patches import replaces


@replaces(LambdaResponse)
def _put_function_event_invoke_config(response: Any) -> Any:
    return _store(response, response.json_body)


@replaces(LambdaResponse)
def _update_function_event_invoke_config(response: Any) -> Any:
    present = _find(response)
    return _store(response, {**(present.config if present else {}), **response.json_body})


@replaces(LambdaResponse)
def _get_function_event_invoke_config(response: Any) -> Any:
    return ActionResult(_required(response).response())


@replaces(LambdaResponse)
def _delete_function_event_invoke_config(response: Any) -> tuple[int, dict[str, int], str]:
    function, _ = addressed(response)
    gone = _required(response)
    function.event_invoke_config = [item for item in function.event_invoke_config if item is not gone]
    return 204, {"status": 204}, ""


@replaces(LambdaResponse)
def _list_function_event_invoke_configs(response: Any) -> Any:
    function, _ = addressed(response)
    return ActionResult(
        {"FunctionEventInvokeConfigs": [item.response() for item in function.event_invoke_config]}
    )


def addressed(response: Any) -> tuple[Any, str]:
    """Return the function that a request names, and the qualifier."""
    name = unquote(response.path.split("/functions/", 1)[1].split("/", 1)[0])
    return response.backend.get_function(name), response.querystring.get("Qualifier", ["$LATEST"])[0]


def _find(response: Any) -> Any:
    function, qualifier = addressed(response)
    arn = f"{function.function_arn}:{qualifier}"
    return next((item for item in function.event_invoke_config if item.arn == arn), None)


def _required(response: Any) -> Any:
    if (found := _find(response)) is None:
        function, qualifier = addressed(response)
        raise UnknownEventConfig(f"{function.function_arn}:{qualifier}")
    return found


def _store(response: Any, config: dict[str, Any]) -> Any:
    function, qualifier = addressed(response)
    stored = EventInvokeConfig(f"{function.function_arn}:{qualifier}", function.last_modified, config)
    others = [item for item in function.event_invoke_config if item.arn != stored.arn]
    function.event_invoke_config = [*others, stored]
    return ActionResult(stored.response())
